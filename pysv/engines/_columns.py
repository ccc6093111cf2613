"""A density matrix ρ = ΦΦ† as its columns: unitary evolution, Kraus maps, truncation, and distances.

U acts on each column. A Kraus map Σ K_a ΦΦ† K_a† makes new columns K_a Φ. The eigenvectors of the Gram matrix then make
the columns of each basis orthogonal, and the columns of smallest weight are discarded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import cherk, zherk

from pysv.compute import thread_pool

if TYPE_CHECKING:
    from pysv.engines._open_system import Bathing, OpenSystem

_PIECE = 8192
"""Amplitudes of a column in one chunk of a thread."""
_TOGETHER = 8
"""Chunks whose Gram matrices are held at a time."""
_SINGLE = 1e-6
"""A truncation that may discard more weight than this computes its Gram matrix in single precision."""
_ALIKE = 0.99
"""Weights with a ratio above this are kept or discarded together.

Jumps of either layer make states of equal weight. Diagonalisation mixes them into superpositions that entangle the
layers; the complete set does not.
"""
_ROUNDING = 1e-15
"""Weight that is rounding and that every truncation may discard."""


class Columns:
    """ρ = ΦΦ† over the bases of an open system; block diagonal in them.

    Parameters
    ----------
    system : OpenSystem
    parts : sequence of complex ndarray (rank, tiles, rows, width)
        For each basis, Φᵀ including the weights; overwritten.
    """

    def __init__(self, system: OpenSystem, parts: Sequence[np.ndarray]) -> None:
        self.system = system
        self.parts = list(parts)
        self.applications = 0
        """Applications of H so far."""

    @classmethod
    def empty(cls, system: OpenSystem) -> Columns:
        """No column."""
        return cls(system, [np.zeros((0, *hamiltonian.shape), complex) for hamiltonian in system.hamiltonians])

    @property
    def rank(self) -> int:
        """Number of columns of Φ."""
        return sum(len(part) for part in self.parts)

    def copy(self) -> Columns:
        """The same columns in memory of their own."""
        return Columns(self.system, [part.copy() for part in self.parts])

    def weights(self) -> list[np.ndarray]:
        """Squared norm of each column, for each basis."""
        return [_weights(part) for part in self.parts]

    def trace(self) -> float:
        """Tr ρ."""
        return sum(float(weights.sum()) for weights in self.weights())

    def heaviest(self, share: float, most: int) -> Columns:
        """A copy of the heaviest columns: as few as hold this share of the trace, and about `most` of them at most.

        Columns of equal weight are taken together, or a symmetry of ρ would be lost.
        """
        weights = self.weights()
        falling = np.sort(np.concatenate(weights))[::-1]
        cumulative = np.cumsum(falling)
        last = int(np.searchsorted(cumulative, share * cumulative[-1]))
        least = _ALIKE * falling[min(last, most - 1, falling.size - 1)]
        return Columns(self.system, [part[own >= least] for part, own in zip(self.parts, weights, strict=True)])

    def evolve(self, interval: float) -> None:
        """Apply U(interval), fs, to every column."""
        if interval == 0:
            return
        workers = thread_pool.largest()
        done = [0] * workers

        def work(worker: int) -> None:
            for propagator, part in zip(self.system.propagators, self.parts, strict=True):
                spare = [np.zeros(part.shape[1:], complex) for _ in range(2)]
                for psi in part[worker::workers]:
                    count, after = propagator.advance(psi, spare[0], spare[1], interval)
                    done[worker] += count
                    if after is spare[1]:
                        psi[...] = after

        thread_pool.each(work, range(workers))
        self.applications += sum(done)

    def dissipate(self, bathing: Bathing, budget: float) -> None:
        """Apply the channels of all layers, discarding weight up to the budget.

        ρ is truncated after each channel, since the cost grows with the square of the rank.
        """
        before, layers = self.trace(), len(self.system.layers)
        for layer in range(layers):
            share = (layer + 1) / layers
            if self._channel(layer, bathing, budget / (4 * layers)):
                self._truncate(share * (budget - (before - self.trace())))

    def _channel(self, layer: int, bathing: Bathing, budget: float) -> bool:
        """Apply the Kraus map of one layer without its weakest jumps; returns whether there were jumps."""
        system, channel = self.system, self.system.channels(bathing)[layer]
        before = self.weights()
        least = self._least(before, channel.strengths, budget)
        chosen = [
            [np.flatnonzero((strength * weights >= least) | (which == 0)) for weights in before]
            for which, strength in enumerate(channel.strengths)
        ]
        moves = [
            (system.operator(bathing, layer, which, basis), basis, places)
            for which, of_basis in enumerate(chosen)
            for basis, places in enumerate(of_basis)
            if places.size
        ]
        shapes = [part.shape[1:] for part in self.parts]
        counts = [sum(p.size for (_, after), _, p in moves if after == basis) for basis in range(len(shapes))]
        found = [np.empty((count, *shape), complex) for count, shape in zip(counts, shapes, strict=True)]
        filled = [0] * len(shapes)
        applied = []
        for (operator, after), basis, places in moves:
            for place in places:
                applied.append((operator, self.parts[basis][place], found[after][filled[after]]))
                filled[after] += 1

        def apply(number: int) -> None:
            operator, psi, out = applied[number]
            operator.apply(psi, out)

        thread_pool.each(apply, range(len(applied)))
        self.parts = found
        return sum(counts) > sum(map(len, before))

    @staticmethod
    def _least(before: list[np.ndarray], strengths: np.ndarray, budget: float) -> float:
        """Weight below which the jump of a column is dropped; the dropped weights add up to at most the budget."""
        bounds = np.sort(np.concatenate([np.outer(strengths[1:], weights).ravel() for weights in before]))
        dropped = int(np.searchsorted(np.cumsum(bounds), budget, side="right"))
        return float(bounds[dropped]) if dropped < bounds.size else np.inf

    def _truncate(self, budget: float) -> None:
        held = [basis for basis, part in enumerate(self.parts) if len(part)]
        flat = [self.parts[basis].reshape(len(self.parts[basis]), -1) for basis in held]
        grams = [_gram(matrix, single=budget > _SINGLE) for matrix in flat]
        spectra = [(np.empty(0), np.empty((0, 0)))] * len(grams)

        def diagonalise(number: int) -> None:
            spectra[number] = np.linalg.eigh(grams[number])

        thread_pool.each(diagonalise, range(len(grams)))
        values = np.sort(np.concatenate([np.clip(weights, 0, None) for weights, _ in spectra]))
        first = int(np.searchsorted(np.cumsum(values), max(budget, _ROUNDING), side="right"))
        while first > 0 and values[first - 1] > _ALIKE * values[first]:
            first -= 1
        least = values[first]
        for basis, matrix, (weights, vectors) in zip(held, flat, spectra, strict=True):
            chosen = weights >= least
            chosen[-1:] |= weights[-1:] > _ROUNDING  # a basis must not lose all of its weight: it may be conserved
            kept = np.ascontiguousarray(vectors[:, chosen].T)
            self.parts[basis] = _product(kept, matrix).reshape(-1, *self.parts[basis].shape[1:])


def trace_distance(one: Columns, other: Columns) -> float:
    """‖ρ − ρ'‖₁ of two density matrices over the same bases.

    With the columns side by side, [Φ Φ'] = QR and ρ − ρ' = Q R diag(1, …, −1, …) R† Q†. A QR factorisation keeps the
    small differences of large columns, which a Gram matrix would lose.
    """
    found = 0.0
    for left, right in zip(one.parts, other.parts, strict=True):
        if not len(left) + len(right):
            continue
        matrix = np.concatenate([part.reshape(len(part), math.prod(part.shape[1:])) for part in (left, right)])
        sign = np.repeat([1.0, -1.0], [len(left), len(right)])
        triangle = _triangle(matrix)
        found += float(np.abs(np.linalg.eigvalsh((triangle * sign) @ triangle.conj().T)).sum())
    return found


def _triangle(matrix: np.ndarray) -> np.ndarray:
    """R of a QR factorisation of matrixᵀ, chunk by chunk on all threads."""
    begins = range(0, matrix.shape[1], max(_PIECE, len(matrix)))
    pieces: dict[int, np.ndarray] = {}

    def factorise(begin: int) -> None:
        pieces[begin] = np.asarray(np.linalg.qr(matrix[:, begin : begin + begins.step].T, mode="r"))

    thread_pool.each(factorise, begins)
    stacked = np.concatenate([pieces[begin] for begin in begins])
    return np.asarray(np.linalg.qr(stacked, mode="r") if len(begins) > 1 else stacked)


def _gram(matrix: np.ndarray, single: bool) -> np.ndarray:
    """Φ†Φ for Φᵀ = matrix, chunk by chunk on all threads.

    Single precision does not harm ρ: the eigenvectors form a unitary matrix whatever the error of the elements.
    Only the choice of the discarded columns depends on it.
    """
    begins = range(0, matrix.shape[1], _PIECE)
    herk = cherk if single else zherk
    total = np.zeros((len(matrix), len(matrix)), complex, order="F")
    for some in range(0, len(begins), _TOGETHER):  # in a fixed order, whatever the number of threads
        parts: dict[int, np.ndarray] = {}

        def form(begin: int, parts: dict[int, np.ndarray] = parts) -> None:
            part = matrix[:, begin : begin + _PIECE]
            parts[begin] = herk(1.0, part.astype(np.complex64 if single else complex, copy=False).T, trans=2)

        thread_pool.each(form, begins[some : some + _TOGETHER])
        for begin in sorted(parts):
            total += parts[begin]
    return np.asarray(total + np.triu(total, 1).conj().T)


def _product(turn: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """turn · matrix, chunk by chunk on all threads."""
    out = np.empty((len(turn), matrix.shape[1]), complex)

    def fill(begin: int) -> None:
        np.matmul(turn, matrix[:, begin : begin + _PIECE], out=out[:, begin : begin + _PIECE])

    thread_pool.each(fill, range(0, matrix.shape[1], _PIECE))
    return out


def _weights(columns: np.ndarray) -> np.ndarray:
    flat = columns.reshape(len(columns), math.prod(columns.shape[1:]))  # there may be none
    return np.array([np.vdot(column, column).real for column in flat])
