"""A picture of a variable of each two spins: a map over both at one time, or chosen pairs against time."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pysv.errors import InvalidInputError, quoted
from pysv.experiment.checks import is_list
from pysv.figures import style
from pysv.figures.at_time import at_time, recorded
from pysv.figures.marks import Marks

Pairs = Sequence[tuple[int, int]]
"""Numbers of two spins each, from 1."""
LEAST = 1e-9
"""A smaller largest value does not set the scale of a map."""
MOST_NUMBERS = 10
"""A map of at most so many spins has its values in words."""
_ENTANGLED = -1.0
"""⟨σ_i·σ_j⟩ below this shows entanglement of two spins 1/2."""


def served(values: xr.DataArray) -> bool:
    """Whether a variable has one number for each two spins, or each two operators, at a time."""
    dims = values.dims
    return len(dims) > 2 and dims[-1] == f"{dims[-2]}2" and dims[:-2] in (("time",), ("time", "time2"))


def draw(data: xr.Dataset, name: str, marks: Marks, time: float | None = None, pairs: Pairs = ()) -> Figure:
    """Draw a variable of each two spins.

    A variable of two times is drawn where both are the same; of a complex one, the real part.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    name : str
        A variable for which `served` holds.
    marks : Marks
    time : float, optional
        Of the map, fs; by default the last one at which the variable was recorded.
    pairs : sequence of (int, int)
        Spins whose values are drawn against time, in place of a map.

    Raises
    ------
    InvalidInputError
        If there is no such time, spin or pair, a pair is named twice, or the variable was never recorded.
    """
    shown = xr.Dataset({own: _plain(data[own]) for own in (name, f"{name}_error") if own in data}, data.coords)
    if pairs:
        places = _numbered(shown[name], pairs)
        for one, other in places:
            recorded(shown[name].isel(spin=one, spin2=other))
        return _curves(shown, name, marks, places)
    figure = style.new_figure(1.5 * style.COLUMN, 4.2)
    axes = figure.subplots()
    _map(axes, shown, at_time(shown[name], time), marks)
    return figure


def _plain(values: xr.DataArray) -> xr.DataArray:
    """Real numbers along time and both spins."""
    if "time2" in values.dims:
        places = xr.DataArray(np.arange(values.sizes["time"]), dims="time")
        same = values.isel(time=places, time2=places).drop_vars("time2", errors="ignore")
        values = same.assign_attrs(values.attrs | {"long_name": f"{values.attrs['long_name']} at t₁ = t₂"})
    if values.dtype.kind == "c":
        values = values.real.assign_attrs(values.attrs | {"long_name": f"Re {values.attrs['long_name']}"})
    return values.transpose("time", ...)


def _numbered(values: xr.DataArray, pairs: Pairs) -> list[tuple[int, int]]:
    """Places of pairs along the axes of the spins."""
    if values.dims[-1] != "spin2":
        raise InvalidInputError(f"pairs would be ignored: {values.name} is of operators, not of spins; leave them out")
    count = values.sizes["spin"]
    if not is_list(pairs):
        raise InvalidInputError(f"pairs = {quoted(pairs)} must be a list of pairs of spins, such as [(1, 5)]", "pairs")
    found: dict[frozenset[int], tuple[int, int]] = {}
    for pair in pairs:
        if not is_list(pair) or len(pair) != 2 or not all(_is_spin(own, count) for own in pair) or pair[0] == pair[1]:
            named = "-".join(map(str, pair)) if is_list(pair) else quoted(pair)
            raise InvalidInputError(f"pair {named} must be two different spins from 1 to {count}", "pairs")
        one, other = pair
        if frozenset(pair) in found:
            raise InvalidInputError(f"pair {one}-{other} is named twice; leave one out", "pairs")
        found[frozenset(pair)] = one - 1, other - 1
    return list(found.values())


def _is_spin(number: Any, count: int) -> bool:
    return not isinstance(number, bool) and isinstance(number, Integral) and 1 <= int(number) <= count


def _curves(data: xr.Dataset, name: str, marks: Marks, places: Sequence[tuple[int, int]]) -> Figure:
    figure = style.new_figure(1.5 * style.COLUMN, 3.2)
    axes = figure.subplots()
    axes.set(xlabel=style.TIME, ylabel=style.variable_label(data[name]))
    colors = colormaps["viridis"](np.linspace(0, 0.85, len(places)))
    for number, ((one, other), color) in enumerate(zip(places, colors, strict=True)):
        look: style.Style = {"color": color, "linestyle": style.DASHES[number % len(style.DASHES)]}
        style.plot_variable(axes, data, name, f"{one + 1}–{other + 1}", at={"spin": one, "spin2": other}, **look)
    style.time_axis(axes, data["time"].values)
    halves = float(data["spin_length"].max()) == 0.5 if "spin_length" in data.coords else True
    least = min(float(np.nanmin(line.get_ydata())) for line in axes.lines)
    if name == "spin_correlation" and halves and least < _ENTANGLED - LEAST:
        axes.axhline(_ENTANGLED, **style.THRESHOLD)
    style.legend_above(axes, 6, remark="spins")
    marks.mark_echoes([axes])
    marks.add_hopping_axis(axes)
    return figure


def _map(axes: Axes, data: xr.Dataset, values: xr.DataArray, marks: Marks) -> None:
    """A map; of spins without the diagonal, where each meets itself, and with lines and labels of the layers."""
    size, of_spins = values.sizes[values.dims[0]], values.dims[0] == "spin"
    shown = np.ma.array(values.values.T, mask=np.eye(size, dtype=bool) & of_spins)
    rest = shown.compressed() if shown.count() else np.zeros(1)
    low, high = min(float(rest.min()), 0.0), float(rest.max())
    look: style.Style = {"cmap": "GnBu", "norm": Normalize(low, max(high, LEAST))}
    if low < 0:
        reach = max(-low, high, LEAST)
        look = {"cmap": "RdBu_r", "norm": Normalize(-reach, reach)}
    edges = np.arange(size + 1) + 0.5
    mesh = axes.pcolormesh(edges, edges, shown, rasterized=True, **look)
    axes.set(facecolor="0.9", aspect="equal", xlabel=_axis(values, 0), ylabel=_axis(values, 1))
    axes.invert_yaxis()  # as a matrix is written
    axes.figure.colorbar(mesh, ax=axes, label=style.variable_label(values), pad=0.01, aspect=20)
    axes.set_title(rf"$t$ = {marks.both_times(float(values['time']))}", size=9)
    places = np.arange(1, size + 1)
    if of_spins:
        axes.set(xticks=places[:: 1 + size // 12], yticks=places[:: 1 + size // 12])
        _mark_layers(axes, data)
    else:
        labels = data[str(values.dims[0])].values.astype(str)
        axes.set(xticks=places, yticks=places, yticklabels=labels)
        axes.set_xticklabels(labels, rotation=90)
    axes.tick_params(length=0, which="both")
    if size <= MOST_NUMBERS:
        for row, column in np.argwhere(~np.ma.getmaskarray(shown)):
            value = float(shown[row, column])
            dark = _luminance(mesh.to_rgba(np.array([value]))[0]) < 0.45
            words: style.Style = {"ha": "center", "va": "center", "size": 6, "color": "white" if dark else "black"}
            axes.text(column + 1, row + 1, f"{round(value, 2) + 0.0:.2f}".replace("-", "−"), **words)


def _axis(values: xr.DataArray, number: int) -> str:
    """Label of an axis of a map."""
    own = str(values.dims[number])
    return {"spin": "spin $i$", "spin2": "spin $j$"}.get(own, own)


def _luminance(color: ArrayLike) -> float:
    return float(np.dot(np.asarray(color)[:3], (0.299, 0.587, 0.114)))


def _mark_layers(axes: Axes, data: xr.Dataset) -> None:
    """Lines between layers, and their names along the top and the right."""
    if "layer" not in data.coords:
        return
    names = data["layer"].values
    ranges = {label: np.flatnonzero(names == layer) + 1.0 for layer, label in style.layers(data).items()}
    for spins in list(ranges.values())[1:]:
        axes.axvline(spins[0] - 0.5, color="black", linewidth=0.8)
        axes.axhline(spins[0] - 0.5, color="black", linewidth=0.8)
    middles, labels = [float(spins.mean()) for spins in ranges.values()], list(ranges)
    top, right = axes.secondary_xaxis("top"), axes.secondary_yaxis("right")
    top.set_xticks(middles, labels)
    right.set_yticks(middles, labels)
    for axis in (top, right):
        axis.tick_params(length=0, which="both")
