"""Figure 4 of the paper: logarithmic negativity of the two layers for more and more localized spins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import style

Curves = Sequence[tuple[str, xr.Dataset]]

PASSED = 30.0
"""Time (fs) of the second panel: the packet has passed both layers, and no wall has sent it back yet."""
LEAST = 1e-6  # changes (nats) below this are rounding noise and stay a flat line


def negativity(axes: Axes, curves: Curves) -> list[str]:
    """Mutual logarithmic negativity, Eq. (2), one line for each number of spins; returns what the runs lack."""
    absent = []
    colors = colormaps["viridis_r"](np.linspace(0.12, 1.0, len(curves)))
    for number, ((label, data), color) in enumerate(zip(curves, colors, strict=True)):
        look: style.Style = {"color": color, "linestyle": style.DASHES[number % len(style.DASHES)]}
        if style.plot_variable(axes, data, "log_negativity", label, **look):
            absent.append(f"log_negativity ({label})")
    axes.set_ylabel("log. negativity (nats)")
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


def draw(curves: Curves, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw Fig. 4.

    (a) Mutual logarithmic negativity of FM_p and FM_a, Eq. (2), against time, one line for each number of localized
    spins, a grey strip for the error where it is sampled; (b) its value when the packet has passed, against N.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled by their spins, such as "4+4".
    hopping : float
        γ in eV, for the upper time axis.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.
    """
    times = np.concatenate([data["time"].values for _, data in curves])
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 3.0)
        panels = figure.subplots(1, 2, width_ratios=(1.6, 1))
        absent = negativity(panels[0], curves)
        style.time_axis(panels[0], times, least=LEAST)
        style.legend_above(panels[0], 5, absent)
        style.add_gamma_axis(panels[0], hopping)
        style.mark_echoes(panels[:1], echoes)
        growth(panels[1], curves)
        for axes, letter in zip(panels, "ab", strict=True):
            style.panel_letter(axes, letter)
    return figure
