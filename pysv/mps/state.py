"""A matrix-product state in right-canonical form, in blocks of the conserved charges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import ResumeError
from pysv.model.density import entropy_of_spectrum

if TYPE_CHECKING:
    from pysv.mps.chain import Space

_BASE = 1 << 20


def codes(charges: np.ndarray) -> np.ndarray:
    """Charges (electrons, Σσᶻ), int64 (…, 2), as single numbers that add up in the same way."""
    return np.asarray(charges[..., 0] * _BASE + charges[..., 1], dtype=np.int64)


def electron_count(code: np.ndarray) -> np.ndarray:
    """Number of electrons of charges that are given by their codes, int64 of the same shape."""
    return np.asarray((code + _BASE // 2) // _BASE, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Leg:
    """A bond, or an end of the chain.

    Parameters
    ----------
    charges : int64 ndarray (n,)
        Codes of the total charge to its left, ascending.
    sizes : int64 ndarray (n,)
        Multiplicity of each charge.
    schmidt : float64 ndarray (Σ sizes,)
        Schmidt values, charge by charge; their squares add up to 1.
    """

    charges: np.ndarray
    sizes: np.ndarray
    schmidt: np.ndarray

    @property
    def dimension(self) -> int:
        """Bond dimension."""
        return self.schmidt.size

    @property
    def entropy(self) -> float:
        """Entanglement entropy −Σ λ² ln λ², nats."""
        return entropy_of_spectrum(self.schmidt**2)


class MatrixProductState:
    """State Σ (B₁ … B_L) of a chain; every tensor is right-canonical, Σ_p B_p B_p† = 1.

    Parameters
    ----------
    spaces : tuple of Space
        Local spaces of sites 1 … L_x.
    legs : list of Leg
        L_x + 1 of them: left end, bonds, right end.
    tensors : list of complex128 ndarray
        For each site, the blocks [left charge, local state] one after the other, each (left size, right size).
    """

    def __init__(self, spaces: tuple[Space, ...], legs: list[Leg], tensors: list[np.ndarray]) -> None:
        self.spaces = spaces
        self.legs = legs
        self.tensors = tensors

    @cached_property
    def local(self) -> tuple[np.ndarray, ...]:
        """Charge codes of the local states of each site."""
        return tuple(codes(space.charges) for space in self.spaces)

    @property
    def sites(self) -> int:
        """L_x."""
        return len(self.spaces)

    @classmethod
    def product(cls, spaces: tuple[Space, ...], states: list[int]) -> MatrixProductState:
        """Product of one local state on each site."""
        return cls((), [Leg(np.array([0]), np.array([1]), np.ones(1))], []).extended(spaces, states)

    @classmethod
    def from_dense(
        cls, spaces: tuple[Space, ...], charges: list[np.ndarray], schmidt: list[np.ndarray], tensors: list[np.ndarray]
    ) -> MatrixProductState:
        """From right-canonical tensors with a charge on every leg index.

        Parameters
        ----------
        spaces : tuple of Space
        charges : list of int64 ndarray (χ, 2)
            (electrons, Σσᶻ) to the left of each of the L_x + 1 legs, with the indices in any order.
        schmidt : list of float64 ndarray (χ,)
        tensors : list of complex ndarray (χ, d, χ')
            Elements that break charge conservation count as rounding and are dropped.
        """
        legs, orders = [], []
        for charge, values in zip(charges, schmidt, strict=True):
            code = codes(charge)
            order = np.argsort(code, kind="stable")
            found, sizes = np.unique(code, return_counts=True)
            legs.append(Leg(found, sizes.astype(np.int64), np.ascontiguousarray(values[order], dtype=float)))
            orders.append(order)
        flat = []
        for site, (space, tensor) in enumerate(zip(spaces, tensors, strict=True)):
            sorted_tensor = tensor[orders[site]][:, :, orders[site + 1]]
            left, right = legs[site], legs[site + 1]
            rows, columns = (np.concatenate(([0], np.cumsum(leg.sizes))) for leg in (left, right))
            pieces = [np.empty(0, complex)]
            for a, charge in enumerate(left.charges):
                for p, local in enumerate(codes(space.charges)):
                    b = np.searchsorted(right.charges, charge + local)
                    if b < right.charges.size and right.charges[b] == charge + local:
                        block = sorted_tensor[rows[a] : rows[a + 1], p, columns[b] : columns[b + 1]]
                        pieces.append(np.asarray(block, dtype=complex).ravel())
            flat.append(np.concatenate(pieces))
        return cls(spaces, legs, flat)

    def extended(self, spaces: tuple[Space, ...], states: list[int]) -> MatrixProductState:
        """This state on the first sites of a longer chain, times a product of local states on the other sites."""
        total = int(self.legs[-1].charges[0])
        legs, tensors = list(self.legs), list(self.tensors)
        for space, state in zip(spaces[self.sites :], states, strict=True):
            total += int(codes(space.charges)[state])
            legs.append(Leg(np.array([total]), np.array([1]), np.ones(1)))
            tensors.append(np.ones(1, dtype=complex))
        return MatrixProductState(spaces, legs, tensors)

    def blocks(self, site: int) -> list[tuple[int, int, int, np.ndarray]]:
        """For every block of a tensor: index of the left charge, local state, index of the right charge, matrix."""
        left, right = self.legs[site], self.legs[site + 1]
        found, begin = [], 0
        for a, charge in enumerate(left.charges):
            for p, local in enumerate(self.local[site]):
                b = int(np.searchsorted(right.charges, charge + local))
                if b < right.charges.size and right.charges[b] == charge + local:
                    shape = int(left.sizes[a]), int(right.sizes[b])
                    end = begin + shape[0] * shape[1]
                    found.append((a, p, b, self.tensors[site][begin:end].reshape(shape)))
                    begin = end
        return found

    def dense(self, site: int) -> np.ndarray:
        """The tensor of a site (from 0) without blocks, complex (left dimension, d, right dimension)."""
        left, right = self.legs[site], self.legs[site + 1]
        rows, columns = (np.concatenate(([0], np.cumsum(leg.sizes))) for leg in (left, right))
        found = np.zeros((left.dimension, self.spaces[site].dim, right.dimension), dtype=complex)
        for a, p, b, matrix in self.blocks(site):
            found[rows[a] : rows[a + 1], p, columns[b] : columns[b + 1]] = matrix
        return found

    def overlap(self, other: MatrixProductState) -> complex:
        """⟨other|self⟩ of two states of the same chain and total charge, contracted exactly."""
        inner = {(0, 0): np.ones((1, 1), dtype=complex)}
        for site in range(self.sites):
            ket = {(a, p): (b, matrix) for a, p, b, matrix in self.blocks(site)}
            bra = {(a, p): (b, matrix) for a, p, b, matrix in other.blocks(site)}
            outer: dict[tuple[int, int], np.ndarray] = {}
            for (a, c), part in inner.items():
                for p in range(self.spaces[site].dim):
                    if (a, p) in ket and (c, p) in bra:
                        (b, one), (d, two) = ket[a, p], bra[c, p]
                        term = one.T @ part @ two.conj()
                        outer[b, d] = outer[b, d] + term if (b, d) in outer else term
            inner = outer
        return complex(sum(part.sum() for part in inner.values()))

    def copy(self) -> MatrixProductState:
        """An independent copy; it shares the arrays, which are replaced but never modified."""
        return MatrixProductState(self.spaces, list(self.legs), list(self.tensors))

    def replace(self, other: MatrixProductState) -> None:
        """Take the legs and tensors of another state of the same chain."""
        self.legs, self.tensors = other.legs, other.tensors

    @property
    def dimensions(self) -> np.ndarray:
        """Bond dimensions, int64 (L_x − 1,)."""
        return np.array([leg.dimension for leg in self.legs[1:-1]], dtype=np.int64)

    @property
    def entropies(self) -> np.ndarray:
        """Entanglement entropies of the bonds, nats, float64 (L_x − 1,)."""
        return np.array([leg.entropy for leg in self.legs[1:-1]])

    def arrays(self) -> dict[str, np.ndarray]:
        """The state as a few named arrays, for a checkpoint."""
        return {
            "leg_counts": np.array([leg.charges.size for leg in self.legs], dtype=np.int64),
            "leg_charges": np.concatenate([leg.charges for leg in self.legs]),
            "leg_sizes": np.concatenate([leg.sizes for leg in self.legs]),
            "schmidt": np.concatenate([leg.schmidt for leg in self.legs]),
            "tensors": np.concatenate(self.tensors),
        }

    @classmethod
    def of_arrays(cls, spaces: tuple[Space, ...], saved: Mapping[str, np.ndarray]) -> MatrixProductState:
        """The state that `arrays` returned.

        Raises
        ------
        ResumeError
            If the arrays do not fit together or do not fit the chain.
        """
        try:
            counts = saved["leg_counts"]
            if counts.size != len(spaces) + 1:
                raise ValueError(f"{counts.size} legs")
            places = np.cumsum(counts)[:-1]
            charges, sizes = np.split(saved["leg_charges"], places), np.split(saved["leg_sizes"], places)
            ends = np.cumsum([size.sum() for size in sizes])[:-1]
            values = np.split(saved["schmidt"], ends)
            legs = [Leg(*parts) for parts in zip(charges, sizes, values, strict=True)]
            state = cls(spaces, legs, [])
            flat, begin = saved["tensors"], 0
            for site in range(len(spaces)):
                size = state._size(site)
                state.tensors.append(np.ascontiguousarray(flat[begin : begin + size]))
                begin += size
            if begin != flat.size or any(leg.schmidt.size != leg.sizes.sum() for leg in legs):
                raise ValueError(f"{flat.size} elements, expected {begin}")
        except (KeyError, ValueError, IndexError) as error:
            raise ResumeError(f"the saved matrix-product state is damaged ({error}); start a new run") from error
        return state

    def _size(self, site: int) -> int:
        left, right = self.legs[site], self.legs[site + 1]
        reached = left.charges[:, None] + self.local[site]
        place = np.minimum(np.searchsorted(right.charges, reached), right.charges.size - 1)
        width = np.where(right.charges[place] == reached, right.sizes[place], 0)
        return int((left.sizes[:, None] * width).sum())
