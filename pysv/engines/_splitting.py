"""The splitting of time steps into unitary evolution and baths: its rules, its error, and steps that follow from it.

The error of a step is measured by doubling. One step and two steps of half the length begin from the heaviest columns
of ρ, and d is the trace norm of their difference. With an error of order p, two halves have 2⁻ᵖ of the error of the
whole, so that d is 1 − 2⁻ᵖ of it. Both forms of a step are of second order at least, hence the error of the whole is at
most 4d/3. The evolution does not increase the trace norm, so that the errors of all steps add up to a bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._columns import trace_distance
from pysv.engines._open_system import UNITARY_TOLERANCE, Bathing, time_steps
from pysv.errors import EngineFailureError

if TYPE_CHECKING:
    from pysv.engines._columns import Columns
    from pysv.model.channel import Form

LONGEST = 1.0
"""Longest step that follows from a tolerance, fs."""
_FLOOR = 4 * UNITARY_TOLERANCE
"""Smallest splitting error per fs that is asked for: below it, the error of the unitary evolution is the larger one."""
_DEEPEST = 12
"""Most halvings of the longest step."""
_SHORTEST = 2**_DEEPEST
"""Number of the shortest steps in the longest one."""
_SHARE, _MOST = 0.5, 4
"""The probed columns hold this share of the trace, unless they are more than this number."""
_NOISE = 0.2
"""What truncation may take away from the probed columns, in units of the error that is asked for."""
_SMALL = 0.5
"""Error of a step, in units of what is asked for, after which a longer one is attempted."""
_REST = 1.0
"""Time after an attempt at a longer step that failed, until the next attempt, fs."""
_HELD = 0.2, 4.0
"""Shortest and longest time for which a measured error per fs is used for steps of the same length, fs."""
_CHANGE = 0.4
"""Change of the logarithm of the error, as it went since the last measurement, after which it is measured again."""
_UNIMPORTANT = 0.05
"""Error, in units of what is asked for, below which its changes need not be followed."""


@dataclass(frozen=True)
class Rule:
    """How a step is made of unitary evolution and baths.

    Parameters
    ----------
    form : str
        See `pysv.model.channel`.
    order : int
        Of its error to first order in the baths.
    nodes : tuple of float
        Times at which the channels act, in units of the step; each has the same weight.
    """

    form: Form
    order: int
    nodes: tuple[float, ...]

    def bathing(self, step: float) -> Bathing:
        """What the baths do at each node of a step (fs)."""
        return Bathing(step / len(self.nodes), self.form)

    def gaps(self, step: float) -> Iterator[float]:
        """Times of unitary evolution before each node and after the last one, fs."""
        ends = 0.0, *self.nodes, 1.0
        for one, other in pairwise(ends):
            yield (other - one) * step


AVERAGED = Rule("averaged", 2, (0.5,))
ALONE = Rule("alone", 2, (0.5,))
GAUSS = Rule("instant", 4, (0.5 - 12**-0.5, 0.5 + 12**-0.5))


def splitting_error(columns: Columns, rule: Rule, step: float, pending: float, asked: float) -> float:
    """Error of one step, measured by doubling on the heaviest columns and scaled up to all of them.

    Parameters
    ----------
    columns : Columns
        ρ, left as it is; not yet evolved by `pending`.
    rule : Rule
    step : float
        fs.
    pending : float
        Unitary evolution up to the beginning of the step, fs.
    asked : float
        Error of the whole step that matters; smaller ones are lost in truncation.

    Returns
    -------
    float
        Trace norm.
    """
    start = columns.heaviest(_SHARE, _MOST)
    start.evolve(pending)
    scale = columns.trace() / start.trace()
    once, twice = start.copy(), start
    noise = _NOISE * asked / scale
    long = take(once, rule, step, 0.0, noise)
    short = 0.0
    for _ in range(2):
        short = take(twice, rule, step / 2, short, noise / 2)
    once.evolve(long - short)  # the rest is the same for both, and unitary
    columns.applications += once.applications + twice.applications
    return 4 / 3 * scale * trace_distance(once, twice)


def take(columns: Columns, rule: Rule, step: float, pending: float, budget: float) -> float:
    """One step (fs) of ρ, in place.

    Parameters
    ----------
    columns : Columns
    rule : Rule
    step : float
        fs.
    pending : float
        Unitary evolution up to the beginning of the step, fs.
    budget : float
        Weight that may be discarded.

    Returns
    -------
    float
        The unitary evolution that is left to do, fs.
    """
    *gaps, last = rule.gaps(step)
    for gap in gaps:
        columns.evolve(pending + gap)
        columns.dissipate(rule.bathing(step), budget / len(gaps))
        pending = 0.0
    return last


@dataclass(frozen=True)
class Step:
    """A step to take.

    Parameters
    ----------
    rule : Rule
    length : float
        fs.
    error : float
        Measured splitting error, trace norm.
    """

    rule: Rule
    length: float
    error: float


class StepControl:
    """Steps whose splitting error per fs stays below a tolerance, or steps of a given length with their errors.

    Steps are halvings of the time between two snapshots, or of the equal parts of it that are at most `LONGEST` long:
    the channels of a few lengths serve the whole run. The error is measured now and then. The faster it changed, the
    sooner it is measured again. If it has grown, half of the growth counts for the time in between.

    Parameters
    ----------
    tolerance : float
        Splitting error per fs that is asked for, trace norm.
    order : int
        2 or 4. With 4, the longest step is still the one of order 2 that is exact while the electron is far from the
        layers, and all shorter ones are of order 4.
    time_step : float or None
        Longest step that is allowed, fs, if its length is given; then all steps have the same form.
    """

    def __init__(self, tolerance: float, order: int, time_step: float | None) -> None:
        self.tolerance = max(tolerance, _FLOOR)
        self.order = order
        self.time_step = time_step
        self.level = 0
        """Of the last step, 0 for the longest one."""
        self.rest = 0.0
        """Time without another attempt at a longer step, fs."""
        self.rate = 0.0
        """Error per fs as measured last."""
        self.since = 0.0
        """Time since then, fs; 0 before the first measurement."""
        self.held = 0.0
        """Time until the next measurement, fs."""
        self.longest = 0.0
        """Longest step when it was measured, fs."""

    @property
    def ratio(self) -> float:
        """Error that was measured last, in units of the one that is asked for."""
        return self.rate / self.tolerance

    @property
    def nodes(self) -> int:
        """Number of nodes of a step of given length."""
        return len(self._step(0)[0].nodes)

    def state(self) -> np.ndarray:
        """What the next steps depend on, float64 (6,)."""
        return np.array([self.level, self.rest, self.rate, self.since, self.held, self.longest])

    @staticmethod
    def shape(saved: Mapping[str, np.ndarray]) -> tuple[int, ...]:
        """Of the array "control" in a saved state: six numbers, or three in earlier files."""
        return (3,) if saved.get("control", np.empty(0)).shape == (3,) else (6,)

    def restore(self, state: np.ndarray) -> None:
        """Continue from a `state`, or from the three numbers, with the level first, that earlier files hold."""
        if state.size == 3:
            self.level = int(state[0])
            return
        level, self.rest, self.rate, self.since, self.held, self.longest = map(float, state)
        self.level = int(level)

    def steps(self, columns: Columns, interval: float) -> Iterator[Step]:
        """Steps that fill an interval, fs.

        `columns` is ρ at its beginning. The caller takes each step, but for the unitary evolution after the last node,
        before it asks for the next one.
        """
        parts, longest = time_steps(interval, self.time_step or LONGEST)
        if not math.isclose(longest, self.longest):
            self.longest, self.since, self.held = longest, 0.0, 0.0
        done, pending = 0, 0.0  # done in units of the shortest step
        while done < parts * _SHORTEST:
            due = self.held <= 0 and (self._fits_longer(done) or not self._may_grow())
            late = self._measure(columns, pending) if due else 0.0
            rule, count = self._step(self.level)
            step = self.longest / count
            yield Step(rule, step, self.rate * step + late)
            pending = (1 - rule.nodes[-1]) * step
            self.since += step
            self.held -= step
            self.rest = max(0.0, self.rest - step)
            done += _SHORTEST // count

    def _measure(self, columns: Columns, pending: float) -> float:
        """Set the level of the next steps and how long it holds; returns the error that the last steps had besides."""
        old, before, elapsed = self.level, self.rate, self.since
        rates = self._choose(columns, pending)
        now = rates.get(old, self.rate / 4)  # the last step is not measured if a longer one will do
        self.since, self.held = 0.0, _HELD[0]
        if not elapsed:
            return 0.0
        if self.rate > 0 and before > 0 and now > 0:
            self.held = float(np.clip(self._predictable(math.log(now / before) / elapsed), *_HELD))
        return max(0.0, now - before) / 2 * elapsed

    def _predictable(self, growth: float) -> float:
        """Time until the next measurement, fs, if the logarithm of the error has grown by so much per fs."""
        if self.level > 0 and self.ratio <= _SMALL:
            return self.rest
        time = _CHANGE / max(abs(growth), _CHANGE / _HELD[1])
        if growth > 0 and self.ratio < _UNIMPORTANT:
            return max(time, math.log(_UNIMPORTANT / self.ratio) / growth)
        if growth > 0 and self.ratio < 1:
            return min(time, -math.log(self.ratio) / growth)
        return time

    def _step(self, level: int) -> tuple[Rule, int]:
        """Form of a step, and how many of them the longest step holds."""
        if self.time_step is not None:
            return (AVERAGED if self.order == 2 else GAUSS), 1
        if self.order == 2 or level == 0:
            return ALONE, 2**level
        return GAUSS, 2 ** (level - 1)

    def _choose(self, columns: Columns, pending: float) -> dict[int, float]:
        """Set the level of the next step and its error; returns the error per fs of each level that was measured.

        Raises
        ------
        EngineFailureError
            If even the shortest step has a larger error than is allowed.
        """
        level = self.level - self._may_grow()
        rates: dict[int, float] = {}
        while True:
            rule, count = self._step(level)
            step = self.longest / count
            rates[level] = splitting_error(columns, rule, step, pending, self.tolerance * step) / step
            ratio = rates[level] / self.tolerance
            if ratio <= 1 or self.time_step is not None:
                break
            if level == _DEEPEST:
                raise EngineFailureError(
                    f"steps of {step:.1g} fs still have a splitting error of {rates[level]:.1e} per fs, where "
                    f"{self.tolerance:.1e} is allowed; take a weaker bath, a larger tolerance, or an own time_step"
                )
            if level < self.level:
                level, self.rest = self.level, _REST
            else:
                level = min(level + max(1, int(math.log2(ratio) / rule.order)), _DEEPEST)
        self.level, self.rate = level, rates[level]
        return rates

    def _may_grow(self) -> bool:
        """Whether a longer step is worth an attempt; the noise of the probes hides how small the error is."""
        return self.level > 0 and self.rest == 0 and self.ratio <= _SMALL

    def _fits_longer(self, done: int) -> bool:
        """Whether a longer step fits into what is left of the longest one."""
        _, count = self._step(max(0, self.level - 1))
        return bool(done % (_SHORTEST // count) == 0)
