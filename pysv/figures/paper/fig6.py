"""Figure 6 of the paper, and one row more: several electrons, by tDMRG."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from string import ascii_lowercase

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.experiment import Experiment
from pysv.experiment.device import SpinValve
from pysv.experiment.source import ConfinedElectrons
from pysv.experiment.times import Times
from pysv.figures import style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import PlannedRun, Version
from pysv.figures.style import Curves
from pysv.units import HBAR

LOSS = 1e-2
"""Curves are marked as uncertain from the time on at which truncation has discarded this weight of the state."""
CORRELATIONS: tuple[tuple[str, str, style.Style], ...] = (
    ("mutual_information", "mutual information", {"color": "0.55", "linestyle": style.DASHED}),
    ("log_negativity", "log. negativity", {"color": style.RED, "linestyle": "-"}),
)


def runs(version: Version) -> dict[str, PlannedRun]:
    """Two, four and eight electrons, a snapshot every ħ/γ until 80 ħ/γ; quick, until 30 ħ/γ on a shorter chain."""
    from pysv.engines.tdmrg import TDMRG

    device, stop, method = SpinValve.for_several_electrons(), 80, TDMRG(allowed_loss=1.0)
    if version.quick:
        device, stop = SpinValve(sites=52, polarizer=(19, 22), analyzer=(27, 30)), 30
        method = TDMRG(min_bond=16, max_bond=64, discarded_weight=1e-6, allowed_loss=1.0)
    times = Times(stop=stop * HBAR, step=HBAR)
    sources = [ConfinedElectrons(electrons=count) for count in (2, 4, 8)]
    return {
        f"{source.electrons} electrons": PlannedRun(Experiment(device=device, source=source, times=times), method)
        for source in sources
    }


def half_entropy(axes: Axes, data: xr.Dataset) -> None:
    """Von Neumann entropy S_half of the right half of the chain, electrons and localized spins together."""
    absent = style.plot_variable(axes, data, "entropy_half", color="black")
    style.time_axis(axes, data["time"].values, least=style.LEAST)
    style.legend_above(axes, 1, [absent])


def correlations(axes: Axes, data: xr.Dataset) -> None:
    """Mutual information, Eq. (5), and logarithmic negativity, Eq. (2), of the two layers."""
    absent = [style.plot_variable(axes, data, name, label, **look) for name, label, look in CORRELATIONS]
    style.time_axis(axes, data["time"].values, least=style.LEAST)
    style.legend_above(axes, 1, absent)


def uncertain_from(data: xr.Dataset) -> float | None:
    """Time, fs, from which on truncation has discarded more than `LOSS` of the state, or None if it never has."""
    beyond = np.flatnonzero(1 - data["norm"].values > LOSS)
    return float(data["time"].values[beyond[0]]) if beyond.size else None


def draw(curves: Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw Fig. 6, one column for each number of electrons.

    First row: localized spins. Second row: S_half. Third row, which the paper does not have: mutual information and
    logarithmic negativity of the two layers. Hatched: truncation has discarded more than 1 % of the state.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Labelled runs.
    marks : Marks
        If the runs are quick ones, a line below the picture says so.
    """
    rows = (style.spins_panel, half_entropy, correlations)
    labels = (style.LOCALIZED_SPIN, r"$S_\mathrm{half}$ (nats)", "FM$_p$–FM$_a$ (nats)")
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 6.0)
        panels = figure.subplots(3, len(curves), sharex="col", squeeze=False)
        for column, (_, data) in enumerate(curves):
            for row, quantity in enumerate(rows):
                quantity(panels[row, column], data)
                style.panel_letter(panels[row, column], ascii_lowercase[row * len(curves) + column])
            marks.add_hopping_axis(panels[0, column])
            panels[0, column].set_title(rf"$N_e={float(data['electron_number'][0]):.0f}$", size=9)
            panels[2, column].set_xlabel(style.TIME)
            start = uncertain_from(data)
            if start is not None:
                for axes in panels[:, column]:
                    look: style.Style = {"facecolor": "none", "edgecolor": "0.8", "hatch": "////", "linewidth": 0}
                    axes.axvspan(start, float(data["time"].values[-1]), zorder=0.4, **look)
        for row, label in enumerate(labels):
            panels[row, 0].set_ylabel(label)
            if row == 1:  # S_half is compared across the columns; correlations differ too much in scale
                limits = [axes.get_ylim() for axes in panels[row]]
                for axes in panels[row]:
                    axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        marks.mark_echoes(list(panels.flat))
        if text := "; ".join(_notes(curves, marks)):
            figure.supxlabel(text, size=8, color=style.GREY)
    return figure


def _notes(curves: Curves, marks: Marks) -> Iterator[str]:
    """What stands below the picture."""
    if marks.quick:
        yield f"quick: {curves[0][1].sizes['site']} sites, a looser truncation"
    if any(uncertain_from(data) is not None for _, data in curves):
        yield f"hatched: more than {100 * LOSS:g} % of the state's weight discarded by truncation"


def claims(runs: Passes) -> Iterator[Claim]:
    """What the text says: with more electrons the spins shrink more, and the halves of the chain are more entangled."""
    shrunk = [(label, 1 - float(abs(run.whole["spin_z"]).min())) for label, run in runs]
    yield Claim(
        "the localized spins shrink the more, the more electrons",
        "1 − |⟨σ^z⟩| reaches " + ", ".join(f"{value:.3f} ({label})" for label, value in shrunk),
        verdict(all(one < other for (_, one), (_, other) in pairwise(shrunk))),
    )
    halves = [(label, float(run.whole["entropy_half"].max())) for label, run in runs]
    yield Claim(
        "S_half grows larger with more electrons",
        "it reaches " + ", ".join(f"{value:.2f} nats ({label})" for label, value in halves),
        verdict(all(one < other for (_, one), (_, other) in pairwise(halves))),
    )


RECIPE = Recipe(runs, draw, claims)
