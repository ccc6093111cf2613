"""Times of the snapshots of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError
from pysv.experiment.checks import Checked, checked, real_number

if TYPE_CHECKING:
    import numpy as np

MAX_SNAPSHOTS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Times(Checked):
    """Snapshots at 0, step, 2·step, …, stop.

    Parameters
    ----------
    stop : float
        Time of the last snapshot, fs.
    step : float
        Time between snapshots, fs; `stop` is a whole number of steps.
    """

    stop: float = checked(60.0, real_number, above=0.0, unit="fs")
    step: float = checked(1.0, real_number, above=0.0, unit="fs")

    def check(self) -> None:
        """`stop` is a whole number of steps, and the snapshots are not too many."""
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
            whole = math.floor(steps) * self.step
            raise InvalidInputError(
                f"stop = {self.stop:g} fs is not a whole number of steps of {self.step:g} fs; take {whole:g} fs", "stop"
            )

    @property
    def count(self) -> int:
        """Number of snapshots, the one at t = 0 included."""
        return round(self.stop / self.step) + 1

    @property
    def values(self) -> np.ndarray:
        """Times of the snapshots, fs, shape (count,)."""
        import numpy as np

        return np.round(np.arange(self.count) * self.step, 12)  # 0.3, not 0.30000000000000004


def times(stop: float = 60.0, step: float = 1.0) -> Times:
    """Snapshots from 0 to `stop` every `step`, both in fs; see `Times`."""
    return Times(stop=stop, step=step)
