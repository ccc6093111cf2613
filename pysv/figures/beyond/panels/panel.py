"""What the panels share: their parts, the look of their curves, and sums over a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pysv.experiment import Experiment
from pysv.experiment.spins import SpinSetting
from pysv.experiment.times import Times
from pysv.figures import style
from pysv.figures.claims import Claim
from pysv.figures.planned import Planned

NEGATIVITY = "log. neg. (nats)"
Runs = Mapping[str, xr.Dataset]
"""Finished runs of a panel by their labels."""


@dataclass(frozen=True)
class Panel:
    """A row of three pictures.

    Parameters
    ----------
    runs : callable
        The runs that the panel needs, by their labels; its argument says whether they are the quick ones.
    draw : callable
        Draws finished runs into three axes, and returns the title of the row.
    claims : callable
        What is expected of the runs, and what they show.
    """

    runs: Callable[[bool], dict[str, Planned]]
    draw: Callable[[Sequence[Axes], Runs], str]
    claims: Callable[[Runs], Iterator[Claim]]


def echo_free(device: Any, source: Any, spins: SpinSetting, stop: float, step: float, **others: Any) -> Experiment:
    """An experiment on leads without echoes."""
    times = Times(stop=stop, step=step)
    return Experiment(device=device, source=source, spins=spins, times=times, **others).echo_free()


def of_layer(data: xr.Dataset, variable: str, layer: str) -> np.ndarray:
    """A variable of the spins of one layer, (time, spin)."""
    return np.asarray(data[variable].values[:, data["layer"].values == layer])


def transmission(data: xr.Dataset) -> np.ndarray:
    """Probability that the electron is beyond the last localized spin."""
    beyond = data["electron_density"].where(data["site"] > data["spin_site"].values.max(), 0.0)
    return np.asarray(beyond.sum("site").values)


def plot(axes: Axes, data: xr.Dataset, values: Any, **look: Any) -> None:
    """Draw values against the time of a run."""
    axes.plot(data["time"].values, np.asarray(values), **look)


def keys(axes: Sequence[Axes], looks: Mapping[str, style.Style]) -> None:
    """Put the legend of a row above its last picture, to the right of the title."""
    handles = [Line2D([], [], label=label, **look) for label, look in looks.items()]
    place: style.Style = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2, "borderpad": 0.0}
    legend = axes[-1].legend(handles=handles, ncols=len(handles), **place)
    legend.set_in_layout(False)  # it reaches over the other pictures, which need no room for it


def finish(axes: Axes, label: str, *, remark: str = "") -> None:
    """Label a picture of curves against time; a remark stands inside, above the curves."""
    axes.set_ylabel(label)
    axes.set_xlabel(style.TIME)
    times = np.concatenate([line.get_xdata() for line in axes.lines])
    style.time_axis(axes, times, least=style.LEAST)
    if remark:
        low, high = axes.get_ylim()
        axes.set_ylim(top=low + 1.2 * (high - low))
        look: style.Style = {"ha": "left", "va": "top", "size": 8, "color": style.GREY}
        axes.text(0.04, 0.95, remark, transform=axes.transAxes, **look)
