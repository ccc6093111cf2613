"""The density matrix of the localized spins, in the blocks that S^z conservation leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.linalg.lapack import zheevd

from pysv.errors import InvalidInputError
from pysv.model.basis import configurations, down_count, spin_bit, spin_signs


@dataclass(frozen=True, eq=False)
class Block:
    """A diagonal block of ρ.

    Parameters
    ----------
    configuration : int64 ndarray (n,)
        Configurations that the block spans, ascending (see `pysv.model.basis`).
    matrix : complex ndarray (n, n)
        ρ[ket, bra], Hermitian.
    """

    configuration: np.ndarray
    matrix: np.ndarray

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (ascending) and eigenvectors (columns)."""
        # LAPACK is called directly, because most blocks are small; the transpose, which needs no copy, is ρ*.
        values, vectors, failed = zheevd(self.matrix.T)
        if failed:
            raise np.linalg.LinAlgError(f"the eigenvalues of a block of {len(values)} rows did not converge")
        return np.asarray(values), np.asarray(vectors.conj())


@dataclass(frozen=True, eq=False)
class SpinDensity:
    """Density matrix ρ of N = n_p + n_a localized spins.

    Parameters
    ----------
    n_polarizer, n_analyzer : int
        Number of spins in FM_p (the left digits of a configuration) and in FM_a.
    blocks : tuple of Block
        One block for each number of down spins (ρ commutes with S^z), or one for even and one for odd numbers (ρ keeps
        their parity), or a single one with every configuration.
    """

    n_polarizer: int
    n_analyzer: int
    blocks: tuple[Block, ...]

    @property
    def n_spins(self) -> int:
        """Number N of localized spins."""
        return self.n_polarizer + self.n_analyzer

    @cached_property
    def downs(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of down spins that each block spans."""
        return tuple(tuple(np.unique(down_count(block.configuration)).tolist()) for block in self.blocks)

    @property
    def is_full(self) -> bool:
        """Whether ρ is held as one block over all 2^N configurations."""
        return len(self.blocks) == 1 and self.blocks[0].configuration.size == 1 << self.n_spins

    @classmethod
    def from_dense(cls, matrix: np.ndarray, n_polarizer: int, n_analyzer: int) -> SpinDensity:
        """Wrap a dense density matrix over the Kronecker product of the spins, FM_p first, |↑⟩ = (1, 0).

        Parameters
        ----------
        matrix : complex ndarray (2^N, 2^N)
        n_polarizer, n_analyzer : int

        Raises
        ------
        InvalidInputError
            If the shape is not (2^N, 2^N), or the matrix is not Hermitian.
        """
        size = 1 << (n_polarizer + n_analyzer)
        dense = np.asarray(matrix, dtype=complex)
        if dense.shape != (size, size):
            raise InvalidInputError(
                f"a density matrix of {n_polarizer}+{n_analyzer} spins has shape ({size}, {size}), not {dense.shape}"
            )
        if not np.allclose(dense, dense.conj().T, atol=1e-10):
            raise InvalidInputError("the density matrix is not Hermitian to 1e-10")
        return cls(n_polarizer, n_analyzer, (Block(np.arange(size), dense),))

    @classmethod
    def combination(cls, terms: Iterable[tuple[float, SpinDensity]]) -> SpinDensity:
        """Σ factor · ρ of matrices whose blocks are of one kind (those that a matrix lacks count as zero)."""
        sums: dict[tuple[int, ...], np.ndarray] = {}
        n_polarizer = n_analyzer = 0
        for factor, rho in terms:
            n_polarizer, n_analyzer = rho.n_polarizer, rho.n_analyzer
            for downs, block in zip(rho.downs, rho.blocks, strict=True):
                sums[downs] = sums.get(downs, 0.0) + factor * block.matrix
        n = n_polarizer + n_analyzer
        blocks = tuple(Block(spanned_configurations(n, downs), matrix) for downs, matrix in sorted(sums.items()))
        return cls(n_polarizer, n_analyzer, blocks)

    @cached_property
    def probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        """Configurations and their probabilities, the diagonal of ρ."""
        configuration = np.concatenate([block.configuration for block in self.blocks])
        return configuration, np.concatenate([block.matrix.diagonal().real for block in self.blocks])

    @property
    def eigenvalues(self) -> np.ndarray:
        """All eigenvalues of ρ (those of configurations outside the blocks are 0 and left out)."""
        return np.concatenate([block.eigen[0] for block in self.blocks])

    def dense(self) -> np.ndarray:
        """ρ as a complex array (2^N, 2^N) over the Kronecker product of the spins."""
        if self.is_full:
            return self.blocks[0].matrix
        found = np.zeros((1 << self.n_spins,) * 2, dtype=complex)
        for block in self.blocks:
            found[np.ix_(block.configuration, block.configuration)] = block.matrix
        return found

    def layer(self, layer: str) -> np.ndarray:
        """Reduced density matrix of one layer.

        Parameters
        ----------
        layer : {"polarizer", "analyzer"}

        Returns
        -------
        complex ndarray (2^n, 2^n)
        """
        d_p, d_a = 1 << self.n_polarizer, 1 << self.n_analyzer
        if self.is_full:
            tensor = self.blocks[0].matrix.reshape(d_p, d_a, d_p, d_a)
            return np.asarray(np.einsum("iaja->ij" if layer == "polarizer" else "iaib->ab", tensor))
        size = d_p if layer == "polarizer" else d_a
        source, target = _layer_elements(self.n_polarizer, self.n_analyzer, self.downs, layer)
        elements = np.concatenate([block.matrix.ravel() for block in self.blocks])[source]
        real, imag = (np.bincount(target, weights=part, minlength=size**2) for part in (elements.real, elements.imag))
        return np.asarray(real + 1j * imag).reshape(size, size)

    def layer_eigenvalues(self, layer: str) -> np.ndarray:
        """Eigenvalues of the reduced density matrix of one layer, ascending."""
        return np.linalg.eigvalsh(self.layer(layer))

    def spin_expectations(self) -> np.ndarray:
        """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ of every localized spin, float64 (3, N)."""
        n = self.n_spins
        configuration, probability = self.probabilities
        found = np.zeros((3, n))
        found[2] = probability @ spin_signs(configuration, n)
        if self.is_full:
            matrix = self.blocks[0].matrix
            everything = np.arange(1 << n)
            for spin in range(n):
                up = everything[(everything & spin_bit(n, spin)) == 0]
                coherence = matrix[up, up | spin_bit(n, spin)].sum()  # ⟨↑|ρ|↓⟩ = (⟨σˣ⟩ − i⟨σʸ⟩)/2
                found[0, spin], found[1, spin] = 2 * coherence.real, -2 * coherence.imag
        return found


def spanned_configurations(n_spins: int, downs: tuple[int, ...]) -> np.ndarray:
    """Configurations of a block that spans these numbers of down spins, ascending."""
    return np.sort(np.concatenate([configurations(n_spins, d) for d in downs]))


@lru_cache(maxsize=16)
def _layer_elements(
    n_p: int, n_a: int, downs: tuple[tuple[int, ...], ...], layer: str
) -> tuple[np.ndarray, np.ndarray]:
    """Places in the concatenated blocks of ρ of the elements that a trace over the other layer adds, and where to."""
    sources, targets = [], []
    offset = 0
    for spanned in downs:
        inside = spanned_configurations(n_p + n_a, spanned)
        p, a = inside >> n_a, inside & ((1 << n_a) - 1)
        kept, traced, size = (p, a, 1 << n_p) if layer == "polarizer" else (a, p, 1 << n_a)
        ket, bra = np.nonzero(traced[:, None] == traced[None, :])
        sources.append(offset + ket * inside.size + bra)
        targets.append(kept[ket] * size + kept[bra])
        offset += inside.size**2
    return np.concatenate(sources), np.concatenate(targets)


def entropy_of_spectrum(eigenvalues: np.ndarray) -> float:
    """−Σ p ln p of the positive eigenvalues; rounding below zero counts as zero."""
    p = eigenvalues[eigenvalues > 0]
    return float(-(p * np.log(p)).sum())
