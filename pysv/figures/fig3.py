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


def entropy_of_both(axes: Axes, data: xr.Dataset) -> None:
    """Von Neumann entropy of FM_p ∪ FM_a, Eq. (6)."""
    style.note_missing(axes, [style.plot_variable(axes, data, "entropy_total", color="black")])
    axes.set_ylabel(rf"entropy of {style.BOTH} (nats)")


def entropy_of_layers(axes: Axes, data: xr.Dataset) -> None:
    """Von Neumann entropies of FM_p (dash-dotted) and FM_a (dotted), Eq. (6)."""
    absent = [
        style.plot_variable(axes, data, "entropy_polarizer", style.LAYERS["polarizer"], **POLARIZER),
        style.plot_variable(axes, data, "entropy_analyzer", style.LAYERS["analyzer"], **ANALYZER),
    ]
    style.note_missing(axes, absent)
    axes.set_ylabel("entropy of one layer (nats)")


def mutual_information(axes: Axes, data: xr.Dataset) -> None:
    """Mutual information of the two layers, Eq. (5)."""
    style.note_missing(axes, [style.plot_variable(axes, data, "mutual_information", color="black")])
    axes.set_ylabel("mutual information (nats)")


def log_negativity(axes: Axes, curves: Curves) -> None:
    """Mutual logarithmic negativity of the two layers, Eq. (2); a grey strip for the statistical error."""
    absent = []
    for number, (label, data) in enumerate(curves):
        look = NEGATIVITY[number % len(NEGATIVITY)]
        if style.plot_variable(axes, data, "log_negativity", label, **look):
            absent.append(f"log_negativity ({label})" if len(curves) > 1 else "log_negativity")
    style.note_missing(axes, absent)
    axes.set_ylabel("log. negativity (nats)")


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
    first = curves[0][1]
    times = np.concatenate([data["time"].values for _, data in curves])
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 4.4)
        panels = figure.subplots(2, 2, sharex=True)
        entropy_of_both(panels[0, 0], first)
        entropy_of_layers(panels[0, 1], first)
        mutual_information(panels[1, 0], first)
        log_negativity(panels[1, 1], curves)
        for axes, letter in zip(panels.flat, "abcd", strict=True):
            style.time_axis(axes, times, least=LEAST)
            style.panel_letter(axes, letter)
        for axes in panels[0]:
            style.add_gamma_axis(axes, hopping)
        for axes in panels[1]:
            axes.set_xlabel(style.TIME)
        style.legend_above(panels[0, 1], 2)
        if len(curves) > 1:
            style.legend_above(panels[1, 1], 2)
        style.mark_echoes(list(panels.flat), echoes)
    return figure
