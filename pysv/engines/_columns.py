"""A density matrix ρ = ΦΦ† as its columns: unitary evolution, Kraus maps, truncation, and distances.

U acts on each column. A Kraus map Σ K_a ΦΦ† K_a† makes new columns K_a Φ. The eigenvectors of the Gram matrix then make
the columns of each basis orthogonal, and the columns of smallest weight are discarded.

The columns are stored on those sites only where the electron can be. A step of U first adds the sites that the light
cone reaches, and then drops those at either end whose weight is negligible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import cherk, zherk

from pysv.compute import thread_pool
from pysv.engines._open_system import UNITARY_TOLERANCE
from pysv.sectors.chebyshev import light_cone
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.engines._dephasing import Dephasing
    from pysv.engines._open_system import Bathing, OpenSystem
    from pysv.sectors.layout import Layout

WINDOW_TOLERANCE = 0.1 * UNITARY_TOLERANCE
"""Change of a normalised state per fs by the choice of the sites, well below that by the series of U."""

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
    parts : sequence of complex ndarray (rank, 1, rows, sites)
        For each basis, Φᵀ including the weights, on some successive sites; overwritten.
    begin : int
        The first of these sites, counted from 0.
    """

    def __init__(self, system: OpenSystem, parts: Sequence[np.ndarray], begin: int = 0) -> None:
        self.system = system
        self.parts = list(parts)
        self.begin = begin
        self.applications = 0
        """Applications of H so far."""

    @classmethod
    def of_states(
        cls, system: OpenSystem, states: Sequence[np.ndarray], window: tuple[int, int] | None = None
    ) -> Columns:
        """Columns from arrays over the whole chain.

        Parameters
        ----------
        system : OpenSystem
        states : sequence of complex ndarray (rank, tiles, rows, width)
            For each basis, in the layout of its Hamiltonian.
        window : (int, int), optional
            The sites to store, begin … end − 1, counted from 0; all by default.
        """
        begin, end = window or (0, system.hamiltonians[0].sites)
        parts = []
        for hamiltonian, whole in zip(system.hamiltonians, states, strict=True):
            part = np.empty((len(whole), 1, hamiltonian.shape[1], end - begin), complex)
            for psi, out in zip(whole, part, strict=True):
                _copy_out(hamiltonian.layout, psi, out[0], begin)
            parts.append(part)
        return cls(system, parts, begin)

    def states(self) -> list[np.ndarray]:
        """The columns over the whole chain: for each basis, complex ndarray (rank, tiles, rows, width)."""
        found = []
        for hamiltonian, part in zip(self.system.hamiltonians, self.parts, strict=True):
            whole = np.zeros((len(part), *hamiltonian.shape), complex)
            for psi, own in zip(whole, part, strict=True):
                _copy_in(hamiltonian.layout, own[0], psi, self.begin)
            found.append(whole)
        return found

    @property
    def window(self) -> tuple[int, int]:
        """The stored sites, begin … end − 1, counted from 0."""
        return self.begin, self.begin + self.parts[0].shape[-1]

    @property
    def rank(self) -> int:
        """Number of columns of Φ."""
        return sum(len(part) for part in self.parts)

    def copy(self) -> Columns:
        """The same columns in memory of their own."""
        return Columns(self.system, [part.copy() for part in self.parts], self.begin)

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
        chosen = [part[own >= least] for part, own in zip(self.parts, weights, strict=True)]
        return Columns(self.system, chosen, self.begin)

    def evolve(self, interval: float) -> None:
        """Apply U(interval), fs, to every column."""
        if interval == 0 or not self.rank:
            return
        begin, end = self._reached(interval)
        workers = thread_pool.largest()
        done = [0] * workers
        grown = [np.empty((*part.shape[:-1], end - begin), complex) for part in self.parts]
        densities = [np.empty((len(part), end - begin)) for part in self.parts]

        def work(worker: int) -> None:
            of_bases = zip(self.system.propagators, self.parts, grown, densities, strict=True)
            for propagator, part, after, density in of_bases:
                layout = propagator.hamiltonian.layout
                window = layout.window(begin, end, np.complex128)
                start, spare, total = (np.zeros(propagator.hamiltonian.shape, complex) for _ in range(3))
                for number in range(worker, len(part), workers):
                    for tile, columns, _ in _pieces(layout, *window):
                        start[tile, :, columns] = 0
                    _copy_in(layout, part[number, 0], start, self.begin)
                    count, psi = propagator.advance(start, spare, total, interval, window)
                    done[worker] += count
                    _copy_out(layout, psi, after[number, 0], begin)
                    density[number] = _site_weights(after[number, 0])

        thread_pool.each(work, range(workers))
        self.applications += sum(done)
        total = np.concatenate(densities).sum(axis=0)
        first, last = _occupied(total, (WINDOW_TOLERANCE * interval / 2) ** 2 * float(total.sum()))
        self.parts = [np.ascontiguousarray(part[..., first:last]) for part in grown]
        self.begin = begin + first

    def _reached(self, interval: float) -> tuple[int, int]:
        """The sites that the electron can reach from the stored ones within an interval, fs."""
        hopping = max(hamiltonian.largest_hopping for hamiltonian in self.system.hamiltonians)
        hops = light_cone(2 * hopping * interval / HBAR, WINDOW_TOLERANCE * interval / 2)
        begin, end = self.window
        return max(0, begin - hops), min(self.system.hamiltonians[0].sites, end + hops)

    def on(self, begin: int, end: int) -> list[np.ndarray]:
        """The parts on the sites begin … end − 1, among which are the stored ones."""
        first, last = self.window
        edges = ((0, 0), (0, 0), (0, 0), (first - begin, end - last))
        return [np.pad(part, edges) if (first, last) != (begin, end) else part for part in self.parts]

    def dissipate(self, bathing: Bathing, budget: float) -> None:
        """Apply the channels of all layers and the dephasing, discarding weight up to the budget.

        ρ is truncated after each channel, since the cost grows with the square of the rank.
        """
        before, system = self.trace(), self.system
        maps = [partial(self._channel, layer) for layer in range(len(system.layers))]
        maps += [partial(self._dephase, some) for some in (system.dephasing.some_sites if system.dephasing else ())]
        for number, apply in enumerate(maps, start=1):
            if apply(bathing, budget / (4 * len(maps))):
                self._truncate(number / len(maps) * (budget - (before - self.trace())))

    def _dephase(self, dephasing: Dephasing, bathing: Bathing, budget: float) -> bool:
        """Apply the dephasing of the electron on some sites; returns whether there were jumps."""
        before = self.rank
        self.parts = dephasing.columns(self.parts, self.begin, bathing.length, budget)
        return self.rank > before

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
        flat = [part.reshape(len(part), math.prod(part.shape[1:])) for part in self.parts]  # there may be no column
        occupied = [basis for basis, matrix in enumerate(flat) if len(matrix)]
        grams = {basis: _gram(flat[basis], single=budget > _SINGLE) for basis in occupied}
        spectra = [(np.empty(0), np.empty((0, 0)))] * len(flat)

        def diagonalise(basis: int) -> None:
            spectra[basis] = np.linalg.eigh(grams[basis])

        thread_pool.each(diagonalise, occupied)
        values = np.sort(np.concatenate([np.clip(weights, 0, None) for weights, _ in spectra]))
        first = int(np.searchsorted(np.cumsum(values), max(budget, _ROUNDING), side="right"))
        while first > 0 and values[first - 1] > _ALIKE * values[first]:
            first -= 1
        least = values[first]
        for basis, (matrix, (weights, vectors)) in enumerate(zip(flat, spectra, strict=True)):
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
    begin, end = (
        choose(edges) for choose, edges in zip((min, max), zip(one.window, other.window, strict=True), strict=True)
    )
    for left, right in zip(one.on(begin, end), other.on(begin, end), strict=True):
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


