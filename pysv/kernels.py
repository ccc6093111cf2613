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

import numba
import numpy as np

from pysv.jit import BLOCK, FAST, SUM, compiled
from pysv.reductions import combine, product


@compiled(inline="always", **FAST)
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


@compiled(inline="always", **FAST)
def _accumulate(new, old, total, mix):
    """`total` becomes keep·total + c·new + c'·old, with (Re c, Im c, Re c', Im c', keep) = mix[:5]."""
    a, b, c, d, keep = mix[0], mix[1], mix[2], mix[3], mix[4]
    for j in range(new.size // 2):
        fr, fi = new[2 * j], new[2 * j + 1]
        gr, gi = old[2 * j], old[2 * j + 1]
        total[2 * j] = keep * total[2 * j] + a * fr - b * fi + c * gr - d * gi
        total[2 * j + 1] = keep * total[2 * j + 1] + a * fi + b * fr + c * gi + d * gr


@compiled(inline="always", **FAST)
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


@compiled(**FAST)
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


@compiled(**FAST)
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


@compiled(parallel=True, **FAST)
def recursion_step_threads(psi, previous, totals, sites, window, table, factor, mix, threads):
    """One step of `recursion` with row blocks dealt out to the threads in turn."""
    begin, end = window
    diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column, couplings = table
    rows = psi.shape[1]
    blocks = (rows + BLOCK - 1) // BLOCK
    for t in range(begin, end):
        for worker in numba.prange(threads):
            for block in range(worker, blocks, threads):
                for r in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                    _recursion_row(
                        t, r, psi, previous, totals, sites, begin, end, diagonal, first, neighbour, partner,
                        tile_first, tile_spin, tile_column, couplings, factor, mix,
                    )  # fmt: skip


@compiled(**SUM)
def _expectation_share(psi, sites, table, worker, threads, sums):
    diagonal, first, neighbour, partner, tile_first, tile_spin, tile_column, couplings = table
    tiles, rows, full = psi.shape
    zero = couplings[0] * 0
    one = zero + 1
    scratch = np.zeros(full, psi.dtype)
    for t in range(tiles):
        for block in range(worker, (rows + BLOCK - 1) // BLOCK, threads):
            part = 0.0
            for r in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                _row(
                    t, r, psi, scratch, sites, 0, tiles, diagonal, first, neighbour, partner, tile_first, tile_spin,
                    tile_column, couplings, one, zero, zero,
                )  # fmt: skip
                for j in range(min(full, 2 * sites - t * full)):
                    part += scratch[j] * psi[t, r, j]
            sums[worker] += part


@compiled(parallel=True, **FAST)
def _expectation_threads(psi, sites, table, threads, sums):
    for worker in numba.prange(threads):
        _expectation_share(psi, sites, table, worker, threads, sums)


def expectation(psi: np.ndarray, sites: int, table: tuple[np.ndarray, ...], threads: int) -> float:
    """Σ ψ*Hψ, which is real, without storing Hψ."""
    sums = np.zeros(threads)
    if threads == 1:
        _expectation_share(psi, sites, table, 0, 1, sums)
    else:
        _expectation_threads(psi, sites, table, threads, sums)
    return float(sums.sum())


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
    factor, nothing = np.array([1, 0, beta], now.dtype), np.zeros((0, 6), now.dtype)
    totals = now[None, :0]

    if threads == 1:
        recursion(now, previous, totals, sites, window, table, factor[None], nothing[None])
    else:
        recursion_step_threads(now, previous, totals, sites, window, table, factor, nothing, threads)
    alpha = product(now, previous, window, threads)
    combine(previous, now, alpha, 1.0, window, threads)
    norm = product(previous, previous, window, threads) ** 0.5
    if norm > 0:
        combine(previous, now, 0.0, 1 / norm, window, threads)
    return alpha, norm
