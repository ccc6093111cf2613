"""What the companions of correlators at two times will need, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import EngineError, MemoryLimitError
from pysv.probes.structure import PASSED
from pysv.run.estimate import SHARE
from pysv.run.memory import available_memory
from pysv.units import about, size

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment

_EVOLVED = {"states": 1, "columns": 3, "trajectories": 2, "matrix product": 1}
"""States that one companion takes: (1 + cB)ρ(1 + cB)† of three roots c, or a pair (ψ, Bψ)."""


@dataclass(frozen=True)
class CompanionCost:
    """Needs of the companions B|ψ(t₂)⟩; those of the run itself come on top.

    Parameters
    ----------
    operators, starts : int
        Operators B, and times t₂: the companions are their product.
    applications : int
        Applications of H, over all companions.
    seconds : float
        Rough time.
    history : int
        Bytes of the states of all times, which stay in memory.
    available : int
        Bytes that the machine can give now.
    bound : bool
        Whether `history` is only an upper bound: the states grow during the run.
    unit : str
        What `applications` counts.
    """

    operators: int
    starts: int
    applications: int
    seconds: float
    history: int
    available: int
    bound: bool = False
    unit: str = "matvecs"

    @property
    def fits(self) -> bool:
        """Whether the states of all times fit in the memory that is available now, as far as that is known."""
        return self.bound or self.history <= SHARE * self.available

    def __str__(self) -> str:
        most = "at most " if self.bound else ""
        return "\n".join(
            [
                f"companions   {self.operators * self.starts:,}: {self.operators} from each of {self.starts} times",
                f"  {self.unit:<10} about {self.applications:,}",
                f"  time       {about(self.seconds)}",
                f"  memory     {most}{size(self.history)} of {size(SHARE * self.available)} for the states of all times"
                + ("" if self.fits else ": does not fit"),
            ]
        )


def companion_cost(experiment: Experiment, method: Method, operators: int, reach: float | None) -> CompanionCost:
    """What the companions of some operators need.

    A companion takes for each interval what ψ itself takes. From t₂ on there are as many intervals as times in
    (t₂, t₂ + reach].

    Parameters
    ----------
    experiment : Experiment
    method : Method
    operators : int
        Number of operators B.
    reach : float or None
        Largest t₁ − t₂, fs; all later times if None.

    Returns
    -------
    CompanionCost

    Raises
    ------
    EngineError
        If the engine offers no correlators.
    """
    kind = method.correlators
    if not kind or (kind == "states" and experiment.bath is not None):  # with baths there are no pure states
        raise no_correlators(method)
    times, own = experiment.times.values, method.cost(experiment)
    last = np.searchsorted(times, times + (np.inf if reach is None else reach) + PASSED, side="right") - 1
    intervals = int((last - np.arange(times.size)).sum())
    share = operators * _EVOLVED[kind] * intervals / max(times.size - 1, 1)
    images = 4 * operators if kind == "matrix product" else 0  # A|ψ⟩ has twice the bond dimension
    return CompanionCost(
        operators=operators,
        starts=times.size,
        applications=round(own.applications * share),
        seconds=own.seconds * share,
        history=(1 + images) * own.disk * times.size,
        available=available_memory(),
        bound=kind != "states",
        unit=own.unit,
    )


def check_history(count: int, each: int, held: int = 0) -> None:
    """Refuse states of all times that do not fit in memory.

    Parameters
    ----------
    count : int
        Times.
    each : int
        Bytes of the state at one time.
    held : int
        Bytes of those that are in memory already.

    Raises
    ------
    MemoryLimitError
        Says what they need, and what is allowed.
    """
    allowed = SHARE * available_memory()
    if count * each > allowed + held:
        raise MemoryLimitError(
            f"the states at all {count} times need {size(count * each)}; the limit is {size(allowed)}; take fewer "
            "times or spins"
        )


def no_correlators(method: Method) -> EngineError:
    """The error of an engine that offers no correlators."""
    from pysv.engines import methods

    offered = sorted(name for name, own in methods().items() if own.correlators and name != method.name)
    return EngineError(
        f"engine {method.name!r} offers no correlators: its state does not hold the amplitudes of the localized "
        f"spins; use {', '.join(offered)}"
    )
