"""Measures of large systems from the factor Φ of ρ = ΦΦ†, without ever forming ρ.

Each pure run in one S^z sector gives, for either spin of the electron, one block Φ_d of amplitudes: its rows are the
configurations with d down spins, its columns the sites. ρ has the nonzero eigenvalues of the Gram matrix Φ†Φ, whose
size is a few times L_x however many spins there are; few of them are more than rounding. With the eigenvectors V of
these, ΦV has one column √p_k |k⟩ for each eigenstate |k⟩ of ρ, and replaces Φ: ρ − ΦV(ΦV)† is positive, and its trace
is the weight that is discarded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.model.basis import Spins

if TYPE_CHECKING:
    from pysv.sectors.state import Part, PureMixture

_CHUNK = 1024
"""Configurations that are handled at a time."""
_NO_ELECTRON = 1e-17
"""Weight on a site below which it is empty."""
_PRODUCTS = 32
"""Configurations of a layer whose products are held at a time."""
NO_WEIGHT = 1e-14
"""Eigenvalues of ρ below this are left out: those of the Gram matrix are known to about 1e-16."""


@dataclass(frozen=True, eq=False)
class FactorBlock:
    """Φ of one down count: where its columns are found.

    Parameters
    ----------
    n_down : int
    sources : tuple of (Part, int, slice)
        Pure run, electron spin and rows; each contributes one column per site.
    """

    n_down: int
    sources: tuple[tuple[Part, int, slice], ...]

    @cached_property
    def sites(self) -> tuple[slice, ...]:
        """Sites of each source between which the electron is found; all others together have a weight below 1e-14."""
        found = []
        for part, spin, _ in self.sources:
            reached = np.flatnonzero(part.weight * part.marginals[1][spin] > _NO_ELECTRON)
            found.append(slice(int(reached[0]), int(reached[-1]) + 1) if reached.size else slice(0, 0))
        return tuple(found)

    @property
    def columns(self) -> int:
        """Number of columns of Φ that are kept."""
        return sum(sites.stop - sites.start for sites in self.sites)

    def rows(self, where: slice) -> np.ndarray:
        """Rows of Φ, complex128 (rows, columns), weights included; a copy."""
        found = np.empty((where.stop - where.start, self.columns), dtype=complex)
        offset = 0
        for (part, _, rows), kept in zip(self.sources, self.sites, strict=True):
            here = slice(rows.start + where.start, rows.start + where.stop)
            for tile, (sites, _) in enumerate(part.hamiltonian.layout.slices()):
                begin, end = max(sites.start, kept.start), min(sites.stop, kept.stop)
                if begin < end:
                    target = slice(offset + begin - kept.start, offset + end - kept.start)
                    columns = slice(begin - sites.start, end - sites.start)
                    np.multiply(part.psi[tile, here, columns], np.sqrt(part.weight), out=found[:, target])
            offset += kept.stop - kept.start
        return found


@dataclass(frozen=True, eq=False)
class Eigenstates:
    """Eigenstates |k⟩ of ρ with one down count, by the part of it that is in FM_p.

    Parameters
    ----------
    n_down : int
    p : float64 ndarray (rank,)
        Eigenvalues, ascending.
    pieces : dict of int to complex ndarray (C(n_p, j), C(n_a, n_down − j), rank)
        √p_k ⟨i, α|k⟩ for the configurations i of FM_p with down count j and α of FM_a, ascending.
    discarded : float
        Sum of the eigenvalues left out.
    """

    n_down: int
    p: np.ndarray
    pieces: dict[int, np.ndarray]
    discarded: float


@dataclass(frozen=True, eq=False)
class SpinFactor:
    """Factor Φ of the localized spins' density matrix, in blocks of the down count.

    Parameters
    ----------
    one, other : Spins
        Two parts of the spins, such as FM_p and FM_a.
    blocks : tuple of FactorBlock
    """

    one: Spins
    other: Spins
    blocks: tuple[FactorBlock, ...]

    @classmethod
    def of_mixture(cls, mixture: PureMixture) -> SpinFactor:
        """Factor of a mixture whose pure states each lie in a single S^z sector; nothing is copied."""
        sources: dict[int, list[tuple[Part, int, slice]]] = {}
        for part in mixture.parts:
            for spin, n_down, rows in part.hamiltonian.basis.groups():
                sources.setdefault(n_down, []).append((part, spin, rows))
        blocks = tuple(FactorBlock(d, tuple(found)) for d, found in sorted(sources.items()))
        return cls(*mixture.sides, blocks)

    @property
    def n_spins(self) -> int:
        """Number N of localized spins."""
        return self.one.count + self.other.count

    @property
    def spins(self) -> Spins:
        """All spins."""
        return Spins(self.one.levels + self.other.levels)

    @cached_property
    def eigenstates(self) -> tuple[Eigenstates, ...]:
        """Eigenstates of each block of ρ, to its numerical rank; computed once."""
        return tuple(self._eigenstates(block) for block in self.blocks)

    @property
    def discarded(self) -> float:
        """Weight of ρ, and trace norm of what it lacks, that `eigenstates` leaves out."""
        return sum(states.discarded for states in self.eigenstates)

    def _eigenstates(self, block: FactorBlock) -> Eigenstates:
        inside = self.spins.configurations(block.n_down)
        threads = thread_pool.threads_for(inside.size * block.columns)
        chunks = [slice(begin, min(begin + _CHUNK, inside.size)) for begin in range(0, inside.size, _CHUNK)]
        sums = np.zeros((threads, 2 * block.columns, 2 * block.columns))

        def add(worker: int) -> None:
            for where in chunks[worker::threads]:
                real = block.rows(where).view(float)
                sums[worker] += real.T @ real  # half the work of a complex product: BLAS knows that it is symmetric

        thread_pool.each(add, range(threads))
        real = sums.sum(axis=0)
        gram = real[::2, ::2] + real[1::2, 1::2] + 1j * (real[::2, 1::2] - real[1::2, ::2])
        p, vectors = np.linalg.eigh(gram)
        kept = p > NO_WEIGHT
        vectors = vectors[:, kept]

        first_down = self.one.down(inside // self.other.size)
        held = [int(j) for j in np.unique(first_down)] if kept.any() else []
        shapes = {j: (self.one.multiplicity(j), self.other.multiplicity(block.n_down - j)) for j in held}
        pieces = {j: np.empty((*shape, vectors.shape[1]), complex) for j, shape in shapes.items()}
        flat = {j: piece.reshape(-1, vectors.shape[1]) for j, piece in pieces.items()}
        places = {j: np.cumsum(first_down == j) - 1 for j in held}

        def project(worker: int) -> None:
            for where in chunks[worker::threads]:
                states = block.rows(where) @ vectors
                for j in held:
                    chosen = np.flatnonzero(first_down[where] == j)
                    if chosen.size:
                        begin = int(places[j][where][chosen[0]])
                        flat[j][begin : begin + chosen.size] = states[chosen]

        thread_pool.each(project, range(threads))
        total = sum(part.weight * float(part.marginals[1][spin].sum()) for part, spin, _ in block.sources)
        return Eigenstates(
            block.n_down, p[kept], pieces, max(total - float(p[kept].sum()), float(np.abs(p[~kept]).sum()))
        )

    @property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of ρ, to its numerical rank."""
        return np.concatenate([states.p for states in self.eigenstates])

    def layer_eigenvalues(self, layer: str) -> np.ndarray:
        """Eigenvalues of the reduced density matrix of a part: "polarizer", the first one, or "analyzer".

        That matrix is block diagonal in the part's own down count; its largest block has C(n, n/2) rows for spins 1/2.
        """
        sums: dict[int, np.ndarray] = {}
        first = layer == "polarizer"
        for states in self.eigenstates:
            for j, piece in states.pieces.items():
                kept = j if first else states.n_down - j
                ordered = _of_part(piece, first)
                matrix = ordered.reshape(len(ordered), -1)
                sums[kept] = sums.get(kept, 0) + matrix @ matrix.conj().T
        return np.concatenate([np.linalg.eigvalsh(matrix) for matrix in sums.values()])

    def qfi(self, positions: np.ndarray, momenta: np.ndarray) -> np.ndarray:
        """True quantum Fisher information per spin; see `pysv.measures.fisher.qfi`.

        With C the columns √p_a |a⟩, F = 4 Tr(ρ|O|²) − 8 Σ_ab |(C†OC)_ab|²/(p_a + p_b). O is a sum of a term of FM_p and
        one of FM_a, so that C†OC follows for all momenta from the products C†C at fixed configurations of either layer.
        """
        waves = np.exp(1j * np.outer(momenta, positions)) / 2
        total = np.zeros(len(momenta))
        for states in self.eigenstates:
            if not states.p.size:
                continue
            elements, squares = self._waves(states, waves)
            harmonic = 1 / np.add.outer(states.p, states.p)
            total += 4 * squares - 8 * np.tensordot(np.abs(elements) ** 2, harmonic, 2)
        return np.asarray(total / self.n_spins)

    def _waves(self, states: Eigenstates, waves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """C†OC of a block, complex (K, rank, rank), and its share of Tr(ρ|O|²), (K,)."""
        jobs = sorted(states.pieces, key=lambda j: -states.pieces[j].size)
        found = [(np.zeros(0), np.zeros(0))] * len(jobs)

        def one(number: int) -> None:
            found[number] = self._wave(states, jobs[number], waves)

        thread_pool.each(one, range(len(jobs)))
        return np.sum([elements for elements, _ in found], axis=0), np.sum([square for _, square in found], axis=0)

    def _wave(self, states: Eigenstates, j: int, waves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share of a piece in C†OC and in Tr(ρ|O|²)."""
        piece, n_p = states.pieces[j], self.one.count
        found = np.zeros((len(waves), states.p.size, states.p.size), dtype=complex)
        diagonals = []
        for first, wave, down in ((True, waves[:, :n_p], j), (False, waves[:, n_p:], states.n_down - j)):
            part = self.one if first else self.other
            diagonal = wave @ part.moments(part.configurations(down)).T.astype(float)
            ordered = _of_part(piece, first)
            for begin in range(0, len(ordered), _PRODUCTS):
                few = ordered[begin : begin + _PRODUCTS]
                found += np.tensordot(diagonal[:, begin : begin + _PRODUCTS], few.conj().swapaxes(1, 2) @ few, 1)
            diagonals.append(diagonal)
        probability = (piece.real**2).sum(axis=2) + (piece.imag**2).sum(axis=2)
        square = np.abs(diagonals[0][:, :, None] + diagonals[1][:, None, :]) ** 2
        return found, np.tensordot(square, probability, 2)


def _of_part(piece: np.ndarray, first: bool) -> np.ndarray:
    """A piece with the configurations of one part first; a copy for the other part."""
    return piece if first else np.ascontiguousarray(piece.swapaxes(0, 1))
