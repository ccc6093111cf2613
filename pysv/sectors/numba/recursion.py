"""Compiled kernels of the recursion in H.

A state ψ[tile, row, site of the tile] (see `pysv.sectors.layout`) is passed as real numbers, shape (tiles, rows,
2·width), with real and imaginary parts interleaved (the memory of a complex array). H is real, so the kernels need no
complex product. H = T + L + L': hopping and potential, and for each group of spins its exchange and its coupling to the
electron's spin. Either L stays within blocks of rows (see `pysv.sectors.blocks`):

    (Tψ)[r, x] = −γ_{x−1} ψ[r, x−1] − γ_x ψ[r, x+1] + ε_x ψ[r, x]
    (Lψ)[r, x] = diagonal[r] ψ[r, x] + Σ_r' weight[r, r'] ψ[r', x]                exchange inside the group
               + Σ_i δ(x, x_i) (sd_diagonal[i, r] ψ[r, x] + sd_trade[i, r] ψ[partner, x])         its spins i

A recursion φ_{n+1} = scale·(H − shift) φ_n − beta·φ_{n−1} passes over the blocks of the two groups in turn. A block of
either state on one tile has at most 0.8 MB at 10+10 spins. In each block the recursion first *completes* φ_{n+1}: it
adds the part of this group and T, which are still missing. Then it *begins* φ_{n+2} with the part of the same group, in
the memory of φ_n:

    out ← out + scale·(L + T − shift) ψ,    ψ ← scale'·L out − beta'·ψ

No block needs another one, so each step reads and writes the two states only once.

A group is a `pysv.sectors.table.GroupTable` in the precision of the state. `sites` is L_x. `window` = (begin, end) is
the range of active sites, counted through the tiles: ψ counts as zero outside, and nothing is read or written there. ψ
must vanish in the places beyond L_x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import CACHE_LINE, FAST, UNCOUNTED, compiled
from pysv.compute.hints import apart, fetch
from pysv.sectors.layout import SMALL, zeros
from pysv.sectors.numba.chain import on_chain, part_of_chain, sd_elements
from pysv.sectors.numba.exchange import exchange
from pysv.sectors.numba.window import part_of, tiles_of

if TYPE_CHECKING:
    from pysv.sectors.table import Table

AHEAD = 8
"""Prefetch distance, in rows, for memory that is used once in a block."""


@compiled(inline="always", **FAST)
def _completed(out, around, j, others):
    """Terms of a completed row besides the exchange; `around` is the row of ψ with one more site on either side."""
    return out[j] + others[0] * around[j + 2] + on_chain(others[1], around, j)


@compiled(inline="always", **FAST)
def _begun(out, psi, j, others):
    """Terms of a begun row besides the exchange."""
    return others[0] * psi[j] - others[1] * out[j]


@compiled(inline="always", **FAST)
def _surround(around, psi, left, right, has_left, has_right):
    """around ← a row of ψ between the sites `left` and `right` of the adjacent tiles, or zeros without such a tile."""
    end = psi.size + 2
    for j in range(psi.size):
        around[j + 2] = psi[j]
    for j in range(2):
        around[j] = left[j] if has_left else 0
        around[end + j] = right[j] if has_right else 0


@compiled(inline="always", **FAST)
def _sd(t, part, out, psi, rows, base, group, scale):
    """The sd exchange in the window's part of tile t; a member that cannot trade is its own partner."""
    for n in range(group.tile_first[t], group.tile_first[t + 1]):
        x = 2 * group.tile_column[n]
        y = x + 1
        if x < part.start or y >= part.stop:
            continue
        spin = group.tile_spin[n]
        partner = group.partner[spin, base : base + rows.size]
        for i in range(rows.size):
            r, q = rows[i], rows[partner[i]]
            d, f = sd_elements(group.sd_diagonal, group.sd_trade, spin, base + i, scale)
            re = out[r, x] + (d * psi[r, x] + f * psi[q, x])
            im = out[r, y] + (d * psi[r, y] + f * psi[q, y])
            out[r, x] = re
            out[r, y] = im


