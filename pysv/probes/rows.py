"""Operators of the localized spins on arrays of amplitudes, and matrix elements between two of them, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pysv.probes.operators import rows_of

if TYPE_CHECKING:
    from pysv.engines.base import Amplitudes
    from pysv.probes.operators import SpinOperator


Key = TypeVar("Key")


def applied(
    operator: SpinOperator,
    state: np.ndarray,
    before: Amplitudes,
    after: Amplitudes,
    factor: complex,
    *,
    plus_one: bool = False,
) -> np.ndarray:
    """factor · B, or 1 + factor · B, on an array of amplitudes.

    Parameters
    ----------
    operator : SpinOperator
        B.
    state : complex ndarray
        Rows along the axis ``before.axis``.
    before, after : Amplitudes
        How the amplitudes lie before, and in the result.
    factor : complex
    plus_one : bool
        Whether the identity is added.

    Returns
    -------
    complex ndarray
        Of the type of `state`.
    """
    if operator.lowered == 0 and _alike(before, after):
        factors = plus_one + factor * operator.diagonal(before.configuration)
        shape = [1] * state.ndim
        shape[before.axis] = -1
        return np.asarray(state * factors.reshape(shape), dtype=state.dtype)
    matrix = factor * operator.matrix(before, after)
    axis = before.axis
    moved = np.moveaxis(state, axis, 0)
    image = matrix @ moved.reshape(len(moved), -1)
    if plus_one:
        image[rows_of(after, before.electron, before.configuration)] += moved.reshape(len(moved), -1)
    found = np.moveaxis(image.reshape(len(image), *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(_laid_out(found, before, after), dtype=state.dtype)


def _alike(one: Amplitudes, other: Amplitudes) -> bool:
    return one.configuration is other.configuration and one.layout == other.layout


def _laid_out(state: np.ndarray, before: Amplitudes, after: Amplitudes) -> np.ndarray:
    """A state with its sites in the tiles of another array."""
    if before.layout is None or after.layout is None or before.layout == after.layout:
        return state
    if state.ndim == 3:
        return after.layout.tiled(before.layout.flat(state))
    return np.array([after.layout.tiled(before.layout.flat(own)) for own in state])


def holding(operator: SpinOperator, before: Amplitudes, others: Mapping[Key, Amplitudes]) -> Key:
    """Which of several arrays holds all rows of another one, and what an operator makes of them.

    Parameters
    ----------
    operator : SpinOperator
        B.
    before : Amplitudes
    others : mapping to Amplitudes
        One of them holds all of it.

    Returns
    -------
    key of `others`
    """
    held = [key for key, own in others.items() if (rows_of(own, before.electron, before.configuration) >= 0).all()]
    return max(held, key=lambda key: int(operator.matrix(before, others[key]).nnz))


class Readout:
    """⟨ψ|A†|χ⟩ for every operator A, summed over all sites and columns.

    Parameters
    ----------
    operators : sequence of SpinOperator
        A.
    bra, ket : Amplitudes
        How ψ and χ lie over the configurations.
    """

    def __init__(self, operators: Sequence[SpinOperator], bra: Amplitudes, ket: Amplitudes) -> None:
        self._count = len(operators)
        self._bra, self._ket = bra, ket
        self._diagonal: list[int] = []
        self._elements: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []
        factors = []
        for number, own in enumerate(operators):
            if own.lowered == 0 and _alike(bra, ket):
                self._diagonal.append(number)
                factors.append(own.diagonal(ket.configuration).conj())
                continue
            matrix = own.matrix(bra, ket).tocoo()
            row, column = matrix.coords
            if matrix.nnz:
                self._elements.append((number, column, row, matrix.data.conj()))
        self._factors = np.array(factors)

    def __call__(self, bra: np.ndarray, ket: np.ndarray) -> np.ndarray:
        """Complex ndarray (operators,)."""
        bra = _laid_out(bra, self._bra, self._ket)
        found = np.zeros(self._count, dtype=complex)
        if self._diagonal:
            found[self._diagonal] = self._factors @ _by_row(bra, ket, self._ket.axis)
        if self._elements:
            axis = self._ket.axis
            for number, bras, kets, values in self._elements:
                rows = _by_row(bra.take(bras, axis), ket.take(kets, axis), axis)
                found[number] = values @ rows
        return found


def _by_row(bra: np.ndarray, ket: np.ndarray, axis: int) -> np.ndarray:
    """Σ ψ̄χ over everything but the rows, complex (rows,)."""
    letters = "abcd"[: bra.ndim]
    return np.asarray(np.einsum(f"{letters},{letters}->{letters[axis]}", bra.conj(), ket))
