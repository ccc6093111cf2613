"""Compiled inner loops: arrays in, arrays out.

A state ψ[tile, row, site of the tile] (see `pysv.layout`) is passed as real numbers, shape (tiles, rows, 2·width),
real and imaginary parts interleaved (the memory of a complex array): H of Eq. 7 is real, so that no complex product is
needed. Rows come in strips (see `pysv.strips`): k counts the rows of strip s, i.e. the configurations of FM_a, and

    (Hψ)[s, k, x] = (outer[s] + inner[k]) ψ[s, k, x] − γ (ψ[s, k, x−1] + ψ[s, k, x+1])
                    + flip · (Σ_s' ψ[s', k, x] + Σ_k' ψ[s, k', x])          one exchange inside FM_p, inside FM_a
                    − sd · Σ_i δ(x, x_i) × { ψ[s, k, x] parallel, 2 ψ[s', k', x] − ψ[s, k, x] antiparallel }

`table` is what `Hamiltonian.table` returns, in the precision of the state. `sites` is L_x, and `window` = (begin, end)
the range of active tiles: ψ must vanish outside, where nothing is read or written. Each function does the share of one
worker of a team (see `pysv.team`), every `threads`-th of the pieces of the rows that `table` lists.
"""

from __future__ import annotations

import numpy as np

from pysv import team
from pysv.jit import FAST, SUM, compiled
from pysv.prefetch import fetch
from pysv.reductions import combine, product

AHEAD = 1024
"""Reals by which memory that one pass reads and writes once only is asked for before its turn."""


@compiled(inline="always", **FAST)
def _add_one(o, a, flip):
    for j in range(o.size):
        o[j] += flip * a[j]


@compiled(inline="always", **FAST)
def _add_two(o, a, b, flip):
    for j in range(o.size):
        o[j] += flip * (a[j] + b[j])


@compiled(inline="always", **FAST)
def _add_four(o, a, b, c, d, flip):
    for j in range(o.size):
        o[j] += flip * ((a[j] + b[j]) + (c[j] + d[j]))


@compiled(inline="always", **FAST)
def _hopping(o, p, left, right, width, diagonal, hop, hop_left, hop_right, beta):
    """o becomes diagonal·p − hop·(neighbouring sites) − beta·o on one row; `left` and `right` end the next tiles."""
    if width < 4:  # a single site
        for j in range(2):
            o[j] = diagonal * p[j] - hop_left * left[j] - hop_right * right[j] - beta * o[j]
        return
    for j in range(2):
        o[j] = diagonal * p[j] - hop * p[j + 2] - hop_left * left[j] - beta * o[j]
    for j in range(width - 4):  # indices that only grow from the loop variable let the compiler vectorise
        o[j + 2] = diagonal * p[j + 2] - hop * (p[j] + p[j + 4]) - beta * o[j + 2]
    for j in range(2):
        k = width - 2 + j
        o[k] = diagonal * p[k] - hop * p[k - 2] - hop_right * right[j] - beta * o[k]


@compiled(inline="always", **FAST)
def _parallel(o, to, here, at, sd):
    o[to] -= sd * here[at]
    o[to + 1] -= sd * here[at + 1]


@compiled(inline="always", **FAST)
def _antiparallel(o, to, here, at, partner, sd):
    o[to] += sd * (here[at] - 2 * here[partner])
    o[to + 1] += sd * (here[at + 1] - 2 * here[partner + 1])


