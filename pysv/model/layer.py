"""The Hamiltonian of one ferromagnetic layer alone: spectrum, eigenstates, and their Gibbs weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError, NotReadyError
from pysv.model.basis import configurations, down_count
from pysv.model.operators import Sum, act
from pysv.model.terms import hamiltonian_terms, layers, without_hops
from pysv.units import BOLTZMANN

if TYPE_CHECKING:
    from pysv.experiment.device import SpinValve
    from pysv.model.terms import Term

LAYERS = ("polarizer", "analyzer")
MAX_LAYER_SPINS = 12
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
    return len(layers(device)[LAYERS.index(layer)])


def layer_products(device: SpinValve, layer: str, extra: tuple[Term, ...] = ()) -> Sum:
    """What acts on the localized spins of a layer alone: its exchange (third term of Eq. 7) and whatever else there is.

    Parameters
    ----------
    device : SpinValve
    layer : {"polarizer", "analyzer"}
    extra : tuple of Term
        What acts beside H, such as a field that prepares the state.

    Returns
    -------
    mapping of Factors to float
        eV; the spins are numbered from 1 within the layer.

    Raises
    ------
    NotReadyError
        If H couples the layer to another one.
    """
    spins = layers(device)[LAYERS.index(layer)]
    found = {}
    for factors, value in without_hops((*hamiltonian_terms(device), *extra)).items():
        inside = factors.numbers & set(spins)
        if factors.electrons or not inside:
            continue
        if value and inside != factors.numbers:
            raise NotReadyError(
                f"H has the product {factors}, which couples {layer} to another layer; thermal states, baths and "
                "polarised layers need layers that are not coupled: leave it out"
            )
        found[factors.renumbered({number: k for k, number in enumerate(spins, start=1)})] = value
    return found


def layer_block(products: Sum, n_spins: int, n_down: int) -> np.ndarray:
    """H of a layer alone in the sector of `n_down` down spins.

    Parameters
    ----------
    products : mapping of Factors to float
        See `layer_products`.
    n_spins : int
        Spins of the layer.
    n_down : int

    Returns
    -------
    float64 ndarray (C(n, n_down), C(n, n_down))
        eV, over the configurations with `n_down` down spins, ascending.
    """
    inside = configurations(n_spins, n_down)
    found = np.zeros((inside.size, inside.size))
    for factors, value in products.items():
        factor, _, after = act(factors, np.zeros_like(inside), inside, n_spins)
        here = np.flatnonzero(factor)
        found[np.searchsorted(inside, after[here]), here] += value * factor[here]
    return found


def lowest_levels(device: SpinValve, layer: str, extra: tuple[Term, ...] = ()) -> list[float]:
    """Lowest energy of a layer for each number 0 … n of down spins, eV; see `layer_products`."""
    own, n = layer_products(device, layer, extra), layer_size(device, layer)
    return [float(np.linalg.eigvalsh(layer_block(own, n, n_down))[0]) for n_down in range(n + 1)]


def layer_spectrum(device: SpinValve, layer: str, extra: tuple[Term, ...] = ()) -> LayerSpectrum:
    """Diagonalise the layer's H, S^z sector by S^z sector; see `layer_products`.

    Raises
    ------
    InvalidInputError
        If the layer has more than 12 spins.
    """
    n = layer_size(device, layer)
    if n > MAX_LAYER_SPINS:
        raise InvalidInputError(
            f"{layer} has {n} spins; thermal states and baths need all eigenstates of a layer, which has at most "
            f"{MAX_LAYER_SPINS} spins then",
            layer,
        )
    own, size = layer_products(device, layer, extra), 1 << n
    energies, vectors = np.zeros(size), np.zeros((size, size))
    downs = np.sort(down_count(np.arange(size)))
    for d in range(n + 1):
        inside, columns = configurations(n, d), np.flatnonzero(downs == d)
        energies[columns], vectors[np.ix_(inside, columns)] = np.linalg.eigh(layer_block(own, n, d))
    return LayerSpectrum(energies, vectors, downs)
