"""The result file of a run in progress: complete at any time, updated during the run, sufficient to resume."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pysv.results.files import SavedState, write

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Engine
    from pysv.snapshot import Snapshot

SHARE = 0.05
"""Largest share of the run time spent on checkpoints."""


class Checkpoint:
    """Listener that keeps the result file up to date.

    Parameters
    ----------
    path : Path
    engine : Engine
    fingerprint : str
        See `pysv.config.fingerprint`.
    dataset : callable
        Returns the dataset of the first `count` snapshots, with the status of the run.
    every : float
        Shortest time between two writes, s.
    """

    def __init__(
        self, path: Path, engine: Engine, fingerprint: str, dataset: Callable[[int], xr.Dataset], every: float
    ) -> None:
        self.path = path
        self._engine = engine
        self._fingerprint = fingerprint
        self._dataset = dataset
        self._every = every
        self._written = time.monotonic()
        self._cost = 0.0
        self.holds_state = False
        """Whether the file holds a state of this run."""

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Write, unless the last write is too recent or writes take too large a share of the run time."""
        if time.monotonic() - self._written >= max(self._every, self._cost / SHARE):
            self.write(index + 1)

    def write(self, count: int) -> xr.Dataset:
        """Write the first `count` snapshots and the engine's present state; returns the dataset written."""
        begun = time.monotonic()
        data = self._dataset(count)
        write(data, self.path, self.state())
        self.holds_state = True
        self._written = time.monotonic()
        self._cost = self._written - begun
        return data

    def state(self) -> SavedState:
        """The engine's present state."""
        return SavedState(self._engine.time, self._fingerprint, self._engine.state())
