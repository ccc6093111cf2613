"""Figure 3 of the paper: entropies, mutual information and logarithmic negativity of the localized spins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import style

Curves = Sequence[tuple[str, xr.Dataset]]

NEGATIVITY: tuple[style.Style, ...] = (  # the paper's order: T = 0 K, Gibbs state, cold bath, hot bath; then spare ones
    {"color": "#000000", "linestyle": "-"},
    {"color": "#8e0f2f", "linestyle": style.DOTTED},
    {"color": "#f0a132", "linestyle": "-"},
    {"color": "#d2502f", "linestyle": (0, (6, 1.6))},
    {"color": "#3f83c4", "linestyle": style.DASH_DOTTED},
    {"color": "#7b4fa3", "linestyle": (0, (3, 1.2))},
)
POLARIZER: style.Style = {"color": "#0b4a8f", "linestyle": style.DASH_DOTTED}
ANALYZER: style.Style = {"color": "#d9622b", "linestyle": style.DOTTED}
LEAST = 1e-6  # changes (nats) below this are rounding noise and stay a flat line


def entropy_of_both(axes: Axes, curves: Curves) -> list[str | None]:
    """Von Neumann entropy of FM_p ∪ FM_a, Eq. (6), of the first run; returns what the run lacks, as all panels do."""
    axes.set_ylabel(rf"entropy of {style.BOTH} (nats)")
    return [style.plot_variable(axes, curves[0][1], "entropy_total", color="black")]


def entropy_of_layers(axes: Axes, curves: Curves) -> list[str | None]:
    """Von Neumann entropies of FM_p (dash-dotted) and FM_a (dotted), Eq. (6), of the first run."""
    axes.set_ylabel("entropy of one layer (nats)")
    return [
        style.plot_variable(axes, curves[0][1], "entropy_polarizer", style.LAYERS["polarizer"], **POLARIZER),
        style.plot_variable(axes, curves[0][1], "entropy_analyzer", style.LAYERS["analyzer"], **ANALYZER),
    ]


def mutual_information(axes: Axes, curves: Curves) -> list[str | None]:
    """Mutual information of the two layers, Eq. (5), in the first run."""
    axes.set_ylabel("mutual information (nats)")
    return [style.plot_variable(axes, curves[0][1], "mutual_information", color="black")]


def log_negativity(axes: Axes, curves: Curves) -> list[str | None]:
    """Mutual logarithmic negativity of the two layers, Eq. (2); a grey strip for the statistical error."""
    axes.set_ylabel("log. negativity (nats)")
    absent: list[str | None] = []
    for number, (label, data) in enumerate(curves):
        look, several = NEGATIVITY[number % len(NEGATIVITY)], len(curves) > 1
        if style.plot_variable(axes, data, "log_negativity", label if several else "", **look):
            absent.append(f"log_negativity ({label})" if several else "log_negativity")
    return absent


def draw(curves: Curves, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw Fig. 3.

    (a) Entropy of FM_p ∪ FM_a, (b) of FM_p and of FM_a, Eq. (6); (c) mutual information, Eq. (5); (d) logarithmic
    negativity, Eq. (2), one line a run.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Labelled runs. The first, T = 0 K, fills panels (a) to (c); all go into (d).
    hopping : float
        γ in eV, for the upper time axes.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.
    """
    times = np.concatenate([data["time"].values for _, data in curves])
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 4.4)
        panels = figure.subplots(2, 2, sharex=True)
        quantities = (entropy_of_both, entropy_of_layers, mutual_information, log_negativity)
        for axes, quantity, letter in zip(panels.flat, quantities, "abcd", strict=True):
            absent = quantity(axes, curves)
            style.time_axis(axes, times, least=LEAST)
            style.legend_above(axes, 2, absent)
            style.panel_letter(axes, letter)
        for axes in panels[0]:
            style.add_gamma_axis(axes, hopping)
        for axes in panels[1]:
            axes.set_xlabel(style.TIME)
        style.mark_echoes(list(panels.flat), echoes)
    return figure
