"""Sums of rows: what one exchange of antiparallel spins in a layer adds to Hψ.

A pass reads and writes its row once more, so that one pass adds several rows: up to eight whole pieces for FM_p, which
come from afar, and up to four rows for FM_a. Arguments are those of `pysv.kernels`.
"""

from __future__ import annotations

from pysv.jit import FAST, compiled


@compiled(inline="always", **FAST)
def _add_one(o, a, flip):
    for j in range(o.size):
        o[j] += flip * a[j]


@compiled(inline="always", **FAST)
def _add_two(o, a, b, flip):
    for j in range(o.size):
        o[j] += flip * (a[j] + b[j])


@compiled(inline="always", **FAST)
def _add_three(o, a, b, c, flip):
    for j in range(o.size):
        o[j] += flip * (a[j] + (b[j] + c[j]))


@compiled(inline="always", **FAST)
def _add_four(o, a, b, c, d, flip):
    for j in range(o.size):
        o[j] += flip * ((a[j] + b[j]) + (c[j] + d[j]))


@compiled(inline="always", **FAST)
def _add_five(o, a, b, c, d, e, flip):
    for j in range(o.size):
        o[j] += flip * ((a[j] + b[j]) + (c[j] + (d[j] + e[j])))


@compiled(inline="always", **FAST)
def _add_six(o, a, b, c, d, e, f, flip):
    for j in range(o.size):
        o[j] += flip * ((a[j] + (b[j] + c[j])) + (d[j] + (e[j] + f[j])))


@compiled(inline="always", **FAST)
def _add_seven(o, a, b, c, d, e, f, g, flip):
    for j in range(o.size):
        o[j] += flip * ((a[j] + (b[j] + c[j])) + ((d[j] + e[j]) + (f[j] + g[j])))


@compiled(inline="always", **FAST)
def _add_eight(o, a, b, c, d, e, f, g, h, flip):
    for j in range(o.size):
        o[j] += flip * (((a[j] + b[j]) + (c[j] + d[j])) + ((e[j] + f[j]) + (g[j] + h[j])))


@compiled(inline="always", **FAST)
def _reached(here, n, k0, size, table):
    """The rows, end to end, to which entry n of the exchanges inside FM_p takes a piece of `size` reals."""
    begin = (table.first[table.outer_exchange[n]] + k0) * here.shape[1]
    return here.reshape(-1)[begin : begin + size]


@compiled(inline="always", **FAST)
def add_outer(piece, here, s, k0, table, flip):
    """An exchange inside FM_p takes all rows of `piece`, those of strip s from k0 on, to rows of another strip."""
    o, size = piece.reshape(-1), piece.size
    n, last = table.outer_first[s], table.outer_first[s + 1]
    while n < last:
        count = min(last - n, 8)
        a = _reached(here, n, k0, size, table)
        if count == 1:
            _add_one(o, a, flip)
        elif count == 2:
            _add_two(o, a, _reached(here, n + 1, k0, size, table), flip)
        else:
            b, c = _reached(here, n + 1, k0, size, table), _reached(here, n + 2, k0, size, table)
            if count == 3:
                _add_three(o, a, b, c, flip)
            elif count == 4:
                _add_four(o, a, b, c, _reached(here, n + 3, k0, size, table), flip)
            else:
                d, e = _reached(here, n + 3, k0, size, table), _reached(here, n + 4, k0, size, table)
                if count == 5:
                    _add_five(o, a, b, c, d, e, flip)
                elif count == 6:
                    _add_six(o, a, b, c, d, e, _reached(here, n + 5, k0, size, table), flip)
                else:
                    f, g = _reached(here, n + 5, k0, size, table), _reached(here, n + 6, k0, size, table)
                    if count == 7:
                        _add_seven(o, a, b, c, d, e, f, g, flip)
                    else:
                        _add_eight(o, a, b, c, d, e, f, g, _reached(here, n + 7, k0, size, table), flip)
        n += count


@compiled(inline="always", **FAST)
def add_inner(ours, strip, n, last, table, flip):
    """Exchanges inside FM_a, entries n … last − 1, take the row `ours` to others of its strip."""
    exchange = table.inner_exchange
    while n + 3 < last:
        one, two = strip[exchange[n]], strip[exchange[n + 1]]
        _add_four(ours, one, two, strip[exchange[n + 2]], strip[exchange[n + 3]], flip)
        n += 4
    if n + 1 < last:
        _add_two(ours, strip[exchange[n]], strip[exchange[n + 1]], flip)
        n += 2
    if n < last:
        _add_one(ours, strip[exchange[n]], flip)
