"""The look shared by all figures: fonts, curve styles, the second time axis, echo marks and panel letters.

Figures are plain :class:`matplotlib.figure.Figure` objects on the Agg canvas. Nothing here touches pyplot, so no window
opens and no global state stays behind.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import matplotlib.style
import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from pysv.units import to_hopping_times

COLUMN, PAGE = 3.4, 7.0  # inches: one column and the full width of a two-column page
TIME = "time (fs)"
LAYERS = {"polarizer": r"FM$_p$", "analyzer": r"FM$_a$"}
BOTH = r"FM$_p\cup\,$FM$_a$"
GREY = "0.45"

Style = dict[str, Any]
Echoes = Sequence[tuple[float, str]]

DOTTED, DASHED, DASH_DOTTED = (0, (1.2, 1.2)), (0, (4.5, 1.6)), (0, (6, 1.5, 1.2, 1.5))
DASHES: tuple[Any, ...] = ("-", DASHED, DASH_DOTTED, DOTTED, (0, (9, 2)))
CURVES: tuple[Style, ...] = (  # apart in luminance and in dashes, so also in a grey print
    {"color": "#000000", "linestyle": "-"},
    {"color": "#b2182b", "linestyle": DASHED},
    {"color": "#3f83c4", "linestyle": DASH_DOTTED},
    {"color": "#f0a132", "linestyle": "-"},
    {"color": "#7b4fa3", "linestyle": DOTTED},
    {"color": "#68b8a0", "linestyle": (0, (6, 1.4, 1.2, 1.4, 1.2, 1.4))},
)
TICKS: Style = {"labelsize": 8, "direction": "in", "major.width": 0.6}
LEGEND: Style = {"frameon": False, "fontsize": 8, "borderaxespad": 0.4, "labelspacing": 0.25, "columnspacing": 1.0}
RC: Style = {
    "font.family": "STIXGeneral",  # comes with matplotlib: the same page on every machine
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.xmargin": 0.0,
    "axes.ymargin": 0.06,
    "lines.linewidth": 1.2,
    "lines.scale_dashes": False,
    "legend.handlelength": 1.9,
    "legend.handletextpad": 0.5,
    **{f"legend.{key}": value for key, value in LEGEND.items()},
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in TICKS.items()},
    "xtick.top": True,
    "ytick.right": True,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Two-column physics-journal style, whatever the user's own matplotlibrc says."""
    with matplotlib.style.context(["default", RC]):
        yield


class PaperFigure(Figure):
    """A figure that keeps `paper_style` when it is drawn or saved later, outside the context that made it."""

    def draw(self, renderer: Any) -> None:
        with paper_style():
            super().draw(renderer)

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        with paper_style():
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        """Image for a notebook that has not loaded pyplot."""
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=150)
        return png.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Empty figure (inches) with constrained layout on the Agg canvas; call it inside `paper_style`."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03)
    figure = PaperFigure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plot_variable(
    axes: Axes, data: xr.Dataset, name: str, label: str = "", *, at: Mapping[str, int] | None = None, **look: Any
) -> str | None:
    """Draw a variable against time, at a position ``at`` along its other dimension, such as ``{"spin": 0}``.

    A grey strip of half-width ``<name>_error`` goes with it where the run has one. Returns the name where the dataset
    lacks the variable and nothing was drawn, else None: collect it for `legend_above`.
    """
    if name not in data or not np.isfinite(data[name].isel(at or {}).values).any():
        return name
    values = data[name].isel(at or {}).values
    measured = np.isfinite(values)  # a measure may have a schedule of its own
    time, values = data["time"].values[measured], values[measured]
    if f"{name}_error" in data:
        error = data[f"{name}_error"].isel(at or {}).values[measured]
        axes.fill_between(time, values - error, values + error, color="0.6", alpha=0.4, linewidth=0, zorder=1.5)
    sparse = 3 * time.size <= measured.size or time.size == 1  # show where it was measured
    axes.plot(time, values, label=label or None, marker="." if sparse else "", **look)
    return None


def plot_spins(axes: Axes, data: xr.Dataset) -> dict[str, list[Line2D]]:
    """Draw z of every localized spin, each layer from dark (first spin) to light; returns the lines by layer."""
    lines: dict[str, list[Line2D]] = {layer: [] for layer in LAYERS}
    for layer, shades in zip(LAYERS, ("Blues_r", "YlOrRd_r"), strict=True):
        members = np.flatnonzero(data["layer"].values == layer) if "spin_z" in data else np.array([], int)
        for order, color in enumerate(colormaps[shades](np.linspace(0.05, 0.58, members.size))):
            at, number = int(members[order]), str(data["spin"].values[members[order]])
            look = {"color": color, "linestyle": DASHES[order % len(DASHES)]}
            if plot_variable(axes, data, "spin_z", number, at={"spin": at}, **look) is None:
                lines[layer].append(axes.lines[-1])
    return lines


def time_axis(axes: Axes, times: np.ndarray, *, least: float = 1e-9) -> None:
    """Tight time limits, a light zero line where zero is in range, and no blow-up of rounding noise below `least`."""
    axes.set_xlim(float(times.min()), float(times.max()) if np.ptp(times) > 0 else float(times.min()) + 1.0)
    low, high = axes.get_ylim()
    if not axes.lines:
        axes.set_yticks([])
    elif max(np.ptp(line.get_ydata()) for line in axes.lines) < least and high - low < 0.5:
        axes.set_ylim((low + high) / 2 - 0.06, (low + high) / 2 + 1.0)
    if axes.lines and axes.get_ylim()[0] <= 0 <= axes.get_ylim()[1]:
        axes.axhline(0, color="0.8", linewidth=0.6, zorder=0.5)


