"""The one time loop of all engines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from pysv.engines.base import Engine
    from pysv.snapshot import Snapshot


class Listener(Protocol):
    """Something that hears of each snapshot, in the order in which the listeners are given."""

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Snapshot number `index` of the run is there; its arrays are valid during the call."""


class Stop(Protocol):
    """Something that may ask the loop to end after the present snapshot."""

    @property
    def requested(self) -> bool:
        """Whether the loop is to end."""


def evolve(engine: Engine, times: np.ndarray, first: int, listeners: Iterable[Listener], stop: Stop) -> int:
    """Advance the engine through the snapshots ``times[first:]`` and tell the listeners of each.

    Parameters
    ----------
    engine : Engine
        Stands at ``times[first - 1]``, or at 0 when `first` is 0.
    times : float ndarray (T,)
        Ascending, fs.
    first : int
        Index of the first snapshot to make.
    listeners : iterable of Listener
    stop : Stop

    Returns
    -------
    int
        Number of snapshots of the run that exist now; less than T if a stop was requested.
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
