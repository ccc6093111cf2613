"""What a run goes on from: an earlier part of its record, and a saved state that gives the last snapshot of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv import config
from pysv.errors import ResultFileError, ResumeError
from pysv.results import files
from pysv.results.dataset import ALWAYS

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from pysv.engines.base import Method
    from pysv.experiment import Experiment
    from pysv.experiment.times import Times
    from pysv.results.files import SavedState
    from pysv.run.observer import Observer
    from pysv.snapshot import Snapshot

TOLERANCE, SINGLE = 1e-10, 1e-5
"""Largest relative difference between the restored state and the record, in double and in single precision."""


@dataclass(frozen=True, eq=False)
class Earlier:
    """The earlier part of a run: its dataset and the state of the engine."""

    data: xr.Dataset
    state: SavedState


def part_in(
    path: Path, experiment: Experiment, method: Method, members: tuple[int, int] | None = None
) -> Earlier | None:
    """What a file holds of a run, or of some of its pure runs; None if that is nothing to go on from."""
    try:
        data, state = files.load(path), files.load_state(path)
    except ResultFileError:  # it is not there, or is damaged
        return None
    if state is None or state.fingerprint != config.fingerprint(experiment, method):
        return None
    data = data.isel(time=data.time.values <= state.time + 1e-9)
    if data.attrs.get("members", "None") != str(members) or not data.time.size:
        return None
    return Earlier(data, state) if experiment.times.continues(data.time.values) else None


def check_reach(path: str | Path, data: xr.Dataset, times: Times) -> None:
    """Check that a run with these times goes on from a record.

    Raises
    ------
    ResumeError
        If the times of the record are not the first ones, or reach further.
    """
    if data.time.size <= times.count and not times.continues(data.time.values):
        raise ResumeError(f"{path}: its times are not the first ones of the experiment; they must be the same")
    if data.time.size > times.count:
        raise ResumeError(f"{path}: reaches {float(data.time[-1]):g} fs already; give a later --stop to extend it")


def check_restored(earlier: Earlier, snapshot: Snapshot, observer: Observer, energy_scale: float) -> None:
    """Measure a restored state and compare it with the last snapshot of the record.

    Parameters
    ----------
    earlier : Earlier
    snapshot : Snapshot
        Of the engine that was restored.
    observer : Observer
    energy_scale : float
        Half-width of the spectrum, eV.

    Raises
    ------
    ResumeError
        If invariants, directions of the spins or the density of the electrons are not those of the record, if an
        invariant of the record is not finite, or if the record lacks a variable.
    """
    data, state = earlier.data, earlier.state
    for name in ALWAYS:
        if not np.isfinite(data[name].values).all():
            raise ResumeError(f"the record is damaged ({name} is not finite at some time); start a new run")
    lacking = [] if state.sealed else [name for name in observer.expected(data.time.size) if name not in data]
    if lacking:
        raise ResumeError(f"the record lacks {lacking[0]}, which this run records; start a new run")
    single = any(array.dtype in (np.complex64, np.float32) for array in state.arrays.values())
    for name, value in (snapshot.state.invariants() | observer.check_values(snapshot)).items():
        if name not in data:
            continue
        recorded = data[name].values[-1]
        scale = max(1.0, energy_scale if name == "energy" else 0.0, float(np.max(np.abs(value), initial=0.0)))
        difference = float(np.max(np.abs(value - recorded), initial=0.0))
        if not difference <= (SINGLE if single else TOLERANCE) * scale:
            raise ResumeError(
                f"its saved state gives another {name} at t = {snapshot.time:g} fs than its record, by "
                f"{difference:.1e}: one of them is damaged; start a new run"
            )
