"""Linear maps of the localized spins' density matrix, ρ → Σ_a K_a ρ K_a†, in blocks of the down count.

ρ is held as its blocks between two down counts: those on the diagonal alone where it commutes with S^z, all of them in
general. An operator K_a has blocks that change the down count by one step, by none, or by several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pysv.compute import thread_pool
from pysv.model.basis import Spins
from pysv.model.density import Block, SpinDensity

Blocks = dict[tuple[int, int], np.ndarray]
"""Blocks of a matrix over the configurations, complex (n, n'), by the down counts of ket and bra."""


@dataclass(frozen=True, eq=False)
class KrausSet:
    """Some operators K_a of a map.

    Parameters
    ----------
    blocks : dict of (int, int) to complex ndarray (n_after, m, n_before)
        For the down counts after and before, this block of all m operators.
    """

    blocks: Blocks

    @property
    def count(self) -> int:
        """Number m of operators."""
        return int(next(iter(self.blocks.values())).shape[1])

    @cached_property
    def changes(self) -> frozenset[int]:
        """Changes of the down count."""
        return frozenset(after - before for after, before in self.blocks)

    def effect(self) -> Blocks:
        """Σ_a K_a†K_a."""
        return product_effect(self.blocks, self.blocks)

    def between(self, left: Mapping[int, np.ndarray], right: Mapping[int, np.ndarray]) -> KrausSet:
        """The operators A K_a B, for A and B with one block (n, n) for each down count."""
        return KrausSet(
            {(after, before): np.einsum("im,mak,kj->iaj", left[after], block, right[before], optimize=True)
             for (after, before), block in self.blocks.items()}
        )  # fmt: skip

    def compressed(self, negligible: float) -> KrausSet:
        """As few operators as make the same map; see `compressed`."""
        (found,) = compressed([self.blocks], negligible)
        return KrausSet(found)


def compressed(lists: Sequence[Blocks], negligible: float) -> list[Blocks]:
    """Lists of operators as few as keep Σ_a K_a ρ L_a† for any two lists K and L.

    Σ_a V*_ab K_a, with the same unitary V for all lists, keeps these sums. With the eigenvectors of the Gram matrix
    Σ_K Tr(K_b†K_a) the operators are orthogonal.

    Parameters
    ----------
    lists : sequence of Blocks
        Of m operators each, see `KrausSet`.
    negligible : float
        Operators with Σ_K Tr K†K below this are left out.
    """
    count = next(block.shape[1] for blocks in lists for block in blocks.values())
    gram = np.zeros((count, count), dtype=complex)
    for blocks in lists:
        for block in blocks.values():
            rows = block.swapaxes(0, 1).reshape(count, -1)
            gram += rows @ rows.conj().T
    weights, vectors = np.linalg.eigh(gram)
    turn = vectors[:, weights > negligible].conj().T
    return [{key: np.ascontiguousarray(turn @ block) for key, block in blocks.items()} for blocks in lists]


def product_effect(one: Blocks, other: Blocks) -> Blocks:
    """Σ_a L_a†K_a of two lists of operators, K (`one`) and L (`other`)."""
    found: Blocks = {}
    for (after, before), right in one.items():
        for (same, bra), left in other.items():
            if same == after:
                size = left.shape[0] * left.shape[1]
                add(found, (bra, before), left.reshape(size, -1).conj().T @ right.reshape(size, -1))
    return found


def add(blocks: Blocks, key: tuple[int, int], matrix: np.ndarray) -> None:
    """Add a matrix to a block, which is zero where there is none."""
    blocks[key] = blocks[key] + matrix if key in blocks else matrix


def merged(sets: Iterable[KrausSet], negligible: float) -> tuple[KrausSet, ...]:
    """The same map with one set for all operators that change the down count alike; see `KrausSet.compressed`."""
    alike: dict[frozenset[int], list[KrausSet]] = {}
    for one in sets:
        alike.setdefault(one.changes, []).append(one)
    found = []
    for some in alike.values():
        keys = {key: one.blocks[key].shape for one in some for key in one.blocks}
        joined = {
            key: np.concatenate(
                [one.blocks.get(key, np.zeros((shape[0], one.count, shape[2]), dtype=complex)) for one in some],
                axis=1,
            )
            for key, shape in keys.items()
        }
        found.append(KrausSet(joined).compressed(negligible))
    return tuple(one for one in found if one.count)


def apply(sets: Iterable[KrausSet], rho: Blocks) -> Blocks:
    """Σ_a K_a ρ K_a†, on all threads."""
    jobs = [
        (kraus, matrix, left, after, bra)
        for kraus in sets
        for (ket, bra), matrix in rho.items()
        for (after, before), left in kraus.blocks.items()
        if before == ket
    ]
    parts: list[Blocks] = [{}] * len(jobs)

    def one(number: int) -> None:
        kraus, matrix, left, after, bra = jobs[number]
        half = (left.reshape(-1, left.shape[2]) @ matrix).reshape(left.shape[0], -1)
        parts[number] = {
            (after, other): half @ right.reshape(right.shape[0], -1).conj().T
            for (other, own), right in kraus.blocks.items()
            if own == bra
        }

    thread_pool.each(one, sorted(range(len(jobs)), key=lambda number: -jobs[number][2].size))
    found: Blocks = {}
    for part in parts:
        for key, matrix in part.items():
            add(found, key, matrix)
    return found


def expectation(operator: Blocks, rho: Blocks) -> float:
    """Tr(Aρ) of a Hermitian operator."""
    return float(sum(np.vdot(matrix, operator[key]).real for key, matrix in rho.items() if key in operator))


def as_density(rho: Blocks, one: Spins, other: Spins) -> SpinDensity:
    """ρ in the blocks that its down counts allow: one for each count, one for each parity, or a single one."""
    spins = Spins(one.levels + other.levels)
    downs = range(spins.lowest + 1)
    if all(ket == bra for ket, bra in rho):
        groups = [[down] for down in downs]
    elif all((ket - bra) % 2 == 0 for ket, bra in rho):
        groups = [list(downs[odd::2]) for odd in (0, 1)]
    else:
        groups = [list(downs)]
    blocks = []
    for group in groups:
        inside = spins.spanned(group)
        matrix = np.zeros((inside.size, inside.size), dtype=complex)
        places = {down: np.searchsorted(inside, spins.configurations(down)) for down in group}
        for (ket, bra), block in rho.items():
            if ket in places:
                matrix[np.ix_(places[ket], places[bra])] = block
        blocks.append(Block(inside, (matrix + matrix.conj().T) / 2))
    return SpinDensity(one, other, tuple(blocks))


def distance(one: Blocks, other: Blocks, spins: Spins) -> float:
    """‖ρ − ρ'‖₁ of two matrices with the same blocks."""
    apart = as_density({key: matrix - other[key] for key, matrix in one.items()}, spins, Spins(()))
    return float(sum(np.abs(block.eigen[0]).sum() for block in apart.blocks))


def to_dense(rho: Blocks, spins: Spins) -> np.ndarray:
    """ρ over the Kronecker product of the spins, complex ndarray (size, size)."""
    found = np.zeros((spins.size, spins.size), dtype=complex)
    for (ket, bra), block in rho.items():
        found[np.ix_(spins.configurations(ket), spins.configurations(bra))] = block
    return found


def of_dense(matrix: np.ndarray, spins: Spins, keys: Iterable[tuple[int, int]]) -> Blocks:
    """The named blocks of a matrix over the Kronecker product of the spins."""
    return {(ket, bra): matrix[np.ix_(spins.configurations(ket), spins.configurations(bra))] for ket, bra in keys}