@compiled(inline="always", **FAST)
def _complete(t, part, psi, out, rows, base, group, chain, sites, window, scale, shift, carried, around):
    """out ← out + scale·(L + T − shift)ψ on a block in the window's part of tile t.

    `carried` holds the last sites of the block on the tile to the left, where ψ may be overwritten; on return it holds
    those of tile t. `around` is work space for one row. No row of another block is read, since another thread may be
    overwriting it.
    """
    here, there, full = psi[t], out[t], psi.shape[2]
    own_chain = part_of_chain(chain, t, part, scale)
    has_left, has_right = 2 * window[0] < t * full, 2 * window[1] > (t + 1) * full
    right = psi[t + 1] if has_right else here
    beyond = 2 * sites - t * full - part.start
    lines, large = there.reshape(-1), psi.nbytes > SMALL  # a small state is in the cache already
    for i in range(rows.size):
        r = rows[i]
        o, p, diagonal = there[r, part], here[r, part], scale * (group.diagonal[base + i] - shift)
        if large:
            fetch(lines, rows[min(i + AHEAD, rows.size - 1)] * full + part.start, p.size)
        first, last = group.exchange_first[base + i], group.exchange_first[base + i + 1]
        _surround(around, p, carried[i], right[r], has_left, has_right)
        exchange(
            _completed, o, around, (diagonal, own_chain), here, part, rows, first, last, group.exchange,
            group.exchange_weight, scale,
        )  # fmt: skip
        if beyond < p.size:  # hopping reaches one place beyond the chain, which stays zero
            for j in range(2):
                o[beyond + j] = 0
        for j in range(2):
            carried[i, j] = p[p.size - 2 + j]
    _sd(t, part, there, here, rows, base, group, scale)


@compiled(inline="always", **FAST)
def _begin(t, part, psi, out, rows, base, group, scale, beta, lines, coming, count):
    """out ← scale·Lψ − beta·out on a block in the window's part of tile t.

    It prefetches `count` reals of each of the next rows, which are the rows `coming` of `lines`.
    """
    here, there, full = psi[t], out[t], psi.shape[2]
    for i in range(rows.size):
        if i < coming.size:
            fetch(lines, coming[i] * full, count)
        o, p, diagonal = there[rows[i], part], here[rows[i], part], scale * group.diagonal[base + i]
        first, last = group.exchange_first[base + i], group.exchange_first[base + i + 1]
        exchange(
            _begun, o, p, (diagonal, beta), here, part, rows, first, last, group.exchange, group.exchange_weight, scale
        )
    _sd(t, part, there, here, rows, base, group, scale)


