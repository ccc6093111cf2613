"""Sums of operators of localized spins on matrix-product states, and matrix elements between two states."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from pysv.mps.state import Leg, MatrixProductState


def with_sum(state: MatrixProductState, local: Mapping[int, np.ndarray]) -> MatrixProductState:
    """Σ_x X_x |ψ⟩ as a matrix-product operator of bond dimension 2 makes it, exactly.

    Every bond holds two copies of the old one: nothing has acted yet, or one X has. All X change the charges alike.

    Parameters
    ----------
    state : MatrixProductState
    local : mapping of int to complex ndarray (d, d)
        X of some sites, from 0.

    Returns
    -------
    MatrixProductState
        Neither normalised nor canonical; its Schmidt values mean nothing.
    """
    shift = _shift(state, local)
    before: list[dict[int, list[tuple[int, int]]]] = []
    legs = []
    for number, leg in enumerate(state.legs):
        held: dict[int, list[tuple[int, int]]] = {}  # charge: (copy, index of the old charge)
        for copy in (0, 1):
            if (number == 0 and copy == 1) or (number == state.sites and copy == 0):
                continue
            for index, charge in enumerate(leg.charges.tolist()):
                held.setdefault(charge + copy * shift, []).append((copy, index))
        charges = np.array(sorted(held), dtype=np.int64)
        sizes = np.array([sum(int(leg.sizes[i]) for _, i in held[charge]) for charge in charges.tolist()], np.int64)
        legs.append(Leg(charges, sizes, np.zeros(int(sizes.sum()))))
        before.append(held)
    tensors = []
    for site in range(state.sites):
        blocks = {(a, p): (b, matrix) for a, p, b, matrix in state.blocks(site)}
        own = local.get(site)
        left, right = legs[site], legs[site + 1]
        pieces = [np.empty(0, complex)]
        for charge, height in zip(left.charges.tolist(), left.sizes.tolist(), strict=True):
            for p, code in enumerate(state.local[site].tolist()):
                place = int(np.searchsorted(right.charges, charge + code))
                if place >= right.charges.size or right.charges[place] != charge + code:
                    continue
                found = np.zeros((height, int(right.sizes[place])), dtype=complex)
                row = 0
                for copy, a in before[site][charge]:
                    rows, column = int(state.legs[site].sizes[a]), 0
                    for after, b in before[site + 1][charge + code]:
                        columns = int(state.legs[site + 1].sizes[b])
                        found[row : row + rows, column : column + columns] += _element(
                            blocks, a, b, p, after - copy, own
                        )
                        column += columns
                    row += rows
                pieces.append(found.ravel())
        tensors.append(np.concatenate(pieces))
    return MatrixProductState(state.spaces, legs, tensors)


def _shift(state: MatrixProductState, local: Mapping[int, np.ndarray]) -> int:
    """Change of the charge by any of the operators."""
    for site, matrix in local.items():
        for after, before in zip(*np.nonzero(matrix), strict=True):
            return int(state.local[site][after] - state.local[site][before])
    return 0


def _element(
    blocks: Mapping[tuple[int, int], tuple[int, np.ndarray]], a: int, b: int, p: int, step: int, own: np.ndarray | None
) -> np.ndarray | float:
    """Block from old charge a to b with local state p after: of the identity, or of X if the copy changes."""
    if step == 0:
        found = blocks.get((a, p))
        return found[1] if found is not None and found[0] == b else 0.0
    if step < 0 or own is None:
        return 0.0
    total: np.ndarray | float = 0.0
    for q in np.flatnonzero(own[p]).tolist():
        found = blocks.get((a, q))
        if found is not None and found[0] == b:
            total = total + own[p, q] * found[1]
    return total


def left_canonical(state: MatrixProductState) -> tuple[MatrixProductState, float]:
    """QR decompositions from the first bond to the last, charge by charge; returns the state and its norm.

    The state that is returned has norm 1, or is without meaning where the norm is 0.
    """
    legs, tensors = list(state.legs), list(state.tensors)
    for site in range(state.sites - 1):
        right = legs[site + 1]
        blocks = MatrixProductState(state.spaces, legs, tensors).blocks(site)
        turned: dict[int, np.ndarray] = {}
        parts: dict[tuple[int, int], np.ndarray] = {}
        for b in range(right.charges.size):
            held = [(a, p, matrix) for a, p, other, matrix in blocks if other == b]
            if not held:
                continue
            isometry, turned[b] = np.linalg.qr(np.vstack([matrix for _, _, matrix in held]))
            ends = np.cumsum([0, *(len(matrix) for _, _, matrix in held)])
            for (a, p, _), (begin, end) in zip(held, pairwise(ends.tolist()), strict=True):
                parts[a, p] = isometry[begin:end]
        following = MatrixProductState(state.spaces, legs, tensors).blocks(site + 1)
        kept = sorted(turned)
        sizes = np.array([len(turned[b]) for b in kept], dtype=np.int64)
        tensors[site] = np.concatenate([parts[a, p].ravel() for a, p, b, _ in blocks if b in turned])
        tensors[site + 1] = np.concatenate(
            [np.empty(0, complex), *((turned[a] @ matrix).ravel() for a, _, _, matrix in following if a in turned)]
        )
        legs[site + 1] = Leg(right.charges[kept], sizes, np.zeros(int(sizes.sum())))
    norm = float(np.linalg.norm(tensors[-1]))
    if norm > 0:
        tensors[-1] = tensors[-1] / norm
    return MatrixProductState(state.spaces, legs, tensors), norm
