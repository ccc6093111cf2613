"""One page that shows a whole run: the electron, the localized spins, their entanglement, and the numerical drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from pysv.figures import style
from pysv.figures.marks import ECHO, UNMARKED, Marks

FLOOR = 1e-6  # smallest probability on the logarithmic scale
MAX_FLIPS = 8  # larger numbers of flipped spins are not drawn


def density(axes: Axes, data: xr.Dataset, marks: Marks) -> None:
    """Electron density as a map of time and site; thin lines enclose the sites of each layer."""
    axes.set(xlabel=style.TIME, ylabel="site")
    if "electron_density" not in data:
        style.time_axis(axes, data["time"].values)
        style.legend_above(axes, 1, ["electron_density"])
        return
    look: style.Style = {"cmap": "GnBu", "norm": PowerNorm(0.5, vmin=0)}
    site_map(axes, data, data["electron_density"], marks, label="electrons per site", **look)


def site_map(axes: Axes, data: xr.Dataset, shown: xr.DataArray, marks: Marks, label: str = "", **look: Any) -> None:
    """A variable (time, place) as a map with a colour bar; along sites and bonds, thin lines enclose each layer."""
    place_name = str(shown.dims[1])
    time, site, values = shown["time"].values, data[place_name].values, shown.values.T
    if time.size == 1:  # a lone snapshot becomes a stripe
        time, values = np.append(time, time + 1.0), np.repeat(values, 2, axis=1)
    mesh = axes.pcolormesh(time, site, values, shading="nearest", rasterized=True, **look)
    axes.figure.colorbar(mesh, ax=axes, label=label or style.variable_label(shown), pad=0.01, aspect=12)
    axes.set_xlim(time[0], time[-1])
    axes.set_ylabel(place_name)
    for number, (layer, label) in enumerate(style.layers(data).items()):
        vertical = "bottom" if number % 2 else "top"
        sites = data["spin_site"].values[data["layer"].values == layer] if "layer" in data.coords else np.array([])
        if sites.size and place_name in ("site", "bond", "bond_site"):
            low, high = sites.min() - 0.5, sites.max() + 0.5
            axes.hlines([low, high], *axes.get_xlim(), color="0.25", linewidth=0.5)
            place: style.Style = {
                "xycoords": axes.get_yaxis_transform(),
                "textcoords": "offset points",
                "ha": "right",
                "va": vertical,
            }
            shift = (-3, -1) if vertical == "top" else (-3, 1)
            axes.annotate(label, (1, low if vertical == "top" else high), xytext=shift, **place)
    for echo, _ in marks.echoes:
        if time[0] < echo < time[-1]:
            axes.axvline(echo, **ECHO)


def localized_spins(axes: Axes, data: xr.Dataset) -> None:
    """z component of every localized spin: FM_p in blue, FM_a in red, dark for the first spin of a layer."""
    style.spins_panel(axes, data)
    axes.set_ylabel(style.LOCALIZED_SPIN)


def entropies(axes: Axes, data: xr.Dataset) -> None:
    """Von Neumann entropies, Eq. (6), and mutual information, Eq. (5)."""
    one, other = style.sides(data)
    names = {
        "entropy_total": "both" if len(style.layers(data)) == 2 else "all",
        "entropy_polarizer": one,
        "entropy_analyzer": other,
        "mutual_information": "MI",
    }
    looks = zip(names.items(), style.CURVES, strict=False)
    absent = [style.plot_variable(axes, data, name, label, **look) for (name, label), look in looks]
    axes.set_ylabel("entropy and MI (nats)")
    style.time_axis(axes, data["time"].values, least=style.LEAST)
    style.legend_above(axes, 4, absent)


def negativity(axes: Axes, data: xr.Dataset) -> None:
    """Logarithmic negativity of the two layers, Eq. (2)."""
    absent = style.plot_variable(axes, data, "log_negativity", color="black")
    axes.set_ylabel(style.LOG_NEGATIVITY)
    style.time_axis(axes, data["time"].values, least=style.LEAST)
    style.legend_above(axes, 1, [absent])


def magnons(axes: Axes, data: xr.Dataset) -> None:
    """Probability of m flipped spins, Eq. (25), on a logarithmic scale."""
    name = "magnon_probability"
    if name in data:
        flips = data["flips"].values[: MAX_FLIPS + 1]
        for index, color in enumerate(colormaps["YlOrBr_r"](np.linspace(0, 0.7, flips.size))):
            look = {"color": color, "linestyle": style.DASHES[index % len(style.DASHES)]}
            style.plot_variable(axes, data, name, str(flips[index]) if index else "$m=0$", at={"flips": index}, **look)
        axes.set_yscale("log")
        axes.set_ylim(FLOOR, 1.3)
    axes.set_ylabel("probability of $m$ flips")
    style.time_axis(axes, data["time"].values, least=0)
    style.legend_above(axes, 5, [] if name in data else [name])


def fisher(axes: Axes, data: xr.Dataset) -> None:
    """True quantum Fisher information per spin, in spin-1/2 units; above the dashed line it witnesses entanglement."""
    momenta = data["momentum"].values if "qfi" in data else np.array([])
    for index, (momentum, look) in enumerate(zip(momenta, style.CURVES, strict=False)):
        style.plot_variable(axes, data, "qfi", style.momentum_label(momentum), at={"momentum": index}, **look)
    axes.set_ylabel("QFI per spin")
    style.time_axis(axes, data["time"].values, least=style.LEAST)
    style.legend_above(axes, 4, [] if momenta.size else ["qfi"])
    single = (2 * float(data["spin_length"].max())) ** 2 if "spin_length" in data.coords else 1.0
    if momenta.size and axes.get_ylim()[1] > single:
        axes.axhline(single, **style.THRESHOLD)


def drift(axes: Axes, data: xr.Dataset) -> None:
    """How far norm, energy and total spin have moved from their first values; a bath may change the last two."""
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


def draw(data: xr.Dataset, marks: Marks = UNMARKED) -> Figure:
    """Draw the overview of a run.

    (a) Electron density, (b) localized spins, (c) entropies and mutual information, Eqs. (5) and (6), (d) logarithmic
    negativity, Eq. (2), (e) probability of m flipped spins, Eq. (25), (f) quantum Fisher information, (g) drift of
    norm, energy and total spin.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    marks : Marks
    """
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 8.8)
        panels = figure.subplot_mosaic("AA;BC;DE;FG", height_ratios=(1.25, 1, 1, 1))
        density(panels["A"], data, marks)
        for letter, panel in zip(
            "BCDEFG", (localized_spins, entropies, negativity, magnons, fisher, drift), strict=True
        ):
            panel(panels[letter], data)
        for letter, axes in panels.items():
            style.panel_letter(axes, letter.lower())
        for letter in "FG":
            panels[letter].set_xlabel(style.TIME)
        marks.add_hopping_axis(panels["A"])
        marks.mark_echoes([panels[letter] for letter in "BCDEFG"])
    return figure
