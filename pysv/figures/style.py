"""The look that all figures share: fonts, styles and labels of curves, legends, panel letters.

Figures are plain :class:`matplotlib.figure.Figure` objects on the Agg canvas. Nothing here touches pyplot, so that no
window opens and no global state stays behind.
"""

from __future__ import annotations

import io
import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import cycle
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

COLUMN, PAGE = 3.4, 7.0  # inches: one column and the full width of a two-column page
TIME = "time (fs)"
LAYERS = {"polarizer": r"FM$_p$", "analyzer": r"FM$_a$"}
BOTH = r"FM$_p\cup\,$FM$_a$"
_SHADES = ("Blues_r", "YlOrRd_r", "Greens_r", "Purples_r", "Greys_r")
"""Colours of the layers, in turn."""
LOCALIZED_SPIN = r"localized spin $\langle\hat\sigma^z_i\rangle$"
LOG_NEGATIVITY = "log. negativity (nats)"
LEAST = 1e-6
"""Smaller changes of a spin, an entropy or a negativity are rounding noise, and are drawn as a flat line."""
SPIN_RANGE = -1.06, 1.06
"""Limits of an axis for ⟨σ⟩, with a margin."""

Style = dict[str, Any]
Curves = Sequence[tuple[str, xr.Dataset]]
"""Labelled runs."""

GREY = "0.45"
RED, BLUE, AMBER, VIOLET = "#b2182b", "#3f83c4", "#f0a132", "#7b4fa3"
DOTTED, DASHED, DASH_DOTTED = (0, (1.2, 1.2)), (0, (4.5, 1.6)), (0, (6, 1.5, 1.2, 1.5))
LONG_DASHED, DASH_DOT_DOTTED = (0, (9, 2)), (0, (6, 1.4, 1.2, 1.4, 1.2, 1.4))
DASHES: tuple[Any, ...] = ("-", DASHED, DASH_DOTTED, DOTTED, LONG_DASHED)
CURVES: tuple[Style, ...] = (  # differ in luminance and in dashes, so that a grey print tells them apart
    {"color": "#000000", "linestyle": "-"},
    {"color": RED, "linestyle": DASHED},
    {"color": BLUE, "linestyle": DASH_DOTTED},
    {"color": AMBER, "linestyle": "-"},
    {"color": VIOLET, "linestyle": DOTTED},
    {"color": "#68b8a0", "linestyle": DASH_DOT_DOTTED},
)
THRESHOLD: Style = {"color": GREY, "linewidth": 0.7, "linestyle": (0, (2, 2)), "zorder": 0.7}
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
    """Apply the style of a two-column physics journal, whatever the user's matplotlibrc says."""
    with matplotlib.style.context(["default", RC]):
        yield


