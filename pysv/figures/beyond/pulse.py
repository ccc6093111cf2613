"""What of the pulse controls the entanglement: negativity after it over its width, its momentum and J_sd."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from pysv.experiment import Experiment
from pysv.experiment.device import SpinValve
from pysv.experiment.record import Every, Record
from pysv.experiment.source import WavePacket
from pysv.experiment.times import Times
from pysv.figures import style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import Planned, PlannedSweep, Version

PLATEAU = 120.0
"""Time (fs) at which the negativity is read: the packet has left the layers for good, but for a rest."""
SETTLED = 0.02
"""Change of the negativity (nats) in the last quarter of the run below which it counts as a plateau."""


class Quantity(NamedTuple):
    """One of the quantities that are varied.

    Parameters
    ----------
    key : str
        In the experiment file.
    label : str
        Of its axis.
    usual : float
        Its value where it is not varied.
    unit : float
        What one unit of the axis is.
    """

    key: str
    label: str
    usual: float
    unit: float = 1.0

    @property
    def dimension(self) -> str:
        """Name of its dimension in the dataset of a sweep."""
        return self.key.replace(".", "_")


WIDTH = Quantity("source.momentum_spread", r"width $\delta_k$ (rad/site)", 0.2)
MOMENTUM = Quantity("source.momentum", r"momentum $k$ ($\pi$ rad/site)", math.pi / 2, math.pi)
COUPLING = Quantity("device.sd_exchange", r"$J_\mathrm{sd}$ (eV)", 0.5)
MAPS = {"width, momentum": (WIDTH, MOMENTUM), "width, J_sd": (WIDTH, COUPLING), "momentum, J_sd": (MOMENTUM, COUPLING)}
"""Quantities along the two axes of each map."""


def _values(quantity: Quantity, quick: bool) -> tuple[float, ...]:
    """Values of a quantity, its usual one among them."""
    first, step, last = {
        WIDTH: (0.08, 0.12 if quick else 0.04, 0.48),
        MOMENTUM: (0.3, 0.2, 0.7) if quick else (0.25, 0.05, 0.75),
        COUPLING: (0.1, 0.4 if quick else 0.1, 1.5),
    }[quantity]
    return tuple(round(float(value), 3) * quantity.unit for value in np.arange(first, last + step / 2, step))


def runs(version: Version) -> dict[str, Planned]:
    """Sweeps over each two of the three quantities, with 4+4 spins; quick, with 2+2 spins and fewer values."""
    experiment = Experiment(
        device=SpinValve.with_layers(2 if version.quick else 4, sites=190, first=110),
        source=WavePacket(center=60),
        times=Times(stop=PLATEAU, step=PLATEAU / 4),
        record=Record(every=Every(qfi=0, w_fidelity=0)),
    ).echo_free()
    return {
        label: PlannedSweep(experiment, tuple((one.key, _values(one, version.quick)) for one in quantities))
        for label, quantities in MAPS.items()
    }


def _plane(data: xr.Dataset, label: str, *, at: int = -1) -> xr.DataArray:
    """Negativity at a snapshot, (second quantity, first quantity)."""
    one, other = MAPS[label]
    return data["log_negativity"].isel(time=at).transpose(other.dimension, one.dimension)


def negativity(axes: Axes, data: xr.Dataset, label: str, top: float) -> QuadMesh:
    """Map of the negativity, with contours; a cross marks the usual values."""
    one, other = MAPS[label]
    x, y = (data[quantity.dimension].values / quantity.unit for quantity in (one, other))
    plane = _plane(data, label).values
    mesh = axes.pcolormesh(x, y, plane, cmap=colormaps["magma_r"], vmin=0.0, vmax=top, shading="nearest")
    levels = np.arange(0.05, top, 0.05)
    lines = axes.contour(x, y, plane, levels=levels, colors="white", linewidths=0.8)
    edge = [Stroke(linewidth=1.6, foreground="0.2"), Normal()]
    lines.set_path_effects(edge)
    for text in axes.clabel(lines, fmt="%g", fontsize=7):
        text.set_path_effects(edge)
    axes.plot(one.usual / one.unit, other.usual / other.unit, marker="+", color="black", markersize=8, linestyle="")
    axes.set(xlabel=one.label, ylabel=other.label)
    return mesh


def draw(curves: style.Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw the maps.

    Mutual logarithmic negativity of FM_p and FM_a after the packet has passed (a) over δ_k and k, (b) over δ_k and
    J_sd, (c) over k and J_sd. The third quantity has its usual value. A cross marks all usual values.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        The sweeps, labelled as by `runs`.
    marks : Marks
        γ gives the duration of a packet; if the runs are quick ones, a line below the picture says so.
    """
    top = max(float(_plane(data, label).max()) for label, data in curves)
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 2.7)
        panels = figure.subplots(1, len(curves))
        for axes, (label, data), letter in zip(panels, curves, "abc", strict=True):
            mesh = negativity(axes, data, label, top)
            style.panel_letter(axes, letter)
        speed = WavePacket(momentum=MOMENTUM.usual).velocity(marks.hopping)

        def inverse(value: np.ndarray) -> np.ndarray:
            """Width to duration, and back."""
            return np.asarray(1 / (speed * np.maximum(value, 1e-9)))

        upper = panels[1].secondary_xaxis("top", functions=(inverse, inverse))
        upper.set_xlabel(r"duration $1/(v\,\delta_k)$ (fs)")
        upper.set_xticks([0.7, 1, 2, 4], ["0.7", "1", "2", "4"])
        panels[1].tick_params(top=False)
        figure.colorbar(mesh, ax=list(panels), label=f"log. negativity at {PLATEAU:g} fs (nats)", pad=0.01)
        if marks.quick:
            figure.supxlabel(f"quick: {curves[0][1].sizes['spin']} spins, few values", size=8, color=style.GREY)
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """Duration, momentum and coupling of the pulse control the entanglement that it leaves."""
    found = {label: run.whole for label, run in runs}
    last, before = (np.concatenate([_plane(data, label, at=at).values.ravel() for label, data in found.items()])
                    for at in (-1, -2))  # fmt: skip
    change = float(np.abs(last - before).max())
    yield Claim(
        f"the negativity has its plateau by {PLATEAU:g} fs",
        f"in the last {PLATEAU / 4:g} fs it changes by {change:.4f} nat at most, and by "
        f"{float(np.median(np.abs(last - before))):.0e} nat in the median",
        verdict(change < SETTLED),
    )
    width = _usual(found["width, momentum"], MOMENTUM)
    yield Claim(
        "at the usual momentum and coupling the longest pulse leaves most entanglement",
        f"{width[0]:.3f} nat, the shortest {width[-1]:.3f} nat",
        verdict(int(width.argmax()) == 0),
    )
    coupling = _usual(found["width, J_sd"], WIDTH)
    values = found["width, J_sd"][COUPLING.dimension].values
    best = int(coupling.argmax())
    yield Claim(
        "J_sd can be too weak and too strong",
        f"{coupling[0]:.4f} nat at {values[0]:g} eV, the most, {coupling[best]:.3f} nat, at {values[best]:g} eV, "
        f"{coupling[-1]:.3f} nat at {values[-1]:g} eV",
        verdict(0 < best < len(values) - 1),
    )


def _usual(data: xr.Dataset, quantity: Quantity) -> np.ndarray:
    """Last negativity where one quantity has its usual value, against the other."""
    plane = data["log_negativity"].isel(time=-1).sel({quantity.dimension: quantity.usual}, method="nearest")
    return np.asarray(plane.values)


RECIPE = Recipe(runs, draw, claims)
