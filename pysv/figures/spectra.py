"""Spectra of a probe: S(k, ω, t) as heat maps, and f_Q direct and rebuilt."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from pysv.errors import InvalidInputError
from pysv.figures import style
from pysv.figures.marks import UNMARKED, Marks

CENTRE = "delay of the probe $t$ (fs)"
DIRECT: style.Style = {"color": "0.65", "linestyle": "-", "linewidth": 2.4}
SMOOTHED: style.Style = {"color": "#000000", "linestyle": style.DOTTED}
REBUILT: style.Style = {"color": style.RED, "linestyle": "-", "linewidth": 0.9}
_SEEN = 0.02
"""Energies at which the spectrum stays below this share of its largest value are not drawn."""


def heat_map(axes: Axes, spectra: xr.DataArray, *, top: float | None = None) -> QuadMesh:
    """S(k, ω, t) of one momentum over the centre of the pulse and the energy.

    Parameters
    ----------
    axes : Axes
    spectra : xarray.DataArray (time, omega)
        1/(fs eV); times at which it is NaN stay white.
    top : float, optional
        Value of the darkest colour; by default the largest one.
    """
    norm = PowerNorm(0.5, 0.0, top or max(float(spectra.max()), 1e-30))
    mesh = axes.pcolormesh(
        spectra.time.values,
        spectra.omega.values,
        np.clip(spectra.values.T, 0.0, None),
        cmap=colormaps["magma_r"],
        norm=norm,
        shading="nearest",
        rasterized=True,
    )
    axes.set(xlabel=CENTRE, ylabel=r"energy $\hbar\omega$ (eV)")
    axes.set_facecolor("0.9")
    return mesh


def colour_bar(figure: Figure, mesh: QuadMesh, axes: Axes | list[Axes]) -> None:
    """The scale of a heat map, with few ticks: the root of the scale crowds them at its upper end."""
    top = float(mesh.get_clim()[1] or 1.0)
    digits = 10.0 ** math.floor(math.log10(top))
    largest = math.floor(top / digits) * digits
    bar = figure.colorbar(mesh, ax=axes, label="$S$ (1/(fs eV))", pad=0.02, aspect=15)
    bar.set_ticks([0.0, largest / 8, largest / 2, largest], labels=[f"{largest * x:.2g}" for x in (0, 1 / 8, 1 / 2, 1)])


def energies_seen(spectra: xr.DataArray) -> tuple[float, float]:
    """Lowest and highest energy at which there is something to see, eV; spectra of any dimensions."""
    others = [dim for dim in spectra.dims if dim != "omega"]
    largest = abs(spectra).max(others)
    seen = spectra.omega.values[largest.values >= _SEEN * float(largest.max())]
    if seen.size < 2:
        return -1.0, 1.0
    margin = 0.05 * float(seen[-1] - seen[0])
    return float(seen[0]) - margin, float(seen[-1]) + margin


def rebuilt_panel(axes: Axes, times: np.ndarray, direct: np.ndarray, qfi: np.ndarray, band: np.ndarray) -> None:
    """f_Q of one momentum, direct and rebuilt, with a band of plus and minus its error."""
    axes.fill_between(times, qfi - band, qfi + band, color=style.RED, alpha=0.25, linewidth=0, zorder=1.5)
    axes.plot(times, direct, label="direct", **DIRECT)
    axes.plot(times, qfi, label="rebuilt", **REBUILT)
    axes.set(xlabel=style.TIME, ylabel="$f_Q$ per spin")


def draw(data: xr.Dataset, marks: Marks = UNMARKED) -> Figure:
    """Draw a probe: for each momentum S(k, ω, t), its integral over ω, and f_Q.

    Parameters
    ----------
    data : xarray.Dataset
        A complete probe.
    marks : Marks

    Raises
    ------
    InvalidInputError
        If the file holds correlators alone.
    """
    if "structure_factor" not in data:
        raise InvalidInputError(
            "the file holds correlators without spectra: either it is not complete, then continue with `pysv resume`, "
            "or pysv.correlator made it, then use pysv.structure_factor"
        )
    momenta = data.momentum.values
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 2.0 * momenta.size + 0.3)
        rows = figure.subplots(momenta.size, 3, squeeze=False)
        low, high = energies_seen(data.structure_factor)
        for number, (row, momentum) in enumerate(zip(rows, momenta, strict=True)):
            own = data.isel(momentum=number)
            mesh = heat_map(row[0], own.structure_factor)
            row[0].set_ylim(low, high)
            row[0].set_title(style.momentum_label(float(momentum)), size=9)
            colour_bar(figure, mesh, row[0])
            row[1].plot(own.time, own.structure_integral, label=r"$\int d\omega\,S$", **REBUILT)
            row[1].plot(own.time, own.smoothed_variance, label="Eq. 29, smoothed", **SMOOTHED)
            row[1].set(xlabel=CENTRE, ylabel=r"$\int d\omega\,S$ (1/fs)")
            band = own.qfi_rebuilt_error.values + own.qfi_rebuilt_open.values
            rebuilt_panel(row[2], own.time.values, own.qfi_direct.values, own.qfi_rebuilt.values, band)
            for axes in row[1:]:
                style.time_axis(axes, data.time.values)
                style.legend_above(axes, 1)
            marks.mark_echoes(list(row[1:]))
    return figure