class PaperFigure(Figure):
    """A figure that keeps `paper_style` when it is drawn or saved after the context that made it."""

    def draw(self, renderer: Any) -> None:
        with paper_style():
            super().draw(renderer)

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        with paper_style():
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook that has not loaded pyplot."""
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=150)
        return png.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Empty figure of a size in inches, with constrained layout, on the Agg canvas; call it inside `paper_style`."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03)
    figure = PaperFigure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plot_variable(
    axes: Axes, data: xr.Dataset, name: str, label: str = "", *, at: Mapping[str, int] | None = None, **look: Any
) -> str | None:
    """Draw a variable against time, at the position ``at`` along its other dimension, e.g. ``{"spin": 0}``.

    A grey band shows plus and minus ``<name>_error`` where the run has errors; it ends at the bounds of the variable. A
    thin dotted line shows the variable less ``<name>_bias``, where the run has an estimate of its bias. If the run
    lacks the variable, nothing is drawn and its name is returned, for `legend_above` to list; otherwise None is
    returned.
    """
    if name not in data or not np.isfinite(data[name].isel(at or {}).values).any():
        return name
    values = data[name].isel(at or {}).values
    measured = np.isfinite(values)  # a costly measure is not taken at every snapshot
    time, values = data["time"].values[measured], values[measured]
    if f"{name}_error" in data:
        error = data[f"{name}_error"].isel(at or {}).values[measured]
        low, high = (within(name, edge) for edge in (values - error, values + error))
        axes.fill_between(time, low, high, color="0.6", alpha=0.4, linewidth=0, zorder=1.5)
    if f"{name}_bias" in data:
        corrected = values - data[f"{name}_bias"].isel(at or {}).values[measured]
        thin: Style = {"linestyle": DOTTED, "linewidth": 0.7, "color": look.get("color", GREY), "zorder": 1.6}
        axes.plot(time, within(name, corrected), **thin)
    sparse = 3 * time.size <= measured.size or time.size == 1  # dots show when it was measured
    axes.plot(time, values, label=label or None, marker="." if sparse else "", **look)
    return None


_FROM_ZERO = ("entropy", "mutual_information", "log_negativity", "qfi", "renyi2", "electron_density")
_PROBABILITIES = ("magnon_probability", "w_fidelity", "purity", "electron_transmission")
_DIRECTIONS = ("spin_x", "spin_y", "spin_z", "electron_spin_x", "electron_spin_y", "electron_spin_z")


def bounds(name: str) -> tuple[float, float]:
    """Least and largest value that a variable can have.

    >>> bounds("log_negativity")
    (0.0, inf)
    """
    if name in _DIRECTIONS:
        return -1.0, 1.0
    if name in _PROBABILITIES:
        return 0.0, 1.0
    return (0.0 if name.startswith(_FROM_ZERO) else -np.inf), np.inf


def within(name: str, values: np.ndarray) -> np.ndarray:
    """Values moved to the nearest one that the variable can have."""
    return np.asarray(np.clip(values, *bounds(name)))


def layer_label(name: str) -> str:
    """Label of a layer: its name, what follows an underscore as a subscript.

    >>> layer_label("AF_1")
    'AF$_1$'
    """
    return LAYERS.get(name) or re.sub(r"_([A-Za-z0-9])$", r"$_\1$", name)


def layers(data: xr.Dataset) -> dict[str, str]:
    """Layers of a run in their order, with their labels."""
    names = data["layer"].values.tolist() if "layer" in data.coords else list(LAYERS)
    return {name: layer_label(name) for name in dict.fromkeys(names)}


def sides(data: xr.Dataset) -> tuple[str, str]:
    """Labels of the two sides of mutual information and negativity."""
    asked = tomllib.loads(str(data.attrs.get("experiment", ""))).get("record", {}).get("between")
    one, other = asked or [*layers(data), "", ""][:2]
    return layer_label(one), layer_label(other)


def plot_spins(axes: Axes, data: xr.Dataset) -> dict[str, list[Line2D]]:
    """Draw ⟨σ^z⟩ of every localized spin, dark for the first spin of a layer to light; returns the lines by layer."""
    lines: dict[str, list[Line2D]] = {layer: [] for layer in layers(data)}
    for layer, shades in zip(lines, cycle(_SHADES), strict=False):
        members = np.flatnonzero(data["layer"].values == layer) if "spin_z" in data else np.array([], int)
        for order, color in enumerate(colormaps[shades](np.linspace(0.05, 0.58, members.size))):
            at, number = int(members[order]), str(data["spin"].values[members[order]])
            look = {"color": color, "linestyle": DASHES[order % len(DASHES)]}
            if plot_variable(axes, data, "spin_z", number, at={"spin": at}, **look) is None:
                lines[layer].append(axes.lines[-1])
    return lines


def spins_panel(axes: Axes, data: xr.Dataset) -> None:
    """Draw ⟨σ^z⟩ of every localized spin, each layer in a colour of its own and with one entry in the legend."""
    for layer, lines in plot_spins(axes, data).items():
        for line in lines:
            line.set_label("_")
        if lines:
            lines[0].set_label(layer_label(layer))
    axes.set_ylim(SPIN_RANGE)
    time_axis(axes, data["time"].values)
    legend_above(axes, max(2, len(axes.lines) and len(layers(data))), ["spin_z"] if "spin_z" not in data else ())


def all_times(curves: Curves) -> np.ndarray:
    """Times of all runs together, fs."""
    return np.concatenate([data["time"].values for _, data in curves])


def time_axis(axes: Axes, times: np.ndarray, *, least: float = 1e-9) -> None:
    """Set tight time limits, and draw a light zero line where zero is in range.

    A panel whose curves change by less than `least` is not magnified: rounding noise stays a flat line.
    """
    axes.set_xlim(float(times.min()), float(times.max()) if np.ptp(times) > 0 else float(times.min()) + 1.0)
    low, high = axes.get_ylim()
    if not axes.lines:
        axes.set_yticks([])
    elif max(np.ptp(line.get_ydata()) for line in axes.lines) < least and high - low < 0.5:
        axes.set_ylim((low + high) / 2 - 0.06, (low + high) / 2 + 1.0)
    if axes.lines and axes.get_ylim()[0] <= 0 <= axes.get_ylim()[1]:
        axes.axhline(0, color="0.8", linewidth=0.6, zorder=0.5)


def legend_above(axes: Axes, columns: int, missing: Iterable[str | None] = (), *, remark: str = "") -> None:
    """Put a legend in rows at the top of the panel, and stretch the y range so that no curve runs behind it.

    A remark stands above the legend, followed by the names of the variables that the dataset lacks; entries None of
    `missing` are passed over. In a panel without curves these lines stand in the middle.
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


