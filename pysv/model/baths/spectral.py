"""Spectral density of a bath, and the validity measure of the universal Lindblad equation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pysv.units import BOLTZMANN, HBAR

if TYPE_CHECKING:
    from pysv.experiment.bath import BosonicBath

_POINTS = 1 << 22
"""Largest number of frequencies at which the jump correlator is sampled."""
_ALIKE = 1e-9
"""Relative distance within which two frequencies are one."""


@dataclass(frozen=True)
class SpectralDensity:
    """J(ω) = Γ (ω/ω_m) (1 + n_BE(ω)) · cutoff, which satisfies detailed balance J(−ω) = e^{−βω} J(ω).

    The cutoff is even in ω: exp(−ω²/2ω_m²) (gaussian), exp(−|ω|/ω_m) (exponential) or Θ(ω_m − |ω|) (hard, as in
    Eq. 20, which has n_BE in place of 1 + n_BE and so inverts detailed balance).

    Parameters
    ----------
    temperature : float
        K.
    strength : float
        Γ/ω_m.
    cutoff : float
        ω_m, eV.
    shape : {"gaussian", "exponential", "hard"}
    """

    temperature: float
    strength: float
    cutoff: float
    shape: str

    @classmethod
    def of_bath(cls, bath: BosonicBath, layer: int = 0) -> SpectralDensity:
        """The spectral density of the baths of a layer, counted from 0."""
        return cls(bath.temperature_of(layer), bath.strength, bath.cutoff, bath.cutoff_shape)

    @property
    def beta(self) -> float:
        """1/k_B T, 1/eV."""
        return 1 / (BOLTZMANN * self.temperature)

    def __call__(self, frequency: np.ndarray) -> np.ndarray:
        """J at frequencies in eV, eV."""
        omega = np.asarray(frequency, dtype=float)
        size = np.abs(omega)
        x = self.beta * size
        occupied = np.divide(size, -np.expm1(-x), out=np.full(size.shape, 1 / self.beta), where=x > 1e-12)
        thermal = occupied * np.where(omega < 0, np.exp(-x), 1.0)
        return np.asarray(self.strength * thermal * self.cut(size))

    def cut(self, size: np.ndarray) -> np.ndarray:
        """The cutoff at |ω|."""
        if self.shape == "gaussian":
            return np.asarray(np.exp(-((size / self.cutoff) ** 2) / 2))
        if self.shape == "exponential":
            return np.asarray(np.exp(-size / self.cutoff))
        # Equal transitions at the cutoff, which differ by rounding, are kept together.
        return (size <= self.cutoff * (1 + _ALIKE)).astype(float)

    @property
    def reach(self) -> float:
        """|ω| beyond which √J is negligible (1e-16 of its scale) or zero, eV."""
        return self.cutoff * {"gaussian": 12.5, "exponential": 80.0, "hard": 1.0}[self.shape]

    def taylor(self, terms: int) -> np.ndarray:
        """Coefficients a_n of √(2πJ(ω)) = Σ_n a_n ωⁿ, n = 0 … terms (gaussian cutoff only), float64 (terms + 1,).

        The radius of convergence is 2πk_BT, where 1/(1 − e^{−βω}) has its first pole.
        """
        n = np.arange(terms + 1)
        # x/(1 − e^{−x}) is the inverse of the power series (1 − e^{−x})/x = Σ (−x)ⁿ/(n + 1)!.
        factorial = np.array([math.factorial(k + 1) for k in n], dtype=float)
        denominator = (-1.0) ** n / factorial
        bose = np.zeros(terms + 1)
        bose[0] = 1.0
        for k in n[1:]:
            bose[k] = -(denominator[1 : k + 1] * bose[k - 1 :: -1][:k]).sum()
        root = np.zeros(terms + 1)
        root[0] = 1.0
        for k in n[1:]:
            root[k] = (bose[k] - (root[1:k] * root[k - 1 : 0 : -1]).sum()) / 2
        gaussian = np.zeros(terms + 1)
        for k in range(terms // 2 + 1):
            gaussian[2 * k] = (-1 / (4 * (self.beta * self.cutoff) ** 2)) ** k / math.factorial(k)
        scale = math.sqrt(2 * math.pi * self.strength / self.beta)
        return np.asarray(scale * np.convolve(root, gaussian)[: terms + 1] * self.beta**n)


@dataclass(frozen=True)
class Validity:
    """Whether the universal Lindblad equation may be trusted (Nathan and Rudner, Sec. II C).

    Parameters
    ----------
    rate : float
        Γ_NR/ħ = 4 (∫|g(t)| dt)²/ħ, 1/fs.
    memory : float
        τ = ∫|t g(t)| dt / ∫|g(t)| dt, fs.
    """

    rate: float
    memory: float

    @property
    def product(self) -> float:
        """Γ_NR τ, which should be small; infinite where √J is not smooth."""
        return self.rate * self.memory if math.isfinite(self.rate * self.memory) else math.inf


@lru_cache(maxsize=32)
def validity(density: SpectralDensity) -> Validity:
    """Γ_NR and τ of a bath, from its jump correlator g(t) = ∫ dω √(J(ω)/2π) e^{−iωt}.

    With a hard cutoff g falls like 1/t, with an exponential one (√J has a cusp at ω = 0) like 1/t²: the integrals of
    |g| or of |t g| diverge, and so does Γ_NR τ.
    """
    if density.strength == 0:
        return Validity(0.0, 0.0)
    if density.shape == "hard":
        return Validity(math.inf, math.inf)
    width = 8 * density.reach  # wider than √J, so that g is sampled finely
    step = max(min(1 / density.beta, density.cutoff) / 30, width / _POINTS)
    count = 1 << math.ceil(math.log2(width / step))
    step = width / count
    omega = step * (np.arange(count) - count // 2)
    g = np.abs(np.fft.fft(np.fft.ifftshift(np.sqrt(density(omega) / (2 * np.pi))))) * step
    time = np.abs(np.fft.fftfreq(count, step / (2 * np.pi)))
    spacing = 2 * np.pi / (step * count)
    area = float(g.sum() * spacing)
    if area == 0:  # the strength underflows
        return Validity(0.0, 0.0)
    memory = math.inf if density.shape == "exponential" else float((time * g).sum() * spacing) / area * HBAR
    return Validity(4 * area**2 / HBAR, memory)
