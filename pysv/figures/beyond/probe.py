"""How one would see it (Sec. V): spectra of a short and of a long probe pulse, and f_Q rebuilt from both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv import config
from pysv.experiment import Experiment
from pysv.experiment.device import SpinValve
from pysv.experiment.source import WavePacket
from pysv.experiment.times import Times
from pysv.figures import spectra, style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import Planned, PlannedCorrelator, Version
from pysv.model.layer import layer_block, layer_products, layer_spins
from pysv.probes import rebuild_qfi, smoothed_qfi, structure_factor
from pysv.probes.rebuild import low_pass
from pysv.units import HBAR

MOMENTA = (math.pi / 6, math.pi / 2)
SHORT, LONG = 2.0, 50.0
"""Standard deviations of the pulses, fs: one that follows the transient, and what the paper says of today's sources."""
NOISE = 0.01
"""Assumed standard error of each measured ∫ dω S, as a share of its largest value."""
_BEGIN, _END = -200.0, 800.0
"""First centre of the long pulse, and last time of the correlators, fs."""
_SURE = 1e-3
"""Share of the largest f_Q that the record may leave open where the rebuilt f_Q is compared."""
_LOOKS = (style.CURVES[0], style.CURVES[1])
_LETTERS = "abcdefgh"


def runs(version: Version) -> dict[str, Planned]:
    """4+4 spins on leads without echoes, followed for 60 fs and under H_FM until 800 fs; quick, 2+2 for 30 fs."""
    followed = Times(stop=30.0, step=1.0) if version.quick else Times(stop=60.0, step=0.5)
    experiment = Experiment(
        device=SpinValve.with_layers(2 if version.quick else 4), source=WavePacket(center=20), times=followed
    ).echo_free()
    return {"correlators": PlannedCorrelator(experiment, MOMENTA, _END)}


@dataclass(frozen=True, eq=False)
class Seen:
    """What a pulse of one width shows.

    Parameters
    ----------
    pairs : xarray.DataArray
        Connected correlators of O_k.
    sigma : float
        fs.
    centres : float ndarray
        fs.
    energies : float ndarray
        eV.
    """

    pairs: xr.DataArray
    sigma: float
    centres: np.ndarray
    energies: np.ndarray

    @cached_property
    def spectra(self) -> xr.DataArray:
        """S(k, ω, t)."""
        return structure_factor(self.pairs, omega=self.energies, sigma=self.sigma, times=self.centres)

    @cached_property
    def integral(self) -> xr.DataArray:
        """∫ dω S (time, momentum)."""
        return self.spectra.integrate("omega")

    @cached_property
    def direct(self) -> xr.Dataset:
        """f_Q and what the pulse leaves of it, at the centres."""
        return smoothed_qfi(self.pairs, sigma=self.sigma, times=self.centres)

    @cached_property
    def rebuilt(self) -> xr.Dataset:
        """f_Q rebuilt, with the errors of noisy data."""
        return rebuild_qfi(self.spectra, error=NOISE * float(self.integral.max()))

    @cached_property
    def filtered(self) -> xr.DataArray:
        """The direct f_Q at all times of the data, after the filter of the rebuilt one."""
        known = smoothed_qfi(self.pairs, sigma=self.sigma).direct
        times = known.time.values
        step = float(times[1] - times[0])
        filtered = step * low_pass(np.subtract.outer(times, times), self.sigma) @ known.values
        return xr.DataArray(filtered, known.coords, known.dims)


def seen(data: xr.Dataset) -> tuple[Seen, Seen]:
    """What the short and the long pulse show, at centres where they lie inside the data."""
    pairs = data["connected"]
    times = pairs.time.values
    end, step = float(times[-1]), float(times[1] - times[0])
    early = times[times <= min(80.0, end - 4 * SHORT)]
    late = np.arange(_BEGIN, end - 4 * LONG + 1e-9, 20.0)
    stride = round(1.0 / step)
    coarse = pairs.isel(time=slice(None, None, stride), time2=slice(None, None, stride))
    wide, narrow = min(4.0, math.pi * HBAR / step), math.pi * HBAR / (stride * step)
    return (
        Seen(pairs, SHORT, early, np.linspace(-wide, wide, 201)),
        Seen(coarse, LONG, late, np.linspace(-narrow, narrow, 601)),
    )


