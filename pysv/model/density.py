"""The density matrix of the localized spins, in the blocks that S^z conservation leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.linalg.lapack import zheevd

from pysv.errors import InvalidInputError
from pysv.model.basis import Spins


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
    """Density matrix ρ of localized spins that fall into two parts, such as FM_p and FM_a.

    Parameters
    ----------
    one, other : Spins
        The parts: the left digits of a configuration, and the right ones. Either may be empty.
    blocks : tuple of Block
        One block for each down count (ρ commutes with S^z), or one for even and one for odd counts (ρ keeps their
        parity), or a single one with every configuration.
    """

    one: Spins
    other: Spins
    blocks: tuple[Block, ...]

    @property
    def spins(self) -> Spins:
        """All spins."""
        return Spins(self.one.levels + self.other.levels)

    @property
    def n_spins(self) -> int:
        """Number N of localized spins."""
        return self.spins.count

    @property
    def n_polarizer(self) -> int:
        """Number of spins in the first part."""
        return self.one.count

    @property
    def n_analyzer(self) -> int:
        """Number of spins in the other part."""
        return self.other.count

    @cached_property
    def downs(self) -> tuple[tuple[int, ...], ...]:
        """Down counts that each block spans."""
        return tuple(tuple(np.unique(self.spins.down(block.configuration)).tolist()) for block in self.blocks)

    @property
    def is_full(self) -> bool:
        """Whether ρ is held as one block over all configurations."""
        return len(self.blocks) == 1 and self.blocks[0].configuration.size == self.spins.size

    @classmethod
    def from_dense(cls, matrix: np.ndarray, one: Spins | int, other: Spins | int) -> SpinDensity:
        """Wrap a dense density matrix over the Kronecker product of the spins, those of FM_p first, |↑⟩ = (1, 0).

        Parameters
        ----------
        matrix : complex ndarray (size, size)
            size = 2^N for N spins 1/2.
        one, other : Spins or int
            The parts; a number stands for so many spins 1/2.

        Raises
        ------
        InvalidInputError
            If the shape is not (size, size), or the matrix is not Hermitian.
        """
        one, other = Spins.of(one), Spins.of(other)
        size = one.size * other.size
        dense = np.asarray(matrix, dtype=complex)
        if dense.shape != (size, size):
            raise InvalidInputError(
                f"a density matrix of {one.count}+{other.count} spins has shape ({size}, {size}), not {dense.shape}"
            )
        if not np.allclose(dense, dense.conj().T, atol=1e-10):
            raise InvalidInputError("the density matrix is not Hermitian to 1e-10")
        return cls(one, other, (Block(np.arange(size), dense),))

    @classmethod
    def combination(cls, terms: Iterable[tuple[float, SpinDensity]]) -> SpinDensity:
        """Σ factor · ρ of matrices whose blocks are of one kind (those that a matrix lacks count as zero)."""
        sums: dict[tuple[int, ...], np.ndarray] = {}
        one = other = Spins(())
        for factor, rho in terms:
            one, other = rho.one, rho.other
            for downs, block in zip(rho.downs, rho.blocks, strict=True):
                sums[downs] = sums.get(downs, 0.0) + factor * block.matrix
        spins = Spins(one.levels + other.levels)
        return cls(one, other, tuple(Block(spins.spanned(downs), matrix) for downs, matrix in sorted(sums.items())))

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
        """ρ as a complex array (size, size) over the Kronecker product of the spins."""
        if self.is_full:
            return self.blocks[0].matrix
        found = np.zeros((self.spins.size,) * 2, dtype=complex)
        for block in self.blocks:
            found[np.ix_(block.configuration, block.configuration)] = block.matrix
        return found

    def layer(self, layer: str) -> np.ndarray:
        """Reduced density matrix of a part.

        Parameters
        ----------
        layer : {"polarizer", "analyzer"}
            The first part, or the other one.

        Returns
        -------
        complex ndarray (size, size)
        """
        first = layer == "polarizer"
        if self.is_full:
            tensor = self.blocks[0].matrix.reshape(self.one.size, self.other.size, self.one.size, self.other.size)
            return np.asarray(np.einsum("iaja->ij" if first else "iaib->ab", tensor))
        size = self.one.size if first else self.other.size
        source, target = _reduced_elements(self.one, self.other, self.downs, first)
        elements = np.concatenate([block.matrix.ravel() for block in self.blocks])[source]
        real, imag = (np.bincount(target, weights=part, minlength=size**2) for part in (elements.real, elements.imag))
        return np.asarray(real + 1j * imag).reshape(size, size)

    def layer_eigenvalues(self, layer: str) -> np.ndarray:
        """Eigenvalues of the reduced density matrix of a part, ascending; see `layer`."""
        return np.linalg.eigvalsh(self.layer(layer))

    def between(self, one: tuple[int, ...], other: tuple[int, ...]) -> SpinDensity:
        """Density matrix of some spins alone, the others traced out.

        Parameters
        ----------
        one, other : tuple of int
            Spins, counted from 0, of the new first part and of the new other part.
        """
        if one + other == tuple(range(self.n_spins)):
            return SpinDensity(self.spins.part(0, len(one)), self.spins.part(len(one), self.n_spins), self.blocks)
        spins, kept = self.spins, one + other
        rest = tuple(n for n in range(spins.count) if n not in kept)
        parts = spins.chosen(one), spins.chosen(other)
        whole = Spins(parts[0].levels + parts[1].levels)
        found = np.zeros((whole.size,) * 2, dtype=complex)
        for block in self.blocks:
            inside, traced = (spins.restricted(block.configuration, numbers) for numbers in (kept, rest))
            order = np.argsort(traced, kind="stable")
            for same in np.split(order, np.flatnonzero(np.diff(traced[order])) + 1):
                found[np.ix_(inside[same], inside[same])] += block.matrix[np.ix_(same, same)]
        if len(self.blocks) == 1:
            return SpinDensity(*parts, (Block(np.arange(whole.size), found),))
        # ρ keeps the down count, or its parity, and so does what remains of it.
        down = whole.down(np.arange(whole.size))
        kinds = down if all(len(downs) == 1 for downs in self.downs) else down % 2
        places = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
        return SpinDensity(*parts, tuple(Block(here, found[np.ix_(here, here)]) for here in places))

    def spin_expectations(self) -> np.ndarray:
        """⟨S⟩/S of every localized spin, ⟨σ⟩ of a spin 1/2, float64 (3, N)."""
        spins = self.spins
        length = np.array(spins.levels) - 1.0
        configuration, probability = self.probabilities
        found = np.zeros((3, spins.count))
        found[2] = probability @ spins.moments(configuration) / length
        for block in self.blocks:
            if len(np.unique(spins.down(block.configuration))) == 1:
                continue  # no coherence between different down counts
            for spin, most in enumerate(spins.levels):
                digit = spins.digit(block.configuration, spin)
                upper = np.flatnonzero(digit < most - 1)
                place = np.searchsorted(block.configuration, block.configuration[upper] + spins.place(spin))
                held = place < block.configuration.size
                held[held] = block.configuration[place[held]] == block.configuration[upper[held]] + spins.place(spin)
                upper, place = upper[held], place[held]
                # ⟨S⁻⟩ = ⟨Sˣ⟩ − i⟨Sʸ⟩ pairs m with m − 1.
                element = np.sqrt((digit[upper] + 1) * (most - 1 - digit[upper]))
                coherence = (element * block.matrix[upper, place]).sum()
                found[0, spin] += 2 * coherence.real / length[spin]
                found[1, spin] -= 2 * coherence.imag / length[spin]
        return found


@lru_cache(maxsize=16)
def _reduced_elements(
    one: Spins, other: Spins, downs: tuple[tuple[int, ...], ...], first: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Places in the concatenated blocks of ρ of the elements that a trace over a part adds, and where to."""
    sources, targets = [], []
    offset, spins = 0, Spins(one.levels + other.levels)
    for spanned in downs:
        inside = spins.spanned(spanned)
        p, a = np.divmod(inside, other.size)
        kept, traced, size = (p, a, one.size) if first else (a, p, other.size)
        ket, bra = np.nonzero(traced[:, None] == traced[None, :])
        sources.append(offset + ket * inside.size + bra)
        targets.append(kept[ket] * size + kept[bra])
        offset += inside.size**2
    return np.concatenate(sources), np.concatenate(targets)


def entropy_of_spectrum(eigenvalues: np.ndarray) -> float:
    """−Σ p ln p of the positive eigenvalues; rounding below zero counts as zero."""
    p = eigenvalues[eigenvalues > 0]
    return float(-(p * np.log(p)).sum())
