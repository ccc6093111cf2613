"""The localized spins without an electron: H_FM and the baths, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.model import spin_map
from pysv.model.basis import Spins
from pysv.model.baths.jumps import layer_baths
from pysv.model.channel import relaxation
from pysv.model.layer import layer_block
from pysv.model.spin_map import Blocks
from pysv.model.terms import hamiltonian_terms, without_hops
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment


@dataclass(frozen=True, eq=False)
class SpinsAlone:
    """The localized spins without an electron: H_FM and the baths.

    Parameters
    ----------
    experiment : Experiment
    """

    experiment: Experiment

    @cached_property
    def spins(self) -> Spins:
        """All of them."""
        return Spins(self.experiment.device.levels)

    @cached_property
    def levels(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Energies (eV) and eigenvectors (columns) of H_FM for each down count."""
        products = without_hops(hamiltonian_terms(self.experiment.device))
        own = {factors: value for factors, value in products.items() if not factors.electrons}
        return {d: np.linalg.eigh(layer_block(own, self.spins, d)) for d in range(self.spins.lowest + 1)}

    def unitary(self, interval: float) -> dict[int, np.ndarray]:
        """U_FM over an interval (fs), of either sign, for each down count."""
        return {
            down: (vectors * np.exp(-1j * energies * interval / HBAR)) @ vectors.T
            for down, (energies, vectors) in self.levels.items()
        }

    @cached_property
    def energy(self) -> Blocks:
        """H_FM, eV."""
        return {
            (d, d): (vectors * energies) @ vectors.T.astype(complex) for d, (energies, vectors) in self.levels.items()
        }

    def turned(self, rho: Blocks, interval: float) -> Blocks:
        """U_FM ρ U_FM† over an interval (fs), of either sign."""
        turn = self.unitary(interval)
        return {(ket, bra): turn[ket] @ matrix @ turn[bra].conj().T for (ket, bra), matrix in rho.items()}

    def evolve(self, rho: Blocks, interval: float, maps: Mapping[float, list[np.ndarray]]) -> Blocks:
        """E_t(ρ) for an interval t (fs): the maps of the layers in turn, or U_FM without baths."""
        if self.experiment.bath is None:
            return self.turned(rho, interval)
        dense = spin_map.to_dense(rho, self.spins)
        before = 1
        for matrix in maps[interval]:
            size = math.isqrt(len(matrix))
            after = self.spins.size // (before * size)
            parts = dense.reshape(before, size, after, before, size, after).transpose(1, 4, 0, 2, 3, 5)
            turned = (matrix @ parts.reshape(size * size, -1)).reshape(size, size, before, after, before, after)
            dense = turned.transpose(2, 0, 3, 4, 1, 5).reshape(self.spins.size, self.spins.size)
            before *= size
        return spin_map.of_dense(dense, self.spins, rho)

    def maps(self, *intervals: float) -> dict[float, list[np.ndarray]]:
        """For each interval (fs) the maps of the layers with their baths; empty without baths."""
        bath = self.experiment.bath
        if bath is None:
            return {}
        layers = layer_baths(self.experiment.device, bath)
        return {interval: [relaxation(layer, interval) for layer in layers] for interval in intervals}
