"""Figure 2 of the paper: spin of the flowing electron and of every localized spin."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import style

SILENT = 1e-6  # transverse components of the electron spin below this are not drawn


def electron_spin(axes: Axes, data: xr.Dataset) -> None:
    """Electron spin, Eq. (23): z, and x and y where they differ from zero."""
    absent = []
    for component, look in zip("zxy", style.CURVES, strict=False):
        name = f"electron_spin_{component}"
        if component != "z" and (name not in data or float(np.abs(data[name]).max()) < SILENT):
            continue
        absent.append(style.plot_variable(axes, data, name, rf"$\langle\hat\sigma^{component}_e\rangle$", **look))
    axes.set_ylabel("electron spin")
    if len(axes.lines) == 1:  # the label does for a legend
        axes.set_ylabel(rf"electron spin {axes.lines[0].get_label()}")
        axes.lines[0].set_label("_")
    style.time_axis(axes, data["time"].values, least=SILENT)
    style.legend_above(axes, 3, absent)


def localized_spins(axes: Axes, data: xr.Dataset) -> None:
    """z component of every localized spin, numbered i = 1…N along the chain; one legend a layer, beside the panel."""
    axes.set_ylabel(r"localized spin $\langle\hat\sigma^z_i\rangle$")
    legends = []
    for layer, lines in style.plot_spins(axes, data).items():
        if not lines:
            continue
        corner, height = ("upper left", 1.0) if layer == "polarizer" else ("lower left", 0.0)
        options: style.Style = {"loc": corner, "bbox_to_anchor": (1.0, height), "ncols": 1 if len(lines) <= 6 else 2}
        options |= {"fontsize": 7, "title_fontsize": 8, "borderpad": 0.0}
        legend = axes.legend(handles=lines, title=rf"{style.LAYERS[layer]}, $i=$", **options)
        legend.get_title().set_color(lines[0].get_color())
        legends.append(legend)
    for legend in legends[:-1]:  # the axes keep only the last legend by themselves
        axes.add_artist(legend)
        legend.set_clip_on(False)
    axes.set_ylim(-1.06, 1.06)
    style.time_axis(axes, data["time"].values)
    if not legends:
        style.legend_above(axes, 1, ["spin_z"])


def draw(data: xr.Dataset, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw Fig. 2.

    (a) Electron spin, Eq. (23). (b) Localized spins, blue for FM_p and red for FM_a. Both are expectation values of
    Pauli matrices, in [-1, 1].

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    hopping : float
        γ in eV, for the upper time axis.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.
    """
    with style.paper_style():
        figure = style.new_figure(style.COLUMN, 4.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
        electron_spin(upper, data)
        localized_spins(lower, data)
        lower.set_xlabel(style.TIME)
        style.add_gamma_axis(upper, hopping)
        style.mark_echoes((upper, lower), echoes)
        style.panel_letter(upper, "a")
        style.panel_letter(lower, "b")
    return figure
