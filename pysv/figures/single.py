"""A picture of one variable of a run; its dimensions decide what kind of picture."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure

from pysv.errors import InvalidInputError
from pysv.experiment.checks import as_list
from pysv.figures import density, overview, style, two_spins
from pysv.figures.at_time import at_time, chosen_time
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.recorded import check_recorded

LEAST = 1e-9  # a smaller largest value does not set the scale of a map
MAX_CURVES = 12  # a variable with more places along its dimension becomes a map


def draw(
    data: xr.Dataset,
    name: str,
    marks: Marks = UNMARKED,
    time: float | None = None,
    pairs: two_spins.Pairs = (),
) -> Figure:
    """Draw one variable: curves, a map along the chain, or at one time ρ or a map over each two spins.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    name : str
        A variable of it.
    marks : Marks
    time : float, optional
        fs, for what is drawn at one time; by default the last one.
    pairs : sequence of (int, int)
        Of a variable of each two spins: those that are drawn against time.

    Raises
    ------
    InvalidInputError
        If the run has no such variable, time or pair, the variable has too many dimensions, or `time` or `pairs` would
        be ignored.
    """
    time, pairs = chosen_time(time), as_list(pairs)
    check_recorded(data, name)
    matrix, of_two = data[name].dims[1:] == ("ket", "bra"), two_spins.served(data[name])
    if data[name].ndim > 2 and not matrix and not of_two:
        raise InvalidInputError(
            f"{name} has {data[name].ndim} dimensions, too many for one picture; leave --var out", "variable"
        )
    if pairs and not of_two:
        raise InvalidInputError(f"pairs would be ignored: {name} is not of each two spins; leave them out", "pairs")
    if time is not None and (pairs or not (matrix or of_two)):
        raise InvalidInputError(f"time = {time:g} would be ignored: {name} is drawn against time; leave it out", "time")
    with style.paper_style():
        if matrix:
            return _matrix(data, marks, time)
        if of_two:
            return two_spins.draw(data, name, marks, time, pairs)
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


def _matrix(data: xr.Dataset, marks: Marks, time: float | None) -> Figure:
    """Modulus and phase of every element of ρ."""
    shown = at_time(data["density_matrix"], time)
    found = density.InitialBasis.of(data)
    figure = style.new_figure(style.PAGE, 4.1)
    left, right = figure.subplots(1, 2)
    modulus, phase = found.parts(shown.values)
    density.modulus_image(left, found).set_data(modulus)
    density.phase_image(right, found).set_data(phase)
    figure.suptitle(rf"$t$ = {marks.both_times(float(shown['time']))}", size=10)
    return figure
