"""What the claims about the paper's figures share: a claim, a single pass of the electron, onsets and verdicts.

A claim sets what the paper's text says beside what the runs show. Every value and verdict is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from pysv.experiment import Experiment
from pysv.experiment.source import WavePacket

SHARE = 0.05
"""A quantity has set in when it has made this share of its largest change in the single pass."""
NOTHING = 1e-9
"""What is smaller is rounding noise."""
ONSETS = 10.0, 20.0
"""Times, fs, at which FM_p and FM_a start to change, by the paper's text."""
AGREES, SHAPE, DIFFERS, ABSENT = "yes", "in order, not in fs", "**no**", "not shown"


class Claim(NamedTuple):
    """One line of the page: what the text says, what the run shows, and whether they agree."""

    says: str
    shows: str
    agrees: str


class Pass:
    """A run up to the first wall echo: the single pass of the electron that the paper describes.

    Parameters
    ----------
    data : xarray.Dataset
        The run.
    experiment : Experiment
        Which made the run.
    """

    def __init__(self, data: xr.Dataset, experiment: Experiment) -> None:
        self.whole = data
        self.experiment = experiment
        self.end = min([float(data["time"][-1]), *(time for time, _ in experiment.wall_echoes)])
        self.data = data.sel(time=slice(None, self.end))

    @property
    def packet(self) -> WavePacket:
        """The incoming electron; runs of several electrons have none."""
        return self.experiment.source  # type: ignore[return-value]

    @property
    def velocity(self) -> float:
        """Group velocity of the packet, sites/fs."""
        return self.packet.velocity(self.experiment.device.largest_hopping)

    @property
    def together(self) -> float:
        """Time, fs, in which the packet moves by its standard deviation; two times no farther apart count as one."""
        return 1 / (self.packet.momentum_spread * self.velocity)

    def onset(self, name: str, layer: str | None = None, **at: int) -> float:
        """See `onset`."""
        values = self.whole[name].sel(at) if at else self.whole[name]
        return onset(values[:, (values["layer"] == layer).values] if layer else values, self.end)

    def largest(self, name: str, **at: float) -> float:
        """Largest absolute value."""
        return float(abs(self.data[name].sel(at, method="nearest") if at else self.data[name]).max())

    def when_largest(self, name: str) -> float:
        """Time of the largest absolute value, fs."""
        return float(self.data["time"][int(abs(self.data[name]).argmax("time"))])


Passes = Sequence[tuple[str, Pass]]
"""Labelled runs."""


def onset(values: xr.DataArray, until: float) -> float:
    """Time (fs) at which a quantity has made `SHARE` of its largest change before `until`; nan if it never changes.

    The time is interpolated between snapshots. If the quantity has a second dimension, such as the spins of a layer,
    the member that has changed most counts at every time.
    """
    seen = values.dropna("time").sel(time=slice(None, until))
    change = abs(seen - seen.isel(time=0)).values
    if change.size == 0 or change.max() < NOTHING:
        return float("nan")
    leader = change if change.ndim == 1 else change.max(axis=1)  # the farthest member of a layer
    after = int((leader > SHARE * change.max()).argmax())  # never 0: nothing has changed there
    times, ends = seen["time"].values[after - 1 : after + 1], leader[after - 1 : after + 1]
    return float(np.interp(SHARE * change.max(), ends, times))


def verdict(holds: bool) -> str:
    """Whether the run agrees with a statement that is true or false."""
    return AGREES if holds else DIFFERS


def in_order(first: float, second: float) -> str:
    """Whether onsets (fs) at FM_p and at FM_a follow one another, and lie within 1 fs of those of the text."""
    if not first < second:
        return DIFFERS
    near = all(abs(time - said) <= 1 for time, said in zip((first, second), ONSETS, strict=True))
    return AGREES if near else SHAPE


def concurrent(apart: float, run: Pass, words: str) -> str:
    """Whether onsets that are `apart` fs from each other count as one; if not, the words say how they differ."""
    return SHAPE if apart <= run.together else f"{DIFFERS}: {words}"
