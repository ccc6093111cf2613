"""From snapshots to the arrays of the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pysv.measures.sizes import LIMITS, Limits
from pysv.measures.ways import Lacks, gives_all
from pysv.results.dataset import schema
from pysv.run.observer import Observer

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.run.invariants import Watch
    from pysv.snapshot import Snapshot


class Recorder:
    """Listener that has each snapshot measured and keeps the arrays of the dataset.

    Parameters
    ----------
    experiment : Experiment
    count : int
        Number of snapshots of the whole run.
    watch : Watch
        Has heard of the snapshot before, and holds its invariants.
    limits : Limits
    lacks : callable
        What the engine's states do not give.
    """

    def __init__(
        self, experiment: Experiment, count: int, watch: Watch, limits: Limits = LIMITS, lacks: Lacks = gives_all
    ) -> None:
        self._watch = watch
        self._count = count
        self.observer = Observer(experiment, limits, lacks)
        self._schema = schema()
        self._arrays: dict[str, np.ndarray] = {}
        self.count = 0
        """Number of snapshots recorded."""

    @property
    def deviation(self) -> float | None:
        """State deviation of the last snapshot recorded."""
        return float(self._arrays["state_deviation"][self.count - 1]) if "state_deviation" in self._arrays else None

    def resume(self, recorded: Mapping[str, np.ndarray]) -> None:
        """Take up what an earlier part of the run recorded."""
        for name, values in recorded.items():
            array = self._array(name, values[0])
            array[: len(values)] = values
            self.count = len(values)

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Measure and keep."""
        for name, value in (self.observer.measure(snapshot, index) | self._watch.now).items():
            self._array(name, np.asarray(value))[index] = value
        self.count = index + 1

    def arrays(self, count: int) -> dict[str, np.ndarray]:
        """The first `count` snapshots of every variable, in the order of the schema."""
        return {name: self._arrays[name][:count] for name in self._schema if name in self._arrays}

    def _array(self, name: str, first: np.ndarray) -> np.ndarray:
        if name not in self._arrays:
            dtype = self._schema[name].dtype
            unset = 0 if dtype is np.int64 else np.nan
            self._arrays[name] = np.full((self._count, *np.shape(first)), unset, dtype)
        return self._arrays[name]
