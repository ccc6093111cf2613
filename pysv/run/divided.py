"""What a run takes that is divided among ranks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pysv.compute import ranks, thread_pool
from pysv.engines.cost import PROCESS, Cost, table_bytes
from pysv.run.memory import available_memory
from pysv.units import size

if TYPE_CHECKING:
    from pysv.measures.registry import Measure

_MPI = 60_000_000
"""Bytes of MPI in a process, with its buffers between the ranks of a node."""
_EDGE = 64
"""Bytes of the edges to two neighbours for each row, on their way out and in."""
_SPEED, _LATENCY = 5e9, 2e-5
"""Bytes a second between nodes, and seconds that a step waits for the last edge, both rough."""


@dataclass(frozen=True)
class Divided:
    """Needs of the ranks of a run.

    Parameters
    ----------
    ranks : int
    leader, other : int
        Bytes of rank 0, which gathers states for the checkpoint and the measures, and of each other rank.
    seconds : float
        Rough time of the evolution.
    """

    ranks: int
    leader: int
    other: int
    seconds: float

    @property
    def here(self) -> int:
        """Bytes of the ranks on this node under mpirun; otherwise of rank 0, which may be on a node of its own."""
        count = ranks.on_this_node() if ranks.led() > 1 else 1
        return self.leader + (count - 1) * self.other


def divided(cost: Cost, rows: tuple[int, ...], count: int) -> Divided:
    """Needs of each of `count` ranks.

    The time is that of `cost`, which is for two processors, divided by the ranks, if each has two processors and a
    memory bandwidth of its own; under mpirun by the processors that they have.

    Parameters
    ----------
    cost : Cost
        In one process.
    rows : tuple of int
        Of each pure run.
    count : int
    """
    tables, edges = table_bytes(rows), _EDGE * max(rows)
    other = PROCESS + _MPI + tables + edges + -(-(cost.memory - PROCESS - tables) // count)
    threads = thread_pool.largest() if ranks.led() > 1 else 2
    waiting = cost.applications * (_LATENCY + edges / 2 / _SPEED)
    return Divided(count, other + cost.disk, other, 2 * cost.seconds / (count * threads) + waiting)


def available() -> int:
    """Bytes that the ranks of a node can have now: the least over all nodes, or of this machine without mpirun."""
    return int(ranks.together(_least_available)) if ranks.led() > 1 else available_memory()


def _least_available() -> int:
    return int(min(ranks.data().allgather(available_memory())))


def lacking(shares: Divided, states: int, allowed: int) -> Callable[[Measure], str | None]:
    """Why measures of a divided state cannot be taken on rank 0: those that need all amplitudes where too few fit.

    Parameters
    ----------
    shares : Divided
    states : int
        Bytes that measuring takes there.
    allowed : int
        Bytes that the ranks of a node may take.
    """
    if shares.here + states <= allowed:
        return lambda measure: None
    reason = (
        f"needs all amplitudes on rank 0: the ranks of its node then take {size(shares.here + states)}, "
        f"the limit is {size(allowed)}"
    )
    return lambda measure: reason if measure.needs in ("eigenstates", "amplitudes") else None
