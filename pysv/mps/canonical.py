"""Bring a left-canonical matrix-product state into right-canonical form with Schmidt values, and truncate it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pysv.mps.backend import FLOOR
from pysv.mps.spaces import kept as states_kept
from pysv.mps.state import Leg, MatrixProductState

if TYPE_CHECKING:
    from pysv.mps.backend import Truncation


def right_canonical(state: MatrixProductState, rules: Truncation) -> tuple[MatrixProductState, np.ndarray, np.ndarray]:
    """Singular value decompositions from the last bond to the first, charge by charge.

    Parameters
    ----------
    state : MatrixProductState
        Left-canonical: all tensors but the last one are isometries to the right. The norm is arbitrary, and the Schmidt
        values are not read.
    rules : Truncation

    Returns
    -------
    MatrixProductState
        Right-canonical and normalised.
    float64 ndarray (L_x − 1,)
        Weight discarded on each bond, relative to the weight before.
    bool ndarray (L_x − 1,)
        Whether `max_bond` forced the bond to discard more than the allowed weight.
    """
    sites = state.sites
    lost, limited = np.zeros(sites - 1), np.zeros(sites - 1, dtype=bool)
    legs, tensors = list(state.legs), list(state.tensors)
    for site in range(sites - 1, 0, -1):
        blocks = MatrixProductState(state.spaces, legs, tensors).blocks(site)
        spaces, columns = [], []
        for a, size in enumerate(legs[site].sizes):
            held = [matrix for left, _, _, matrix in blocks if left == a]
            columns.append([matrix.shape[1] for matrix in held])
            spaces.append(np.linalg.svd(np.hstack([np.zeros((size, 0), complex), *held]), full_matrices=False))
        descending = np.sort(np.concatenate([values**2 for _, values, _ in spaces]))[::-1]
        whole = float(descending.sum())
        places, limited[site - 1] = states_kept(
            descending, whole, rules.min_bond, rules.max_bond, rules.discarded_weight, FLOOR
        )
        sizes = np.array([(values**2 >= descending[places - 1]).sum() for _, values, _ in spaces], dtype=np.int64)
        total = float(sum((values[:size] ** 2).sum() for (_, values, _), size in zip(spaces, sizes, strict=True)))
        lost[site - 1] = max(0.0, 1 - total / whole)
        kept = np.flatnonzero(sizes)
        scale = 1 / np.sqrt(total)
        ends = {int(k): np.cumsum([0, *columns[k]]) for k in kept}
        tensors[site] = np.concatenate(
            [spaces[k][2][: sizes[k], i:j].ravel() for k, end in ends.items() for i, j in pairwise(end)]
        )
        carried = {k: spaces[k][0][:, : sizes[k]] * (scale * spaces[k][1][: sizes[k]]) for k in ends}
        before = MatrixProductState(state.spaces, legs, tensors).blocks(site - 1)
        tensors[site - 1] = np.concatenate(
            [(matrix @ carried[b]).ravel() for _, _, b, matrix in before if b in carried]
        )
        schmidt = np.concatenate([scale * spaces[k][1][: sizes[k]] for k in kept])
        legs[site] = Leg(legs[site].charges[kept], sizes[kept], schmidt)
    return _normalised(MatrixProductState(state.spaces, legs, tensors)), lost, limited


def _normalised(state: MatrixProductState) -> MatrixProductState:
    first = state.tensors[0]
    state.tensors[0] = np.ascontiguousarray(first / np.linalg.norm(first))
    state.legs[0] = Leg(state.legs[0].charges, state.legs[0].sizes, np.ones(1))
    state.legs[-1] = Leg(state.legs[-1].charges, state.legs[-1].sizes, np.ones(1))
    return state
