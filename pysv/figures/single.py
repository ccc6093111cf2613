"""A picture of one variable of a run, in the way its dimensions ask for."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure

from pysv.errors import InvalidInputError, unknown_name
from pysv.figures import density, overview, style

LEAST = 1e-9  # changes below this are rounding noise and stay a flat line
MOST_CURVES = 12  # more places than this along a dimension make a map


def draw(data: xr.Dataset, name: str, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw one variable: a curve, a bundle of curves, a map along the chain, or the last ρ.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    name : str
        A variable of it.
    hopping : float
        γ in eV, for the upper time axis.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.

    Raises
    ------
    InvalidInputError
        If the run has no such variable.
    """
    if name not in data:
        raise InvalidInputError(f"{unknown_name('variable', name, map(str, data.data_vars))}", "variable")
    with style.paper_style():
        if data[name].dims[1:] == ("ket", "bra"):
            return _matrix(data, hopping)
        figure = style.new_figure(1.5 * style.COLUMN, 3.2)
        axes = figure.subplots()
        dims = data[name].dims[1:]
        if dims and (dims[0] in ("site", "bond") or data.sizes[dims[0]] > MOST_CURVES):
            _map(axes, data, name, echoes)
        else:
            _curves(axes, data, name)
            style.mark_echoes([axes], echoes)
        axes.set_xlabel(style.TIME)
        style.add_gamma_axis(axes, hopping)
    return figure


def _curves(axes: Axes, data: xr.Dataset, name: str) -> None:
    values = data[name]
    axes.set_ylabel(style.variable_label(values))
    if values.ndim == 1:
        style.plot_variable(axes, data, name, color="black")
    elif name == "spin_z":
        style.plot_spins(axes, data)
    else:
        dim = str(values.dims[1])
        places = data[dim].values
        colors = colormaps["viridis"](np.linspace(0, 0.85, places.size))
        for at, (place, color) in enumerate(zip(places, colors, strict=True)):
            label = style.momentum_label(float(place)) if dim == "momentum" else str(place)
            look: style.Style = {"color": color, "linestyle": style.DASHES[at % len(style.DASHES)]}
            style.plot_variable(axes, data, name, label, at={dim: at}, **look)
    style.time_axis(axes, data["time"].values, least=LEAST)
    style.legend_above(axes, 6)


def _map(axes: Axes, data: xr.Dataset, name: str, echoes: style.Echoes) -> None:
    values = data[name].dropna("time")
    low, high = float(values.min()), float(values.max())
    if low < 0 < high:
        reach = max(-low, high)
        overview.site_map(axes, data, values, echoes, cmap="RdBu_r", norm=TwoSlopeNorm(0, -reach, reach))
    else:
        overview.site_map(axes, data, values, echoes, cmap="GnBu", norm=Normalize(min(low, 0.0), max(high, LEAST)))


def _matrix(data: xr.Dataset, hopping: float) -> Figure:
    """Modulus and phase of every element of ρ at the last snapshot that has it."""
    recorded = data["density_matrix"].dropna("time")
    first, last = recorded.isel(time=0), recorded.isel(time=-1)
    found = density.sectors(data["ket"].values, int(first.values.diagonal().real.argmax()))
    figure = style.new_figure(style.PAGE, 4.1)
    left, right = figure.subplots(1, 2)
    modulus, phase = density.parts(last.values, found.order)
    density.modulus_image(left, found).set_data(modulus)
    density.phase_image(right, found).set_data(phase)
    figure.suptitle(rf"$t$ = {style.both_times(float(last['time']), hopping)}", size=10)
    return figure
