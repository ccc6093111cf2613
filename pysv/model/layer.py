"""The Hamiltonian of one ferromagnetic layer alone: spectrum, eigenstates, and their Gibbs weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError
from pysv.model.basis import configurations, down_count, spin_bit, spin_signs
from pysv.units import BOLTZMANN

if TYPE_CHECKING:
    from pysv.experiment.device import SpinValve

LAYERS = ("polarizer", "analyzer")
MOST_LAYER_SPINS = 12
"""Most spins of a layer whose matrix of all eigenstates is formed."""


@dataclass(frozen=True, eq=False)
class LayerSpectrum:
    """Eigenstates of one layer's Hamiltonian, each in a single S^z sector.

    Parameters
    ----------
    energies : float64 ndarray (2^n,)
        eV, ascending within each S^z sector.
    vectors : float64 ndarray (2^n, 2^n)
        Columns are eigenstates over the configurations of the layer (see `pysv.model.basis`), real.
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


def layer_size(device: SpinValve, layer: str) -> int:
    """Number of localized spins of a layer."""
    return device.n_polarizer if layer == "polarizer" else device.n_analyzer


def layer_block(device: SpinValve, layer: str, n_down: int, field: float = 0.0) -> np.ndarray:
    """H of the layer's own exchange (third term of Eq. 7) and a field, in the sector of `n_down` down spins.

    H = −f² Σ_<ij> [J(σˣσˣ + σʸσʸ) + J_z σᶻσᶻ] − field · f Σ_i σᶻ_i, with f the factor of the spin convention.

    Parameters
    ----------
    device : SpinValve
    layer : {"polarizer", "analyzer"}
    n_down : int
    field : float
        eV; positive favours up.

    Returns
    -------
    float64 ndarray (C(n, n_down), C(n, n_down))
        eV, over the configurations with `n_down` down spins, ascending.
    """
    n, f = layer_size(device, layer), device.spin_factor
    inside = configurations(n, n_down)
    signs = spin_signs(inside, n).astype(float)
    found = np.diag(-field * f * signs.sum(axis=1) - f**2 * device.exchange_z * (signs[:, 1:] * signs[:, :-1]).sum(1))
    for i in range(n - 1):
        here = np.flatnonzero(signs[:, i] != signs[:, i + 1])
        there = np.searchsorted(inside, inside[here] ^ (spin_bit(n, i) | spin_bit(n, i + 1)))
        found[there, here] -= 2 * f**2 * device.exchange
    return found


def lowest_levels(device: SpinValve, layer: str, field: float) -> list[float]:
    """Lowest energy of a layer in a field for each number 0 … n of down spins, eV; see `layer_block`."""
    sectors = range(layer_size(device, layer) + 1)
    return [float(np.linalg.eigvalsh(layer_block(device, layer, n_down, field))[0]) for n_down in sectors]


def layer_spectrum(device: SpinValve, layer: str, field: float = 0.0) -> LayerSpectrum:
    """Diagonalise the layer's H, S^z sector by S^z sector; see `layer_block`.

    Raises
    ------
    InvalidInputError
        If the layer has more than 12 spins.
    """
    n = layer_size(device, layer)
    if n > MOST_LAYER_SPINS:
        raise InvalidInputError(
            f"{layer} has {n} spins; thermal states and baths need all eigenstates of a layer, which has at most "
            f"{MOST_LAYER_SPINS} spins then",
            layer,
        )
    size = 1 << n
    energies, vectors = np.zeros(size), np.zeros((size, size))
    downs = np.sort(down_count(np.arange(size)))
    for d in range(n + 1):
        inside, columns = configurations(n, d), np.flatnonzero(downs == d)
        energies[columns], vectors[np.ix_(inside, columns)] = np.linalg.eigh(layer_block(device, layer, d, field))
    return LayerSpectrum(energies, vectors, downs)
