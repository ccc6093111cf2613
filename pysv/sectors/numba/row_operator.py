"""Compiled loops for operators that act on the rows of a state but not on its sites.

States are passed as in `pysv.sectors.numba.recursion`: reals, shape (tiles, rows, 2·width), real and imaginary parts
interleaved.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled


@compiled(**FAST)
def apply_rows(psi, out, first, source, value):
    """out ← Aψ for a sparse complex matrix A over the rows: row r is Σ value · ψ[source].

    `first`, `source`, `value` are A in compressed-row form; `psi` and `out` may have different numbers of rows.
    """
    for t in range(psi.shape[0]):
        for r in range(first.size - 1):
            o = out[t, r]
            for j in range(o.size):
                o[j] = 0
            for k in range(first[r], first[r + 1]):
                p = psi[t, source[k]]
                a, b = value[k].real, value[k].imag
                if b == 0:
                    for j in range(o.size):
                        o[j] += a * p[j]
                else:
                    for j in range(o.size // 2):
                        o[2 * j] += a * p[2 * j] - b * p[2 * j + 1]
                        o[2 * j + 1] += a * p[2 * j + 1] + b * p[2 * j]