def panel_letter(axes: Axes, letter: str) -> None:
    """Put a bold letter such as **(a)** outside the panel, above its upper left corner."""
    place: Style = {"xy": (0, 1), "xycoords": "axes fraction", "xytext": (-30, 3), "textcoords": "offset points"}
    axes.annotate(f"({letter})", weight="bold", **place)


def variable_label(values: xr.DataArray, width: int = 44) -> str:
    """Long name and unit of a variable, in lines of at most `width` characters."""
    units = str(values.attrs.get("units", "1"))
    name = str(values.attrs.get("long_name", values.name)) + ("" if units == "1" else f" ({units})")
    unbroken = re.sub(r"⟨[^⟩]*⟩", lambda found: found[0].replace(" ", "\u00a0"), name)
    text = "\n".join(textwrap.wrap(unbroken, width))
    text = re.sub(r"⟨([^⟩]*[σS]\S*_[ij][^⟩]*)⟩", lambda found: f"${_typeset(found[1])}$", text)
    signs = {"∪": r"$\cup$", "t₁": "$t_1$", "t₂": "$t_2$"}  # the journal's font lacks them
    for plain, symbol in {"FM_p": LAYERS["polarizer"], "FM_a": LAYERS["analyzer"], **signs}.items():
        text = text.replace(plain, symbol)
    return re.sub(r"⟨σ\^([xyz])⟩", r"$\\langle\\hat\\sigma^\1\\rangle$", text)


def _typeset(product: str) -> str:
    """Mathtext of the mean of a product of spin operators such as ``σ_i·σ_j``."""
    signs = {"σ": r"\hat\sigma", "S": r"\hat S", "·": r"\cdot ", "t₁": "t_1", "t₂": "t_2", "\u00a0": r"\,"}
    for plain, symbol in signs.items():
        product = product.replace(plain, symbol)
    return rf"\langle {product}\rangle"


def momentum_label(momentum: float) -> str:
    """Momentum transfer times the lattice constant, as a fraction of π if it is one with a denominator up to 24."""
    fraction = Fraction(momentum / np.pi).limit_denominator(24)
    if abs(float(fraction) * np.pi - momentum) > 1e-6 or fraction == 0:
        return f"$k={momentum:.3g}$"
    over = "" if fraction.denominator == 1 else f"/{fraction.denominator}"
    times = {1: "", -1: "-"}.get(fraction.numerator, str(fraction.numerator))
    return rf"$k={times}\pi{over}$"
