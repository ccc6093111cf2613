"""The exchange inside a layer in one row of Hψ, in the same pass over the row as the other terms.

A row has as many exchange partners as its layer has antiparallel neighbours: none to nine in a layer of ten spins. One
loop adds up to eight partners, since each further pass reads and writes the row once more. The caller's compiled
function `term` gives the other terms, from the row `own` itself.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled


@compiled(inline="always", **FAST)
def _four(a, b, c, d, j):
    return (a[j] + b[j]) + (c[j] + d[j])


@compiled(inline="always", **FAST)
def _alone(term, out, own, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight)


@compiled(inline="always", **FAST)
def _with_one(term, out, own, a, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * a[j]


@compiled(inline="always", **FAST)
def _with_two(term, out, own, a, b, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * (a[j] + b[j])


@compiled(inline="always", **FAST)
def _with_three(term, out, own, a, b, c, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * ((a[j] + b[j]) + c[j])


@compiled(inline="always", **FAST)
def _with_four(term, out, own, a, b, c, d, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * _four(a, b, c, d, j)


@compiled(inline="always", **FAST)
def _with_five(term, out, own, a, b, c, d, e, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * (_four(a, b, c, d, j) + e[j])


@compiled(inline="always", **FAST)
def _with_six(term, out, own, a, b, c, d, e, f, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * (_four(a, b, c, d, j) + (e[j] + f[j]))


@compiled(inline="always", **FAST)
def _with_seven(term, out, own, a, b, c, d, e, f, g, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * (_four(a, b, c, d, j) + (e[j] + (f[j] + g[j])))


@compiled(inline="always", **FAST)
def _with_eight(term, out, own, a, b, c, d, e, f, g, h, flip, diagonal, weight):
    for j in range(out.size):
        out[j] = term(out, own, j, diagonal, weight) + flip * (_four(a, b, c, d, j) + _four(e, f, g, h, j))


@compiled(inline="always", **FAST)
def _add(out, a, flip):
    for j in range(out.size):
        out[j] += flip * a[j]


@compiled(inline="always", **FAST)
def exchange(term, out, own, psi, part, rows, first, last, reached, flip, diagonal, weight):
    """out ← term + flip · Σ of the exchange partners ``psi[rows[reached[first:last]], part]``."""
    n, count = first, last - first
    if count == 0:
        _alone(term, out, own, diagonal, weight)
        return
    a = psi[rows[reached[n]], part]
    if count == 1:
        _with_one(term, out, own, a, flip, diagonal, weight)
        return
    b = psi[rows[reached[n + 1]], part]
    if count == 2:
        _with_two(term, out, own, a, b, flip, diagonal, weight)
        return
    c = psi[rows[reached[n + 2]], part]
    if count == 3:
        _with_three(term, out, own, a, b, c, flip, diagonal, weight)
        return
    d = psi[rows[reached[n + 3]], part]
    if count == 4:
        _with_four(term, out, own, a, b, c, d, flip, diagonal, weight)
        return
    e = psi[rows[reached[n + 4]], part]
    if count == 5:
        _with_five(term, out, own, a, b, c, d, e, flip, diagonal, weight)
        return
    f = psi[rows[reached[n + 5]], part]
    if count == 6:
        _with_six(term, out, own, a, b, c, d, e, f, flip, diagonal, weight)
        return
    g = psi[rows[reached[n + 6]], part]
    if count == 7:
        _with_seven(term, out, own, a, b, c, d, e, f, g, flip, diagonal, weight)
        return
    h = psi[rows[reached[n + 7]], part]
    _with_eight(term, out, own, a, b, c, d, e, f, g, h, flip, diagonal, weight)
    for k in range(n + 8, last):
        _add(out, psi[rows[reached[k]], part], flip)
