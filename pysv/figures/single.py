"""A picture of one variable of a run; its dimensions decide what kind of picture."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure

from pysv.errors import InvalidInputError, unknown_name
from pysv.figures import density, overview, style
from pysv.figures.marks import UNMARKED, Marks

LEAST = 1e-9  # a smaller largest value does not set the scale of a map
MAX_CURVES = 12  # a variable with more places along its dimension becomes a map


def draw(data: xr.Dataset, name: str, marks: Marks = UNMARKED) -> Figure:
    """Draw one variable: a curve, a bundle of curves, a map along the chain, or the last ρ.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    name : str
        A variable of it.
    marks : Marks

    Raises
    ------
    InvalidInputError
        If the run has no such variable.
    """
    if name not in data.data_vars:
        raise InvalidInputError(f"{unknown_name('variable', name, map(str, data.data_vars))}", "variable")
    with style.paper_style():
        if data[name].ndim > 2 and data[name].dims[1:] != ("ket", "bra"):
            raise InvalidInputError(
                f"{name} has {data[name].ndim} dimensions, too many for one picture; leave --var out", "variable"
            )
        if data[name].dims[1:] == ("ket", "bra"):
            return _matrix(data, marks)
        figure = style.new_figure(1.5 * style.COLUMN, 3.2)
        axes = figure.subplots()
        dims = data[name].dims[1:]
        if dims and (dims[0] in ("site", "bond", "bond_site") or data.sizes[dims[0]] > MAX_CURVES):
            _map(axes, data, name, marks)
        else:
            _curves(axes, data, name)
            marks.mark_echoes([axes])
        axes.set_xlabel(style.TIME)
        marks.add_hopping_axis(axes)
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
    style.time_axis(axes, data["time"].values)
    style.legend_above(axes, 6)


def _map(axes: Axes, data: xr.Dataset, name: str, marks: Marks) -> None:
    values = data[name].dropna("time")
    low, high = float(values.min()), float(values.max())
    if low < 0 < high:
        reach = max(-low, high)
        overview.site_map(axes, data, values, marks, cmap="RdBu_r", norm=TwoSlopeNorm(0, -reach, reach))
    else:
        overview.site_map(axes, data, values, marks, cmap="GnBu", norm=Normalize(min(low, 0.0), max(high, LEAST)))


def _matrix(data: xr.Dataset, marks: Marks) -> Figure:
    """Modulus and phase of every element of ρ at the last snapshot that has it."""
    recorded = data["density_matrix"].dropna("time")
    last = recorded.isel(time=-1)
    found = density.InitialBasis.of(data)
    figure = style.new_figure(style.PAGE, 4.1)
    left, right = figure.subplots(1, 2)
    modulus, phase = found.parts(last.values)
    density.modulus_image(left, found).set_data(modulus)
    density.phase_image(right, found).set_data(phase)
    figure.suptitle(rf"$t$ = {marks.both_times(float(last['time']))}", size=10)
    return figure
