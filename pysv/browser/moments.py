"""What a run is at one time: the electron along the chain, the spins as arrows, and |ρ| with its phase."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import (
    Arrow,
    BoxAnnotation,
    ColorBar,
    ColumnDataSource,
    HoverTool,
    Label,
    LinearColorMapper,
    Range1d,
    VeeHead,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

MOST_STATES = 40
"""Most states of the spins in a picture of ρ: those of the largest population."""
_PER_LAYER = ("#3f83c4", "#b2182b", "#4d9221", "#7b4fa3", "#666666")
"""Colours of the layers, in turn."""
_TOOLS = "pan,wheel_zoom,box_zoom,reset,save"
_WAVES = 127.5 * (1 + np.cos(2 * np.pi * (np.arange(256)[:, None] / 256 - np.array([0, 1 / 3, 2 / 3]))))
_CYCLE = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in _WAVES.astype(int)]
"""Colours of an angle, equal at −π and π."""


@dataclass(eq=False)
class Frames:
    """Pictures whose data follow the time.

    Parameters
    ----------
    source : ColumnDataSource
        The data of all times: for each picture and key, a list with one array a snapshot.
    shown : dict of str to ColumnDataSource
        What each picture shows now.
    keys : dict of str to list of str
        The keys of each picture that change.
    rows : list of list of bokeh figure
        From above, those of a row side by side.
    notes : list of str
        What is left out, and why.
    """

    source: ColumnDataSource
    shown: dict[str, ColumnDataSource] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    rows: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, fixed: dict[str, Any], moving: dict[str, list[Any]]) -> ColumnDataSource:
        """A source whose `moving` columns follow the time."""
        self.shown[name] = ColumnDataSource(fixed | {key: values[0] for key, values in moving.items()})
        self.keys[name] = list(moving)
        for key, values in moving.items():
            self.source.data[f"{name}.{key}"] = values
        return self.shown[name]


def moments(data: xr.Dataset, width: int) -> Frames:
    """Pictures of a run at one time.

    Parameters
    ----------
    data : xarray.Dataset
        A run.
    width : int
        Of the pictures, pixels.
    """
    frames = Frames(ColumnDataSource({"time": data["time"].values.astype(float)}))
    if "electron_density" in data:
        _electron(frames, data, width)
    else:
        frames.notes.append(f"electron density: {_reason(data, 'electron_density')}")
    if "spin_z" in data:
        _arrows(frames, data, width)
    if "density_matrix" in data:
        _matrix(frames, data, width)
    else:
        frames.notes.append(f"density matrix: {_reason(data, 'density_matrix')}")
    return frames


def _reason(data: xr.Dataset, name: str) -> str:
    return str(data.attrs.get(f"left_out_{name}", "not recorded; [record] density_matrix = true records it"))


def _layers(data: xr.Dataset) -> dict[str, tuple[float, float]]:
    """First and last site of each layer."""
    names, sites = data["layer"].values, data["spin_site"].values
    return {str(name): (sites[names == name].min(), sites[names == name].max()) for name in dict.fromkeys(names)}


def layer_color(number: int) -> str:
    """Colour of the layer of this number, counted from 0."""
    return _PER_LAYER[number % len(_PER_LAYER)]


def _mark_layers(picture: Any, data: xr.Dataset) -> None:
    for number, (name, (low, high)) in enumerate(_layers(data).items()):
        color = layer_color(number)
        picture.add_layout(
            BoxAnnotation(left=low - 0.5, right=high + 0.5, fill_color=color, fill_alpha=0.12, line_color=color)
        )
        here = {"x": (low + high) / 2, "y": picture.y_range.end, "y_offset": -4, "text_baseline": "top"}
        picture.add_layout(Label(text=name, text_color=color, text_font_size="9pt", text_align="center", **here))


def _electron(frames: Frames, data: xr.Dataset, width: int) -> None:
    site, density = data["site"].values.astype(float), data["electron_density"].values.astype(np.float32)
    moving = {"density": list(density)}
    names = {"density": "electron density ⟨n⟩"}
    low = 0.0
    if "electron_spin_density_z" in data:
        spin = data["electron_spin_density_z"].values.astype(np.float32)
        moving["spin"] = list(spin)
        names["spin"] = "electron spin density ⟨n σᶻ⟩"
        low = min(0.0, float(spin.min()))
    top = max(float(density.max()), 1e-12)
    source = frames.add("electron", {"site": site}, moving)
    picture = figure(
        name="electron", width=width, height=210, title="electron along the chain (per site)", x_axis_label="site",
        x_range=Range1d(float(site[0]), float(site[-1])), y_range=Range1d(1.05 * low, 1.05 * top),
        tools=_TOOLS,
    )  # fmt: skip
    _mark_layers(picture, data)
    picture.varea("site", 0, "density", source=source, fill_color="#444444", fill_alpha=0.25)
    lines = [picture.line("site", "density", source=source, color="#111111", legend_label=names["density"])]
    tips = [("site", "@site{0}"), ("density", "@density{0.000e} per site")]
    if "spin" in moving:
        look = {"color": "#b2182b", "line_dash": "dashed", "legend_label": names["spin"]}
        picture.line("site", "spin", source=source, **look)
        tips.append(("spin density", "@spin{0.000e} per site"))
    picture.add_tools(HoverTool(renderers=lines, tooltips=tips, mode="vline"))
    picture.legend.background_fill_alpha, picture.legend.label_text_font_size = 0.5, "9pt"
    frames.rows.append([picture])


def _arrows(frames: Frames, data: xr.Dataset, width: int) -> None:
    """Each spin as an arrow in the x-z plane at its site, as long as the projection of ⟨S⟩/S on that plane."""
    parts = {axis: data[f"spin_{axis}"].values for axis in "xyz" if f"spin_{axis}" in data}
    zero = np.zeros_like(parts["z"])
    names, layer = data["layer"].values.tolist(), _numbers(data["layer"].values)
    place = np.arange(len(names)) + 0.5 * layer
    along = 0.45 * parts.get("x", zero)
    source = frames.add(
        "arrows",
        {
            "place": place, "zero": np.zeros(place.size), "spin": data["spin"].values, "layer": names,
            "site": data["spin_site"].values, "color": [layer_color(n) for n in layer],
        },
        {
            "tip": [_rounded(place + step) for step in along],
            "x": [_rounded(step) for step in parts.get("x", zero)],
            "y": [_rounded(step) for step in parts.get("y", zero)],
            "z": [_rounded(step) for step in parts["z"]],
        },
    )  # fmt: skip
    picture = figure(
        name="arrows", width=width, height=190, title="localized spins ⟨S⟩/S: arrows in the x-z plane",
        x_range=Range1d(float(place[0]) - 0.8, float(place[-1]) + 0.8), y_range=Range1d(-1.15, 1.15),
        x_axis_label="spin, layer by layer", y_axis_label="z", tools="reset,save",
    )  # fmt: skip
    head = VeeHead(size=10, fill_color="color", line_color="color")
    ends = {"x_start": "place", "y_start": "zero", "x_end": "tip", "y_end": "z"}
    picture.add_layout(Arrow(source=source, end=head, line_color="color", line_width=3, **ends))
    shaft = picture.segment("place", "zero", "tip", "z", source=source, color="color", line_alpha=0.3)
    picture.scatter("place", "zero", source=source, size=4, color="#222222")
    picture.xaxis.ticker = place.tolist()
    picture.xaxis.major_label_overrides = {
        float(where): str(number) for where, number in zip(place, data["spin"].values, strict=True)
    }
    tips = [("spin", "@spin of @layer, site @site"), ("⟨S⟩/S", "(@x{0.0000}, @y{0.0000}, @z{0.0000})")]
    picture.add_tools(HoverTool(renderers=[shaft], tooltips=tips))
    frames.rows.append([picture])


def _numbers(names: np.ndarray) -> np.ndarray:
    """Layers as numbers in the order of their first spins."""
    order = list(dict.fromkeys(names.tolist()))
    return np.array([order.index(name) for name in names.tolist()])


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


def _matrix(frames: Frames, data: xr.Dataset, width: int) -> None:
    """|ρ| and the phase of ρ for the states of the largest population, in turn of their populations."""
    rho = data["density_matrix"].values
    populations = np.nan_to_num(np.abs(np.einsum("tkk->tk", rho))).max(axis=0)
    chosen = np.argsort(-populations, kind="stable")[:MOST_STATES]
    some = np.nan_to_num(rho[:, chosen[:, None], chosen[None, :]])
    size = chosen.size
    modulus = np.abs(some).astype(np.float32)
    phase = np.where(modulus > 1e-6, np.angle(some), np.nan).astype(np.float32)
    labels = [str(data["ket"].values[k]) for k in chosen] if "ket" in data.coords else [str(k) for k in chosen]
    left = size < populations.size
    of_all = f"the {size} of {populations.size} states that are ever occupied most" if left else f"all {size} states"
    top = max(float(modulus.max()), 1e-12)
    angles = LinearColorMapper(_CYCLE, low=-np.pi, high=np.pi, nan_color="white")
    looks = {
        "modulus": ("|ρ|", modulus, LinearColorMapper(Viridis256, low=0.0, high=top), ""),
        "phase": ("phase of ρ", phase, angles, " rad"),
    }
    pictures = []
    for name, (title, values, mapper, unit) in looks.items():
        fixed = {"x": [-0.5], "y": [-0.5], "dw": [size], "dh": [size]}  # a state lies at its number
        source = frames.add(name, fixed, {"image": [[one] for one in values]})
        picture = figure(
            name=name, width=width // 2, height=width // 2 - 40, title=title, x_range=Range1d(-0.5, size - 0.5),
            y_range=Range1d(-0.5, size - 0.5), x_axis_label="bra", y_axis_label="ket", tools=_TOOLS,
        )  # fmt: skip
        image = picture.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper)
        picture.add_layout(ColorBar(color_mapper=mapper, width=10), "right")
        tips = [(title, f"@image{{0.000e}}{unit}"), ("bra, ket", "$x{0}, $y{0}")]
        picture.add_tools(HoverTool(renderers=[image], tooltips=tips))
        pictures.append(picture)
    frames.rows.append(pictures)
    frames.notes.append(f"ρ of the localized spins: {of_all}, heaviest first: {', '.join(labels[:8])}, …")
