"""Compiled inner loops: arrays in, arrays out.

A state ψ[row, site] is passed as real numbers, shape (rows, 2·sites), real and imaginary parts interleaved (the memory
of a complex array): H of Eq. 7 is real, so no complex product is needed. H acts on a row by the hopping stencil along
the sites, by adding the rows that one exchange of neighbouring spins reaches, and by the sd exchange on the few sites
that carry a spin:

    (Hψ)[r, x] = diagonal[r] ψ[r, x] − γ (ψ[r, x−1] + ψ[r, x+1]) + flip · Σ_k ψ[neighbour_k(r), x]
                 − sd · Σ_i δ(x, x_i) × { ψ[r, x] parallel, 2 ψ[partner_i(r), x] − ψ[r, x] antiparallel }

`couplings` holds (γ, flip, sd) in the precision of the state.
"""

from __future__ import annotations

import numba
import numpy as np

_JIT = {"nogil": True, "cache": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
_JIT_SUM = _JIT | {"fastmath": {"contract", "nsz", "reassoc"}}
"""Scalar products may be summed in the order that vectorises."""


@numba.njit(inline="always", **_JIT)
def _row(r, psi, out, diagonal, first, neighbour, columns, partner, couplings, scale, shift, beta):
    """Row r of `out` becomes scale·(H − shift)ψ − beta·out."""
    width = psi.shape[1]
    p, o = psi[r], out[r]
    hop = scale * couplings[0]
    d = scale * (diagonal[r] - shift)
    for j in range(2):
        o[j] = d * p[j] - hop * p[j + 2] - beta * o[j]
    for j in range(width - 4):  # indices that only grow from the loop variable let the compiler vectorise
        o[j + 2] = d * p[j + 2] - hop * (p[j] + p[j + 4]) - beta * o[j + 2]
    for j in range(width - 2, width):
        o[j] = d * p[j] - hop * p[j - 2] - beta * o[j]

    flip = scale * couplings[1]
    k, end = first[r], first[r + 1]
    while k + 1 < end:
        a, b = psi[neighbour[k]], psi[neighbour[k + 1]]
        for j in range(width):
            o[j] += flip * (a[j] + b[j])
        k += 2
    if k < end:
        a = psi[neighbour[k]]
        for j in range(width):
            o[j] += flip * a[j]

    sd = scale * couplings[2]
    for i in range(columns.size):
        x = 2 * columns[i]
        other = partner[r, i]
        if other < 0:
            o[x] -= sd * p[x]
            o[x + 1] -= sd * p[x + 1]
        else:
            q = psi[other]
            o[x] += sd * (p[x] - 2 * q[x])
            o[x + 1] += sd * (p[x + 1] - 2 * q[x + 1])


@numba.njit(inline="always", **_JIT)
def _accumulate(r, new, old, total, factors):
    """Row r of `total` gains c·new + c'·old, (Re c, Im c, Re c', Im c') = factors[3:7]; nothing where all are 0."""
    a, b, c, d = factors[3], factors[4], factors[5], factors[6]
    if a == 0 and b == 0 and c == 0 and d == 0:
        return
    f, g, s = new[r], old[r], total[r]
    for j in range(f.size // 2):
        fr, fi = f[2 * j], f[2 * j + 1]
        gr, gi = g[2 * j], g[2 * j + 1]
        s[2 * j] += a * fr - b * fi + c * gr - d * gi
        s[2 * j + 1] += a * fi + b * fr + c * gi + d * gr


@numba.njit(**_JIT)
def apply(psi, out, diagonal, first, neighbour, columns, partner, couplings):
    """out ← Hψ, on the calling thread."""
    zero = couplings[0] * 0
    one = zero + 1
    for r in range(psi.shape[0]):
        for j in range(psi.shape[1]):
            out[r, j] = zero
        _row(r, psi, out, diagonal, first, neighbour, columns, partner, couplings, one, zero, zero)


@numba.njit(**_JIT)
def recursion(psi, previous, total, diagonal, first, neighbour, columns, partner, couplings, factors):
    """One step of a polynomial recursion: previous ← scale·(H − shift)ψ − beta·previous; total += c·previous + c'·ψ.

    `factors` holds (scale, shift, beta, Re c, Im c, Re c', Im c') in the precision of the state. Adding two terms at
    every second step, rather than one at each, spares half of the passes over `total`.
    """
    scale, shift, beta = factors[0], factors[1], factors[2]
    for r in range(psi.shape[0]):
        _row(r, psi, previous, diagonal, first, neighbour, columns, partner, couplings, scale, shift, beta)
        _accumulate(r, previous, psi, total, factors)


@numba.njit(parallel=True, **_JIT)
def recursion_threads(psi, previous, total, diagonal, first, neighbour, columns, partner, couplings, factors):
    """`recursion` on all of numba's threads."""
    scale, shift, beta = factors[0], factors[1], factors[2]
    for r in numba.prange(psi.shape[0]):
        _row(r, psi, previous, diagonal, first, neighbour, columns, partner, couplings, scale, shift, beta)
        _accumulate(r, previous, psi, total, factors)


@numba.njit(**_JIT)
def recursion_steps(psi, previous, total, diagonal, first, neighbour, columns, partner, couplings, factors):
    """Several steps in one call; row n of `factors` belongs to step n, `psi` and `previous` swap roles after each."""
    for n in range(factors.shape[0]):
        if n % 2 == 0:
            recursion(psi, previous, total, diagonal, first, neighbour, columns, partner, couplings, factors[n])
        else:
            recursion(previous, psi, total, diagonal, first, neighbour, columns, partner, couplings, factors[n])


@numba.njit(**_JIT_SUM)
def lanczos_step(now, previous, beta, diagonal, first, neighbour, columns, partner, couplings):
    """One Lanczos step: previous ← normalised (H − α)now − beta·previous; returns (α, next beta)."""
    zero = couplings[0] * 0
    one = zero + 1
    alpha = 0.0
    for r in range(now.shape[0]):
        _row(r, now, previous, diagonal, first, neighbour, columns, partner, couplings, one, zero, beta)
        part = 0.0
        for j in range(now.shape[1]):
            part += now[r, j] * previous[r, j]
        alpha += part
    square = 0.0
    for r in range(now.shape[0]):
        part = 0.0
        for j in range(now.shape[1]):
            previous[r, j] -= alpha * now[r, j]
            part += previous[r, j] ** 2
        square += part
    norm = np.sqrt(square)
    if norm > 0:
        for r in range(now.shape[0]):
            for j in range(now.shape[1]):
                previous[r, j] *= 1 / norm
    return alpha, norm


def as_reals(psi: np.ndarray) -> np.ndarray:
    """The memory of a complex array (rows, sites) as reals (rows, 2·sites); no copy."""
    return psi.view(psi.real.dtype)
