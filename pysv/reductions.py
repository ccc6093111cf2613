"""Compiled sums and combinations of states, the parallel loops beside the kernels of H.

States are passed as in `pysv.kernels`: reals, shape (tiles, rows, 2·width). Row blocks are dealt out to the threads in
turn; a function called with one thread never wakes the others.
"""

from __future__ import annotations

import numba
import numpy as np

from pysv.jit import BLOCK, FAST, SUM, compiled


@compiled(**SUM)
def _weights_share(psi, window, worker, threads, sums):
    rows = psi.shape[1]
    for t in range(window[0], window[1]):
        for block in range(worker, (rows + BLOCK - 1) // BLOCK, threads):
            part = 0.0
            for r in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                p = psi[t, r]
                for j in range(p.size):
                    part += p[j] * p[j]
            sums[worker, t] += part


@compiled(**SUM)
def _marginals_share(psi, electron, row_weight, site_weight, worker, threads):
    tiles, rows, full = psi.shape
    for t in range(tiles):
        for block in range(worker, (rows + BLOCK - 1) // BLOCK, threads):
            for r in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                p, s = psi[t, r], site_weight[worker, electron[r], t]
                part = 0.0
                for j in range(full // 2):
                    square = p[2 * j] * p[2 * j] + p[2 * j + 1] * p[2 * j + 1]
                    s[j] += square
                    part += square
                row_weight[r] += part


@compiled(**SUM)
def _product_share(one, other, window, worker, threads, sums):
    rows = one.shape[1]
    for t in range(window[0], window[1]):
        for block in range(worker, (rows + BLOCK - 1) // BLOCK, threads):
            part = 0.0
            for r in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                p, q = one[t, r], other[t, r]
                for j in range(p.size):
                    part += p[j] * q[j]
            sums[worker] += part


@compiled(**FAST)
def _combine_share(psi, other, shift, scale, window, worker, threads):
    rows = psi.shape[1]
    for t in range(window[0], window[1]):
        for block in range(worker, (rows + BLOCK - 1) // BLOCK, threads):
            for r in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                p, q = psi[t, r], other[t, r]
                for j in range(p.size):
                    p[j] = scale * (p[j] - shift * q[j])


@compiled(parallel=True, **FAST)
def _weights_threads(psi, window, threads, sums):
    for worker in numba.prange(threads):
        _weights_share(psi, window, worker, threads, sums)


@compiled(parallel=True, **FAST)
def _marginals_threads(psi, electron, row_weight, site_weight, threads):
    for worker in numba.prange(threads):
        _marginals_share(psi, electron, row_weight, site_weight, worker, threads)


@compiled(parallel=True, **FAST)
def _product_threads(one, other, window, threads, sums):
    for worker in numba.prange(threads):
        _product_share(one, other, window, worker, threads, sums)


@compiled(parallel=True, **FAST)
def _combine_threads(psi, other, shift, scale, window, threads):
    for worker in numba.prange(threads):
        _combine_share(psi, other, shift, scale, window, worker, threads)


def tile_weights(psi: np.ndarray, window: tuple[int, int], threads: int) -> np.ndarray:
    """Σ |ψ|² on each tile of the window, float64 (tiles,)."""
    sums = np.zeros((threads, psi.shape[0]))
    if threads == 1:  # waking the threads of a parallel loop takes longer than a small state
        _weights_share(psi, window, 0, 1, sums)
    else:
        _weights_threads(psi, window, threads, sums)
    return np.asarray(sums.sum(axis=0))


def marginals(psi: np.ndarray, electron: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Σ_x |ψ[r, x]|², float64 (rows,), and Σ_r |ψ[r, x]|² of each electron spin, float64 (2, tiles, width)."""
    rows, sites = np.zeros(psi.shape[1]), np.zeros((threads, 2, psi.shape[0], psi.shape[2] // 2))
    if threads == 1:
        _marginals_share(psi, electron, rows, sites, 0, 1)
    else:
        _marginals_threads(psi, electron, rows, sites, threads)
    return rows, sites.sum(axis=0)


def product(one: np.ndarray, other: np.ndarray, window: tuple[int, int], threads: int) -> float:
    """Scalar product of the reals of two states."""
    sums = np.zeros(threads)
    if threads == 1:
        _product_share(one, other, window, 0, 1, sums)
    else:
        _product_threads(one, other, window, threads, sums)
    return float(sums.sum())


def combine(
    psi: np.ndarray, other: np.ndarray, shift: float, scale: float, window: tuple[int, int], threads: int
) -> None:
    """psi ← scale·(psi − shift·other)."""
    real = psi.dtype.type
    if threads == 1:
        _combine_share(psi, other, real(shift), real(scale), window, 0, 1)
    else:
        _combine_threads(psi, other, real(shift), real(scale), window, threads)
