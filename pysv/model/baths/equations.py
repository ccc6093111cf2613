"""Four master equations of one layer with its baths, as dense generators: for comparison, of small layers.

The bath of a spin has the correlation spectrum γ(ω) = 2πJ(ω), and couples to X. With X(ω) the part of X that lowers the
energy by ω, the equations without Lamb shift are

    universal   L = Σ_ω √γ(ω) X(ω), one jump operator (F. Nathan and M. S. Rudner, Phys. Rev. B 102, 115109 (2020))
    davies      L_ω = √γ(ω) X(ω), one for each Bohr frequency (E. B. Davies, Commun. Math. Phys. 39, 91 (1974))
    redfield    𝒟ρ = [Γρ, X] + h.c., Γ = ½ Σ_ω γ(ω) X(ω): of no Lindblad form (A. G. Redfield, IBM J. Res. Dev. 1, 19
                (1957); H.-P. Breuer and F. Petruccione, The Theory of Open Quantum Systems, Sec. 3.3.1)
    series      as universal, with the Taylor series of √γ up to ω^N_L in place of √γ (Eq. 18), and its term n = 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from pysv.errors import InvalidInputError, unknown_name
from pysv.model.baths.jumps import spin_operator
from pysv.model.baths.spectral import SpectralDensity
from pysv.model.layer import layer_spectrum, layer_spins
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment.bath import BosonicBath
    from pysv.experiment.device import ChainDevice

Equation = Literal["universal", "davies", "redfield", "series"]
EQUATIONS: tuple[Equation, ...] = get_args(Equation)
CITES = "Nathan2020", "Davies1974", "Redfield1957"
PAPER_TERMS = 20
"""N_L of the paper."""
MAX_STATES = 64
"""Most states of a layer: the generator has the square as rows."""
_ALIKE = 1e-9
"""Distance of two Bohr frequencies, in units of the largest one, up to which they are one."""
_STEADY = 1e-10
"""Singular value of a generator, in units of the largest one, below which it is zero."""


def amplitudes(equation: Equation, bath: BosonicBath, frequency: np.ndarray) -> np.ndarray:
    """√γ(ω) of an equation, √eV: a transition |n⟩ → |m⟩ has the rate (amplitude · |⟨m|X|n⟩|)²/ħ.

    Parameters
    ----------
    equation : {"universal", "davies", "redfield", "series"}
        The first three have the same transition rates.
    bath : BosonicBath
    frequency : array-like
        ω = E_n − E_m, eV, of any shape.
    """
    density = SpectralDensity.of_bath(bath)
    if equation == "series":
        return np.asarray(np.polynomial.polynomial.polyval(frequency, density.taylor(bath.series_terms or PAPER_TERMS)))
    return np.asarray(np.sqrt(2 * np.pi * density(np.asarray(frequency))))


def generator(device: ChainDevice, layer: int, bath: BosonicBath, equation: Equation) -> np.ndarray:
    """ħℒ of one layer alone under its own H and its baths, without Lamb shift.

    Parameters
    ----------
    device : ChainDevice
    layer : int
        Its place in `device.layers`, from 0.
    bath : BosonicBath
    equation : {"universal", "davies", "redfield", "series"}

    Returns
    -------
    complex ndarray (size², size²)
        eV, over the layer's configurations, [mk, nl]: ρ_nl → ρ_mk.

    Raises
    ------
    InvalidInputError
        If there is no such equation, or the layer is too large.
    """
    if equation not in EQUATIONS:
        raise InvalidInputError(f"equation: {unknown_name('value', str(equation), EQUATIONS)}", "equation")
    spins = layer_spins(device, layer)
    if spins.size > MAX_STATES:
        raise InvalidInputError(
            f"a layer of {spins.size} states is too large for the generator of a master equation; take at most "
            f"{MAX_STATES} states, six spins 1/2"
        )
    spectrum = layer_spectrum(device, layer)
    energies, vectors, one = spectrum.energies, spectrum.vectors, np.eye(spins.size)
    omega = energies[None, :] - energies[:, None]  # [m, n]: E_n − E_m
    found = -1j * (np.kron(np.diag(energies), one) - np.kron(one, np.diag(energies)))
    for spin in range(spins.count):
        for axis in bath.coupling:
            x = vectors.T @ spin_operator(spins, spin, axis) @ vectors
            found = found + _dissipator(equation, x, amplitudes(equation, bath, omega), omega)
    turn = np.kron(vectors, vectors)
    return np.asarray(turn @ found @ turn.T)


def _dissipator(equation: Equation, x: np.ndarray, amplitude: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """ħ𝒟 of one bath in the eigenbasis."""
    one = np.eye(len(x))
    if equation == "redfield":
        half = amplitude**2 / 2 * x
        back = half.conj().T
        into = np.kron(half, x.conj()) + np.kron(x, back.T)
        return np.asarray(into - np.kron(x @ half, one) - np.kron(one, (back @ x).T))
    jumps = [amplitude * x]
    if equation == "davies":
        jumps = [np.where(own, amplitude * x, 0) for own in _bohr(omega)]
    found = np.zeros((x.size, x.size), dtype=complex)
    for jump in jumps:
        decay = jump.conj().T @ jump
        found += np.kron(jump, jump.conj()) - (np.kron(decay, one) + np.kron(one, decay.T)) / 2
    return found


def _bohr(omega: np.ndarray) -> list[np.ndarray]:
    """Which transitions belong to each Bohr frequency; those that differ by rounding are one."""
    order = np.sort(omega.ravel())
    begins = np.flatnonzero(np.diff(order, prepend=-np.inf) > _ALIKE * max(np.abs(order).max(), 1e-300))
    return [
        (omega >= order[a]) & (omega <= order[b - 1]) for a, b in zip(begins, [*begins[1:], order.size], strict=True)
    ]


def evolution(generator: np.ndarray, interval: float) -> np.ndarray:
    """e^{ℒt}, complex ndarray of the shape of the generator.

    Parameters
    ----------
    generator : complex ndarray (size², size²)
        ħℒ, eV.
    interval : float
        t, fs.
    """
    from scipy.linalg import expm

    return np.asarray(expm(generator * (interval / HBAR)))


def long_time_limit(generator: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """ρ(t → ∞) from a start, complex ndarray (size, size).

    There may be several steady states: baths that couple to σˣ of spins 1/2 conserve ∏σˣ of a layer. What remains of
    the start is its part along the left null vectors of ℒ.

    Parameters
    ----------
    generator : complex ndarray (size², size²)
        ħℒ, eV.
    rho : ndarray (size, size)
        The start.
    """
    left, values, right = np.linalg.svd(generator)
    kept = values <= _STEADY * values[0]
    left, right = left[:, kept], right[kept].conj().T
    found = right @ np.linalg.solve(left.conj().T @ right, left.conj().T @ rho.ravel())
    return np.asarray(found.reshape(rho.shape))


def gibbs_state(device: ChainDevice, layer: int, temperature: float) -> np.ndarray:
    """e^{−βH_l}/Z of a layer alone (Eq. 12), float64 ndarray (size, size).

    Parameters
    ----------
    device : ChainDevice
    layer : int
        Its place in `device.layers`, from 0.
    temperature : float
        K.
    """
    spectrum = layer_spectrum(device, layer)
    return np.asarray((spectrum.vectors * spectrum.populations(temperature)) @ spectrum.vectors.T)
