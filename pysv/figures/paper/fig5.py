"""Figure 5 of the paper: probability of m flipped spins, and of the W state."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pysv.figures import style

PANELS = 4
LEAST = 1e-9  # narrowest range of an axis: probabilities that vanish stay a flat line


def split_flips(flips: np.ndarray) -> list[list[int]]:
    """Numbers of flipped spins of each panel: up to two flips, then pairs, or larger equal parts for many spins.

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
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 4 if w_state else 3, absent)
    exponent_label(axes, "probability")


def exponent_label(axes: Axes, text: str) -> None:
    """y label that carries the power of ten of a small scale, "text (×10⁻³)": no offset floats over the panel."""
    power = int(np.floor(np.log10(max(abs(limit) for limit in axes.get_ylim()))))
    if power < -2:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value / 10.0**power, 6):g}"))
        text += rf" ($\times10^{{{power}}}$)"
    axes.set_ylabel(text)


def draw(data: xr.Dataset, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw Fig. 5.

    Probability, Eq. (25), that m spins are flipped with respect to the initial configuration, Eq. (24): (a) m = 0, 1, 2
    and the fidelity of the one-magnon W state, (b) to (d) the larger m, each panel with its own scale. With fewer than
    eight spins there are fewer panels.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    hopping : float
        γ in eV, for the upper time axes.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.
    """
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
            style.add_gamma_axis(axes, hopping)
        for axes in panels[-1]:
            axes.set_xlabel(style.TIME)
        style.mark_echoes(list(panels.flat), echoes)
    return figure
