"""Time evolution of a matrix-product state by gates on bonds, in charge blocks, on all threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pysv.compute import thread_pool
from pysv.mps import kernels
from pysv.mps.backend import FLOOR, TrotterEvolution, Truncation
from pysv.mps.chain import Chain
from pysv.mps.state import Leg, MatrixProductState, codes
from pysv.mps.trotter import GateLayer
from pysv.units import HBAR

_SMALL = 3000
"""Elements of the tensors of a layer below which one thread is faster than several."""
_ZERO = 1e-15
"""Elements of a gate below this are rounding."""
_Key = tuple[int, bytes]
"""States of the right site, and the term: bonds with the same key have the same gates."""


@dataclass(frozen=True, eq=False)
class PairOperator:
    """An operator on two neighbouring sites as a list of its elements, for the kernels.

    Parameters
    ----------
    first : int64 ndarray (d d' + 1,)
        Index of the first element of each initial pair of local states.
    final_left, final_right : int64 ndarray (n,)
    value : complex128 ndarray (n,)
    """

    first: np.ndarray
    final_left: np.ndarray
    final_right: np.ndarray
    value: np.ndarray

    @classmethod
    def of_matrix(cls, matrix: np.ndarray, right_dim: int) -> PairOperator:
        """From a matrix (d d', d d')."""
        initial, final = np.nonzero(np.abs(matrix.T) > _ZERO)
        first = np.concatenate(([0], np.cumsum(np.bincount(initial, minlength=len(matrix)))))
        return cls(
            first.astype(np.int64),
            (final // right_dim).astype(np.int64),
            (final % right_dim).astype(np.int64),
            np.ascontiguousarray(matrix[final, initial], dtype=complex),
        )

    @property
    def arguments(self) -> tuple[np.ndarray, ...]:
        """The last arguments of a kernel."""
        return self.first, self.final_left, self.final_right, self.value


class Bonds:
    """Terms of H on the bonds of a chain and their exponentials; each is computed once."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._spectra: dict[_Key, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
        self._gates: dict[tuple[_Key, float], PairOperator] = {}
        self._terms = [chain.bond(left) for left in range(chain.sites - 1)]
        self._keys = [(chain.spaces[left + 1].dim, term.tobytes()) for left, term in enumerate(self._terms)]
        self.operators = [
            PairOperator.of_matrix(term, chain.spaces[left + 1].dim) for left, term in enumerate(self._terms)
        ]

    def gate(self, left: int, duration: float) -> PairOperator:
        """exp(−i h δt/ħ) on sites `left` and `left` + 1."""
        key = self._keys[left]
        if (key, duration) not in self._gates:
            if key not in self._spectra:
                self._spectra[key] = self._spectrum(left)
            matrix: np.ndarray = np.zeros(self._terms[left].shape, dtype=complex)
            for places, energies, states in self._spectra[key]:
                matrix[np.ix_(places, places)] = (states * np.exp(-1j * duration / HBAR * energies)) @ states.T
            self._gates[key, duration] = PairOperator.of_matrix(matrix, self.chain.spaces[left + 1].dim)
        return self._gates[key, duration]

    def _spectrum(self, left: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Pairs of local states, eigenvalues and eigenvectors for each charge of two sites.

        A spectrum of the whole term mixes degenerate states of different charges: rounding would then leave elements
        between charges, and the kernels have no block for these.
        """
        one, other = (codes(self.chain.spaces[site].charges) for site in (left, left + 1))
        charges = np.add.outer(one, other).ravel()
        found = []
        for charge in np.unique(charges):
            places = np.flatnonzero(charges == charge)
            found.append((places, *np.linalg.eigh(self._terms[left][np.ix_(places, places)])))
        return found


class BlockEvolution(TrotterEvolution):
    """Applies layers of gates, with the bonds of a layer on a dynamic schedule, the costly bonds first.

    A bond is skipped while its two sites are in product states that the gate multiplies by a phase; this is exact.
    Ahead of the electrons' front, weights below `FLOOR` are discarded.

    Parameters
    ----------
    chain : Chain
    truncation : Truncation
    """

    def __init__(self, chain: Chain, truncation: Truncation) -> None:
        super().__init__(chain, truncation)
        self.bonds = Bonds(chain)

    def apply(self, state: MatrixProductState, layers: Sequence[GateLayer]) -> tuple[np.ndarray, bool]:
        """Apply the layers in place; see `TrotterEvolution.apply`."""
        lost, limited = np.zeros(state.sites - 1), np.zeros(state.sites - 1, dtype=bool)
        for layer in layers:
            active = [n for n in range(layer.parity, state.sites - 1, 2) if not self._idle(state, n, layer.duration)]
            active.sort(key=lambda n: -state.tensors[n].size * state.tensors[n + 1].size)
            if sum(state.tensors[n].size for n in active) < _SMALL:
                for left in active:
                    self._update(state, layer.duration, lost, limited, left)
            else:
                thread_pool.each(partial(self._update, state, layer.duration, lost, limited), active)
        return lost, bool(limited.any())

    def _idle(self, state: MatrixProductState, left: int, duration: float) -> bool:
        if any(state.legs[n].dimension > 1 for n in (left, left + 1, left + 2)):
            return False
        pairs = [np.flatnonzero(state.local[n] == np.diff([state.legs[m].charges[0] for m in (n, n + 1)])[0])
                 for n in (left, left + 1)]  # fmt: skip
        if any(places.size > 1 for places in pairs):
            return False  # a composite site may mix states of equal charge
        gate = self.bonds.gate(left, duration)
        initial = int(pairs[0][0]) * state.spaces[left + 1].dim + int(pairs[1][0])
        return bool(gate.first[initial + 1] - gate.first[initial] == 1)

    def _update(
        self, state: MatrixProductState, duration: float, lost: np.ndarray, limited: np.ndarray, left: int
    ) -> None:
        outer, centre, end = state.legs[left : left + 3]
        rules = self.truncation
        one, other, charges, sizes, schmidt, weight, hit = kernels.update(
            state.tensors[left], state.tensors[left + 1], outer.charges, outer.sizes, outer.schmidt, state.local[left],
            centre.charges, centre.sizes, state.local[left + 1], end.charges, end.sizes,
            *self.bonds.gate(left, duration).arguments, rules.min_bond, rules.max_bond, rules.discarded_weight, FLOOR,
        )  # fmt: skip
        state.tensors[left], state.tensors[left + 1] = one, other
        state.legs[left + 1] = Leg(charges, sizes, schmidt)
        lost[left] += weight
        limited[left] |= hit


def energy(bonds: Bonds, state: MatrixProductState) -> float:
    """⟨H⟩, eV, bond by bond."""
    total = 0.0
    for left, operator in enumerate(bonds.operators):
        outer, centre, end = state.legs[left : left + 3]
        total += kernels.expectation(
            state.tensors[left], state.tensors[left + 1], outer.charges, outer.sizes, outer.schmidt, state.local[left],
            centre.charges, centre.sizes, state.local[left + 1], end.charges, end.sizes, *operator.arguments,
        )  # fmt: skip
    return total
