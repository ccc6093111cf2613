"""The dataset: names, dimensions, units and provenance of everything that a run yields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pysv.experiment.device import SpinValve
from pysv.measures.invariants import INVARIANTS
from pysv.measures.lifetime import birth_and_death
from pysv.measures.registry import measures
from pysv.model.basis import Spins
from pysv.results.versions import versions

if TYPE_CHECKING:
    from pysv.experiment import Experiment

FORMAT = "pysv-1"
"""Marks a dataset as written by pysv, with the version of its layout."""
PARTS = ("_real", "_imag")
"""Endings of the two variables in which a file holds a complex one."""
ALWAYS = tuple(INVARIANTS)
"""Variables that every dataset holds: the invariants."""
REQUIRED_TEXTS = (
    "experiment",
    "engine",
    "backend",
    "versions",
    "status",
    "warnings",
    "left_out",
    "state_deviation_kind",
)
REQUIRED_NUMBERS = ("wall_time", "drift_tolerance", *(f"drift_{name}" for name in ALWAYS))


@dataclass(frozen=True)
class Variable:
    """Schema of one variable: dimensions after ``time`` (None: as many as it has), units, and what it is."""

    dims: tuple[str, ...] | None
    units: str
    long_name: str
    dtype: type = np.float64

    def named(self, name: str, values: np.ndarray) -> tuple[str, ...]:
        """Dimensions after ``time`` of recorded values; named after the variable where they are not known before."""
        return tuple(f"{name}_{axis}" for axis in range(values.ndim - 1)) if self.dims is None else self.dims


_ERROR = "standard errors of the real and the imaginary part"
PROBED = {
    "correlation": Variable(("time2", "spin", "spin2"), "1", "⟨S^z_i(t₁) S^z_j(t₂)⟩", np.complex128),
    "moment": Variable(("spin",), "1", "⟨S^z⟩"),
    "operator_correlation": Variable(("time2", "operator", "operator2"), "1", "⟨A†(t₁) B(t₂)⟩", np.complex128),
    "operator_mean": Variable(("operator",), "1", "⟨A⟩", np.complex128),
}
PROBED |= {
    f"{name}_error": replace(
        own,
        long_name=f"{_ERROR if own.dtype is np.complex128 else 'standard error'}: {own.long_name}",
    )
    for name, own in PROBED.items()
}
PROBED |= {
    "structure_factor": Variable(("momentum", "omega"), "1/(fs eV)", "transient structure factor S(k, ω, t)"),
    "structure_integral": Variable(("momentum",), "1/fs", "∫ dω S(k, ω, t)"),
    "smoothed_variance": Variable(("momentum",), "1/fs", "∫ dω S(k, ω, t) from f_Q, Eq. 29"),
    "qfi_direct": Variable(("momentum",), "1", "f_Q = 4 Var(O_k)/N, Eq. 29 in spin-1/2 units"),
    "qfi_rebuilt": Variable(("momentum",), "1", "f_Q rebuilt from S(k, ω, t)"),
    "qfi_rebuilt_error": Variable(("momentum",), "1", "standard error of the rebuilt f_Q"),
    "qfi_rebuilt_open": Variable(("momentum",), "1", "what the record leaves open of the rebuilt f_Q"),
}
"""Variables of the probes, which are no measures of one snapshot."""


def schema() -> dict[str, Variable]:
    """Every variable that a dataset may hold: the measures, their errors, their biases, then those of the probes."""
    found = {m.name: Variable(m.dims, m.units, m.long_name, m.dtype) for m in measures()}
    errors = {
        f"{m.name}_error": replace(found[m.name], long_name=f"standard error: {m.long_name}")
        for m in measures()
        if m.sampled
    }
    biases = {
        f"{m.name}_bias": replace(found[m.name], long_name=f"estimated bias (half samples): {m.long_name}")
        for m in measures()
        if m.biased
    }
    return found | errors | biases | PROBED


def in_order(data: xr.Dataset) -> xr.Dataset:
    """A dataset with its variables in the order of the schema; what pysv does not know comes last."""
    ranks = {name: rank for rank, name in enumerate(schema())}
    names = sorted(data.data_vars, key=lambda name: ranks.get(str(name), len(ranks)))
    return xr.Dataset({name: data.variables[name] for name in names}, data.coords, data.attrs)


def coordinates(experiment: Experiment) -> dict[str, xr.Variable]:
    """Coordinates of a run's dataset, without ``time``.

    ``ket`` and ``bra`` hold configurations in the order of the Kronecker product of the spins: as strings of ↑ and ↓
    where all are spins 1/2, otherwise as m of each spin.
    """
    device = experiment.device
    spins = Spins(device.levels)
    n = spins.count
    layer = [own.name for own in device.layers for _ in own.spin_sites]
    found = {
        "site": xr.Variable("site", np.arange(1, device.sites + 1), {"units": "1", "long_name": "chain site"}),
        "spin": xr.Variable("spin", np.arange(1, n + 1), {"units": "1", "long_name": "localized spin"}),
        "layer": xr.Variable("spin", layer, {"long_name": "ferromagnetic layer of the spin"}),
        "spin_site": xr.Variable(
            "spin", list(device.spin_sites), {"units": "1", "long_name": "chain site of the spin"}
        ),
        "spin_length": xr.Variable(
            "spin", (np.array(spins.levels) - 1) / 2, {"units": "1", "long_name": "length S of the spin"}
        ),
        "flips": xr.Variable(
            "flips", np.arange(spins.lowest + 1), {"units": "1", "long_name": "flipped spins (magnons)"}
        ),
        "momentum": xr.Variable(
            "momentum", list(experiment.record.momenta), {"units": "rad/site", "long_name": "momentum transfer k"}
        ),
    }
    bonds = np.arange(1, device.sites)
    names = [layer.name for layer in device.layers]
    found["pair"] = xr.Variable("pair", [f"{a}|{b}" for a, b in combinations(names, 2)], {"long_name": "two layers"})
    found["with"] = xr.Variable("with", [*names, "all"], {"long_name": "layer, or all layers"})
    found["time2"] = xr.Variable("time2", experiment.times.values, {"units": "fs", "long_name": "time t₂"})
    found["spin2"] = xr.Variable("spin2", np.arange(1, n + 1), {"units": "1", "long_name": "localized spin j"})
    found["bond_site"] = xr.Variable(
        "bond_site", bonds, {"units": "1", "long_name": "bond between this site and the next"}
    )
    found["bond"] = xr.Variable("bond", bonds, {"units": "1", "long_name": "bond between this site and the next"})
    if experiment.record.density_matrix:
        labels = in_words(spins, np.arange(spins.size))
        found |= {side: xr.Variable(side, labels, {"long_name": f"{side} configuration"}) for side in ("ket", "bra")}
    return found


def in_words(spins: Spins, configurations: np.ndarray) -> list[str]:
    """Configurations of the localized spins in words: ↑ and ↓ of spins 1/2, otherwise m of each spin."""
    moments = spins.moments(configurations)
    if spins.halves:
        return ["".join("↑" if moment > 0 else "↓" for moment in row) for row in moments]
    return [" ".join(f"{Fraction(int(moment), 2)}" for moment in row) for row in moments]


def _in_words(long_name: str, experiment: Experiment) -> str:
    """A long name with the layers of the run in place of FM_p and FM_a."""
    if isinstance(experiment.device, SpinValve) and experiment.record.between is None:
        return long_name
    names = [layer.name for layer in experiment.device.layers]
    one, other = experiment.record.between or (*names, "")[:2]
    return long_name.replace("FM_p ∪ FM_a", " ∪ ".join(names)).replace("FM_p", one).replace("FM_a", other)


def build(
    experiment: Experiment, times: np.ndarray, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, str | float | int]
) -> xr.Dataset:
    """Label recorded arrays.

    Parameters
    ----------
    experiment : Experiment
    times : float ndarray (T,)
        Times of the snapshots, fs.
    arrays : mapping of str to ndarray (T, …)
        Recorded variables; each name is one of `schema`.
    attrs : mapping
        Provenance; see `provenance`.

    Returns
    -------
    xarray.Dataset
    """
    known = schema()
    variables = {
        name: (
            ("time", *known[name].named(name, values)),
            values,
            {"units": known[name].units, "long_name": _in_words(known[name].long_name, experiment)},
        )
        for name, values in arrays.items()
    }
    time = xr.Variable("time", times, {"units": "fs", "long_name": "time"})
    used = {"time", *(dim for name, values in arrays.items() for dim in known[name].named(name, values))}
    coords = {name: value for name, value in coordinates(experiment).items() if set(value.dims) <= used}
    return xr.Dataset(variables, {"time": time, **coords}, dict(attrs) | _lifetime(times, arrays))


def _lifetime(times: np.ndarray, arrays: Mapping[str, np.ndarray]) -> dict[str, float | str]:
    """Attributes on the birth and death of the entanglement between FM_p and FM_a."""
    if "log_negativity" not in arrays:
        return {}
    found = birth_and_death(times, arrays["log_negativity"], arrays.get("log_negativity_error"))
    birth, death = ("none" if time is None else time for time in found)
    return {"entanglement_birth": birth, "entanglement_death": death}


def provenance(experiment_toml: str, engine: str, backend: str, seeds: str) -> dict[str, str]:
    """Attributes that say where a dataset comes from: the experiment as TOML, engine, backend, versions, seeds."""
    return {
        "pysv_format": FORMAT,
        "experiment": experiment_toml,
        "engine": engine,
        "backend": backend,
        "versions": json.dumps(dict(versions())),
        "seeds": seeds,
    }
