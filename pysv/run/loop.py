"""The one time loop of all engines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from pysv.engines.base import Engine
    from pysv.snapshot import Snapshot


class Listener(Protocol):
    """Receives each snapshot; several listeners are called in the order in which they are given."""

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Receive snapshot number `index` of the run. Its arrays are valid during the call only."""


class Stop(Protocol):
    """A request to end the loop after the present snapshot."""

    @property
    def requested(self) -> bool:
        """Whether the loop must end."""


def evolve(engine: Engine, times: np.ndarray, first: int, listeners: Iterable[Listener], stop: Stop) -> int:
    """Advance the engine through the snapshots ``times[first:]`` and pass each one to the listeners.

    Parameters
    ----------
    engine : Engine
        At time ``times[first - 1]``, or at 0 if `first` is 0.
    times : float ndarray (T,)
        Ascending, fs.
    first : int
        Index of the first snapshot to make.
    listeners : iterable of Listener
    stop : Stop

    Returns
    -------
    int
        Number of snapshots of the run so far; less than T after a request to stop.
    """
    listeners = tuple(listeners)
    engine.expect([float(time) for time in times[first:]])
    for index in range(first, len(times)):
        engine.advance(float(times[index]))
        snapshot = engine.snapshot()
        for listener in listeners:
            listener.heard(index, snapshot)
        if stop.requested:
            return index + 1
    return len(times)