def legend_above(axes: Axes, columns: int, missing: Iterable[str | None] = (), *, remark: str = "") -> None:
    """Legend in rows at the top of the panel; the y range is stretched (no new ticks), so no curve runs behind it.

    Above the legend go a remark and the names of the variables that the dataset lacks (None: nothing is lacking). A
    panel without any curve shows those names in its middle.
    """
    absent = list(dict.fromkeys(name for name in missing if name))
    if absent:
        remark = "\n".join([remark] * bool(remark) + textwrap.wrap("not in this run: " + ", ".join(absent), 34))
    if not axes.lines:
        look: Style = {"ha": "center", "va": "center", "size": 8, "color": GREY}
        axes.text(0.5, 0.5, remark, transform=axes.transAxes, **look)
        return
    handles, labels = axes.get_legend_handles_labels()
    rows = -(-len(handles) // columns) + len(remark.splitlines())
    if rows:
        (low, high), ticks = axes.get_ylim(), axes.get_yticks()
        stretch = 1 / (1 - min(0.8, (11 * rows + 3) / (72 * axes.bbox.height / axes.figure.dpi)))
        log = axes.get_yscale() == "log"
        axes.set_ylim(top=low * (high / low) ** stretch if log else low + (high - low) * stretch)
        axes.set_yticks([tick for tick in ticks if low <= tick <= high])
        options: Style = {"loc": "upper left", "ncols": columns, "alignment": "left", "title_fontsize": 7}
        axes.legend(handles, labels, title=remark, **options).get_title().set_color(GREY)


def add_gamma_axis(axes: Axes, hopping: float) -> None:
    """Second time axis on top, in units of ħ/γ, for a hopping γ in eV."""
    axes.tick_params(top=False)
    scale = to_hopping_times(1.0, hopping)
    functions = (lambda t: t * scale, lambda t: t / scale)
    axes.secondary_xaxis("top", functions=functions).set_xlabel(r"time ($\hbar/\gamma$)")


def panel_letter(axes: Axes, letter: str) -> None:
    """Bold letter such as **(a)** above the upper left corner, outside the panel."""
    place: Style = {"xy": (0, 1), "xycoords": "axes fraction", "xytext": (-30, 3), "textcoords": "offset points"}
    axes.annotate(f"({letter})", weight="bold", **place)


def gap_height(axes: Axes, start: float, stop: float) -> float:
    """Height (data units) of the middle of the widest band free of curves and zero line in start <= x <= stop."""
    low, high = axes.get_ylim()
    x = np.linspace(start, stop, 64)
    curves = [np.asarray(line.get_data(), float) for line in axes.lines]
    levels = [np.interp(x, *curve) for curve in curves if curve.shape[1] > 1]
    ceiling = max([low, *(np.nanmax(curve[1]) for curve in curves)]) if axes.get_legend() else high
    edges = np.unique(np.clip(np.concatenate([[low, ceiling], *levels]), low, high))
    edges = edges[np.isfinite(edges)]
    widest = int(np.argmax(np.diff(edges)))
    return float(edges[widest : widest + 2].mean())


def mark_echoes(axes: Sequence[Axes], echoes: Echoes) -> None:
    """Thin mark at each wall echo and light shading from the first on, labelled once, in the first panel with curves.

    Call it after curves, limits and legends are set. Echoes outside the plotted times are not drawn.
    """
    labelled = next((panel for panel in axes if panel.lines), None)
    for panel in axes:
        start, stop = panel.get_xlim()
        inside = sorted(time for time, _ in echoes if start < time < stop)
        if not inside:
            continue
        if panel is labelled:
            side, reach = ("left", 0.25) if inside[0] < start + 0.75 * (stop - start) else ("right", -0.25)
            height = gap_height(panel, *sorted((inside[0], inside[0] + reach * (stop - start))))
            note: Style = {"textcoords": "offset points", "ha": side, "va": "center", "size": 8, "color": GREY}
            panel.annotate("wall echo", (inside[0], height), xytext=(3 if reach > 0 else -3, 0), **note)
        panel.axvspan(inside[0], stop, facecolor="0.94", linewidth=0, zorder=0)
        for time in inside:
            panel.axvline(time, color="0.55", linewidth=0.6, zorder=0.6)


def both_times(time: float, hopping: float) -> str:
    """A time in fs and in ħ/γ."""
    return rf"{time:.1f} fs = {to_hopping_times(time, hopping):.1f} $\hbar/\gamma$"


def variable_label(values: xr.DataArray, width: int = 44) -> str:
    """Long name and unit of a variable, in lines of at most `width` letters."""
    units = str(values.attrs.get("units", "1"))
    name = str(values.attrs.get("long_name", values.name)) + ("" if units == "1" else f" ({units})")
    text = "\n".join(textwrap.wrap(name, width))
    for plain, symbol in {"FM_p": LAYERS["polarizer"], "FM_a": LAYERS["analyzer"], "∪": r"$\cup$"}.items():
        text = text.replace(plain, symbol)
    return re.sub(r"⟨σ\^([xyz])⟩", r"$\\langle\\hat\\sigma^\1\\rangle$", text)


def momentum_label(momentum: float) -> str:
    """Momentum transfer times the lattice constant, as a fraction of π where it is one (denominators up to 24)."""
    fraction = Fraction(momentum / np.pi).limit_denominator(24)
    if abs(float(fraction) * np.pi - momentum) > 1e-6 or fraction == 0:
        return f"$k={momentum:.3g}$"
    over = "" if fraction.denominator == 1 else f"/{fraction.denominator}"
    times = {1: "", -1: "-"}.get(fraction.numerator, str(fraction.numerator))
    return rf"$k={times}\pi{over}$"
