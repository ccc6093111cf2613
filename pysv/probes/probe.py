"""A probe from the correlators to the rebuilt quantum Fisher information, in one result file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pysv import config
from pysv.engines import choose
from pysv.errors import InvalidInputError, ResumeError
from pysv.experiment.probe import Probe
from pysv.probes.correlator import correlator, engine_of
from pysv.probes.cost import CompanionCost, companion_cost
from pysv.probes.operators import wave_label
from pysv.probes.rebuild import rebuild_qfi
from pysv.probes.structure import connected, smoothed_qfi, structure_factor
from pysv.probes.table import KIND
from pysv.results import files
from pysv.results.dataset import PROBED

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment
    from pysv.experiment.device import ChainDevice


def probe(
    experiment: Experiment,
    pulse: Probe | None = None,
    *,
    engine: str | Method = "auto",
    backend: str = "auto",
    progress: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    checkpoint_every: float = 30.0,
) -> xr.Dataset:
    """Correlators at two times, the spectra S(k, ω, t) of a probe pulse, and f_Q rebuilt from them.

    The correlators are those of O_k where there are fewer momenta than localized spins, and of single spins otherwise.

    Parameters
    ----------
    experiment : Experiment
        Its times are those of the correlators and the centres of the pulses.
    pulse : Probe, optional
        The pulse and the spectra; by default `Probe()`.
    engine, backend, progress, out, overwrite, checkpoint_every
        As for `correlator`: an interrupted file is continued by the same call, or by `resume_probe`.

    Returns
    -------
    xarray.Dataset
        That of `correlator`, and if it is complete: ``structure_factor (time, momentum, omega)``, see
        `structure_factor`; ``structure_integral (time, momentum)``, its integral over ω, and ``smoothed_variance``, the
        same from the direct f_Q; ``qfi_direct``, ``qfi_rebuilt``, ``qfi_rebuilt_error`` and ``qfi_rebuilt_open (time,
        momentum)``, see `rebuild_qfi`. Values are NaN where they would need what lies beyond the data.

    Raises
    ------
    InvalidInputError
        If pulse or energies do not fit the times.
    EngineError, MemoryLimitError, ResultExistsError, ResumeError
        As for `correlator`.
    """
    chosen = Probe() if pulse is None else pulse
    chosen.check_times(experiment.times)
    data = correlator(
        experiment,
        momenta=own_companions(experiment.device, chosen) if _of_waves(out, overwrite) else (),
        engine=engine,
        backend=backend,
        reach=chosen.reach,
        progress=progress,
        out=out,
        overwrite=overwrite,
        checkpoint_every=checkpoint_every,
    )
    data.attrs["probe"] = json.dumps(asdict(chosen))
    if data.attrs["status"] == "complete":
        data = _with_spectra(data, chosen)
    if out is not None:
        files.write(data, Path(out))
    return data


def resume_probe(path: str | Path, *, progress: bool = True, checkpoint_every: float = 30.0) -> xr.Dataset:
    """Continue an interrupted probe in its result file.

    Parameters
    ----------
    path : str or Path
        A file that ``probe(..., out=path)`` or ``pysv probe`` wrote.
    progress, checkpoint_every
        As for `correlator`.

    Returns
    -------
    xarray.Dataset
        See `probe`.

    Raises
    ------
    ResumeError
        If the file holds no probe.
    """
    data = files.load(path)
    if not is_probe(data):
        raise ResumeError(f"{path}: holds no probe; `pysv resume` continues runs and probes")
    asked = config.loads(str(data.attrs["experiment"]), f"{path}: experiment")
    pulse = Probe(**json.loads(data.attrs["probe"]))
    return probe(
        asked.experiment,
        pulse,
        engine=asked.engine,
        backend=asked.backend,
        progress=progress,
        out=path,
        checkpoint_every=checkpoint_every,
    )


def own_companions(device: ChainDevice, pulse: Probe) -> tuple[float, ...]:
    """Momenta k, rad per site, whose O_k have companions of their own; none where single spins take no more."""
    labels = {wave_label(k) for k in pulse.momenta}
    return pulse.momenta if len(labels) == len(pulse.momenta) < device.n_spins else ()


def estimate_probe(
    experiment: Experiment, pulse: Probe, engine: str | Method = "auto", backend: str = "auto"
) -> CompanionCost:
    """What `probe` will need beside its run.

    Parameters
    ----------
    experiment, pulse, engine, backend
        As for `probe`.

    Returns
    -------
    CompanionCost
        Prints as a table.

    Raises
    ------
    InvalidInputError
        If pulse or energies do not fit the times.
    EngineError
        If the engine cannot run the experiment, or offers no correlators.
    """
    pulse.check_times(experiment.times)
    method, _ = choose(experiment, engine_of(experiment, engine), backend)
    columns = len(own_companions(experiment.device, pulse)) or experiment.device.n_spins
    return companion_cost(experiment, method, columns, pulse.reach)


def _of_waves(out: str | Path | None, overwrite: bool) -> bool:
    """Whether companions of O_k may be taken: a file that began with single spins goes on with them."""
    if out is None or overwrite or not Path(out).exists():
        return True
    data = files.load(out)
    return not (data.attrs.get("kind") == KIND and "correlation" in data)


def is_probe(data: xr.Dataset) -> bool:
    """Whether a dataset is that of a probe, complete or not."""
    return data.attrs.get("kind") == KIND and "probe" in data.attrs


def _with_spectra(data: xr.Dataset, pulse: Probe) -> xr.Dataset:
    """The dataset of correlators with what the probe measures."""
    pairs = connected(data, pulse.momenta)
    spectra = structure_factor(pairs, omega=pulse.energies, sigma=pulse.sigma)
    if spectra.dropna("time").time.size < 2:
        raise InvalidInputError(
            f"sigma = {pulse.sigma:g} fs: the pulse fits into the recorded times at fewer than two centres; take a "
            "later stop",
            "sigma",
        )
    direct = smoothed_qfi(pairs, sigma=pulse.sigma)
    rebuilt = rebuild_qfi(spectra, error=pulse.error)
    integral = np.trapezoid(spectra.values, pulse.energies, axis=2)
    found = {
        "structure_factor": spectra.values,
        "structure_integral": integral,
        "smoothed_variance": direct.integral.values,
        "qfi_direct": direct.direct.values,
        "qfi_rebuilt": rebuilt.qfi.values,
        "qfi_rebuilt_error": rebuilt.qfi_error.values,
        "qfi_rebuilt_open": rebuilt.qfi_open.values,
    }
    labelled = {
        name: (("time", *(PROBED[name].dims or ())), values,
               {"units": PROBED[name].units, "long_name": PROBED[name].long_name})
        for name, values in found.items()
    }  # fmt: skip
    data = data.assign(labelled)
    data["structure_factor"].attrs = spectra.attrs  # what `rebuild_qfi` reads
    return data.assign_coords(momentum=spectra.momentum, omega=spectra.omega)
