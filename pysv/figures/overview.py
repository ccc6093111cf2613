"""One page that shows a whole run: where the electron is, what the spins do, their entanglement, and the drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from pysv.figures import style

LEAST = 1e-6  # changes below this are rounding noise and stay a flat line
FLOOR = 1e-6  # smallest probability on the logarithmic scale
MOST_FLIPS = 8


def density(axes: Axes, data: xr.Dataset, echoes: style.Echoes) -> None:
    """Electron density as a map of time and site, with the sites of the two layers between thin lines."""
    axes.set(xlabel=style.TIME, ylabel="site")
    if "electron_density" not in data:
        style.time_axis(axes, data["time"].values)
        style.legend_above(axes, 1, ["electron_density"])
        return
    look: style.Style = {"cmap": "GnBu", "norm": PowerNorm(0.5, vmin=0)}
    site_map(axes, data, data["electron_density"], echoes, label="electrons per site", **look)


def site_map(
    axes: Axes, data: xr.Dataset, shown: xr.DataArray, echoes: style.Echoes, label: str = "", **look: Any
) -> None:
    """A variable (time, site or the like) as a map, with a colour bar, the sites of the layers and the echoes."""
    place_name = str(shown.dims[1])
    time, site, values = shown["time"].values, data[place_name].values, shown.values.T
    if time.size == 1:  # a lone snapshot becomes a stripe
        time, values = np.append(time, time + 1.0), np.repeat(values, 2, axis=1)
    mesh = axes.pcolormesh(time, site, values, shading="nearest", rasterized=True, **look)
    axes.figure.colorbar(mesh, ax=axes, label=label or style.variable_label(shown), pad=0.01, aspect=12)
    axes.set_xlim(time[0], time[-1])
    axes.set_ylabel(place_name)
    for layer, vertical in (("polarizer", "top"), ("analyzer", "bottom")):
        sites = data["spin_site"].values[data["layer"].values == layer] if "layer" in data.coords else np.array([])
        if sites.size and place_name in ("site", "bond"):
            low, high = sites.min() - 0.5, sites.max() + 0.5
            axes.hlines([low, high], *axes.get_xlim(), color="0.25", linewidth=0.5)
            place: style.Style = {
                "xycoords": axes.get_yaxis_transform(),
                "textcoords": "offset points",
                "ha": "right",
                "va": vertical,
            }
            shift = (-3, -1) if vertical == "top" else (-3, 1)
            axes.annotate(style.LAYERS[layer], (1, low if vertical == "top" else high), xytext=shift, **place)
    for echo, _ in echoes:
        if time[0] < echo < time[-1]:
            axes.axvline(echo, color="0.55", linewidth=0.6)


def localized_spins(axes: Axes, data: xr.Dataset) -> None:
    """z of every localized spin: FM_p blue, FM_a red, dark for the first spin of a layer."""
    for layer, lines in style.plot_spins(axes, data).items():
        for line in lines:
            line.set_label("_")
        if lines:
            lines[0].set_label(style.LAYERS[layer])
    axes.set_ylim(-1.06, 1.06)
    axes.set_ylabel(r"localized spin $\langle\hat\sigma^z_i\rangle$")
    style.time_axis(axes, data["time"].values)
    style.legend_above(axes, 2, ["spin_z"] if "spin_z" not in data else ())


def entropies(axes: Axes, data: xr.Dataset) -> None:
    """Von Neumann entropies, Eq. (6), and mutual information, Eq. (5)."""
    names = {
        "entropy_total": "both",
        "entropy_polarizer": style.LAYERS["polarizer"],
        "entropy_analyzer": style.LAYERS["analyzer"],
        "mutual_information": "MI",
    }
    looks = zip(names.items(), style.CURVES, strict=False)
    absent = [style.plot_variable(axes, data, name, label, **look) for (name, label), look in looks]
    axes.set_ylabel("entropy and MI (nats)")
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 4, absent)


def negativity(axes: Axes, data: xr.Dataset) -> None:
    """Logarithmic negativity of the two layers, Eq. (2)."""
    absent = style.plot_variable(axes, data, "log_negativity", color="black")
    axes.set_ylabel("log. negativity (nats)")
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 1, [absent])


def magnons(axes: Axes, data: xr.Dataset) -> None:
    """Probability of m flipped spins, Eq. (25), on a logarithmic scale."""
    name = "magnon_probability"
    if name in data:
        flips = data["flips"].values[: MOST_FLIPS + 1]
        for index, color in enumerate(colormaps["YlOrBr_r"](np.linspace(0, 0.7, flips.size))):
            look = {"color": color, "linestyle": style.DASHES[index % len(style.DASHES)]}
            style.plot_variable(axes, data, name, str(flips[index]) if index else "$m=0$", at={"flips": index}, **look)
        axes.set_yscale("log")
        axes.set_ylim(FLOOR, 1.3)
    axes.set_ylabel("probability of $m$ flips")
    style.time_axis(axes, data["time"].values, least=0)
    style.legend_above(axes, 5, [] if name in data else [name])


def fisher(axes: Axes, data: xr.Dataset) -> None:
    """True quantum Fisher information per spin in spin-1/2 units; above the dashed line at 1 it shows entanglement."""
    momenta = data["momentum"].values if "qfi" in data else np.array([])
    for index, (momentum, look) in enumerate(zip(momenta, style.CURVES, strict=False)):
        style.plot_variable(axes, data, "qfi", style.momentum_label(momentum), at={"momentum": index}, **look)
    axes.set_ylabel("QFI per spin")
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 4, [] if momenta.size else ["qfi"])
    if momenta.size and axes.get_ylim()[1] > 1:
        axes.axhline(1, color="0.45", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.7)


def drift(axes: Axes, data: xr.Dataset) -> None:
    """Distance of norm, energy and total spin from their first values; a bath may change the last two."""
    names = {"norm": "norm", "energy": "energy (eV)", "spin_z_total": r"total $\langle\hat\sigma^z\rangle$"}
    for (name, label), look in zip(names.items(), style.CURVES, strict=False):
        if name in data:
            distance = abs(data[name] - data[name].isel(time=0))
            changed = distance.where(distance > 0).to_dataset(name=name)
            style.plot_variable(axes, changed, name, label, **look)
    axes.set_ylabel("drift")
    if axes.lines:
        axes.set_yscale("log")
    style.time_axis(axes, data["time"].values, least=0)
    absent = [name for name in names if name not in data]
    style.legend_above(axes, 3, absent, remark="" if axes.lines or absent else "none")


def draw(data: xr.Dataset, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw the overview of a run.

    (a) Electron density, (b) localized spins, (c) entropies and mutual information, Eqs. (5) and (6), (d) logarithmic
    negativity, Eq. (2), (e) probability of m flipped spins, Eq. (25), (f) quantum Fisher information, (g) drift of
    norm, energy and total spin.

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
        figure = style.new_figure(style.PAGE, 8.8)
        panels = figure.subplot_mosaic("AA;BC;DE;FG", height_ratios=(1.25, 1, 1, 1))
        density(panels["A"], data, echoes)
        for letter, panel in zip(
            "BCDEFG", (localized_spins, entropies, negativity, magnons, fisher, drift), strict=True
        ):
            panel(panels[letter], data)
        for letter, axes in panels.items():
            style.panel_letter(axes, letter.lower())
        for letter in "FG":
            panels[letter].set_xlabel(style.TIME)
        style.add_gamma_axis(panels["A"], hopping)
        style.mark_echoes([panels[letter] for letter in "BCDEFG"], echoes)
    return figure
