"""Figure 4 of the paper: logarithmic negativity of the two layers for more and more localized spins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import planned, style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim, Pass, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import PlannedRun, Version
from pysv.figures.style import Curves

PASSED = 30.0
"""Time (fs) at which sizes are compared: the packet has passed both layers, and no wall has sent it back yet."""


def runs(version: Version) -> dict[str, PlannedRun]:
    """Valves of 1+1 to 8+8 spins; full, to 10+10; quick, to 5+5."""
    return planned.valves(range(1, 6 if version.quick else 11 if version.full else 9), "log_negativity", version)


def negativity(axes: Axes, curves: Curves) -> list[str]:
    """Mutual logarithmic negativity, Eq. (2), one curve for each number of spins; returns what the runs lack."""
    absent = []
    colors = colormaps["viridis_r"](np.linspace(0.12, 1.0, len(curves)))
    for number, ((label, data), color) in enumerate(zip(curves, colors, strict=True)):
        look: style.Style = {"color": color, "linestyle": style.DASHES[number % len(style.DASHES)]}
        if style.plot_variable(axes, data, "log_negativity", label, **look):
            absent.append(f"log_negativity ({label})")
    axes.set_ylabel(style.LOG_NEGATIVITY)
    axes.set_xlabel(style.TIME)
    return absent


def growth(axes: Axes, curves: Curves) -> None:
    """Negativity after the packet has passed, against the number of spins, with its error."""
    for _, data in curves:
        if "log_negativity" not in data:
            continue
        measured = data.dropna("time", subset=["log_negativity"])
        last = measured.sel(time=PASSED, method="nearest")
        error = float(last["log_negativity_error"]) if "log_negativity_error" in last else 0.0
        bar = None if np.isnan(error) or error == 0 else error
        axes.errorbar(data.sizes["spin"], float(last["log_negativity"]), bar, color="black", marker="o", markersize=3.5,
                      capsize=2, linewidth=0.8)  # fmt: skip
    axes.set_xlabel("localized spins $N$")
    axes.set_ylabel(f"log. negativity at {PASSED:g} fs (nats)")
    axes.margins(x=0.08)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def draw(curves: Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw Fig. 4.

    (a) Mutual logarithmic negativity of FM_p and FM_a, Eq. (2), against time, one curve for each number of localized
    spins, with its error where it is sampled; (b) its value after the packet has passed, against N.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled by their spins, such as "4+4".
    marks : Marks
    """
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 3.0)
        panels = figure.subplots(1, 2, width_ratios=(1.6, 1))
        absent = negativity(panels[0], curves)
        style.time_axis(panels[0], style.all_times(curves), least=style.LEAST)
        style.legend_above(panels[0], 5, absent)
        marks.add_hopping_axis(panels[0])
        marks.mark_echoes(panels[:1])
        growth(panels[1], curves)
        for axes, letter in zip(panels, "ab", strict=True):
            style.panel_letter(axes, letter)
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """What the text says about the negativity against the number of spins."""
    sizes = [(label, _at_pass(run)) for label, run in runs]
    grows = all(one <= other for (_, one), (_, other) in pairwise(sizes))
    yield Claim(
        "the negativity grows with the number of spins",
        f"at {PASSED:g} fs: " + ", ".join(f"{label} {value:.3f}" for label, value in sizes),
        verdict(grows and len(sizes) > 1),
    )


def _at_pass(run: Pass) -> float:
    values = run.whole["log_negativity"].dropna("time")
    return float(values.sel(time=min(PASSED, run.end), method="nearest"))


RECIPE = Recipe(runs, draw, claims, ways=("quick", "full"))
