"""The Hamiltonian of one ferromagnetic layer alone: spectrum, eigenstates, and their Gibbs weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import configurations, down_count, spin_bit, spin_signs
from pysv.errors import InvalidInputError
from pysv.units import BOLTZMANN

if TYPE_CHECKING:
    from pysv.device import SpinValve

LAYERS = ("polarizer", "analyzer")
MOST_SPINS = 12
"""Most spins of a layer whose matrix of all eigenstates is formed."""


@dataclass(frozen=True, eq=False)
class LayerSpectrum:
    """Eigenstates of one layer's Hamiltonian, each in a single S^z sector.

    Parameters
    ----------
    energies : float64 ndarray (2^n,)
        eV, ascending within each S^z sector.
    vectors : float64 ndarray (2^n, 2^n)
        Columns are eigenstates over the configurations of the layer (see `pysv.basis`), real.
    downs : int64 ndarray (2^n,)
        Number of down spins of each eigenstate.
    """

    energies: np.ndarray
    vectors: np.ndarray
    downs: np.ndarray

    def populations(self, temperature: float) -> np.ndarray:
        """Gibbs weights e^{−βE}/Z at a temperature in K, float64 (2^n,)."""
        weights = np.exp(-(self.energies - self.energies.min()) / (BOLTZMANN * temperature))
        return np.asarray(weights / weights.sum())


def layer_hamiltonian(device: SpinValve, layer: str, field: float = 0.0) -> np.ndarray:
    """H of the layer's own exchange (third term of Eq. 7), and a field.

    H = −f² Σ_<ij> [J(σˣσˣ + σʸσʸ) + J_z σᶻσᶻ] − field · f Σ_i σᶻ_i, with f the factor of the spin convention.

    Parameters
    ----------
    device : SpinValve
    layer : {"polarizer", "analyzer"}
    field : float
        eV; positive favours up.

    Returns
    -------
    float64 ndarray (2^n, 2^n)
        eV, over the configurations of the layer.
    """
    n = device.n_polarizer if layer == "polarizer" else device.n_analyzer
    f = device.spin_factor
    everything = np.arange(1 << n)
    signs = spin_signs(everything, n).astype(float)
    found = np.diag(-field * f * signs.sum(axis=1) - f**2 * device.exchange_z * (signs[:, 1:] * signs[:, :-1]).sum(1))
    for i in range(n - 1):
        flippable = everything[signs[:, i] != signs[:, i + 1]]
        found[flippable ^ (spin_bit(n, i) | spin_bit(n, i + 1)), flippable] -= 2 * f**2 * device.exchange
    return found


def layer_spectrum(device: SpinValve, layer: str, field: float = 0.0) -> LayerSpectrum:
    """Diagonalise `layer_hamiltonian`, S^z sector by S^z sector.

    Raises
    ------
    InvalidInputError
        If the layer has more than 12 spins.
    """
    n = device.n_polarizer if layer == "polarizer" else device.n_analyzer
    if n > MOST_SPINS:
        raise InvalidInputError(
            f"{layer} has {n} spins; thermal states and baths need all eigenstates of a layer, which has at most "
            f"{MOST_SPINS} spins then",
            layer,
        )
    hamiltonian = layer_hamiltonian(device, layer, field)
    size = len(hamiltonian)
    energies, vectors = np.zeros(size), np.zeros((size, size))
    downs = np.sort(down_count(np.arange(size)))
    for d in range(n + 1):
        inside, columns = configurations(n, d), np.flatnonzero(downs == d)
        energies[columns], vectors[np.ix_(inside, columns)] = np.linalg.eigh(hamiltonian[np.ix_(inside, inside)])
    return LayerSpectrum(energies, vectors, downs)