@compiled(inline="always", **FAST)
def _rows(
    t, s, k0, k1, psi, here, o, sites, begin, end, first, electron, inner, cross, outer_diagonal, inner_diagonal,
    outer_first, outer_exchange, inner_first, inner_exchange, outer_partner, inner_partner, tile_first, tile_spin,
    tile_column, couplings, factor, totals, mix,
):  # fmt: skip
    """`o`, flat, becomes scale·(H − shift)ψ − beta·o on rows k0 … k1 − 1 of strip s in tile t; `here` is ψ[t], flat.

    `factor` holds scale, shift and beta. The caller will add the rows to those `totals` that `mix` says.
    """
    scale, shift, beta = factor[0], factor[1], factor[2]
    full = psi.shape[2]
    width = min(full, 2 * sites - t * full)
    row, a0 = first[s], inner[s]
    hop, flip, sd = scale * couplings[0], scale * couplings[1], scale * couplings[2]
    none = hop - hop
    hop_left = hop if t > begin else none
    hop_right = hop if t < end - 1 else none
    left, right = psi[max(t - 1, begin)], psi[min(t + 1, end - 1)]
    outer = outer_diagonal[s] - shift
    size = (k1 - k0) * full

    for k in range(k0, k1):
        d = scale * (outer + inner_diagonal[a0 + k])
        r, at = row + k, (k - k0) * full
        ours = o[at : at + full]
        if psi.shape[0] > 1:  # one tile is in the cache anyhow
            fetch(o, at + AHEAD, full)
            for output in range(mix.shape[0]):
                if mix[output, 7] != 0:
                    fetch(totals[output, t].reshape(-1), r * full + AHEAD, full)
        p = here[r * full : (r + 1) * full]
        _hopping(ours, p, left[r, full - 2 :], right[r], width, d, hop, hop_left, hop_right, beta)
        n, last = inner_first[a0 + k], inner_first[a0 + k + 1]
        while n + 3 < last:
            a, b = (row + inner_exchange[n]) * full, (row + inner_exchange[n + 1]) * full
            c, e = (row + inner_exchange[n + 2]) * full, (row + inner_exchange[n + 3]) * full
            _add_four(ours, here[a : a + full], here[b : b + full], here[c : c + full], here[e : e + full], flip)
            n += 4
        if n + 1 < last:
            a, b = (row + inner_exchange[n]) * full, (row + inner_exchange[n + 1]) * full
            _add_two(ours, here[a : a + full], here[b : b + full], flip)
            n += 2
        if n < last:
            a = (row + inner_exchange[n]) * full
            _add_one(ours, here[a : a + full], flip)

    n, last = outer_first[s], outer_first[s + 1]
    while n + 3 < last:
        a, b = (first[outer_exchange[n]] + k0) * full, (first[outer_exchange[n + 1]] + k0) * full
        c, e = (first[outer_exchange[n + 2]] + k0) * full, (first[outer_exchange[n + 3]] + k0) * full
        _add_four(o, here[a : a + size], here[b : b + size], here[c : c + size], here[e : e + size], flip)
        n += 4
    if n + 1 < last:
        a, b = (first[outer_exchange[n]] + k0) * full, (first[outer_exchange[n + 1]] + k0) * full
        _add_two(o, here[a : a + size], here[b : b + size], flip)
        n += 2
    if n < last:
        a = (first[outer_exchange[n]] + k0) * full
        _add_one(o, here[a : a + size], flip)

    n_outer = outer_partner.shape[1]
    for n in range(tile_first[t], tile_first[t + 1]):
        x, spin = 2 * tile_column[n], tile_spin[n]
        if spin < n_outer:
            other = outer_partner[s, spin]
            if other < 0:
                for k in range(k1 - k0):
                    _parallel(o, k * full + x, here, (row + k0 + k) * full + x, sd)
            else:
                q = (first[other] + k0) * full + x
                for k in range(k1 - k0):
                    _antiparallel(o, k * full + x, here, (row + k0 + k) * full + x, q + k * full, sd)
        else:
            partner = inner_partner[electron[s], spin - n_outer]
            opposite = 0 if cross[s] < 0 else first[cross[s]]
            for k in range(k1 - k0):
                rank = partner[a0 + k0 + k]
                if rank < 0:
                    _parallel(o, k * full + x, here, (row + k0 + k) * full + x, sd)
                else:
                    _antiparallel(o, k * full + x, here, (row + k0 + k) * full + x, (opposite + rank) * full + x, sd)


