"""The density matrix of the localized spins, in the blocks that S^z conservation leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import zherk
from scipy.linalg.lapack import zheevd

from pysv.basis import configurations, down_count, spin_bit, spin_signs
from pysv.errors import InvalidInputError

if TYPE_CHECKING:
    from pysv.engines.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Block:
    """A diagonal block of ρ.

    Parameters
    ----------
    configuration : int64 ndarray (n,)
        Configurations that the block spans, ascending (see `pysv.basis`).
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
    def of_snapshot(cls, snapshot: Snapshot, n_polarizer: int, n_analyzer: int) -> SpinDensity:
        """Trace out the electron (position and spin): ρ = Σ w Σ_{σ,x} ψ[σ·, x] ψ[σ·, x]†.

        When every pure run lies in a single S^z sector, ρ is block diagonal in the number of down spins; when each lies
        in sectors of one parity, ρ is block diagonal in that.
        """
        if snapshot.state is not None:
            return snapshot.state.spin_density()
        n = n_polarizer + n_analyzer
        if all(len(part.hamiltonian.basis.sectors) == 1 for part in snapshot.parts):
            sums: dict[int, np.ndarray] = {}
            for part in snapshot.parts:
                for _, n_down, rows in part.hamiltonian.basis.groups():
                    for tile in part.psi:
                        sums[n_down] = _add_gram(part.weight, tile[rows], sums.get(n_down))
            blocks = tuple(Block(configurations(n, d), _full_hermitian(upper)) for d, upper in sorted(sums.items()))
            return cls(n_polarizer, n_analyzer, blocks)
        parity = all(len({sector % 2 for sector in part.hamiltonian.basis.sectors}) == 1 for part in snapshot.parts)
        everything = np.arange(1 << n)
        sides = [np.flatnonzero(down_count(everything) % 2 == odd) for odd in (0, 1)] if parity else [everything]
        grams: dict[int, np.ndarray] = {}
        for part in snapshot.parts:
            basis = part.hamiltonian.basis
            for spin in (0, 1):
                held = np.flatnonzero(basis.electron == spin)
                side = int(down_count(basis.configuration[held[:1]])[0]) % 2 if parity else 0
                places = np.searchsorted(sides[side], basis.configuration[held])
                for tile in part.psi:
                    factor = np.zeros((sides[side].size, tile.shape[1]), dtype=complex)
                    factor[places] = tile[held]
                    grams[side] = _add_gram(part.weight, factor, grams.get(side))
        return cls(
            n_polarizer,
            n_analyzer,
            tuple(Block(sides[i], _full_hermitian(upper)) for i, upper in sorted(grams.items())),
        )

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


def _add_gram(weight: float, factor: np.ndarray, total: np.ndarray | None) -> np.ndarray:
    """total + weight·(ΦΦ†)*, upper triangle only, in Fortran order as BLAS wants it.

    Φᵀ is Fortran-ordered without a copy, and zherk forms (Φᵀ)†Φᵀ, which is the complex conjugate of ΦΦ†.
    """
    if total is None:
        return np.asarray(zherk(weight, factor.T, trans=2))
    return np.asarray(zherk(weight, factor.T, beta=1.0, c=total, trans=2, overwrite_c=1))


def _full_hermitian(upper: np.ndarray) -> np.ndarray:
    """ρ from the conjugated upper triangle that `_add_gram` collects."""
    full = upper + upper.conj().T  # zherk leaves zeros below the diagonal
    np.fill_diagonal(full, upper.diagonal().real)
    return np.asarray(full.conj())
