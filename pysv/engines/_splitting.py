"""The splitting of time steps into unitary evolution and baths: its rules, its error, and steps that follow from it.

The error of a step is measured by doubling. One step and two steps of half the length begin from the heaviest columns
of ρ, and d is the trace norm of their difference. With an error of order p, two halves have 2⁻ᵖ of the error of the
whole, so that d is 1 − 2⁻ᵖ of it. Both forms of a step are of second order at least, hence the error of the whole is at
most 4d/3. The evolution does not increase the trace norm, so that the errors of all steps add up to a bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._columns import trace_distance
from pysv.engines._open_system import UNITARY_TOLERANCE, Bathing, time_steps

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
_REST = 4
"""Measurements after an attempt at a longer step that failed, until the next attempt."""
_HELD = 0.2
"""Time for which a measured error per fs is used for further steps of the same length, fs."""


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
    the channels of a few lengths serve the whole run.

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
        self.ratio = 0.0
        """Its error in units of the one that is asked for."""
        self.rest = 0
        """Number of coming measurements without another attempt at a longer step."""

    @property
    def nodes(self) -> int:
        """Number of nodes of a step of given length."""
        return len(self._step(0)[0].nodes)

    def state(self) -> np.ndarray:
        """What the next steps depend on, float64 (3,)."""
        return np.array([self.level, self.ratio, self.rest])

    def restore(self, state: np.ndarray) -> None:
        """Continue from a `state`."""
        level, self.ratio, rest = map(float, state)
        self.level, self.rest = int(level), int(rest)

    def steps(self, columns: Columns, interval: float) -> Iterator[Step]:
        """Steps that fill an interval, fs.

        `columns` is ρ at its beginning. The caller takes each step, but for the unitary evolution after the last node,
        before it asks for the next one.
        """
        parts, longest = time_steps(interval, self.time_step or LONGEST)
        done, pending = 0, 0.0  # done in units of the shortest step
        error, held = 0.0, 0.0
        while done < parts * _SHORTEST:
            if held <= 0:
                error, held = self._choose(columns, pending, longest, done), _HELD
            rule, count = self._step(self.level)
            step = longest / count
            yield Step(rule, step, error * step)
            pending = (1 - rule.nodes[-1]) * step
            held -= step
            done += _SHORTEST // count

    def _step(self, level: int) -> tuple[Rule, int]:
        """Form of a step, and how many of them the longest step holds."""
        if self.time_step is not None:
            return (AVERAGED if self.order == 2 else GAUSS), 1
        if self.order == 2 or level == 0:
            return ALONE, 2**level
        return GAUSS, 2 ** (level - 1)

    def _choose(self, columns: Columns, pending: float, longest: float, done: int) -> float:
        """Set the level of the next step; returns its error per fs."""
        level, self.rest = self.level, max(0, self.rest - 1)
        if self._may_grow() and done % (_SHORTEST // self._step(level - 1)[1]) == 0:
            level -= 1
        attempted = level < self.level
        while True:
            rule, count = self._step(level)
            step = longest / count
            error = splitting_error(columns, rule, step, pending, self.tolerance * step)
            ratio = error / (self.tolerance * step)
            if ratio <= 1 or self.time_step is not None or 2 * count > _SHORTEST:
                break
            level += max(1, int(math.log2(ratio) / rule.order))
            level = min(level, _DEEPEST)
        if level == self.level > 0 and attempted:
            self.rest = _REST
        self.level, self.ratio = level, ratio
        return error / step

    def _may_grow(self) -> bool:
        """Whether a longer step is worth an attempt; the noise of the probes hides how small the error is."""
        return self.level > 0 and self.rest == 0 and self.ratio <= _SMALL
