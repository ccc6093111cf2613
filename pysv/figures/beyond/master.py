"""Which master equation: what an electron leaves on the spins, under baths in four equations.

An electron passes two layers without baths. Then the layers are on their own, where each of the equations is solved
without approximation (`pysv.model.baths.equations`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.experiment import Experiment
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import SpinValve
from pysv.experiment.record import Record
from pysv.experiment.source import WavePacket
from pysv.experiment.times import Times
from pysv.figures import style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import Planned, PlannedRun, Version
from pysv.measures.negativity import log_negativity
from pysv.model.baths.equations import Equation, amplitudes, evolution, generator, gibbs_state
from pysv.model.density import SpinDensity
from pysv.model.layer import layer_spectrum
from pysv.units import HBAR

TEMPERATURES = (10.0, 100.0, 300.0)
NAMES: dict[Equation, str] = {"universal": "universal", "davies": "Davies", "redfield": "Redfield"}
GONE = 60.0
"""Time (fs) at which the packet has left the layers and the baths set in."""
LAST, STEP = 300.0, 3.0
"""Time (fs) with baths, and between two points of a curve."""
ALIKE = 1e-9
"""Difference of two density matrices that is rounding."""


def valve(spins: int) -> SpinValve:
    """Two layers on leads without echoes."""
    return SpinValve.with_layers(spins, sites=190, first=110)


def runs(version: Version) -> dict[str, Planned]:
    """What one electron leaves on 1+1 and 2+2 spins, without baths."""
    times = Times(stop=GONE, step=GONE / 2)
    record = Record(density_matrix=True)
    return {
        f"{spins}+{spins}": PlannedRun(
            Experiment(device=valve(spins), source=WavePacket(center=60), times=times, record=record).echo_free()
        )
        for spins in (1, 2)
    }


class Course(NamedTuple):
    """The spins under baths in one equation, over time."""

    rho: np.ndarray
    negativity: np.ndarray
    spin: np.ndarray
    """Mean ⟨σᶻ⟩ of FM_p."""
    lowest: np.ndarray
    """Smallest eigenvalue of ρ of FM_p and of a copy of it without a bath, with which it was maximally entangled."""


def times() -> np.ndarray:
    """Times of the curves since the baths set in, fs."""
    return np.arange(0.0, LAST + STEP / 2, STEP)


def course(data: xr.Dataset, equation: Equation, temperature: float) -> Course:
    """Follow ρ of a run from its last snapshot on.

    Parameters
    ----------
    data : xarray.Dataset
        One of `runs`.
    equation : {"universal", "davies", "redfield", "series"}
    temperature : float
        K.
    """
    start = np.asarray(data["density_matrix"].isel(time=-1).values, dtype=complex)
    return _course(start.tobytes(), data.sizes["spin"] // 2, equation, temperature)


@lru_cache(maxsize=32)
def _course(start: bytes, spins: int, equation: Equation, temperature: float) -> Course:
    size = 2**spins
    device, bath = valve(spins), BosonicBath(temperature=temperature)
    one, other = (evolution(generator(device, layer, bath, equation), STEP) for layer in (0, 1))
    rho = np.frombuffer(start, dtype=complex).reshape((size,) * 4).transpose(0, 2, 1, 3).reshape(size**2, size**2)
    found, lowest, map_ = [], [], np.eye(size**2, dtype=complex)
    for number in range(times().size):
        if number:
            rho, map_ = one @ rho @ other.T, one @ map_
        choi = map_.reshape((size,) * 4).transpose(0, 2, 1, 3).reshape(size**2, size**2) / size
        lowest.append(float(np.linalg.eigvalsh((choi + choi.conj().T) / 2)[0]))
        found.append(rho.reshape((size,) * 4).transpose(0, 2, 1, 3).reshape(size**2, size**2))
    densities = [SpinDensity.from_dense(matrix, spins, spins) for matrix in found]
    return Course(
        np.array(found),
        np.array([log_negativity(density) for density in densities]),
        np.array([density.spin_expectations()[2, :spins].mean() for density in densities]),
        np.array(lowest),
    )


def off_gibbs(equation: Equation, spins: int, temperature: float) -> float:
    """Largest change per time that an equation makes of e^{−βH}/Z of one layer, in units of its largest rate."""
    found = generator(valve(spins), 0, BosonicBath(temperature=temperature), equation)
    rest = gibbs_state(valve(spins), 0, temperature).ravel()
    matrix = (found @ rest).reshape(2**spins, -1)
    return float(np.linalg.norm(matrix, "nuc") / np.abs(np.linalg.eigvals(found).real).max())


def _rates(axes: Axes) -> None:
    omega = np.linspace(-0.3, 0.3, 301)
    for temperature, look in zip(TEMPERATURES, style.CURVES, strict=False):
        bath = BosonicBath(temperature=temperature)
        exact, series = (amplitudes(name, bath, omega) ** 2 / HBAR for name in ("universal", "series"))
        axes.plot(omega, exact, label=f"{temperature:g} K", color=look["color"])
        axes.plot(omega, series, color=look["color"], linestyle=style.DOTTED, linewidth=1.0)
    energies = layer_spectrum(valve(2), 0).energies
    for gap in np.unique(np.round(np.subtract.outer(energies, energies), 2)):
        if abs(gap) <= 0.3:
            axes.axvline(gap, **style.THRESHOLD)
    axes.set(yscale="log", ylim=(1e-9, 1e2), xlabel=r"$\omega=E_n-E_m$ (eV)", ylabel="rate (1/fs)")
    axes.legend(loc="lower right")


def _drawn(axes: Axes, data: xr.Dataset, name: str, label: str) -> None:
    for equation, look in zip(NAMES, style.CURVES, strict=False):
        for temperature, width in zip(TEMPERATURES, (0.8, 1.2, 1.8), strict=True):
            shown = f"{NAMES[equation]}" if temperature == 100.0 else None
            values = getattr(course(data, equation, temperature), name)
            axes.plot(times(), values, label=shown, **(look | {"linewidth": width}))
    axes.set(xlabel="time with baths (fs)", ylabel=label)


def _steady(axes: Axes) -> None:
    sizes = (2, 3)
    for spins, marker in zip(sizes, "os", strict=True):
        for equation, look in zip(NAMES, style.CURVES, strict=False):
            values = [max(off_gibbs(equation, spins, temperature), 1e-18) for temperature in TEMPERATURES]
            where = np.arange(len(TEMPERATURES)) + 0.16 * (list(NAMES).index(equation) - 1)
            axes.plot(where, values, marker=marker, color=look["color"], linestyle="", markersize=4 + spins % 2,
                      fillstyle="none" if spins == 2 else "full",
                      label=f"{NAMES[equation]}, {spins} spins" if equation == "universal" else None)  # fmt: skip
    axes.set(yscale="log", ylim=(1e-19, 1e4), xlim=(-0.5, 2.5), ylabel=r"$\Vert\mathcal{L}\rho_G\Vert_1$/rate")
    axes.set_xticks(range(len(TEMPERATURES)), [f"{temperature:g} K" for temperature in TEMPERATURES])
    axes.legend(loc="upper left")


def draw(curves: style.Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw the figure.

    (a) Transition rates against the Bohr frequency: exact, and the paper's series. (b) Negativity and (c) mean ⟨σᶻ⟩ of
    FM_p of 2+2 spins after the electron, in three equations and at 10, 100 and 300 K, thin to thick. (d) Smallest
    eigenvalue of ρ of FM_p and of a copy of it without a bath, from a maximally entangled start. (e) As (c), of 1+1
    spins. (f) How far the Gibbs state of one layer is from steady.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled as by `runs`.
    marks : Marks
        Not used: there are no echoes, and quick runs are the same.
    """
    data = dict(curves)
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 4.4)
        panels = figure.subplots(2, 3).ravel()
        _rates(panels[0])
        _drawn(panels[1], data["2+2"], "negativity", style.LOG_NEGATIVITY)
        panels[1].legend(loc="upper right")
        _drawn(panels[2], data["2+2"], "spin", r"mean $\langle\hat\sigma^z\rangle$ of FM$_p$")
        _drawn(panels[3], data["2+2"], "lowest", r"smallest eigenvalue, FM$_p$ and copy")
        _drawn(panels[4], data["1+1"], "spin", r"1+1 spins: $\langle\hat\sigma^z\rangle$ of FM$_p$")
        _steady(panels[5])
        for axes, letter in zip(panels, "abcdef", strict=True):
            style.panel_letter(axes, letter)
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """Where the equations differ, and what that means for the negativity."""
    found = {label: run.whole for label, run in runs}

    def apart(label: str, name: str, one: Equation, other: Equation) -> list[float]:
        pairs = [(course(found[label], one, kelvin), course(found[label], other, kelvin)) for kelvin in TEMPERATURES]
        return [float(np.abs(getattr(a, name) - getattr(b, name)).max()) for a, b in pairs]

    single = max(max(apart("1+1", "rho", "universal", name)) for name in ("davies", "redfield"))
    yield Claim(
        "1+1 spins have one equation: a single spin has no levels",
        f"elements of ρ differ by {single:.0e} at most",
        verdict(single < ALIKE),
    )
    davies, redfield = (apart("2+2", "negativity", "universal", name) for name in ("davies", "redfield"))
    largest = float(course(found["2+2"], "universal", TEMPERATURES[0]).negativity[0])
    yield Claim(
        "the negativity of 2+2 spins is that of the universal equation in Redfield's, to 1 %, but not in Davies'",
        f"it begins at {largest:.4f} nat; Davies is off by {', '.join(f'{value:.1e}' for value in davies)} nat at 10, "
        f"100, 300 K, Redfield by {', '.join(f'{value:.1e}' for value in redfield)}",
        verdict(max(redfield) < 0.01 * largest < max(davies)),
    )
    lowest = {
        name: min(float(course(found["2+2"], name, kelvin).lowest.min()) for kelvin in TEMPERATURES) for name in NAMES
    }
    yield Claim(
        "only Redfield is not positive",
        ", ".join(f"{NAMES[name]} {value:.1e}" for name, value in lowest.items()),
        verdict(lowest["redfield"] < -1e-6 and min(lowest["universal"], lowest["davies"]) > -ALIKE),
    )
    steady = {name: max(off_gibbs(name, 3, kelvin) for kelvin in TEMPERATURES) for name in NAMES}
    yield Claim(
        "Davies keeps the Gibbs state of a layer of three spins, universal does not",
        f"change per time in units of the largest rate: {', '.join(f'{NAMES[n]} {v:.0e}' for n, v in steady.items())}",
        verdict(steady["davies"] < 1e-12 < 1e-6 < steady["universal"]),
    )
    energies = layer_spectrum(valve(2), 0).energies
    gap = float(np.ptp(energies))
    bath = replace(BosonicBath(), temperature=TEMPERATURES[-1])
    ratio = float((amplitudes("series", bath, np.array(gap)) / amplitudes("universal", bath, np.array(gap))) ** 2)
    yield Claim(
        "the paper's series has wrong rates even at 300 K, where it reaches farthest",
        f"between the levels that are {gap:.2f} eV apart, {ratio:.0e} times the exact one",
        verdict(abs(ratio - 1) > 0.5),
    )


RECIPE = Recipe(runs, draw, claims)
