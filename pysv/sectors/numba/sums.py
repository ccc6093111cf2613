"""Compiled sums and linear combinations of states.

States are passed as in `pysv.sectors.numba.recursion`: reals, shape (tiles, rows, 2·width). Each compiled function
does the share of one worker of the thread pool: every `threads`-th chunk of rows.
"""

from __future__ import annotations

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import FAST, SUM, compiled
from pysv.sectors.numba.window import part_of

STRETCH = 64
"""Consecutive rows of a chunk. With small chunks the threads stay close together and share the cache."""


@compiled(**SUM)
def _weight(worker, threads, psi, window, sums):
    tiles, rows, full = psi.shape
    for t in range(tiles):
        part = part_of(t, window, full)
        for stretch in range(worker, (rows + STRETCH - 1) // STRETCH, threads):
            found = 0.0
            for r in range(stretch * STRETCH, min(rows, (stretch + 1) * STRETCH)):
                p = psi[t, r, part]
                for j in range(p.size):
                    found += p[j] * p[j]
            sums[worker] += found


@compiled(**FAST)
def _clear(worker, threads, psi, window):
    tiles, rows, full = psi.shape
    for t in range(tiles):
        part = part_of(t, window, full)
        for stretch in range(worker, (rows + STRETCH - 1) // STRETCH, threads):
            for r in range(stretch * STRETCH, min(rows, (stretch + 1) * STRETCH)):
                psi[t, r, : part.start] = 0
                psi[t, r, part.stop :] = 0


@compiled(**SUM)
def _marginals(worker, threads, psi, electron, row_weight, site_weight):
    tiles, rows, full = psi.shape
    for t in range(tiles):
        for stretch in range(worker, (rows + STRETCH - 1) // STRETCH, threads):
            for r in range(stretch * STRETCH, min(rows, (stretch + 1) * STRETCH)):
                p, s = psi[t, r], site_weight[worker, electron[r], t]
                found = 0.0
                for j in range(full // 2):
                    square = p[2 * j] * p[2 * j] + p[2 * j + 1] * p[2 * j + 1]
                    s[j] += square
                    found += square
                row_weight[r] += found


@compiled(**SUM)
def _product(worker, threads, one, other, sums):
    tiles, rows, _ = one.shape
    for t in range(tiles):
        for stretch in range(worker, (rows + STRETCH - 1) // STRETCH, threads):
            found = 0.0
            for r in range(stretch * STRETCH, min(rows, (stretch + 1) * STRETCH)):
                p, q = one[t, r], other[t, r]
                for j in range(p.size):
                    found += p[j] * q[j]
            sums[worker] += found


@compiled(**FAST)
def _combine(worker, threads, psi, other, shift, scale):
    tiles, rows, _ = psi.shape
    for t in range(tiles):
        for stretch in range(worker, (rows + STRETCH - 1) // STRETCH, threads):
            for r in range(stretch * STRETCH, min(rows, (stretch + 1) * STRETCH)):
                p, q = psi[t, r], other[t, r]
                for j in range(p.size):
                    p[j] = scale * (p[j] - shift * q[j])


@compiled(**FAST)
def _copy(worker, threads, source, target):
    rows = source.shape[1]
    for t in range(source.shape[0]):
        for stretch in range(worker, (rows + STRETCH - 1) // STRETCH, threads):
            some = slice(stretch * STRETCH, min(rows, (stretch + 1) * STRETCH))
            target[t, some] = source[t, some]


def copy(source: np.ndarray, target: np.ndarray, threads: int) -> None:
    """target ← source."""
    thread_pool.share(_copy, threads, source, target)


def clear_outside(psi: np.ndarray, window: tuple[int, int], sites: int, threads: int) -> None:
    """Set to zero everything outside the window and in the places beyond L_x = `sites`."""
    thread_pool.share(_clear, threads, psi, (window[0], min(window[1], sites)))


def weight(psi: np.ndarray, window: tuple[int, int], threads: int) -> float:
    """Σ |ψ|² on the sites of the window."""
    sums = np.zeros(threads)
    thread_pool.share(_weight, threads, psi, window, sums)
    return float(sums.sum())


def marginals(psi: np.ndarray, electron: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Σ_x |ψ[r, x]|², float64 (rows,), and Σ_r |ψ[r, x]|² of each electron spin, float64 (2, tiles, width)."""
    rows, sites = np.zeros(psi.shape[1]), np.zeros((threads, 2, psi.shape[0], psi.shape[2] // 2))
    thread_pool.share(_marginals, threads, psi, electron, rows, sites)
    return rows, sites.sum(axis=0)


def product(one: np.ndarray, other: np.ndarray, threads: int) -> float:
    """Scalar product of two states as real vectors."""
    sums = np.zeros(threads)
    thread_pool.share(_product, threads, one, other, sums)
    return float(sums.sum())


def combine(psi: np.ndarray, other: np.ndarray, shift: float, scale: float, threads: int) -> None:
    """psi ← scale·(psi − shift·other)."""
    real = psi.dtype.type
    thread_pool.share(_combine, threads, psi, other, real(shift), real(scale))
