"""Jump operators and Lamb shift of the universal Lindblad equation.

Each localized spin has baths of its own, which couple to X, the operators of that spin divided by S: Pauli matrices of
a spin 1/2 (Eqs. 14–20). A bath that spins share couples to the sum of their operators. In the universal Lindblad
equation (F. Nathan and M. S. Rudner, Phys. Rev. B 102, 115109 (2020); erratum Phys. Rev. B 104, 119901) each bath gives
one jump operator, which is linear in X. The layers are not coupled to each other, so that jump operators are found
layer by layer; that of a bath of all spins is the sum over the layers. The Lamb shift of such a bath is not: it couples
the layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, reduce
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError, InvariantError
from pysv.model.basis import Spins
from pysv.model.baths.spectral import SpectralDensity, Validity, validity
from pysv.model.layer import MAX_LAYER_STATES, LayerSpectrum, layer_spectrum, layer_spins
from pysv.units import BOLTZMANN

if TYPE_CHECKING:
    from pysv.experiment.bath import BosonicBath
    from pysv.experiment.device import ChainDevice

VALIDITY_WARNING = 0.1
"""Γ_NR τ above which the universal Lindblad equation is doubtful."""
SERIES_WARNING = 0.01
"""Relative distance of the power series from the exact jump operators that is worth a warning."""
_FREQUENCIES = 10_000_000
"""Most frequencies at which the integral of the Lamb shift is sampled."""
_BALANCE = 1e-9
"""Relative error allowed to detailed balance; a Boltzmann factor below e⁻⁶⁰⁰ is not looked at."""


@dataclass(frozen=True, eq=False)
class LayerBath:
    """Jump operators and Lamb shift of the baths of one layer, or of the one bath of all layers.

    Parameters
    ----------
    spins : Spins
        Of the layer, or of all layers.
    spectrum : LayerSpectrum
        Of these spins alone.
    jumps : complex ndarray (baths, size, size)
        Jump operators over the configurations of the spins, √eV: with them dρ/dt = … + (1/ħ) Σ (LρL† − ½{L†L, ρ}).
    lamb_shift : float64 ndarray (size, size)
        eV; zero where it is switched off.
    series_distance : float
        Largest ‖L_series − L_exact‖/‖L_exact‖ (Frobenius) where the power series is used, else 0.
    """

    spins: Spins
    spectrum: LayerSpectrum
    jumps: np.ndarray
    lamb_shift: np.ndarray
    series_distance: float

    @cached_property
    def decay(self) -> np.ndarray:
        """Σ L†L, complex ndarray (size, size), eV."""
        return np.asarray(np.einsum("bji,bjk->ik", self.jumps.conj(), self.jumps))


@lru_cache(maxsize=8)
def layer_baths(device: ChainDevice, bath: BosonicBath) -> tuple[LayerBath, ...]:
    """Jump operators of each layer, or of all layers where they share one bath; none where the spins have no bath.

    L_i = Σ_mn √(2πJ(E_n − E_m)) ⟨m|X_i|n⟩ |m⟩⟨n| over the eigenstates of the layer, or with ``bath.series_terms`` = N_L
    the series of Eq. 18, Σ_{n ≤ N_L} a_n (−1)ⁿ ad_Hⁿ[X_i] with the Taylor coefficients a_n of √(2πJ) and the term n = 0
    that the paper's sum omits. Where spins share a bath, X is the sum of theirs.

    Returns
    -------
    tuple of LayerBath
        For each range of `bath_spins`.

    Raises
    ------
    InvariantError
        If the transition rates of the exact operators break detailed balance.
    InvalidInputError
        If the spins that share a bath have more than 4096 states, those of 12 spins 1/2.
    """
    if not bath.couples:
        return ()
    if bath.shared != "all":
        return tuple(_layer_bath(device, layer, bath) for layer in range(len(device.layers)))
    if (reason := shared_refusal(device, bath)) is not None:
        raise InvalidInputError(reason, "shared")
    unshifted = replace(bath, lamb_shift=False)
    return (_joined([_layer_bath(device, layer, unshifted) for layer in range(len(device.layers))], bath),)


def shared_refusal(device: ChainDevice, bath: BosonicBath) -> str | None:
    """Why all spins are too many to share a bath; None if they are not, or do not."""
    size = Spins(device.levels).size
    if not bath.couples or bath.shared != "all" or size <= MAX_LAYER_STATES:
        return None
    return (
        f"shared = 'all': the {device.n_spins} spins that share a bath have {size:,} states; its jump operator is "
        f"found for at most {MAX_LAYER_STATES.bit_length() - 1} spins 1/2 ({MAX_LAYER_STATES} states); take shared = "
        "'layer', or fewer spins"
    )


def bath_spins(device: ChainDevice, bath: BosonicBath) -> tuple[range, ...]:
    """Numbers, from 1, of the spins of each `LayerBath`: those of each layer, or all of them."""
    if not bath.couples:
        return ()
    return (range(1, device.n_spins + 1),) if bath.shared == "all" else device.layer_spins


def _layer_bath(device: ChainDevice, layer: int, bath: BosonicBath) -> LayerBath:
    density, spectrum = SpectralDensity.of_bath(bath, layer), layer_spectrum(device, layer)
    spins = layer_spins(device, layer)
    frequency = spectrum.energies[None, :] - spectrum.energies[:, None]  # [m, n]: E_n − E_m
    _check_detailed_balance(density, frequency)
    vectors = spectrum.vectors
    inner = np.array([vectors.T @ x @ vectors for x in _couplings(spins, bath)])
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
    return LayerBath(spins, spectrum, vectors @ jumps @ vectors.T, shift, distance)


def _couplings(spins: Spins, bath: BosonicBath) -> list[np.ndarray]:
    """X of each bath of some spins: of each of them, or their sum; for each component."""
    own = [[spin_operator(spins, spin, axis) for axis in bath.coupling] for spin in range(spins.count)]
    if bath.shared == "spin":
        return [x for of_spin in own for x in of_spin]
    return [np.asarray(sum(of_axis)) for of_axis in zip(*own, strict=True)]


def _joined(layers: list[LayerBath], bath: BosonicBath) -> LayerBath:
    """The one bath of all spins: its L is the sum of those of the layers, its Lamb shift has pairs of layers, too.

    L_p ⊗ 1 and 1 ⊗ L_a are orthogonal, since Tr X = 0: the distance of the series is at most the largest one.
    """
    spins = Spins(tuple(levels for layer in layers for levels in layer.spins.levels))
    ones = [np.eye(layer.spins.size) for layer in layers]

    def whole(place: int, operator: np.ndarray) -> np.ndarray:
        return np.asarray(reduce(np.kron, [operator if other == place else one for other, one in enumerate(ones)]))

    def total(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.outer(one, other).ravel())

    spectrum = LayerSpectrum(
        reduce(total, [layer.spectrum.energies for layer in layers]),
        reduce(np.kron, [layer.spectrum.vectors for layer in layers]),
        reduce(total, [layer.spectrum.downs for layer in layers]),
    )
    vectors = spectrum.vectors
    jumps = [sum(whole(n, layer.jumps[axis]) for n, layer in enumerate(layers)) for axis in range(len(layers[0].jumps))]
    shift = np.zeros_like(vectors)
    if bath.lamb_shift:
        inner = np.array([vectors.T @ x @ vectors for x in _couplings(spins, bath)])
        shift = vectors @ _lamb_shift(SpectralDensity.of_bath(bath), spectrum.energies, inner) @ vectors.T
    return LayerBath(spins, spectrum, np.array(jumps), shift, max(layer.series_distance for layer in layers))


def spin_operator(spins: Spins, spin: int, axis: str) -> np.ndarray:
    """S^axis/S of one of some spins over their configurations, σ^axis of a spin 1/2; complex ndarray (size, size)."""
    everything, most = np.arange(spins.size), spins.levels[spin] - 1
    digit = spins.digit(everything, spin)
    found = np.zeros((spins.size, spins.size), dtype=complex)
    if axis == "z":
        found[everything, everything] = (most - 2 * digit) / most
        return found
    upper = np.flatnonzero(digit < most)
    lowered = upper + spins.place(spin)
    element = np.sqrt((digit[upper] + 1) * (most - digit[upper])) / most  # ⟨m − 1|S⁻|m⟩/2S
    found[lowered, upper] = element * (1 if axis == "x" else 1j)
    found[upper, lowered] = element * (1 if axis == "x" else -1j)
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
    step = max(min(1 / (40 * density.beta), density.cutoff / 100), density.cutoff / 20_000)
    reach = density.reach + float(np.ptp(energies))
    count = math.ceil(reach / step)
    if count > _FREQUENCIES:
        raise InvalidInputError(
            f"lamb_shift = true needs {count:.0e} frequencies up to {reach:.3g} eV, the span of the layer's levels; "
            f"the limit is {_FREQUENCIES:.0e}; raise cutoff or temperature, or leave lamb_shift out",
            "lamb_shift",
        )
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


def report(device: ChainDevice, bath: BosonicBath) -> tuple[dict[str, float], tuple[str, ...]]:
    """What the dataset of a run with baths says of them.

    The bath that n spins share couples to an operator of norm n, so that Γ_NR is n² times that of one spin; where the
    baths differ, the numbers are those of the bath with the largest Γ_NR τ.

    Returns
    -------
    dict
        ``bath_validity`` Γ_NR τ, ``bath_rate`` Γ_NR/ħ (1/fs), ``bath_memory`` τ (fs), and ``bath_series_distance``
        where the power series is used.
    tuple of str
        Sentences that warn of a doubtful bath.
    """
    found = max(_validities(device, bath), key=lambda own: own.product)
    numbers = {"bath_validity": found.product, "bath_rate": found.rate, "bath_memory": found.memory}
    remarks = []
    if found.product > VALIDITY_WARNING:
        remarks.append(
            f"the universal Lindblad equation is doubtful here: its validity measure is {found.product:.2g}, "
            f"it should be below {VALIDITY_WARNING:g}; take a weaker bath"
            + (", a higher temperature, or a smooth cutoff (gaussian)" if math.isinf(found.product) else "")
        )
    if bath.series_terms:
        distance = max((layer.series_distance for layer in layer_baths(device, bath)), default=0.0)
        numbers["bath_series_distance"] = distance
        if distance > SERIES_WARNING:
            coldest = min(bath.temperature_of(layer) for layer in range(len(device.layers)))
            remarks.append(
                f"the power series with {bath.series_terms} terms is off from the exact jump operators by "
                f"{distance:.1e} of their norm: it converges for energies below 2πk_BT = "
                f"{2 * math.pi * BOLTZMANN * coldest:.2g} eV only"
            )
    return numbers, tuple(remarks)


def _validities(device: ChainDevice, bath: BosonicBath) -> list[Validity]:
    """Validity measure of the bath of each layer, or of all spins."""
    found = []
    for layer, spins in enumerate(bath_spins(device, bath) or device.layer_spins):
        own = validity(SpectralDensity.of_bath(bath, layer))
        norm = 1 if bath.shared == "spin" else len(spins)
        found.append(Validity(norm**2 * own.rate, own.memory))
    return found
