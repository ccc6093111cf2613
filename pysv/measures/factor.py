"""Measures of large systems from the factor Φ of ρ = ΦΦ†, without ever forming ρ.

Each pure run in one S^z sector gives, for either spin of the electron, one block Φ_d of amplitudes: its rows are the
configurations with d down spins, its columns the sites. ρ has the nonzero eigenvalues of the Gram matrix Φ†Φ, whose
size is a few times L_x however many spins there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import zherk

from pysv.basis import configurations, down_count, spin_bit, spin_signs
from pysv.measures.entropy import entropy_of_spectrum

if TYPE_CHECKING:
    from pysv.engines.base import Part, Snapshot

_CHUNK = 4096
"""Configurations that are handled at a time."""
_NO_WEIGHT = 1e-15
"""Eigenvalues of ρ below this are rounding."""


@dataclass(frozen=True, eq=False)
class FactorBlock:
    """Φ of one number of down spins: where its columns are found.

    Parameters
    ----------
    n_down : int
    sources : tuple of (Part, slice)
        Pure run and its rows; each contributes one column per site.
    """

    n_down: int
    sources: tuple[tuple[Part, slice], ...]

    @property
    def columns(self) -> int:
        """Number of columns of Φ."""
        return sum(part.hamiltonian.sites for part, _ in self.sources)

    def chunks(self, size: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Row ranges of Φ and the rows themselves, complex128 (chunk, columns), weights included."""
        for begin in range(0, size, _CHUNK):
            end = min(begin + _CHUNK, size)
            found = np.empty((end - begin, self.columns), dtype=complex)
            offset = 0
            for part, rows in self.sources:
                here = slice(rows.start + begin, rows.start + end)
                for tile, (sites, columns) in enumerate(part.hamiltonian.layout.slices()):
                    target = slice(offset + sites.start, offset + sites.stop)
                    found[:, target] = np.sqrt(part.weight) * part.psi[tile, here, columns]
                offset += part.hamiltonian.sites
            yield slice(begin, end), found


