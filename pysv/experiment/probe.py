"""The probe pulse of X rays, and the spectra that are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import InvalidInputError, quoted
from pysv.experiment.checks import Checked, as_list, checked, is_list, real_number, whole_number
from pysv.experiment.ranges import DURATION, ENERGY
from pysv.experiment.record import momentum_list
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment.times import Times

MOST_POINTS = 100_000
WIDTHS = 4.0
"""Standard deviations of the probe pulse that are integrated over, to either side."""


def energy_range(key: str, value: Any, *, unit: str = "") -> tuple[float, float]:
    """Two numbers [lowest, highest], ascending; each in the range of an energy."""
    given = as_list(value)
    if not is_list(given) or len(given) != 2:
        raise InvalidInputError(f"{key} = {quoted(value)} must be two numbers [lowest, highest] in eV", key)
    low, high = (real_number(f"{key}[{n}]", entry, **(ENERGY | {"unit": unit})) for n, entry in enumerate(given))
    if low >= high:
        raise InvalidInputError(f"{key} = [{low:g}, {high:g}] must be ascending; write [{high:g}, {low:g}]", key)
    return low, high


@dataclass(frozen=True, kw_only=True)
class Probe(Checked):
    """A probe pulse, a Gaussian in time, and the spectra S(k, ω, t) that it measures; read by `pysv probe`.

    Parameters
    ----------
    momenta : sequence of float
        Momentum transfers k, rad per site.
    sigma : float
        Standard deviation of the pulse, fs: at least the step of the run, and an eighth of its length at most.
    omega : (float, float)
        Lowest and highest energy transfer ħω, eV. Snapshots every Δt resolve up to πħ/Δt.
    points : int
        Number of energies.
    error : float
        Standard error of the measured ∫ dω S at each time, 1/fs, for the error of the rebuilt quantum Fisher
        information.
    """

    momenta: tuple[float, ...] = checked((math.pi / 6, math.pi / 2), momentum_list, unit="rad per site")
    sigma: float = checked(2.0, real_number, **DURATION)
    omega: tuple[float, float] = checked((-4.0, 4.0), energy_range, unit="eV")
    points: int = checked(401, whole_number, low=2, high=MOST_POINTS)
    error: float = checked(0.0, real_number, low=0.0, high=1e6, unit="1/fs")

    @property
    def energies(self) -> np.ndarray:
        """The energies ħω, eV, float64 (points,)."""
        return np.linspace(*self.omega, self.points)

    @property
    def reach(self) -> float:
        """Largest distance of two times within one pulse, fs."""
        return 2 * WIDTHS * self.sigma

    def check_times(self, times: Times) -> None:
        """The pulse and the energies fit the snapshots of a run.

        Raises
        ------
        InvalidInputError
            If they do not, if the snapshots are not equally spaced, or if the energies lie farther apart than the width
            ħ/√2σ of a line.
        """
        if times.at:
            raise InvalidInputError("at: a probe needs equally spaced times; give stop and step in its place", "at")
        check_pulse(self.sigma, self.energies, times.stop, times.step)
        low, high = self.omega
        width = HBAR / (math.sqrt(2) * self.sigma)
        if (high - low) / (self.points - 1) > width:
            raise InvalidInputError(
                f"points = {self.points} must be at least {math.ceil((high - low) / width) + 1}, so that the energies "
                f"lie closer than {width:.3g} eV, the width of a line at sigma = {self.sigma:g} fs",
                "points",
            )


def check_pulse(sigma: float, energies: np.ndarray | None, length: float, step: float) -> float:
    """Check a probe pulse and the energies of its spectra against the times of a run.

    Parameters
    ----------
    sigma : float
        Standard deviation of the pulse, fs.
    energies : float ndarray, optional
        ħω, eV.
    length, step : float
        Of the run, and between its snapshots, fs.

    Returns
    -------
    float
        `sigma`.

    Raises
    ------
    InvalidInputError
        If the pulse is shorter than a step or longer than the run, or an energy is beyond πħ/Δt.
    """
    sigma = real_number("sigma", sigma, above=0.0, unit="fs")
    if sigma < step * (1 - 1e-9):
        raise InvalidInputError(
            f"sigma = {sigma:g} fs must be at least the time between snapshots, {step:g} fs; take a finer step", "sigma"
        )
    if energies is not None and np.abs(energies).max() > math.pi * HBAR / step:
        raise InvalidInputError(
            f"omega reaches {np.abs(energies).max():g} eV; snapshots every {step:g} fs resolve up to "
            f"{math.pi * HBAR / step:.3g} eV; take a finer step",
            "omega",
        )
    if 2 * WIDTHS * sigma > length * (1 + 1e-9):
        raise InvalidInputError(
            f"sigma = {sigma:g} fs must be at most {length / (2 * WIDTHS):g} fs: a pulse takes {2 * WIDTHS:g} sigma, "
            f"and the run {length:g} fs; take a later stop",
            "sigma",
        )
    return sigma