def _site_weights(psi: np.ndarray) -> np.ndarray:
    """Σ |ψ|² over the rows, float64 (sites,)."""
    return np.asarray(np.einsum("rx,rx->x", psi.real, psi.real) + np.einsum("rx,rx->x", psi.imag, psi.imag))


def _occupied(weights: np.ndarray, negligible: float) -> tuple[int, int]:
    """The sites (first, last + 1) without those at either end whose weight is negligible; all if none has a weight."""
    left, right = np.cumsum(weights), np.cumsum(weights[::-1])[::-1]
    places = np.flatnonzero((left > negligible) & (right > negligible))
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, weights.size)


def _pieces(layout: Layout, begin: int, end: int) -> Iterator[tuple[int, slice, slice]]:
    """For each tile that the sites begin … end − 1 reach: its number, its columns, and their places after `begin`."""
    for tile in range(begin // layout.width, -(-end // layout.width)):
        start = tile * layout.width
        first, last = max(begin, start), min(end, start + layout.width)
        yield tile, slice(first - start, last - start), slice(first - begin, last - begin)


def _copy_in(layout: Layout, own: np.ndarray, psi: np.ndarray, begin: int) -> None:
    """Write (rows, sites) from the site `begin` on to a state of a layout."""
    for tile, columns, places in _pieces(layout, begin, begin + own.shape[1]):
        psi[tile, :, columns] = own[:, places]


def _copy_out(layout: Layout, psi: np.ndarray, own: np.ndarray, begin: int) -> None:
    """Read (rows, sites) from the site `begin` on of a state of a layout."""
    for tile, columns, places in _pieces(layout, begin, begin + own.shape[1]):
        own[:, places] = psi[tile, :, columns]
