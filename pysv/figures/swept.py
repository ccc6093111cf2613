"""A picture of a sweep: one curve for each value of a key, or a map over two keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from pysv.errors import InvalidInputError
from pysv.figures import style
from pysv.figures.at_time import at_time, chosen_time
from pysv.figures.recorded import check_recorded
from pysv.results.points import swept_dims

USUAL = "log_negativity"
WIDE = 30.0
"""Positive values whose largest is more than this many times the smallest have a logarithmic scale."""
_SHADES = LinearSegmentedColormap.from_list("sweep", ["#1b1464", "#27688f", "#35b779", "#c8c020"])
"""From dark to light, so that a grey print keeps the order of the curves."""


class _Scale(NamedTuple):
    """Numbers of a swept key, and what they are."""

    values: np.ndarray
    label: str

    @property
    def norm(self) -> Normalize:
        low, high = float(self.values.min()), float(self.values.max())
        return LogNorm(low, high) if 0 < WIDE * low < high else Normalize(low, high)


def draw(data: xr.Dataset, name: str | None = None, time: float | None = None) -> Figure:
    """Draw one variable of a sweep.

    Along one key, a curve against time for each value: numbers on a colour scale, words in a legend. Along two keys, a
    map of the last recorded value, or of the one at `time`.

    Parameters
    ----------
    data : xarray.Dataset
        The combined dataset of a sweep.
    name : str, optional
        A variable with one value at each time; by default the logarithmic negativity.
    time : float, optional
        Of a map, fs; by default the last one.

    Raises
    ------
    InvalidInputError
        If the sweep has no such variable or time, or more than two keys, or `time` would be ignored.
    """
    dims, time = swept_dims(data), chosen_time(time)
    plain = [str(own) for own in data.data_vars if data[own].dims == (*dims, "time")]
    name = name or (USUAL if USUAL in plain else plain[0])
    check_recorded(data, name)
    if name not in plain:
        others = ", ".join(str(dim) for dim in data[name].dims if dim not in (*dims, "time"))
        raise InvalidInputError(
            f"{name} has several values at a time, along {others}; draw one point of the sweep (--at KEY=VALUE), or "
            f"one of {', '.join(plain)}",
            "variable",
        )
    if len(dims) > 2:
        keys = ", ".join(str(data[dim].attrs.get("long_name", dim)) for dim in dims)
        raise InvalidInputError(
            f"the sweep has {len(dims)} keys, {keys}; choose values of all but two (--at KEY=VALUE)"
        )
    if time is not None and len(dims) == 1:
        raise InvalidInputError(f"time = {time:g} would be ignored: {name} is drawn against time; leave it out", "time")
    with style.paper_style():
        figure = style.new_figure(1.5 * style.COLUMN, 3.2)
        axes = figure.subplots()
        if len(dims) == 1:
            _curves(axes, data, name, dims[0])
        else:
            _map(axes, data, at_time(data[name], time), *dims)
    return figure


def _scale(data: xr.Dataset, dim: str) -> _Scale | None:
    """Numbers of a key; None where its values are words, or lists in which several numbers vary."""
    values, own = data[dim].values, data[dim].attrs
    label = str(own.get("long_name", dim))
    units = str(own.get("units", ""))
    if values.dtype.kind not in "iuf":
        ranges = [data[f"{dim}_{end}"].values for end in ("first", "last") if f"{dim}_{end}" in data.coords]
        if len(ranges) < 2 or len(set(ranges[0])) < values.size or len(set(ranges[1] - ranges[0])) > 1:
            return None
        values, label, units = ranges[0], f"{label}, first site", ""
    return (
        _Scale(values, label + (f" ({units})" if units not in ("", "1", "site") else "")) if values.size > 1 else None
    )


def _curves(axes: Axes, data: xr.Dataset, name: str, dim: str) -> None:
    axes.set_ylabel(style.variable_label(data[name]))
    axes.set_xlabel(style.TIME)
    scale = _scale(data, dim)
    places = np.linspace(0, 1, data.sizes[dim]) if scale is None else scale.norm(scale.values)
    for place in range(data.sizes[dim]):
        label = str(data[dim].values[place]) if scale is None else ""
        look: style.Style = {"color": _SHADES(float(places[place]))}
        if scale is None:
            look["linestyle"] = style.DASHES[place % len(style.DASHES)]
        style.plot_variable(axes, data.isel({dim: place}), name, label, **look)
    style.time_axis(axes, data["time"].values)
    if scale is None:
        style.legend_above(axes, 4, remark=str(data[dim].attrs.get("long_name", dim)))
        return
    bar = axes.figure.colorbar(ScalarMappable(scale.norm, _SHADES), ax=axes, label=scale.label, pad=0.01, aspect=16)
    if scale.values.size <= 6:
        bar.set_ticks(np.sort(scale.values).tolist(), labels=[f"{value:g}" for value in np.sort(scale.values)])
        bar.minorticks_off()


def _map(axes: Axes, data: xr.Dataset, found: xr.DataArray, one: str, other: str) -> None:
    shown = found.transpose(other, one)
    (x, x_order), (y, y_order) = (_places(axes, data, dim, way) for dim, way in ((one, "x"), (other, "y")))
    values = shown.values[np.ix_(y_order, x_order)]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    look: style.Style = {"cmap": "GnBu", "norm": Normalize(min(low, 0.0), max(high, 1e-9))}
    if low < 0 < high:
        reach = max(-low, high)
        look = {"cmap": "RdBu_r", "norm": Normalize(-reach, reach)}
    mesh = axes.pcolormesh(_edges(x), _edges(y), values, rasterized=True, **look)
    axes.figure.colorbar(mesh, ax=axes, label=style.variable_label(found), pad=0.01, aspect=16)
    axes.set_title(rf"$t$ = {float(shown['time']):g} fs", size=9)


def _places(axes: Axes, data: xr.Dataset, dim: str, way: str) -> tuple[np.ndarray, np.ndarray]:
    """Places of the values of a key along an axis, ascending, and the order in which they stand there."""
    scale = _scale(data, dim)
    label = str(data[dim].attrs.get("long_name", dim)) if scale is None else scale.label
    axes.set(**{f"{way}label": label})
    if scale is None:
        places = np.arange(data.sizes[dim], dtype=float)
        axes.set(**{f"{way}ticks": places, f"{way}ticklabels": data[dim].values.astype(str)})
        return places, places.astype(int)
    order = np.argsort(scale.values)
    places = scale.values[order].astype(float)
    if isinstance(scale.norm, LogNorm):
        axes.set(**{f"{way}scale": "log"})
    if places.size <= 6:
        axes.set(**{f"{way}ticks": places, f"{way}ticklabels": [f"{value:g}" for value in places]})
        axes.minorticks_off()
    return places, order


def _edges(places: np.ndarray) -> np.ndarray:
    """Borders of cells around ascending places: the middles between them; they stay positive where the places are."""
    if places.size == 1:
        return np.asarray(places[0] + np.array([-0.5, 0.5]))
    middles = (places[1:] + places[:-1]) / 2
    first = 2 * places[0] - middles[0]
    if places[0] > 0 >= first:
        first = places[0] ** 2 / middles[0]
    return np.concatenate([[first], middles, [2 * places[-1] - middles[-1]]])
