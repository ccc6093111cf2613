"""Measures of a run against time, with a cursor at the time of the slider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource, HoverTool, Legend, Range1d, Span
from bokeh.plotting import figure

_PANELS = {
    "localized spins ⟨S⟩/S along z": ("spin_z",),
    "entropy, mutual information (nats)": (
        "entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information",
    ),
    "logarithmic negativity (nats)": ("log_negativity", "log_negativity_pairs", "log_negativity_electron"),
    "probability of flipped spins": ("magnon_probability",),
    "quantum Fisher information per spin": ("qfi",),
    "electron spin ⟨σ⟩": ("electron_spin_x", "electron_spin_y", "electron_spin_z"),
    "purity": ("purity",),
}  # fmt: skip
"""Variables of each picture."""
_COLORS = ("#111111", "#b2182b", "#3f83c4", "#b8860b", "#7b4fa3", "#4d9221")
_DASHES = ("solid", "dashed", "dotdash", "dotted", [9, 2])
_MOST = 12
"""Most curves of a picture; those along a longer dimension are cut."""


@dataclass(eq=False)
class Curves:
    """Pictures against time, and the cursor of each."""

    figures: list[Any] = field(default_factory=list)
    cursors: list[Span] = field(default_factory=list)


def curves(data: xr.Dataset, width: int) -> Curves:
    """Pictures of the measures that a run has.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    width : int
        Of the pictures, pixels.
    """
    found, shared = Curves(), None
    for title, names in _PANELS.items():
        lines = [line for name in names if name in data for line in _lines(data, name, len(names) == 1)]
        if not lines:
            continue
        picture = _picture(data, title, lines, width, shared)
        shared = picture.x_range
        cursor = Span(location=float(data["time"].values[0]), dimension="height", line_color="#b2182b", line_width=1)
        picture.add_layout(cursor)
        found.figures.append(picture)
        found.cursors.append(cursor)
    return found


def _lines(data: xr.Dataset, name: str, alone: bool) -> list[tuple[str, np.ndarray]]:
    """Label and values of each curve of a variable, which may be `alone` in its picture."""
    shown = data[name]
    if shown.ndim == 1:
        return [(name, shown.values)]
    dim = str(shown.dims[1])
    labels = data[dim].values if dim in data.coords else np.arange(shown.sizes[dim])
    before = f"{dim} " if alone else f"{name}, {dim} "
    return [(before + _short(label), shown.values[:, place]) for place, label in enumerate(labels[:_MOST])]


def _short(label: Any) -> str:
    return f"{label:.4g}" if isinstance(label, float | np.floating) else str(label)


def _picture(data: xr.Dataset, title: str, lines: list[tuple[str, np.ndarray]], width: int, shared: Any) -> Any:
    time = data["time"].values.astype(float)
    values = np.concatenate([value[np.isfinite(value)] for _, value in lines])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.05
    picture = figure(
        name=title, width=width, height=200, title=title, x_axis_label="time (fs)",
        x_range=shared or Range1d(float(time[0]), float(time[-1]) if time.size > 1 else float(time[0]) + 1),
        y_range=Range1d(low - margin, high + margin), tools="pan,wheel_zoom,box_zoom,reset,save",
    )  # fmt: skip
    entries = []
    for number, (label, value) in enumerate(lines):
        taken = np.isfinite(value)
        source = ColumnDataSource({"time": time[taken], "value": value[taken], "label": [label] * int(taken.sum())})
        line = picture.line(
            "time", "value", source=source, line_width=1.6, color=_COLORS[number % len(_COLORS)],
            line_dash=_DASHES[number % len(_DASHES)],
        )  # fmt: skip
        tips = [(label, "@value{0.0000e}"), ("time", "@time{0.00} fs")]
        picture.add_tools(HoverTool(renderers=[line], tooltips=tips))
        entries.append((label, [line]))
    legend = Legend(items=entries, label_text_font_size="8pt", padding=2, spacing=0, click_policy="hide")
    picture.add_layout(legend, "right")
    return picture
