"""The exchange inside a layer in one row of Hψ, in the same pass over the row as the other terms.

A row has as many exchange partners as its layer has antiparallel neighbours: none to nine in a layer of ten spins. One
loop adds up to four partners, since each further pass reads and writes the row once more. The first loop takes the
remainder, the others take four each. The caller's compiled function `term` gives the other terms, from the row `own`
itself.
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
def _add_four(out, a, b, c, d, flip):
    for j in range(out.size):
        out[j] += flip * _four(a, b, c, d, j)


@compiled(inline="always", **FAST)
def exchange(term, out, own, psi, part, rows, first, last, reached, flip, diagonal, weight):
    """out ← term + flip · Σ of the exchange partners ``psi[rows[reached[first:last]], part]``."""
    count = last - first
    if count == 0:
        _alone(term, out, own, diagonal, weight)
        return
    n = first + (count - 1) % 4
    a = psi[rows[reached[n]], part]
    if n == first:
        _with_one(term, out, own, a, flip, diagonal, weight)
    else:
        b = psi[rows[reached[n - 1]], part]
        if n == first + 1:
            _with_two(term, out, own, a, b, flip, diagonal, weight)
        else:
            c = psi[rows[reached[n - 2]], part]
            if n == first + 2:
                _with_three(term, out, own, a, b, c, flip, diagonal, weight)
            else:
                d = psi[rows[reached[n - 3]], part]
                _with_four(term, out, own, a, b, c, d, flip, diagonal, weight)
    for k in range(n + 1, last, 4):
        a, b = psi[rows[reached[k]], part], psi[rows[reached[k + 1]], part]
        c, d = psi[rows[reached[k + 2]], part], psi[rows[reached[k + 3]], part]
        _add_four(out, a, b, c, d, flip)
