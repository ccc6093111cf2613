"""The state of a run at its last snapshot, with its basis in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pysv import config
from pysv.errors import InvalidInputError, ResumeError
from pysv.model.basis import DOWN
from pysv.mps.observables import ChainState
from pysv.pairs.state import PairState
from pysv.results import files
from pysv.results.dataset import in_words
from pysv.run.one_run import OneThread, Run
from pysv.sectors.state import PureMixture

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Engine
    from pysv.snapshot import State

_ELECTRONS = ("∅", "↑", "↓", "↑↓")
"""States of a site of a matrix-product state, with c†_↑ before c†_↓."""
_SPINS = ("⇑", "⇓")
_KINDS = ("↑↑", "↑↓", "↓↓")


def state(source: str | Path | xr.Dataset) -> xr.Dataset:
    """|ψ⟩ of a run at its last snapshot: each pure state of a mixture, or the tensors of a matrix-product state.

    Parameters
    ----------
    source : str, Path or xarray.Dataset
        A result file that can be resumed, whose saved state is read; or a dataset in memory, whose experiment is run
        again to its last time.

    Returns
    -------
    xarray.Dataset
        For one electron ``psi_LABEL (row_LABEL, site)`` for each pure state, its `weight` in the attributes; the
        coordinates ``electron_LABEL`` (↑ or ↓) and ``spins_LABEL`` say what a row is: localized spins in the order of
        their numbers, as ↑ and ↓, or as m of each where there are longer ones. For two electrons ``psi (row, site,
        site_2)``, normalised over the whole array: the amplitude of c†_x↑ c†_y↓ in a row ↑↓, the one of c†_xσ c†_yσ
        divided by √2 in the others. For a matrix-product state ``tensor_x (left_x, local_x, right_x)`` for each site x,
        right-canonical, the local states in words (∅, ↑, ↓, ↑↓, and ⇑ or ⇓ for the localized spin).

    Raises
    ------
    ResumeError
        If the file holds no state.
    InvalidInputError
        If the run has no state vector: pulses of a train, classical vectors, or a run put together from others.
    """
    engine = _restored(Path(source)) if isinstance(source, str | Path) else _repeated(source)
    found = _labelled(engine.snapshot().state, [run.label for run in getattr(engine, "runs", ())])
    return found.assign_attrs(time=engine.time, units_of_time="fs")


def _restored(path: Path) -> Engine:
    data, saved = files.load(path), files.load_state(path)
    if saved is None:
        raise ResumeError(f"{path}: holds no state; make it with `pysv run` or solve(..., out=...)")
    engine = _begun(config.loads(str(data.attrs["experiment"]), f"{path}: experiment"))
    engine.restore(saved.time, saved.arrays)
    return engine


def _repeated(data: xr.Dataset) -> Engine:
    if "batches" in data.attrs or "merged_runs" in data.attrs:
        raise InvalidInputError("the run is put together from others and has no state of its own", "source")
    made_by = config.loads(str(data.attrs["experiment"]))
    last = float(data.time[-1])
    engine = _begun(made_by)
    with OneThread():
        for time in made_by.experiment.times.values:
            if time <= last + 1e-9:
                engine.advance(float(time))
    return engine


def _begun(made_by: config.Configuration) -> Engine:
    """The engine of an experiment file at its first time."""
    with OneThread():
        return Run.prepare(made_by.experiment, made_by.engine, made_by.backend).begin()


def _labelled(state: State, labels: list[str]) -> xr.Dataset:
    if isinstance(state, PureMixture):
        own = labels if len(labels) == len(state.parts) else [str(number) for number in range(1, len(state.parts) + 1)]
        return _pure_states(state, own)
    if isinstance(state, PairState):
        return _pair(state)
    if isinstance(state, ChainState):
        return _tensors(state)
    raise InvalidInputError(
        "the engine of this run holds no state vector; classical vectors are in spin_x, spin_y and spin_z, ρ of the "
        "spins is kept by [record] density_matrix = true",
        "source",
    )


def _pure_states(state: PureMixture, labels: list[str]) -> xr.Dataset:
    import xarray as xr

    variables: dict[str, xr.Variable] = {}
    for label, part in zip(labels, state.parts, strict=True):
        basis, row = part.hamiltonian.basis, f"row_{label}"
        psi = np.array(part.hamiltonian.layout.flat(part.psi))
        said = f"amplitudes, electron {label}"
        variables[f"psi_{label}"] = xr.Variable((row, "site"), psi, {"weight": part.weight, "long_name": said})
        variables[f"electron_{label}"] = xr.Variable(row, np.where(basis.electron == DOWN, "↓", "↑"))
        variables[f"spins_{label}"] = xr.Variable(row, in_words(basis.spins, basis.configuration))
    sites = state.parts[0].hamiltonian.sites
    return _dataset(variables, sites)


def _pair(state: PairState) -> xr.Dataset:
    import xarray as xr

    basis = state.hamiltonian.basis
    variables = {
        "psi": xr.Variable(("row", "site", "site_2"), np.array(state.psi), {"long_name": "amplitudes"}),
        "electrons": xr.Variable("row", [_KINDS[kind] for kind in basis.kind]),
        "spins": xr.Variable("row", in_words(basis.spins, basis.configuration)),
        "site_2": xr.Variable("site_2", np.arange(1, state.hamiltonian.sites + 1)),
    }
    return _dataset(variables, state.hamiltonian.sites)


def _tensors(state: ChainState) -> xr.Dataset:
    import xarray as xr

    variables: dict[str, xr.Variable] = {}
    for site, space in enumerate(state.state.spaces, start=1):
        words = [f"{one}{spin}" for one in _ELECTRONS for spin in (_SPINS if space.has_spin else ("",))]
        dims = (f"left_{site}", f"local_{site}", f"right_{site}")
        variables[f"tensor_{site}"] = xr.Variable(dims, state.state.dense(site - 1))
        variables[f"local_{site}"] = xr.Variable(f"local_{site}", words)
    return _dataset(variables, None)


def _dataset(variables: dict[str, xr.Variable], sites: int | None) -> xr.Dataset:
    """Amplitudes and tensors as variables, all that labels them as coordinates."""
    import xarray as xr

    if sites is not None:
        variables = {**variables, "site": xr.Variable("site", np.arange(1, sites + 1))}
    data = {name: value for name, value in variables.items() if name.startswith(("psi", "tensor"))}
    return xr.Dataset(data, {name: value for name, value in variables.items() if name not in data})
