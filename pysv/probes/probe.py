"""A probe from the correlators to the rebuilt quantum Fisher information, in one result file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pysv import config
from pysv.errors import InvalidInputError, ResumeError
from pysv.experiment.probe import WIDTHS, Probe
from pysv.probes.correlator import correlator
from pysv.probes.rebuild import rebuild_qfi
from pysv.probes.structure import connected, smoothed_qfi, structure_factor
from pysv.probes.table import KIND
from pysv.results import files
from pysv.results.dataset import PROBED

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment


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
        engine=engine,
        backend=backend,
        reach=2 * WIDTHS * chosen.sigma,
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
