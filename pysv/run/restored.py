"""What a run goes on from: an earlier part of its record, and a saved state that gives the last snapshot of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import ResumeError
from pysv.results.dataset import ALWAYS

if TYPE_CHECKING:
    import xarray as xr

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