@dataclass(frozen=True, eq=False)
class SpinFactor:
    """Factor Φ of the localized spins' density matrix, in blocks of the number of down spins.

    Parameters
    ----------
    n_polarizer, n_analyzer : int
    blocks : tuple of FactorBlock
    """

    n_polarizer: int
    n_analyzer: int
    blocks: tuple[FactorBlock, ...]

    @classmethod
    def of_snapshot(cls, snapshot: Snapshot, n_polarizer: int, n_analyzer: int) -> SpinFactor:
        """Factor of a snapshot whose pure runs each lie in a single S^z sector; nothing is copied."""
        sources: dict[int, list[tuple[Part, slice]]] = {}
        for part in snapshot.parts:
            for _, n_down, rows in part.hamiltonian.basis.groups():
                sources.setdefault(n_down, []).append((part, rows))
        blocks = tuple(FactorBlock(d, tuple(found)) for d, found in sorted(sources.items()))
        return cls(n_polarizer, n_analyzer, blocks)

    @property
    def n_spins(self) -> int:
        """Number N of localized spins."""
        return self.n_polarizer + self.n_analyzer

    @cached_property
    def spectra(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """For each block, eigenvalues and eigenvectors of the Gram matrix Φ†Φ."""
        found = []
        for block in self.blocks:
            gram = np.zeros((block.columns, block.columns), dtype=complex, order="F")
            for _, rows in block.chunks(configurations(self.n_spins, block.n_down).size):
                gram = zherk(1.0, rows.T, beta=1.0, c=gram, overwrite_c=1)  # (Φ†Φ)*, without a copy of the rows
            values, vectors = np.linalg.eigh(gram, UPLO="U")
            found.append((values, vectors.conj()))
        return tuple(found)

    def entropy(self) -> float:
        """Von Neumann entropy of all localized spins (Eq. 6), nats."""
        return entropy_of_spectrum(np.concatenate([values for values, _ in self.spectra]))

    def layer_entropy(self, layer: str) -> float:
        """Von Neumann entropy of one layer (Eq. 6), nats, from its reduced density matrix.

        That matrix is block diagonal in the layer's own number of down spins; its largest block has C(n, n/2) rows.

        Parameters
        ----------
        layer : {"polarizer", "analyzer"}
        """
        n_kept = self.n_polarizer if layer == "polarizer" else self.n_analyzer
        sums = {j: np.zeros((configurations(n_kept, j).size,) * 2, complex, order="F") for j in range(n_kept + 1)}
        for block in self.blocks:
            inside = configurations(self.n_spins, block.n_down)
            polarizer_down = down_count(inside >> self.n_analyzer)
            for p_down in np.unique(polarizer_down):
                rows = np.flatnonzero(polarizer_down == p_down)
                n_p = configurations(self.n_polarizer, int(p_down)).size
                kept = int(p_down) if layer == "polarizer" else block.n_down - int(p_down)
                for part, where in block.sources:
                    for tile in part.psi:
                        amplitude = tile[where.start + rows].astype(complex).reshape(n_p, rows.size // n_p, -1)
                        if layer == "analyzer":
                            amplitude = amplitude.swapaxes(0, 1)
                        matrix = amplitude.reshape(amplitude.shape[0], -1)
                        sums[kept] = zherk(part.weight, matrix.T, beta=1.0, c=sums[kept], trans=2, overwrite_c=1)
        return entropy_of_spectrum(np.concatenate([np.linalg.eigvalsh(matrix, UPLO="U") for matrix in sums.values()]))

    def qfi(self, positions: np.ndarray, momenta: np.ndarray) -> np.ndarray:
        """True quantum Fisher information per spin; see `pysv.measures.fisher.qfi`.

        With Φv_a = √p_a |a⟩, F = 4 Tr(ρ|O|²) − 8 Σ_ab |v_a† Φ†OΦ v_b|²/(p_a + p_b).
        """
        waves = np.exp(1j * np.outer(momenta, positions)) / 2
        total = np.zeros(len(momenta))
        for block, (values, vectors) in zip(self.blocks, self.spectra, strict=True):
            kept = values > _NO_WEIGHT
            p, v = values[kept], vectors[:, kept]
            inside = configurations(self.n_spins, block.n_down)
            elements = np.zeros((len(momenta), p.size, p.size), dtype=complex)
            for where, rows in block.chunks(inside.size):
                states = rows @ v
                diagonals = waves @ spin_signs(inside[where], self.n_spins).T.astype(float)
                total += 4 * (np.abs(diagonals) ** 2 @ (np.abs(states) ** 2).sum(axis=1))
                for element, diagonal in zip(elements, diagonals, strict=True):
                    element += states.conj().T @ (diagonal[:, None] * states)
            total -= 8 * np.tensordot(np.abs(elements) ** 2, 1 / np.add.outer(p, p), 2)
        return np.asarray(total / self.n_spins)

    def w_fidelity(self, initial: int) -> float:
        """⟨W|ρ|W⟩; see `pysv.measures.magnons.w_fidelity`."""
        flipped = np.array([initial ^ spin_bit(self.n_spins, i) for i in range(self.n_spins)])
        total = 0.0
        for block in self.blocks:
            here = np.sort(flipped[down_count(flipped) == block.n_down])
            places = np.searchsorted(configurations(self.n_spins, block.n_down), here)
            for part, rows in block.sources:
                overlap = part.psi[:, rows.start + places].sum(axis=1)
                total += part.weight * float((np.abs(overlap) ** 2).sum())
        return total / self.n_spins


def probabilities(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """Configurations of the localized spins and their probabilities, the diagonal of ρ, at any size.

    Parameters
    ----------
    snapshot : Snapshot

    Returns
    -------
    configuration : int64 ndarray (n,)
    probability : float64 ndarray (n,)
    """
    sums: dict[int, np.ndarray] = {}
    for part in snapshot.parts:
        weights = part.weight * part.marginals[0]
        for _, n_down, rows in part.hamiltonian.basis.groups():
            sums[n_down] = sums[n_down] + weights[rows] if n_down in sums else weights[rows]
    n = snapshot.parts[0].hamiltonian.basis.n_spins
    downs = sorted(sums)
    return np.concatenate([configurations(n, d) for d in downs]), np.concatenate([sums[d] for d in downs])