@compiled(inline="always", **FAST)
def _add_up(new, psi, total, mix):
    """total ← keep·total + c·new + c'·ψ."""
    a, b, c, d, keep = mix[0], mix[1], mix[2], mix[3], mix[4]
    for j in range(new.size // 2):
        fr, fi = new[2 * j], new[2 * j + 1]
        gr, gi = psi[2 * j], psi[2 * j + 1]
        total[2 * j] = keep * total[2 * j] + a * fr - b * fi + c * gr - d * gi
        total[2 * j + 1] = keep * total[2 * j + 1] + a * fi + b * fr + c * gi + d * gr


@compiled(**FAST, **UNCOUNTED)
def begin(first, last, psi, out, window, group, factor):
    """out ← scale·Lψ − beta·out on the blocks first … last − 1: the start of a recursion, before `sweep`."""
    apart(psi, out)
    full = psi.shape[2]
    first_tile, end_tile = tiles_of(window, full)
    for b in range(first, last):
        rows, base = group.rows[group.first[b] : group.first[b + 1]], group.kind_first[group.kind[b]]
        for t in range(first_tile, end_tile):
            lines, part = psi[t].reshape(-1), part_of(t, window, full)
            _begin(t, part, psi, out, rows, base, group, factor[0], factor[2], lines, rows[:0], full)


@compiled(**FAST, **UNCOUNTED)
def sweep(first, last, psi, out, totals, sites, window, group, chain, factor, following, go_on, mix, carried, around):
    """One step of `recursion` on the blocks first … last − 1 of a group.

    First out ← out + scale·(L + T − shift)ψ, then total ← keep·total + c·out + c'·ψ for every output. If `go_on` is
    true, then also ψ ← scale'·L out − beta'·ψ with the `following` factors. `carried` and `around` are from
    `work_space`.
    """
    apart(psi, out)
    apart(psi, totals)
    apart(out, totals)
    apart(around, psi)
    apart(around, out)
    full, large = psi.shape[2], psi.nbytes > SMALL
    first_tile, end_tile = tiles_of(window, full)
    for b in range(first, last):
        rows, base = group.rows[group.first[b] : group.first[b + 1]], group.kind_first[group.kind[b]]
        for t in range(first_tile, end_tile):
            part = part_of(t, window, full)
            _complete(t, part, psi, out, rows, base, group, chain, sites, window, factor[0], factor[1], carried, around)
            for output in range(mix.shape[0]):
                if mix[output, 5] != 0:
                    lines = totals[output, t].reshape(-1)
                    for i in range(rows.size):
                        if large:
                            ahead = rows[min(i + AHEAD, rows.size - 1)] * full + part.start
                            fetch(lines, ahead, part.stop - part.start)
                        new, total = out[t, rows[i], part], totals[output, t, rows[i], part]
                        _add_up(new, psi[t, rows[i], part], total, mix[output])
            if go_on:
                tile, block = (t + 1, b) if t < end_tile - 1 else (first_tile, b + 1)
                coming = rows[:0]
                if large and block < last:
                    coming = group.rows[group.first[block] : group.first[block + 1]]
                there = part_of(tile, window, full)
                lines, count = psi[tile].reshape(-1)[there.start :], there.stop - there.start
                scale, beta = following[0], following[2]
                _begin(t, part, out, psi, rows, base, group, scale, beta, lines, coming, count)


@compiled(**FAST, **UNCOUNTED)
def recursion(psi, previous, totals, sites, window, table, factors, mixes, carried, around):
    """Steps of a polynomial recursion, one for each row of `factors`; `psi` and `previous` swap roles after each.

    previous ← scale·(H − shift)ψ − beta·previous, then for every output whose `add` is not 0
    total ← keep·total + c·(new previous) + c'·ψ.

    `psi`, `previous` and `totals`, shape (outputs, tiles, rows, 2·width), share no memory. `factors` (steps, 3) holds
    scale, shift and beta. `mixes` (steps, outputs, 6) holds Re c, Im c, Re c', Im c', keep and add. All have the
    precision of the state. The arrays must hold finite numbers, even where beta or keep is 0.
    """
    begin(0, table.one.kind.size, psi, previous, window, table.one, factors[0])
    steps = factors.shape[0]
    for n in range(steps):
        new, old = (previous, psi) if n % 2 == 0 else (psi, previous)
        group = table.other if n % 2 == 0 else table.one
        following, go_on = factors[min(n + 1, steps - 1)], n + 1 < steps
        sweep(
            0, group.kind.size, old, new, totals, sites, window, group, table.chain, factors[n], following, go_on,
            mixes[n], carried, around,
        )  # fmt: skip


def work_space(table: Table, full: int) -> tuple[np.ndarray, np.ndarray]:
    """Work space of a sweep: `carried` (at least the rows of a block, 2), and `around` (full + 4,) for one row.

    The row inside `around` begins at a cache line, like the rows of a tile.
    """
    real = table.one.diagonal.dtype
    most = max(group.diagonal.size for group in (table.one, table.other))
    line = CACHE_LINE // real.itemsize
    return np.zeros((most, 2), real), zeros(full + line + 2, real.type)[line - 2 :]


def take_steps(
    psi: np.ndarray,
    previous: np.ndarray,
    totals: np.ndarray,
    sites: int,
    window: tuple[int, int],
    table: Table,
    factors: np.ndarray,
    mixes: np.ndarray,
    threads: int = 1,
    shares: int = 0,
) -> None:
    """`recursion` in one call, or sweep by sweep in `shares` chunks of the blocks, so that Ctrl-C acts in between."""
    if not shares:
        recursion(psi, previous, totals, sites, window, table, factors, mixes, *work_space(table, psi.shape[2]))
        return
    groups = (table.other, table.one)
    ranges = [share_blocks(group.first, shares) for group in groups]
    work = [work_space(table, psi.shape[2]) for _ in range(shares)]
    begun = psi, previous, window, table.one, factors[0]
    thread_pool.deal(begin, threads, [(*blocks, *begun) for blocks in ranges[1]])
    for n in range(len(factors)):
        following, go_on = factors[min(n + 1, len(factors) - 1)], n + 1 < len(factors)
        step = (psi, previous, totals, sites, window, groups[n % 2], table.chain)
        numbers = (factors[n], following, go_on, mixes[n])
        jobs = zip(ranges[n % 2], work, strict=False)
        thread_pool.deal(sweep, threads, [(*blocks, *step, *numbers, *space) for blocks, space in jobs])
        psi, previous = previous, psi


def share_blocks(first: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The blocks that begin at `first`, in at most `count` ranges (begin, end) of about equally many rows."""
    cuts = np.unique(np.searchsorted(first, np.linspace(0, first[-1], count + 1)))
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def apply(psi: np.ndarray, out: np.ndarray, sites: int, table: Table) -> None:
    """out ← Hψ on the calling thread; `out` must be finite."""
    totals, mixes = no_totals(1, psi.dtype)
    window = 0, psi.shape[0] * psi.shape[2] // 2
    take_steps(psi, out, totals, sites, window, table, np.array([[1, 0, 0]], psi.dtype), mixes)


def no_totals(steps: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """`totals` and `mixes` for steps without outputs."""
    return np.zeros((0, 1, 1, 1), dtype), np.zeros((steps, 0, 6), dtype)
