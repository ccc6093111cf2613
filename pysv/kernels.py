"""Compiled inner loops: arrays in, arrays out.

A state ψ[tile, row, site of the tile] (see `pysv.layout`) is passed as real numbers, shape (tiles, rows, 2·width),
real and imaginary parts interleaved (the memory of a complex array): H of Eq. 7 is real, so that no complex product is
needed. Rows come in strips (see `pysv.strips`): k counts the rows of strip s, i.e. the configurations of FM_a, and

    (Hψ)[s, k, x] = (outer[s] + inner[k]) ψ[s, k, x] − γ (ψ[s, k, x−1] + ψ[s, k, x+1])
                    + flip · (Σ_s' ψ[s', k, x] + Σ_k' ψ[s, k', x])          one exchange inside FM_p, inside FM_a
                    − sd · Σ_i δ(x, x_i) × { ψ[s, k, x] parallel, 2 ψ[s', k', x] − ψ[s, k, x] antiparallel }

`table` is a `pysv.table.Table` in the precision of the state. `sites` is L_x, and `window` = (begin, end)
the range of active tiles: ψ must vanish outside, where nothing is read or written, and in the places beyond L_x. Each
function does the share of one worker of a team (see `pysv.team`), every `threads`-th of the pieces of the rows that
`table` lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv import team
from pysv.exchange import add_inner, add_outer
from pysv.hints import apart, fetch
from pysv.jit import FAST, SUM, UNCOUNTED, compiled
from pysv.layout import CACHE_LINE
from pysv.reductions import combine, product

if TYPE_CHECKING:
    from pysv.table import Table

AHEAD = 1024
"""Reals by which memory that one pass reads and writes once only is asked for before its turn."""
LINE = CACHE_LINE // 4
"""Reals of a cache line, or of two in double precision."""


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
def _hop(o, p, diagonal, hop, beta):
    for j in range(o.size):
        o[j] = diagonal * p[j + 2] - hop * (p[j] + p[j + 4]) - beta * o[j]


@compiled(inline="always", **FAST)
def _hop_and_two(o, p, a, b, diagonal, hop, beta, flip):
    for j in range(o.size):
        o[j] = (diagonal * p[j + 2] - hop * (p[j] + p[j + 4]) - beta * o[j]) + flip * (a[j] + b[j])


@compiled(inline="always", **FAST)
def _hop_and_four(o, p, a, b, c, d, diagonal, hop, beta, flip):
    for j in range(o.size):
        hopped = diagonal * p[j + 2] - hop * (p[j] + p[j + 4]) - beta * o[j]
        o[j] = hopped + flip * ((a[j] + b[j]) + (c[j] + d[j]))


@compiled(inline="always", **FAST)
def _hop_and_exchange(o, around, strip, n, last, table, diagonal, hop, beta, flip):
    """`_hopping` as if the row went on, and of the exchanges inside FM_a, entries n … last − 1, what fits in the pass.

    `around` is the row with a site before and a site behind it. Returns the first entry that is left.
    """
    exchange = table.inner_exchange
    if last - n >= 4:
        one, two = strip[exchange[n]], strip[exchange[n + 1]]
        _hop_and_four(o, around, one, two, strip[exchange[n + 2]], strip[exchange[n + 3]], diagonal, hop, beta, flip)
        return n + 4
    if last - n >= 2:
        _hop_and_two(o, around, strip[exchange[n]], strip[exchange[n + 1]], diagonal, hop, beta, flip)
        return n + 2
    _hop(o, around, diagonal, hop, beta)
    return n


@compiled(inline="always", **FAST)
def _mend_ends(o, around, left, right, width, hop, hop_left, hop_right):
    """The sites around a row belong to other rows: take back what they brought, and hop to the next tiles instead.

    What is left of them is rounding, of the size of the other row.
    """
    end = o.size
    for j in range(2):
        o[j] += hop * around[j] - hop_left * left[j]
        o[end - 2 + j] += hop * around[end + 2 + j] - hop_right * right[j]
    if width < end:  # zeros remain zeros beyond the chain
        for j in range(2):
            o[width + j] = hop - hop
            o[end - 2 + j] = hop - hop


@compiled(inline="always", **FAST)
def _sd_outer(o, here, s, k0, k1, spin, x, table, sd):
    """The sd exchange with a spin of FM_p, in column x / 2: parallel or antiparallel for all rows of the strip."""
    first, other = table.first, table.outer_partner[s, spin]
    y, twice = x + 1, sd + sd
    ours = here[first[s] + k0 : first[s] + k1]
    if other < 0:
        for k in range(k1 - k0):
            o[k, x] -= sd * ours[k, x]
            o[k, y] -= sd * ours[k, y]
        return
    theirs = here[first[other] + k0 : first[other] + k1]
    for k in range(k1 - k0):
        re = o[k, x] + sd * ours[k, x] - twice * theirs[k, x]
        im = o[k, y] + sd * ours[k, y] - twice * theirs[k, y]
        o[k, x] = re
        o[k, y] = im


@compiled(inline="always", **FAST)
def _sd_inner(o, here, s, k0, k1, spin, x, table, sd):
    """The sd exchange with a spin of FM_a; a parallel one is its own partner: ψ − 2ψ = −ψ spares a branch."""
    place, cross = table.inner[s], table.cross[s]
    own, opposite = table.first[s] + k0, table.first[max(cross, 0)]
    y, twice = x + 1, sd + sd
    ours, partner = here[own : own + k1 - k0], table.inner_partner[table.electron[s], spin, place + k0 : place + k1]
    for k in range(k1 - k0):
        rank = partner[k]
        there = np.uintp(own + k if rank < 0 else opposite + rank)  # unsigned: never counted from the end
        re = o[k, x] + sd * ours[k, x] - twice * here[there, x]
        im = o[k, y] + sd * ours[k, y] - twice * here[there, y]
        o[k, x] = re
        o[k, y] = im


@compiled(inline="always", **FAST)
def _columns_inner(t, table):
    """Reals of a row of tile t, from a cache line's first to the one behind the last, among which FM_a's spins lie.

    The spins of a tile are listed from left to right, FM_p's first.
    """
    begin, end = table.tile_first[t], table.tile_first[t + 1]
    while begin < end and table.tile_spin[begin] < table.outer_partner.shape[1]:
        begin += 1
    if begin == end:
        return 0, 0
    return 2 * table.tile_column[begin] // LINE * LINE, 2 * table.tile_column[end - 1] + 2


@compiled(inline="always", **FAST)
def _rows(t, s, k0, k1, psi, o, sites, begin, end, table, factor):
    """`o`, shape (k1 − k0, 2·width), becomes scale·(H − shift)ψ − beta·o on rows k0 … k1 − 1 of strip s in tile t.

    `factor` holds scale, shift and beta.
    """
    scale, shift, beta = factor[0], factor[1], factor[2]
    row, place, n_outer = table.first[s], table.inner[s], table.outer_partner.shape[1]
    couplings = table.couplings
    hop, flip, sd = scale * couplings[0], scale * couplings[1], scale * couplings[2]
    none = hop - hop
    hop_left = hop if t > begin else none
    hop_right = hop if t < end - 1 else none
    here, left, right = psi[t], psi[max(t - 1, begin)], psi[min(t + 1, end - 1)]
    strip = here[row : table.first[s + 1]]
    full = here.shape[1]
    width = min(full, 2 * sites - t * full)
    outer = table.outer_diagonal[s] - shift
    crossed = here[:0] if table.cross[s] < 0 else here[table.first[table.cross[s]] : table.first[table.cross[s] + 1]]
    x0, x1 = _columns_inner(t, table)
    flat, piece = here.reshape(-1), o.reshape(-1)
    for k in range(k0, k1):
        if psi.shape[0] > 1:  # one tile is in the cache anyhow
            fetch(piece, (k - k0) * full + AHEAD, full)
            if k < crossed.shape[0]:  # partners of rows nearby, for when the spins have their turn
                fetch(crossed[k], x0, x1 - x0)
        r, ours, diagonal = row + k, o[k - k0], scale * (outer + table.inner_diagonal[place + k])
        n, last = table.inner_first[place + k], table.inner_first[place + k + 1]
        if 0 < r < here.shape[0] - 1:  # the row before and the one behind lie in the same tile
            around = flat[r * full - 2 : (r + 1) * full + 2]
            n = _hop_and_exchange(ours, around, strip, n, last, table, diagonal, hop, beta, flip)
            _mend_ends(ours, around, left[r, full - 2 :], right[r], width, hop, hop_left, hop_right)
        else:
            _hopping(ours, here[r], left[r, full - 2 :], right[r], width, diagonal, hop, hop_left, hop_right, beta)
        add_inner(ours, strip, n, last, table, flip)
    add_outer(o, here, s, k0, table, flip)
    for n in range(table.tile_first[t], table.tile_first[t + 1]):
        spin, x = table.tile_spin[n], 2 * table.tile_column[n]
        if spin < n_outer:
            _sd_outer(o, here, s, k0, k1, spin, x, table, sd)
        else:
            _sd_inner(o, here, s, k0, k1, spin - n_outer, x, table, sd)


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


@compiled(**FAST, **UNCOUNTED)
def step(worker, threads, psi, previous, totals, sites, window, part, table, factor, mix):
    """One step of `recursion` on the tiles `part`, a range within the window.

    A function of its own, in which the promise that arrays lie apart concerns arguments that keep their roles.
    """
    apart(psi, previous)
    apart(psi, totals)
    apart(previous, totals)
    begin, end = window
    for t in range(part[0], part[1]):
        for piece in range(worker, table.pieces.shape[0], threads):
            s, k0, k1 = table.pieces[piece, 0], table.pieces[piece, 1], table.pieces[piece, 2]
            a, b = table.first[s] + k0, table.first[s] + k1
            o, p = previous[t, a:b], psi[t, a:b]
            for output in range(mix.shape[0]):
                if mix[output, 7] != 0:
                    _begin_sum(o.reshape(-1), totals[output, t, a:b].reshape(-1), mix[output])
            _rows(t, s, k0, k1, psi, o, sites, begin, end, table, factor)
            for output in range(mix.shape[0]):
                if mix[output, 7] != 0:
                    _end_sum(o.reshape(-1), p.reshape(-1), totals[output, t, a:b].reshape(-1), mix[output])


@compiled(**FAST, **UNCOUNTED)
def recursion(worker, threads, psi, previous, totals, sites, window, table, factors, mixes):
    """Steps of a polynomial recursion, one for each row of `factors`; `psi` and `previous` swap roles after each.

    previous ← scale·(H − shift)ψ − beta·previous, and for every output whose `add` is not 0,
    total ← keep·total + c·(new previous) + c'·ψ + c"·(old previous). Adding three terms at every third step, rather
    than one at each, spares two thirds of the passes over the totals. Several workers can share a single step only.

    `psi`, `previous` and `totals`, shape (outputs, tiles, rows, 2·width), share no memory. `factors` (steps, 3) holds
    scale, shift and beta, `mixes` (steps, outputs, 8) holds Re c, Im c, Re c', Im c', Re c", Im c", keep and add, all
    in the precision of the state.
    """
    for n in range(factors.shape[0]):
        new, old = (previous, psi) if n % 2 == 0 else (psi, previous)
        step(worker, threads, old, new, totals, sites, window, window, table, factors[n], mixes[n])


@compiled(**SUM, **UNCOUNTED)
def _expectation(worker, threads, psi, sites, table, factor, scratch, sums):
    apart(psi, scratch)
    for t in range(psi.shape[0]):
        for piece in range(worker, table.pieces.shape[0], threads):
            s, k0, k1 = table.pieces[piece, 0], table.pieces[piece, 1], table.pieces[piece, 2]
            o, here = scratch[worker, : k1 - k0], psi[t, table.first[s] + k0 : table.first[s] + k1]
            _rows(t, s, k0, k1, psi, o, sites, 0, psi.shape[0], table, factor)
            one, other = o.reshape(-1), here.reshape(-1)
            part = 0.0
            for j in range(one.size):  # the places beyond the chain hold zeros
                part += one[j] * other[j]
            sums[worker] += part


def expectation(psi: np.ndarray, sites: int, table: Table, threads: int) -> float:
    """Σ ψ*Hψ, which is real, without storing Hψ."""
    factor, sums = np.array([1, 0, 0], psi.dtype), np.zeros(threads)
    rows = (table.pieces[:, 2] - table.pieces[:, 1]).max()
    scratch = np.zeros((threads, rows, psi.shape[2]), psi.dtype)
    team.share(_expectation, threads, psi, sites, table, factor, scratch, sums)
    return float(sums.sum())


def _no_sum(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """`totals` and `mixes` of a step without outputs."""
    return np.zeros((0, 1, 1, 1), dtype), np.zeros((1, 0, 8), dtype)


def apply(psi: np.ndarray, out: np.ndarray, sites: int, table: Table) -> None:
    """out ← Hψ on the calling thread; `out` must be finite."""
    factor, (totals, mix) = np.array([[1, 0, 0]], psi.dtype), _no_sum(psi.dtype)
    recursion(0, 1, psi, out, totals, sites, (0, psi.shape[0]), table, factor, mix)


def lanczos_step(
    now: np.ndarray,
    previous: np.ndarray,
    beta: float,
    sites: int,
    window: tuple[int, int],
    table: Table,
    threads: int,
) -> tuple[float, float]:
    """One Lanczos step: previous ← normalised (H − α)now − beta·previous; returns (α, next beta)."""
    factor, (totals, mix) = np.array([[1, 0, beta]], now.dtype), _no_sum(now.dtype)
    team.share(recursion, threads, now, previous, totals, sites, window, table, factor, mix)
    alpha = product(now, previous, window, threads)
    combine(previous, now, alpha, 1.0, window, threads)
    norm = product(previous, previous, window, threads) ** 0.5
    if norm > 0:
        combine(previous, now, 0.0, 1 / norm, window, threads)
    return alpha, norm
