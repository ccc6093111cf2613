"""Figure 5 of the paper: probability of m flipped spins, and of the W state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import comb

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pysv.figures import planned, style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import NOTHING, Claim, Passes, concurrent, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import THERMAL, PlannedRun, Version

PANELS = 4


def runs(version: Version) -> dict[str, PlannedRun]:
    """The run at T = 0; thermal, with the layers in a pinned Gibbs state at 100 K in its place."""
    if not version.thermal:
        return planned.paper_run(version)
    return {"thermal": PlannedRun(replace(planned.paper_experiment(version), spins=THERMAL))}


def split_flips(flips: np.ndarray) -> list[list[int]]:
    """Numbers of flipped spins in each panel: up to two in the first, then pairs, or larger equal parts for many spins.

    >>> split_flips(np.arange(9))
    [[0, 1, 2], [3, 4], [5, 6], [7, 8]]
    >>> split_flips(np.arange(3))
    [[0, 1, 2]]
    """
    few, many = flips[flips <= 2], flips[flips > 2]
    groups = [few, *np.array_split(many, min(PANELS - 1, -(-many.size // 2)))] if many.size else [few]
    return [[int(flip) for flip in group] for group in groups if len(group)]


def probabilities(axes: Axes, data: xr.Dataset, flips: list[int], *, w_state: bool = False) -> None:
    """Probability of m flipped spins, Eqs. (25) to (27), for a few m, and the W-state fidelity (dotted)."""
    name = "magnon_probability"
    absent = [name if name not in data else None]
    for m, look in zip(flips, style.CURVES, strict=False):
        index = int(np.flatnonzero(data["flips"].values == m)[0])
        absent.append(style.plot_variable(axes, data, name, f"$m={m}$", at={"flips": index}, **look))
    if w_state:
        absent.append(style.plot_variable(axes, data, "w_fidelity", "W state", color="0.35", linestyle=style.DOTTED))
    style.time_axis(axes, data["time"].values)
    style.legend_above(axes, 4 if w_state else 3, absent)
    exponent_label(axes, "probability")


def exponent_label(axes: Axes, text: str) -> None:
    """Put the power of ten of a small scale into the y label, "text (×10⁻³)"; no offset floats over the panel."""
    power = int(np.floor(np.log10(max(abs(limit) for limit in axes.get_ylim()))))
    if power < -2:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value / 10.0**power, 6):g}"))
        text += rf" ($\times10^{{{power}}}$)"
    axes.set_ylabel(text)


def draw(curves: style.Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw Fig. 5.

    Probability, Eq. (25), that m spins are flipped with respect to the initial configuration, Eq. (24): (a) m = 0, 1, 2
    and the fidelity of the one-magnon W state, (b) to (d) the larger m, each panel with its own scale. With fewer than
    eight spins there are fewer panels.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Labelled runs, of which the first is drawn.
    marks : Marks
    """
    data = curves[0][1]
    groups = split_flips(data["flips"].values) if "flips" in data.coords else [[]]
    columns = 2 if len(groups) == PANELS else 1
    rows = len(groups) // columns
    with style.paper_style():
        figure = style.new_figure(style.PAGE if columns == 2 else style.COLUMN, 0.6 + 1.9 * rows)
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
        for number, (axes, flips) in enumerate(zip(panels.flat, groups, strict=True)):
            probabilities(axes, data, flips, w_state=number == 0)
            style.panel_letter(axes, "abcd"[number])
        for axes in panels[0]:
            marks.add_hopping_axis(axes)
        for axes in panels[-1]:
            axes.set_xlabel(style.TIME)
        marks.mark_echoes(list(panels.flat))
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """What the text says about the probabilities of m flipped spins."""
    run = runs[0][1]
    flips = run.data["flips"].values
    begun = {m: run.onset("magnon_probability", flips=int(m)) for m in flips if m in (1, 2, 3)}
    spread = max(begun.values()) - min(begun.values())
    yield Claim(
        "m = 0 stays close to one until m = 1, 2, 3 are concurrently excited around t ≃ 20 fs",
        "they set in at " + ", ".join(f"{time:.1f} fs (m = {m})" for m, time in begun.items()),
        concurrent(spread, run, f"one after the other, over {spread:.1f} fs"),
    )
    largest = [run.largest("magnon_probability", flips=m) for m in flips]
    yield Claim(
        f"at later times even the state with all {flips[-1]} spins flipped is excited",
        f"its probability reaches {largest[-1]:.1e}",
        verdict(largest[-1] > NOTHING),
    )
    yield Claim(
        "the probabilities of m ≥ 3 are progressively smaller than those of m = 1, 2",
        "the largest are " + ", ".join(f"{value:.1e} (m = {m})" for m, value in zip(flips, largest, strict=True) if m),
        verdict(all(one > other for one, other in pairwise(largest[2:]))),
    )
    w = run.largest("w_fidelity")
    yield Claim("the one-magnon W state has a nonzero probability", f"it reaches {w:.3f}", verdict(w > NOTHING))
    total = float(abs(run.whole["spin_z_total"]).max())
    yield Claim("⟨S^z_tot⟩ = 0 at all times", f"the largest |⟨σ^z_tot⟩| is {total:.0e}", verdict(total < 1e-8))
    device = run.experiment.device
    reached = sum(comb(device.n_spins, device.layers[1].count + change) for change in (-1, 0, 1))
    yield Claim(
        "182 of the 256 configurations can be excited",
        f"the sectors of the two pure runs hold {reached} of {2**device.n_spins}",
        verdict((reached, device.n_spins) == (182, 8)),
    )


RECIPE = Recipe(runs, draw, claims, ways=("quick", "thermal"))
