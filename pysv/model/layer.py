"""The Hamiltonian of one layer alone: spectrum, eigenstates, and their Gibbs weights; layers in two groups.

Layers are named by their place in `device.layers`, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError, NotReadyError
from pysv.model.basis import Spins
from pysv.model.operators import Sum, act
from pysv.model.terms import hamiltonian_terms, without_hops
from pysv.units import BOLTZMANN

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice
    from pysv.model.terms import Term

MAX_LAYER_STATES = 4096
"""Most states of a layer whose matrix of all eigenstates is formed: those of 12 spins 1/2."""


def layer_spins(device: ChainDevice, layer: int) -> Spins:
    """The spins of a layer."""
    own = device.layer_spins[layer]
    return Spins(device.levels).part(own.start - 1, own.stop - 1)


def spin_groups(device: ChainDevice) -> tuple[range, range]:
    """Numbers, from 1, of the spins of two groups of layers, the first ones and the others, of about equal size.

    A single layer is a group of its own beside an empty one.
    """
    spins, total = Spins(device.levels), device.n_spins
    cuts = [layer.stop - 1 for layer in device.layer_spins]
    cut = min(cuts, key=lambda cut: max(spins.part(0, cut).size, spins.part(cut, total).size))
    return range(1, cut + 1), range(cut + 1, total + 1)


def sides(device: ChainDevice) -> tuple[Spins, Spins]:
    """The spins of the two groups."""
    spins, (one, _) = Spins(device.levels), spin_groups(device)
    return spins.part(0, len(one)), spins.part(len(one), spins.count)


@dataclass(frozen=True, eq=False)
class LayerSpectrum:
    """Eigenstates of one layer's Hamiltonian, each in a single S^z sector.

    Parameters
    ----------
    energies : float64 ndarray (size,)
        eV, ascending within each S^z sector; 2^n of them for n spins 1/2.
    vectors : float64 ndarray (size, size)
        Columns are eigenstates over the configurations of the layer (see `pysv.model.basis`), real.
    downs : int64 ndarray (size,)
        Down count of each eigenstate.
    """

    energies: np.ndarray
    vectors: np.ndarray
    downs: np.ndarray

    def populations(self, temperature: float) -> np.ndarray:
        """Gibbs weights e^{−βE}/Z at a temperature in K, float64 (size,)."""
        weights = np.exp(-(self.energies - self.energies.min()) / (BOLTZMANN * temperature))
        return np.asarray(weights / weights.sum())


def layer_products(device: ChainDevice, layer: int, extra: tuple[Term, ...] = ()) -> Sum:
    """What acts on the localized spins of a layer alone: its exchange (third term of Eq. 7) and whatever else there is.

    Parameters
    ----------
    device : ChainDevice
    layer : int
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
    spins = device.layer_spins[layer]
    found = {}
    for factors, value in without_hops((*hamiltonian_terms(device), *extra)).items():
        inside = factors.numbers & set(spins)
        if factors.electrons or not inside:
            continue
        if value and inside != factors.numbers:
            raise NotReadyError(
                f"H has the product {factors}, which couples {device.layers[layer].name} to another layer; thermal "
                "states, baths and polarised layers need layers that are not coupled: leave it out"
            )
        found[factors.renumbered({number: k for k, number in enumerate(spins, start=1)})] = value
    return found


def layer_block(products: Sum, spins: Spins, down: int) -> np.ndarray:
    """H of a layer alone in the sector of a down count.

    Parameters
    ----------
    products : mapping of Factors to float
        See `layer_products`.
    spins : Spins
        Of the layer.
    down : int

    Returns
    -------
    float64 ndarray (rows, rows)
        eV, over the configurations with this down count, ascending.
    """
    inside = spins.configurations(down)
    found = np.zeros((inside.size, inside.size))
    for factors, value in products.items():
        factor, _, after = act(factors, np.zeros_like(inside), inside, spins)
        here = np.flatnonzero(factor)
        found[np.searchsorted(inside, after[here]), here] += value * factor[here]
    return found


def lowest_levels(device: ChainDevice, layer: int, extra: tuple[Term, ...] = ()) -> list[float]:
    """Lowest energy of a layer for each down count, from 0 on, eV; see `layer_products`."""
    own, spins = layer_products(device, layer, extra), layer_spins(device, layer)
    return [float(np.linalg.eigvalsh(layer_block(own, spins, down))[0]) for down in range(spins.lowest + 1)]


def layer_spectrum(device: ChainDevice, layer: int, extra: tuple[Term, ...] = ()) -> LayerSpectrum:
    """Diagonalise the layer's H, S^z sector by S^z sector; see `layer_products`.

    Raises
    ------
    InvalidInputError
        If the layer has more than 4096 states, those of 12 spins 1/2.
    """
    spins, name = layer_spins(device, layer), device.layers[layer].name
    if spins.size > MAX_LAYER_STATES:
        raise InvalidInputError(
            f"{name} has {spins.count} spins; thermal states, ground states and baths need all eigenstates of a layer, "
            f"which has at most {MAX_LAYER_STATES.bit_length() - 1} spins 1/2 then ({MAX_LAYER_STATES} states)",
            name,
        )
    own = layer_products(device, layer, extra)
    energies, vectors = np.zeros(spins.size), np.zeros((spins.size, spins.size))
    downs = np.sort(spins.down(np.arange(spins.size)))
    for down in range(spins.lowest + 1):
        inside, columns = spins.configurations(down), np.flatnonzero(downs == down)
        energies[columns], vectors[np.ix_(inside, columns)] = np.linalg.eigh(layer_block(own, spins, down))
    return LayerSpectrum(energies, vectors, downs)
