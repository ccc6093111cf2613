"""Figure 6 of the paper, and one row more: several electrons, by tDMRG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import style

Runs = Sequence[tuple[int, xr.Dataset]]

LEAST = 1e-6  # changes (nats) below this are rounding noise and stay a flat line
LOSS = 1e-2
"""Discarded weight from which on a run's curves are marked as uncertain."""
CORRELATIONS: tuple[tuple[str, str, style.Style], ...] = (
    ("mutual_information", "mutual information", {"color": "0.55", "linestyle": style.DASHED}),
    ("log_negativity", "log. negativity", {"color": "#b2182b", "linestyle": "-"}),
)


def localized_spins(axes: Axes, data: xr.Dataset) -> None:
    """z component of every localized spin: FM_p blue, FM_a red, dark for the first spin of a layer."""
    for layer, lines in style.plot_spins(axes, data).items():
        for line in lines:
            line.set_label("_")
        if lines:
            lines[0].set_label(style.LAYERS[layer])
    axes.set_ylim(-1.06, 1.06)
    style.time_axis(axes, data["time"].values)
    style.legend_above(axes, 2, ["spin_z"] if "spin_z" not in data else ())


def half_entropy(axes: Axes, data: xr.Dataset) -> None:
    """Von Neumann entropy S_half of the right half of the chain, localized spins and electrons."""
    absent = style.plot_variable(axes, data, "entropy_half", color="black")
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 1, [absent])


def correlations(axes: Axes, data: xr.Dataset) -> None:
    """Mutual information, Eq. (5), and logarithmic negativity, Eq. (2), of the two layers."""
    absent = [style.plot_variable(axes, data, name, label, **look) for name, label, look in CORRELATIONS]
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 1, absent)


def uncertain_from(data: xr.Dataset) -> float | None:
    """Time, fs, from which on truncation has taken more than `LOSS` of the state; None where it has not."""
    beyond = np.flatnonzero(1 - data["norm"].values > LOSS)
    return float(data["time"].values[beyond[0]]) if beyond.size else None


def draw(runs: Runs, *, hopping: float = 1.0, echoes: style.Echoes = (), note: str = "") -> Figure:
    """Draw Fig. 6, one column for each number of electrons.

    First row: localized spins. Second row: S_half. Third row, which the paper does not have: mutual information and
    logarithmic negativity of the two layers. Hatched: truncation has discarded more than 1 % of the state.

    Parameters
    ----------
    runs : sequence of (int, xarray.Dataset)
        Number of electrons and run.
    hopping : float
        γ in eV, for the upper time axis.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.
    note : str
        A line below the picture, such as what a quick one leaves out.
    """
    rows = (localized_spins, half_entropy, correlations)
    labels = (r"localized spin $\langle\hat\sigma^z_i\rangle$", r"$S_\mathrm{half}$ (nats)", "FM$_p$–FM$_a$ (nats)")
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 6.0)
        panels = figure.subplots(3, len(runs), sharex="col", squeeze=False)
        for column, (electrons, data) in enumerate(runs):
            for row, quantity in enumerate(rows):
                quantity(panels[row, column], data)
                style.panel_letter(panels[row, column], "abcdefghijklmnopqrstuvwxyz"[row * len(runs) + column])
            style.add_gamma_axis(panels[0, column], hopping)
            panels[0, column].set_title(rf"$N_e={electrons}$", size=9)
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
        style.mark_echoes(list(panels.flat), echoes)
        marked = any(uncertain_from(data) is not None for _, data in runs)
        remark = "hatched: more than 1 % of the state's weight discarded by truncation" if marked else ""
        text = "; ".join(part for part in (note, remark) if part)
        if text:
            figure.supxlabel(text, size=8, color=style.GREY)
    return figure