def magnon_lines(experiment: Experiment) -> np.ndarray:
    """Differences between the one-magnon levels of H_FM of the first layer, eV: lines of S^z of a single magnon."""
    spins = layer_spins(experiment.device, 0)
    levels = np.linalg.eigvalsh(layer_block(layer_products(experiment.device, 0), spins, 1))
    return np.unique(np.round(np.subtract.outer(levels, levels).ravel(), 9))


def draw(curves: style.Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw the figure.

    (a, b) S(k, ω, t) of a pulse of 2 fs at both momenta; (c) its integral over ω beside the smoothed f_Q of Eq. 29; (d)
    f_Q rebuilt and direct. (e) The same as (b) with 50 fs; (f) S at the last delay, the static limit, and the lines of
    one magnon of H_FM; (g, h) as (c, d) with 50 fs. Bands in (d, h): noise of 1 % of the data, and what the record
    leaves open.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        The correlators.
    marks : Marks
        If the run is a quick one, a line below the picture says so.
    """
    ((_, data),) = curves
    short, long = seen(data)
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 8.6)
        panels = figure.subplots(4, 2)
        low, high = spectra.energies_seen(short.spectra)
        top = float(short.spectra.max())
        for axes, number in zip(panels[0], range(2), strict=True):
            mesh = spectra.heat_map(axes, short.spectra.isel(momentum=number), top=top)
            axes.set_ylim(low, high)
            axes.set_title(_title(short, MOMENTA[number]), size=9)
        spectra.colour_bar(figure, mesh, panels[0, 1])
        own = long.spectra.isel(momentum=1)
        mesh = spectra.heat_map(panels[2, 0], own)
        panels[2, 0].set_ylim(*spectra.energies_seen(own))
        panels[2, 0].set_title(_title(long, MOMENTA[1]), size=9)
        spectra.colour_bar(figure, mesh, panels[2, 0])
        made_by = config.loads(str(data["connected"].attrs["experiment"])).experiment
        static_panel(panels[2, 1], long, magnon_lines(made_by))
        for row, pulse in ((1, short), (3, long)):
            integral_panel(panels[row, 0], pulse)
            qfi_panel(panels[row, 1], pulse)
        for axes, letter in zip(panels.flat, _LETTERS, strict=True):
            style.panel_letter(axes, letter)
        if marks.quick:
            figure.supxlabel("quick: 2+2 spins", size=8, color=style.GREY)
    return figure


def _title(pulse: Seen, momentum: float) -> str:
    return rf"{style.momentum_label(momentum)}, $\sigma={pulse.sigma:g}$ fs"


def static_panel(axes: Axes, pulse: Seen, lines: np.ndarray) -> None:
    """S of the last delay over the energy, for each momentum, and lines at given energies."""
    last = pulse.spectra.isel(time=-1)
    for number, (momentum, look) in enumerate(zip(MOMENTA, _LOOKS, strict=True)):
        axes.plot(last.omega, last.isel(momentum=number), label=style.momentum_label(momentum), **look)
    axes.set(xlabel=r"energy $\hbar\omega$ (eV)", ylabel="$S$ (1/(fs eV))", xlim=spectra.energies_seen(last))
    axes.set_ylim(0, 1.02 * float(last.max()))
    style.legend_above(axes, 2, remark=f"delay {float(last.time):g} fs")
    for line in lines:
        axes.axvline(float(line), ymax=0.72, **style.THRESHOLD)  # below the legend


def integral_panel(axes: Axes, pulse: Seen) -> None:
    """∫ dω S and the smoothed f_Q, for each momentum."""
    times = pulse.centres
    for number, (momentum, look) in enumerate(zip(MOMENTA, _LOOKS, strict=True)):
        label = style.momentum_label(momentum)
        axes.plot(times, pulse.integral[:, number], label=label, **look)
        smooth = pulse.direct.integral[:, number]
        some = slice(None, None, max(1, times.size // 20))
        axes.plot(
            times[some], smooth[some], label="Eq. 29", linestyle="", marker="os"[number], markersize=3,
            markerfacecolor="white", color=look["color"],
        )  # fmt: skip
    axes.set(xlabel=spectra.CENTRE, ylabel=r"$\int d\omega\,S$ (1/fs)")
    style.time_axis(axes, times)
    style.legend_above(axes, 2)


def qfi_panel(axes: Axes, pulse: Seen) -> None:
    """f_Q direct and rebuilt for the second momentum, with the band of its errors, up to the last centre."""
    times = pulse.rebuilt.time.values
    inside = times <= pulse.centres[-1]
    own = pulse.rebuilt.isel(momentum=1, time=inside)
    direct = smoothed_qfi(pulse.pairs, sigma=pulse.sigma).direct.isel(momentum=1, time=inside)
    band = own.qfi_error.values + own.qfi_open.values
    spectra.rebuilt_panel(axes, times[inside], direct.values, own.qfi.values, band)
    style.time_axis(axes, times[inside])
    style.legend_above(axes, 2)


def claims(runs: Passes) -> Iterator[Claim]:
    """The integral equation, the rebuilt f_Q, and what either pulse resolves."""
    ((_, run),) = runs
    short, long = seen(run.whole)
    for pulse in (short, long):
        exact = pulse.direct.integral
        wrong = float(abs(pulse.integral - exact).max() / exact.max())
        yield Claim(
            f"σ = {pulse.sigma:g} fs: ∫ dω S is the f_Q of Eq. 29, smoothed",
            f"to {wrong:.0e} of its largest value",
            verdict(wrong < 1e-3),
        )
    for pulse in (short, long):
        top = float(pulse.filtered.max())
        sure = (pulse.rebuilt.qfi_open.max("momentum") <= _SURE * top).values
        wrong = float(abs(pulse.rebuilt.qfi - pulse.filtered)[sure].max() / top)
        yield Claim(
            f"σ = {pulse.sigma:g} fs: f_Q is rebuilt below the cutoff",
            f"to {wrong:.0e} of its largest value until {float(pulse.rebuilt.time[sure][-1]):g} fs; what changes "
            f"faster makes up to {missed(pulse, sure):.0%}",
            verdict(wrong < 1e-3),
        )
    rise = [risen(values) for values in (short.direct.direct[:, 1], short.rebuilt.qfi[:, 1], long.rebuilt.qfi[:, 1])]
    yield Claim(
        "the short pulse follows the passage of the electron, the long one does not",
        f"f_Q at π/2 rises from 10 to 90 % in {rise[0]:.1f} fs, rebuilt in {rise[1]:.1f} fs, with 50 fs in "
        f"{rise[2]:.0f} fs",
        verdict(abs(rise[1] - rise[0]) < 1 and rise[2] > 5 * rise[0]),
    )
    lines = magnon_lines(run.experiment)
    last = long.spectra.isel(time=-1, momentum=1)
    peaks = [float(energy) for energy in maxima(last)]
    away = max((float(np.abs(lines - peak).min()) for peak in peaks), default=math.inf)
    width = HBAR / (math.sqrt(2) * LONG)
    blurred = maxima(short.spectra.isel(time=-1, momentum=1))
    yield Claim(
        "the long pulse resolves magnons, the short one does not",
        f"{len(peaks)} maxima above a tenth of the largest, at most {away * 1e3:.1f} meV from a line of one magnon "
        f"(width of a line {width * 1e3:.1f} meV); with 2 fs {len(blurred)}",
        verdict(len(peaks) > len(blurred) and away < width),
    )


def missed(pulse: Seen, sure: np.ndarray) -> float:
    """Largest difference between the direct and the rebuilt f_Q, as a share of the largest f_Q."""
    direct = smoothed_qfi(pulse.pairs, sigma=pulse.sigma).direct
    return float(abs(pulse.rebuilt.qfi - direct)[sure].max() / direct.max())


def risen(values: xr.DataArray) -> float:
    """Time between a tenth and nine tenths of the largest value in the first 60 fs, fs."""
    known = values.dropna("time").sel(time=slice(None, 60.0))
    top = float(known.max())
    first, last = (float(known.time.values[np.argmax(known.values >= share * top)]) for share in (0.1, 0.9))
    return last - first


def maxima(spectrum: xr.DataArray) -> np.ndarray:
    """Energies of the local maxima above a tenth of the largest value."""
    values = spectrum.values
    inner = (values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:]) & (values[1:-1] > 0.1 * values.max())
    return np.asarray(spectrum.omega.values[1:-1][inner])


RECIPE = Recipe(runs, draw, claims)