@compiled(inline="always", **FAST)
def _begin_sum(before, total, mix):
    """`total` becomes keep·total + c"·before."""
    c, d, keep = mix[4], mix[5], mix[6]
    for j in range(before.size // 2):
        fr, fi = before[2 * j], before[2 * j + 1]
        total[2 * j] = keep * total[2 * j] + c * fr - d * fi
        total[2 * j + 1] = keep * total[2 * j + 1] + c * fi + d * fr


@compiled(inline="always", **FAST)
def _end_sum(new, psi, total, mix):
    """`total` grows by c·new + c'·ψ."""
    a, b, c, d = mix[0], mix[1], mix[2], mix[3]
    for j in range(new.size // 2):
        fr, fi = new[2 * j], new[2 * j + 1]
        gr, gi = psi[2 * j], psi[2 * j + 1]
        total[2 * j] += a * fr - b * fi + c * gr - d * gi
        total[2 * j + 1] += a * fi + b * fr + c * gi + d * gr


@compiled(inline="always", **FAST)
def _step(worker, threads, psi, previous, totals, sites, begin, end, table, factor, mix):
    (
        first, electron, inner, cross, outer_diagonal, inner_diagonal, outer_first, outer_exchange, inner_first,
        inner_exchange, outer_partner, inner_partner, pieces, tile_first, tile_spin, tile_column, couplings,
    ) = table  # fmt: skip
    full = psi.shape[2]
    for t in range(begin, end):
        here, out = psi[t].reshape(-1), previous[t].reshape(-1)
        for piece in range(worker, pieces.shape[0], threads):
            s, k0, k1 = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2]
            a, b = (first[s] + k0) * full, (first[s] + k1) * full
            o = out[a:b]
            for output in range(mix.shape[0]):
                if mix[output, 7] != 0:
                    _begin_sum(o, totals[output, t].reshape(-1)[a:b], mix[output])
            _rows(
                t, s, k0, k1, psi, here, o, sites, begin, end, first, electron, inner, cross, outer_diagonal,
                inner_diagonal, outer_first, outer_exchange, inner_first, inner_exchange, outer_partner,
                inner_partner, tile_first, tile_spin, tile_column, couplings, factor, totals, mix,
            )  # fmt: skip
            for output in range(mix.shape[0]):
                if mix[output, 7] != 0:
                    _end_sum(o, here[a:b], totals[output, t].reshape(-1)[a:b], mix[output])


@compiled(**FAST)
def recursion(worker, threads, psi, previous, totals, sites, window, table, factors, mixes):
    """Steps of a polynomial recursion, one for each row of `factors`; `psi` and `previous` swap roles after each.

    previous ← scale·(H − shift)ψ − beta·previous, and for every output whose `add` is not 0,
    total ← keep·total + c·(new previous) + c'·ψ + c"·(old previous). Adding three terms at every third step, rather
    than one at each, spares two thirds of the passes over the totals. Several workers can share a single step only.

    `totals` has shape (outputs, tiles, rows, 2·width), `factors` (steps, 3) holds scale, shift and beta, `mixes`
    (steps, outputs, 8) holds Re c, Im c, Re c', Im c', Re c", Im c", keep and add, all in the precision of the state.
    """
    for n in range(factors.shape[0]):
        new, old = (previous, psi) if n % 2 == 0 else (psi, previous)
        _step(worker, threads, old, new, totals, sites, window[0], window[1], table, factors[n], mixes[n])


@compiled(**SUM)
def _expectation(worker, threads, psi, sites, table, sums):
    (
        first, electron, inner, cross, outer_diagonal, inner_diagonal, outer_first, outer_exchange, inner_first,
        inner_exchange, outer_partner, inner_partner, pieces, tile_first, tile_spin, tile_column, couplings,
    ) = table  # fmt: skip
    full = psi.shape[2]
    factor = np.array([1, 0, 0], psi.dtype)
    totals, mix = np.zeros((0, 0, 0, 0), psi.dtype), np.zeros((0, 8), psi.dtype)
    scratch = np.zeros((pieces[:, 2] - pieces[:, 1]).max() * full, psi.dtype)
    for t in range(psi.shape[0]):
        here = psi[t].reshape(-1)
        for piece in range(worker, pieces.shape[0], threads):
            s, k0, k1 = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2]
            a, size = (first[s] + k0) * full, (k1 - k0) * full
            o = scratch[:size]
            _rows(
                t, s, k0, k1, psi, here, o, sites, 0, psi.shape[0], first, electron, inner, cross, outer_diagonal,
                inner_diagonal, outer_first, outer_exchange, inner_first, inner_exchange, outer_partner,
                inner_partner, tile_first, tile_spin, tile_column, couplings, factor, totals, mix,
            )  # fmt: skip
            part = 0.0
            for j in range(size):  # the places beyond the chain hold zeros
                part += o[j] * here[a + j]
            sums[worker] += part


def expectation(psi: np.ndarray, sites: int, table: tuple[np.ndarray, ...], threads: int) -> float:
    """Σ ψ*Hψ, which is real, without storing Hψ."""
    sums = np.zeros(threads)
    team.share(_expectation, threads, psi, sites, table, sums)
    return float(sums.sum())


def apply(psi: np.ndarray, out: np.ndarray, sites: int, table: tuple[np.ndarray, ...]) -> None:
    """out ← Hψ on the calling thread; `out` must be finite."""
    factor, nothing = np.array([[1, 0, 0]], psi.dtype), np.zeros((1, 0, 8), psi.dtype)
    recursion(0, 1, psi, out, psi[None, :0], sites, (0, psi.shape[0]), table, factor, nothing)


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
    factor, nothing = np.array([[1, 0, beta]], now.dtype), np.zeros((1, 0, 8), now.dtype)
    team.share(recursion, threads, now, previous, now[None, :0], sites, window, table, factor, nothing)
    alpha = product(now, previous, window, threads)
    combine(previous, now, alpha, 1.0, window, threads)
    norm = product(previous, previous, window, threads) ** 0.5
    if norm > 0:
        combine(previous, now, 0.0, 1 / norm, window, threads)
    return alpha, norm
