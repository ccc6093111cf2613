"""Times of the snapshots of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError, quoted
from pysv.experiment.checks import Checked, as_list, checked, is_list, real_number
from pysv.experiment.ranges import DURATION, TIME

if TYPE_CHECKING:
    import numpy as np

MAX_SNAPSHOTS = 10_000_000
_STOP, _STEP = 60.0, 1.0


def ascending_times(key: str, value: Any) -> tuple[float, ...]:
    """A list of ascending numbers, 0 or greater, at least 1e-6 fs apart; or an empty list."""
    given = as_list(value)
    if not is_list(given):
        raise InvalidInputError(f"{key} = {quoted(value)} must be a list of times in fs", key)
    if len(given) > MAX_SNAPSHOTS:
        raise InvalidInputError(f"{key} lists {len(given)} times; the limit is {MAX_SNAPSHOTS:.0e}", key)
    found = tuple(real_number(f"{key}[{n}]", time, **TIME) for n, time in enumerate(given))
    if found and 0 < found[0] < DURATION["low"]:
        raise InvalidInputError(f"{key}[0] = {found[0]:g} fs must be 0, or at least {DURATION['low']:g} fs", key)
    for n, (one, other) in enumerate(pairwise(found), start=1):
        if other <= one:
            raise InvalidInputError(f"{key}[{n}] = {other:g} fs must be later than the time before, {one:g} fs", key)
        if other - one < 0.999 * DURATION["low"]:  # the difference is rounded
            raise InvalidInputError(
                f"{key}[{n}] = {other!r} fs must be at least {DURATION['low']:g} fs later than the time before, "
                f"{one!r} fs",
                key,
            )
    if found and not found[-1]:
        raise InvalidInputError(f"{key} = {quoted(list(found))} must go beyond 0 fs", key)
    return found


@dataclass(frozen=True, kw_only=True)
class Times(Checked):
    """Snapshots at 0, step, 2·step, …, stop, or at times of one's own.

    Parameters
    ----------
    stop : float
        Time of the last snapshot, fs.
    step : float
        Time between snapshots, fs; `stop` is a whole number of steps.
    at : sequence of float
        Times of the snapshots, fs, ascending from 0 or later, in place of `stop` and `step`.
    """

    stop: float = checked(_STOP, real_number, **DURATION)
    step: float = checked(_STEP, real_number, **DURATION)
    at: tuple[float, ...] = checked((), ascending_times, added=True)

    def derived(self) -> Mapping[str, Any]:
        """`stop` and the mean of `step`, where there is a list."""
        if not self.at:
            return {}
        mean = self.at[-1] / max(len(self.at) - 1, 1)
        for key, own, default in (("stop", self.at[-1], _STOP), ("step", mean, _STEP)):
            if getattr(self, key) not in (own, default):
                raise InvalidInputError(
                    f"{key} = {getattr(self, key):g} fs would be ignored beside the list at; leave one of them out", key
                )
        return {"stop": self.at[-1], "step": mean}

    def check(self) -> None:
        """`stop` is a whole number of steps, and the snapshots are not too many."""
        if self.at:
            return
        if self.step > self.stop:
            raise InvalidInputError(
                f"step = {self.step:g} fs is larger than stop = {self.stop:g} fs; take a smaller step", "step"
            )
        steps = self.stop / self.step
        if steps > MAX_SNAPSHOTS:
            raise InvalidInputError(
                f"step = {self.step:g} fs makes {steps:.0e} snapshots until stop = {self.stop:g} fs; the limit "
                f"is {MAX_SNAPSHOTS:.0e}; take a larger step",
                "step",
            )
        if abs(steps - round(steps)) > 1e-9 * steps:
            earlier, later = (whole * self.step for whole in (math.floor(steps), math.ceil(steps)))
            raise InvalidInputError(
                f"stop = {self.stop:g} fs is not a whole number of steps of {self.step:g} fs; take {earlier:.9g} or "
                f"{later:.9g} fs",
                "stop",
            )

    @property
    def count(self) -> int:
        """Number of snapshots, the one at t = 0 included."""
        return len(self.at) or round(self.stop / self.step) + 1

    @property
    def values(self) -> np.ndarray:
        """Times of the snapshots, fs, shape (count,)."""
        import numpy as np

        if self.at:
            return np.array(self.at)
        return np.round(np.arange(self.count) * self.step, 12)  # 0.3, not 0.30000000000000004

    def until(self, stop: float) -> Times:
        """The same with another last time, fs.

        Raises
        ------
        InvalidInputError
            If the times are a list that does not name it.
        """
        if not self.at:
            return replace(self, stop=stop)
        if stop not in self.at:
            raise InvalidInputError(
                f"stop = {stop:g} fs is not among the times of the run, which are a list until {self.at[-1]:g} fs; "
                "give an experiment with a longer list",
                "stop",
            )
        return Times(at=self.at[: self.at.index(stop) + 1])

    @property
    def kind(self) -> Times:
        """Times of the same kind that do not depend on the last one."""
        if self.at:
            return Times(at=(next(time for time in self.at if time),))
        return Times(stop=self.step, step=self.step)

    def continues(self, recorded: np.ndarray) -> bool:
        """Whether a run with these times can go on from one that has recorded some, fs."""
        import numpy as np

        own = self.values[: len(recorded)]
        return len(own) == len(recorded) and bool(np.allclose(own, recorded, rtol=1e-12, atol=1e-9))


def times(stop: float | None = None, step: float | None = None, at: Sequence[float] = ()) -> Times:
    """Snapshots from 0 to `stop` (by default 60) every `step` (1), both in fs, or at the times `at` of a list.

    Raises
    ------
    InvalidInputError
        If a time is not allowed, see `Times`, or a list comes with `stop` or `step`.
    """
    given = {key: value for key, value in (("stop", stop), ("step", step)) if value is not None}
    if len(at):
        check_alone(given)
    return Times(**given, at=at)  # type: ignore[arg-type]  # made a tuple by its check


def check_alone(beside: Iterable[str]) -> None:
    """A list of times has neither `stop` nor `step` beside it."""
    for key in ("stop", "step"):
        if key in beside:
            raise InvalidInputError(f"{key} would be ignored beside the list at; leave one of them out", key)
