"""Bosonic baths in the universal Lindblad equation: spectral density, jump operators, Lamb shift, validity.

Each localized spin has baths of its own, which couple to Pauli matrices X of that spin (Eqs. 14–20). In the universal
Lindblad equation (F. Nathan and M. S. Rudner, Phys. Rev. B 102, 115109 (2020); erratum Phys. Rev. B 104, 119901) each
bath gives one jump operator. The layers are not coupled to each other, so that jump operators are found layer by layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import spin_bit, spin_signs
from pysv.errors import InvariantError
from pysv.layers import LAYERS, LayerSpectrum, layer_spectrum
from pysv.units import BOLTZMANN, HBAR

if TYPE_CHECKING:
    from pysv.device import SpinValve
    from pysv.experiment import BosonicBath

VALIDITY_WARNING = 0.1
"""Γ_NR τ above which the universal Lindblad equation is doubtful."""
SERIES_WARNING = 0.01
"""Relative distance of the power series from the exact jump operators that is worth a warning."""
_BALANCE = 1e-9
"""Relative error allowed to detailed balance; a Boltzmann factor below e⁻⁶⁰⁰ is not looked at."""
_POINTS = 1 << 22
"""Largest number of frequencies at which the jump correlator is sampled."""


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
    def of_bath(cls, bath: BosonicBath) -> SpectralDensity:
        """The spectral density that a bath's options describe."""
        return cls(bath.temperature, bath.strength, bath.cutoff, bath.cutoff_shape)

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
        return (size <= self.cutoff).astype(float)

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
    step = max(1 / (30 * density.beta), width / _POINTS)
    count = 1 << math.ceil(math.log2(width / step))
    step = width / count
    omega = step * (np.arange(count) - count // 2)
    g = np.abs(np.fft.fft(np.fft.ifftshift(np.sqrt(density(omega) / (2 * np.pi))))) * step
    time = np.abs(np.fft.fftfreq(count, step / (2 * np.pi)))
    spacing = 2 * np.pi / (step * count)
    area = float(g.sum() * spacing)
    memory = math.inf if density.shape == "exponential" else float((time * g).sum() * spacing) / area * HBAR
    return Validity(4 * area**2 / HBAR, memory)


@dataclass(frozen=True, eq=False)
class LayerBath:
    """Jump operators and Lamb shift of the baths of one layer.

    Parameters
    ----------
    spectrum : LayerSpectrum
        Of the layer alone.
    jumps : complex ndarray (baths, 2^n, 2^n)
        Jump operators over the layer's configurations, √eV: with them dρ/dt = … + (1/ħ) Σ (LρL† − ½{L†L, ρ}).
    lamb_shift : float64 ndarray (2^n, 2^n)
        eV; zero where it is switched off.
    series_distance : float
        Largest ‖L_series − L_exact‖/‖L_exact‖ (Frobenius) where the power series is used, else 0.
    """

    spectrum: LayerSpectrum
    jumps: np.ndarray
    lamb_shift: np.ndarray
    series_distance: float

    @cached_property
    def decay(self) -> np.ndarray:
        """Σ L†L, complex ndarray (2^n, 2^n), eV."""
        return np.asarray(np.einsum("bji,bjk->ik", self.jumps.conj(), self.jumps))


@lru_cache(maxsize=8)
def layer_baths(device: SpinValve, bath: BosonicBath) -> tuple[LayerBath, LayerBath]:
    """Jump operators of FM_p and of FM_a.

    L_i = Σ_mn √(2πJ(E_n − E_m)) ⟨m|X_i|n⟩ |m⟩⟨n| over the eigenstates of the layer, or with ``bath.series_terms`` = N_L
    the series of Eq. 18, Σ_{n ≤ N_L} a_n (−1)ⁿ ad_Hⁿ[X_i] with the Taylor coefficients a_n of √(2πJ) and the term n = 0
    that the paper's sum omits.

    Returns
    -------
    tuple of LayerBath

    Raises
    ------
    InvariantError
        If the transition rates of the exact operators break detailed balance.
    """
    polarizer, analyzer = (_layer_bath(device, layer, bath) for layer in LAYERS)
    return polarizer, analyzer


def _layer_bath(device: SpinValve, layer: str, bath: BosonicBath) -> LayerBath:
    density, spectrum = SpectralDensity.of_bath(bath), layer_spectrum(device, layer)
    n = device.n_polarizer if layer == "polarizer" else device.n_analyzer
    frequency = spectrum.energies[None, :] - spectrum.energies[:, None]  # [m, n]: E_n − E_m
    _check_detailed_balance(density, frequency)
    vectors = spectrum.vectors
    couplings = [pauli(n, spin, axis) for spin in range(n) for axis in bath.coupling]
    inner = np.array([vectors.T @ x @ vectors for x in couplings])
    jumps = np.sqrt(2 * np.pi * density(frequency)) * inner
    distance = 0.0
    if bath.series_terms:
        exact = jumps
        jumps = np.polynomial.polynomial.polyval(frequency, density.taylor(bath.series_terms)) * inner
        sizes = np.linalg.norm(exact, axis=(1, 2))
        distance = float((np.linalg.norm(jumps - exact, axis=(1, 2)) / np.where(sizes > 0, sizes, 1)).max())
    shift = np.zeros_like(frequency)
    if bath.lamb_shift:
        shift = vectors @ _lamb_shift(density, spectrum.energies, inner) @ vectors.T
    return LayerBath(spectrum, vectors @ jumps @ vectors.T, shift, distance)


def pauli(n_spins: int, spin: int, axis: str) -> np.ndarray:
    """σ^axis of one of n spins over their configurations, complex ndarray (2^n, 2^n)."""
    everything = np.arange(1 << n_spins)
    signs = spin_signs(everything, n_spins)[:, spin]
    found = np.zeros((1 << n_spins, 1 << n_spins), dtype=complex)
    if axis == "z":
        found[everything, everything] = signs
    else:  # σˣ|↑⟩ = |↓⟩, σʸ|↑⟩ = i|↓⟩
        found[everything ^ spin_bit(n_spins, spin), everything] = 1 if axis == "x" else 1j * signs
    return found


def _check_detailed_balance(density: SpectralDensity, frequency: np.ndarray) -> None:
    """J(−ω) = e^{−βω}J(ω) at the layer's own transitions."""
    omega = frequency[(frequency > 0) & (density.beta * frequency < 600)]
    forward, backward = density(omega), density(-omega)
    off = np.abs(backward - np.exp(-density.beta * omega) * forward)
    if (off > _BALANCE * backward).any():
        worst = float(omega[np.argmax(off)])
        raise InvariantError(f"the spectral density breaks detailed balance at {worst:.4g} eV; report this")


def _lamb_shift(density: SpectralDensity, energies: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Lamb shift in the eigenbasis, eV.

    Λ_mn = −2π Σ_l X_ml X_ln P∫ dω/ω g(ω + E_m − E_l) g(ω + E_n − E_l), g = √(J/2π), which follows from
    Λ = (1/2i) ∫∫ ds ds' X(s) g(s) g(−s') X(s') sgn(s − s') (the erratum's f(E_l − E_m, E_n − E_l)). The principal
    value is the integral of the difference of both sides of ω = 0, by the midpoint rule.
    """
    step = max(1 / (40 * density.beta), density.cutoff / 20_000)
    reach = density.reach + float(np.ptp(energies))
    count = math.ceil(reach / step)
    found = np.zeros((energies.size, energies.size), dtype=complex)
    for level, energy in enumerate(energies):
        kernel = np.zeros((energies.size, energies.size))
        for begin in range(0, count, 1 << 15):
            omega = (np.arange(begin, min(begin + (1 << 15), count)) + 0.5) * step
            for sign in (1, -1):
                g = np.sqrt(density(sign * omega + (energies - energy)[:, None]) / (2 * np.pi))
                kernel += sign * (g * (step / omega)) @ g.T
        found -= 2 * np.pi * kernel * np.einsum("bm,bn->mn", inner[:, :, level], inner[:, level, :])
    return np.asarray(found.real)


def report(device: SpinValve, bath: BosonicBath) -> tuple[dict[str, float], tuple[str, ...]]:
    """What the dataset of a run with baths says of them.

    Returns
    -------
    dict
        ``bath_validity`` Γ_NR τ, ``bath_rate`` Γ_NR/ħ (1/fs), ``bath_memory`` τ (fs), and ``bath_series_distance``
        where the power series is used.
    tuple of str
        Sentences that warn of a doubtful bath.
    """
    found = validity(SpectralDensity.of_bath(bath))
    numbers = {"bath_validity": found.product, "bath_rate": found.rate, "bath_memory": found.memory}
    remarks = []
    if found.product > VALIDITY_WARNING:
        remarks.append(
            f"the universal Lindblad equation is doubtful here: its validity measure is {found.product:.2g}, "
            f"it should be below {VALIDITY_WARNING:g}; take a weaker bath"
            + (", a higher temperature, or a smooth cutoff (gaussian)" if math.isinf(found.product) else "")
        )
    if bath.series_terms:
        distance = max(layer.series_distance for layer in layer_baths(device, bath))
        numbers["bath_series_distance"] = distance
        if distance > SERIES_WARNING:
            remarks.append(
                f"the power series with {bath.series_terms} terms is off from the exact jump operators by "
                f"{distance:.1e} of their norm: it converges for energies below 2πk_BT = "
                f"{2 * math.pi * BOLTZMANN * bath.temperature:.2g} eV only"
            )
    return numbers, tuple(remarks)
