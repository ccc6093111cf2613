"""Compiled inner loops: arrays in, arrays out.

A state ψ[tile, row, site of the tile] (see `pysv.layout`) is passed as real numbers, shape (tiles, rows, 2·width),
real and imaginary parts interleaved (the memory of a complex array): H of Eq. 7 is real, so that no complex product is
needed. H acts on a row by the hopping stencil along the sites, by adding the rows that one exchange of neighbouring
spins reaches, and by the sd exchange on the few sites that carry a spin:

    (Hψ)[r, x] = diagonal[r] ψ[r, x] − γ (ψ[r, x−1] + ψ[r, x+1]) + flip · Σ_k ψ[neighbour_k(r), x]
                 − sd · Σ_i δ(x, x_i) × { ψ[r, x] parallel, 2 ψ[partner_i(r), x] − ψ[r, x] antiparallel }

`table` is what `Hamiltonian.tables` returns: diagonal, first, neighbour, partner, first spin of each tile, the spins
in that order, their columns in the tile, and the couplings (γ, flip, sd) in the precision of the state. `sites` is L_x,
and `window` = (begin, end) the range of active tiles: ψ must vanish outside, where nothing is read or written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_JIT = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
_JIT_SUM = _JIT | {"fastmath": {"contract", "nsz", "reassoc"}}
"""Scalar products may be summed in the order that vectorises."""


def _compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` that keeps what it compiled, where there is a folder to keep it in."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
            return numba.njit(**options)(function)

    return decorate


_BLOCK = 64
"""Consecutive rows that one thread takes at a time: threads stay close together, and share what is in the cache."""


@_compiled(inline="always", **_JIT)
def _row(
    t, r, psi, o, sites, begin, end_tile, diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column,
    couplings, scale, shift, beta,
):  # fmt: skip
    """`o`, a row of reals, becomes scale·(H − shift)ψ − beta·o on row r of tile t."""
    full = psi.shape[2]
    width = min(full, 2 * sites - t * full)
    here = psi[t]
    p = here[r]
    hop = scale * couplings[0]
    d = scale * (diagonal[r] - shift)
    if width < 4:
        for j in range(width):
            o[j] = d * p[j] - beta * o[j]
    else:
        for j in range(2):
            o[j] = d * p[j] - hop * p[j + 2] - beta * o[j]
        for j in range(width - 4):  # indices that only grow from the loop variable let the compiler vectorise
            o[j + 2] = d * p[j + 2] - hop * (p[j] + p[j + 4]) - beta * o[j + 2]
        for j in range(width - 2, width):
            o[j] = d * p[j] - hop * p[j - 2] - beta * o[j]
    if t > begin:
        q = psi[t - 1, r]
        o[0] -= hop * q[full - 2]
        o[1] -= hop * q[full - 1]
    if t < end_tile - 1:
        q = psi[t + 1, r]
        o[width - 2] -= hop * q[0]
        o[width - 1] -= hop * q[1]

    flip = scale * couplings[1]
    k, end = first[r], first[r + 1]
    while k + 3 < end:
        a, b, c, e = here[neighbour[k]], here[neighbour[k + 1]], here[neighbour[k + 2]], here[neighbour[k + 3]]
        for j in range(width):
            o[j] += flip * ((a[j] + b[j]) + (c[j] + e[j]))
        k += 4
    if k + 1 < end:
        a, b = here[neighbour[k]], here[neighbour[k + 1]]
        for j in range(width):
            o[j] += flip * (a[j] + b[j])
        k += 2
    if k < end:
        a = here[neighbour[k]]
        for j in range(width):
            o[j] += flip * a[j]

    sd = scale * couplings[2]
    for n in range(tile_first[t], tile_first[t + 1]):
        x = 2 * tile_column[n]
        other = partner[r, tile_spin[n]]
        if other < 0:
            o[x] -= sd * p[x]
            o[x + 1] -= sd * p[x + 1]
        else:
            q = here[other]
            o[x] += sd * (p[x] - 2 * q[x])
            o[x + 1] += sd * (p[x + 1] - 2 * q[x + 1])


@_compiled(inline="always", **_JIT)
def _accumulate(new, old, total, mix):
    """`total` becomes keep·total + c·new + c'·old, with (Re c, Im c, Re c', Im c', keep) = mix[:5]."""
    a, b, c, d, keep = mix[0], mix[1], mix[2], mix[3], mix[4]
    for j in range(new.size // 2):
        fr, fi = new[2 * j], new[2 * j + 1]
        gr, gi = old[2 * j], old[2 * j + 1]
        total[2 * j] = keep * total[2 * j] + a * fr - b * fi + c * gr - d * gi
        total[2 * j + 1] = keep * total[2 * j + 1] + a * fi + b * fr + c * gi + d * gr


@_compiled(inline="always", **_JIT)
def _recursion_row(
    t, r, psi, previous, totals, sites, begin, end_tile, diagonal, first, neighbour, partner, tile_first, tile_spin,
    tile_column, couplings, factor, mix,
):  # fmt: skip
    _row(
        t, r, psi, previous[t, r], sites, begin, end_tile, diagonal, first, neighbour, partner, tile_first, tile_spin,
        tile_column, couplings, factor[0], factor[1], factor[2],
    )  # fmt: skip
    for output in range(mix.shape[0]):
        if mix[output, 5] != 0:
            _accumulate(previous[t, r], psi[t, r], totals[output, t, r], mix[output])


@_compiled(**_JIT)
def apply(psi, out, sites, window, table):
    """out ← Hψ in the window, on the calling thread; `out` must be finite."""
    begin, end = window
    diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column, couplings = table
    zero = couplings[0] * 0
    one = zero + 1
    for t in range(begin, end):
        for r in range(psi.shape[1]):
            for j in range(psi.shape[2]):
                out[t, r, j] = zero
            _row(
                t, r, psi, out[t, r], sites, begin, end, diagonal, first, neighbour, partner, tile_first, tile_spin,
                tile_column, couplings, one, zero, zero,
            )  # fmt: skip


@_compiled(**_JIT)
def recursion(psi, previous, totals, sites, window, table, factors, mixes):
    """Steps of a polynomial recursion, one for each row of `factors`; `psi` and `previous` swap roles after each.

    previous ← scale·(H − shift)ψ − beta·previous; then for every output whose `add` is not 0,
    total ← keep·total + c·previous + c'·ψ. Adding two terms at every second step, rather than one at each, spares half
    of the passes over the totals.

    `totals` has shape (outputs, tiles, rows, 2·width), `factors` (steps, 3) holds scale, shift and beta, `mixes`
    (steps, outputs, 6) holds Re c, Im c, Re c', Im c', keep and add, all in the precision of the state.
    """
    begin, end = window
    diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column, couplings = table
    for n in range(factors.shape[0]):
        factor, mix = factors[n], mixes[n]
        new, old = (previous, psi) if n % 2 == 0 else (psi, previous)
        for t in range(begin, end):
            for r in range(psi.shape[1]):
                _recursion_row(
                    t, r, old, new, totals, sites, begin, end, diagonal, first, neighbour, partner, tile_first,
                    tile_spin, tile_column, couplings, factor, mix,
                )  # fmt: skip


@_compiled(parallel=True, **_JIT)
def recursion_step_threads(psi, previous, totals, sites, window, table, factor, mix, threads):
    """One step of `recursion` with row blocks dealt out to the threads in turn."""
    begin, end = window
    diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column, couplings = table
    rows = psi.shape[1]
    blocks = (rows + _BLOCK - 1) // _BLOCK
    for t in range(begin, end):
        for worker in numba.prange(threads):
            for block in range(worker, blocks, threads):
                for r in range(block * _BLOCK, min(rows, (block + 1) * _BLOCK)):
                    _recursion_row(
                        t, r, psi, previous, totals, sites, begin, end, diagonal, first, neighbour, partner,
                        tile_first, tile_spin, tile_column, couplings, factor, mix,
                    )  # fmt: skip


@_compiled(**_JIT_SUM)
def _weights_share(psi, window, worker, threads, sums):
    rows = psi.shape[1]
    for t in range(window[0], window[1]):
        for block in range(worker, (rows + _BLOCK - 1) // _BLOCK, threads):
            part = 0.0
            for r in range(block * _BLOCK, min(rows, (block + 1) * _BLOCK)):
                p = psi[t, r]
                for j in range(p.size):
                    part += p[j] * p[j]
            sums[worker, t] += part


@_compiled(**_JIT_SUM)
def _marginals_share(psi, electron, row_weight, site_weight, worker, threads):
    tiles, rows, full = psi.shape
    for t in range(tiles):
        for block in range(worker, (rows + _BLOCK - 1) // _BLOCK, threads):
            for r in range(block * _BLOCK, min(rows, (block + 1) * _BLOCK)):
                p, s = psi[t, r], site_weight[worker, electron[r], t]
                part = 0.0
                for j in range(full // 2):
                    square = p[2 * j] * p[2 * j] + p[2 * j + 1] * p[2 * j + 1]
                    s[j] += square
                    part += square
                row_weight[r] += part


@_compiled(**_JIT_SUM)
def _expectation_share(psi, sites, table, worker, threads, sums):
    diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column, couplings = table
    tiles, rows, full = psi.shape
    zero = couplings[0] * 0
    one = zero + 1
    scratch = np.zeros(full, psi.dtype)
    for t in range(tiles):
        for block in range(worker, (rows + _BLOCK - 1) // _BLOCK, threads):
            part = 0.0
            for r in range(block * _BLOCK, min(rows, (block + 1) * _BLOCK)):
                _row(
                    t, r, psi, scratch, sites, 0, tiles, diagonal, first, neighbour, partner, tile_first, tile_spin,
                    tile_column, couplings, one, zero, zero,
                )  # fmt: skip
                for j in range(min(full, 2 * sites - t * full)):
                    part += scratch[j] * psi[t, r, j]
            sums[worker] += part


@_compiled(parallel=True, **_JIT)
def _weights_threads(psi, window, threads, sums):
    for worker in numba.prange(threads):
        _weights_share(psi, window, worker, threads, sums)


@_compiled(parallel=True, **_JIT)
def _marginals_threads(psi, electron, row_weight, site_weight, threads):
    for worker in numba.prange(threads):
        _marginals_share(psi, electron, row_weight, site_weight, worker, threads)


@_compiled(parallel=True, **_JIT)
def _expectation_threads(psi, sites, table, threads, sums):
    for worker in numba.prange(threads):
        _expectation_share(psi, sites, table, worker, threads, sums)


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


def expectation(psi: np.ndarray, sites: int, table: tuple[np.ndarray, ...], threads: int) -> float:
    """Σ ψ*Hψ, which is real, without storing Hψ."""
    sums = np.zeros(threads)
    if threads == 1:
        _expectation_share(psi, sites, table, 0, 1, sums)
    else:
        _expectation_threads(psi, sites, table, threads, sums)
    return float(sums.sum())


@_compiled(**_JIT_SUM)
def _product_share(one, other, window, worker, threads, sums):
    rows = one.shape[1]
    for t in range(window[0], window[1]):
        for block in range(worker, (rows + _BLOCK - 1) // _BLOCK, threads):
            part = 0.0
            for r in range(block * _BLOCK, min(rows, (block + 1) * _BLOCK)):
                p, q = one[t, r], other[t, r]
                for j in range(p.size):
                    part += p[j] * q[j]
            sums[worker] += part


@_compiled(**_JIT)
def _combine_share(psi, other, shift, scale, window, worker, threads):
    rows = psi.shape[1]
    for t in range(window[0], window[1]):
        for block in range(worker, (rows + _BLOCK - 1) // _BLOCK, threads):
            for r in range(block * _BLOCK, min(rows, (block + 1) * _BLOCK)):
                p, q = psi[t, r], other[t, r]
                for j in range(p.size):
                    p[j] = scale * (p[j] - shift * q[j])


@_compiled(parallel=True, **_JIT)
def _product_threads(one, other, window, threads, sums):
    for worker in numba.prange(threads):
        _product_share(one, other, window, worker, threads, sums)


@_compiled(parallel=True, **_JIT)
def _combine_threads(psi, other, shift, scale, window, threads):
    for worker in numba.prange(threads):
        _combine_share(psi, other, shift, scale, window, worker, threads)


def lanczos_step(
    now: np.ndarray,
    previous: np.ndarray,
    beta: float,
    sites: int,
    window: tuple[int, int],
    table: tuple[np.ndarray, ...],
    threads: int,
) -> tuple[float, float]:
    """One Lanczos step: previous ← normalised (H − α)now − beta·previous; returns (α, next beta)."""
    real = now.dtype.type
    factor, nothing = np.array([1, 0, beta], now.dtype), np.zeros((0, 6), now.dtype)
    totals = now[None, :0]

    def product(one: np.ndarray, other: np.ndarray) -> float:
        sums = np.zeros(threads)
        if threads == 1:
            _product_share(one, other, window, 0, 1, sums)
        else:
            _product_threads(one, other, window, threads, sums)
        return float(sums.sum())

    def combine(shift: float, scale: float) -> None:
        if threads == 1:
            _combine_share(previous, now, real(shift), real(scale), window, 0, 1)
        else:
            _combine_threads(previous, now, real(shift), real(scale), window, threads)

    if threads == 1:
        recursion(now, previous, totals, sites, window, table, factor[None], nothing[None])
    else:
        recursion_step_threads(now, previous, totals, sites, window, table, factor, nothing, threads)
    alpha = product(now, previous)
    combine(alpha, 1.0)
    norm = product(previous, previous) ** 0.5
    if norm > 0:
        combine(0.0, 1 / norm)
    return alpha, norm


def as_reals(psi: np.ndarray) -> np.ndarray:
    """The memory of a complex array (…, width) as reals (…, 2·width); no copy."""
    return psi.view(psi.real.dtype)


def threads_for(amplitudes: int) -> int:
    """Threads for one pass over a state: one where a second would wait longer than it works."""
    return numba.get_num_threads() if amplitudes > 300_000 else 1
