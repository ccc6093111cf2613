"""What is one number or many: the chain's hopping and on-site energies, weights of exchange, the sd exchange.

The arguments are those of `pysv.sectors.table`. numba chooses the code by their types, so that one number for all costs
no loads.
"""

from __future__ import annotations

from numba import types
from numba.extending import overload


def part_of_chain(chain, t, part, scale):
    """The chain in the window's part of tile t, times `scale`: an argument of `on_chain`."""
    raise NotImplementedError("compiled code only")


def on_chain(own, around, j):
    """Element j of (hopping + on-site energy) · row; `around` is the row with one more site on either side."""
    raise NotImplementedError("compiled code only")


def total_hopping(chain, t, psi, right, has_right):
    """⟨ψ|hopping + on-site energy|ψ⟩ of one row on tile t; `right` is the row on the next tile."""
    raise NotImplementedError("compiled code only")


def weights_of(w, n, s, p):
    """Weights number n, n + 1, … of w, one for each of one to five rows p, or the weight that all share, times s."""
    raise NotImplementedError("compiled code only")


def one_of(weight, n):
    """Weight number n, or the one that all share."""
    raise NotImplementedError("compiled code only")


def weighted(w, p, j):
    """Σ_k w_k p_k[j] over one to five rows p; w is from `weights_of`."""
    raise NotImplementedError("compiled code only")


def sd_elements(diagonal, trade, spin, member, scale):
    """Diagonal matrix element of the sd exchange with a spin, and the one to its partner, times `scale`."""
    raise NotImplementedError("compiled code only")


_WEIGHTS = (
    lambda w, n, s, p: (s * w[n],),
    lambda w, n, s, p: (s * w[n], s * w[n + 1]),
    lambda w, n, s, p: (s * w[n], s * w[n + 1], s * w[n + 2]),
    lambda w, n, s, p: (s * w[n], s * w[n + 1], s * w[n + 2], s * w[n + 3]),
    lambda w, n, s, p: (s * w[n], s * w[n + 1], s * w[n + 2], s * w[n + 3], s * w[n + 4]),
)
"""Of one to five rows with weights of their own, and below their sums. Shared weights need one product."""
_SHARED = (
    lambda w, p, j: w * p[0][j],
    lambda w, p, j: w * (p[0][j] + p[1][j]),
    lambda w, p, j: w * ((p[0][j] + p[1][j]) + p[2][j]),
    lambda w, p, j: w * ((p[0][j] + p[1][j]) + (p[2][j] + p[3][j])),
    lambda w, p, j: w * (((p[0][j] + p[1][j]) + (p[2][j] + p[3][j])) + p[4][j]),
)
_OWN = (
    lambda w, p, j: w[0] * p[0][j],
    lambda w, p, j: w[0] * p[0][j] + w[1] * p[1][j],
    lambda w, p, j: (w[0] * p[0][j] + w[1] * p[1][j]) + w[2] * p[2][j],
    lambda w, p, j: (w[0] * p[0][j] + w[1] * p[1][j]) + (w[2] * p[2][j] + w[3] * p[3][j]),
    lambda w, p, j: (w[0] * p[0][j] + w[1] * p[1][j]) + (w[2] * p[2][j] + w[3] * p[3][j]) + w[4] * p[4][j],
)


@overload(weights_of, inline="always")
def _weights_of(w, n, s, p):
    if isinstance(w, types.Float):
        return lambda w, n, s, p: s * w
    return _WEIGHTS[len(p) - 1]


@overload(weighted, inline="always")
def _weighted(w, p, j):
    return (_SHARED if isinstance(w, types.Float) else _OWN)[len(p) - 1]


@overload(one_of, inline="always")
def _one_of(weight, n):
    if isinstance(weight, types.Float):
        return lambda weight, n: weight
    return lambda weight, n: weight[n]


@overload(sd_elements, inline="always")
def _sd_elements(diagonal, trade, spin, member, scale):
    if isinstance(diagonal, types.Float):
        return lambda diagonal, trade, spin, member, scale: (scale * diagonal, scale * trade)
    return lambda diagonal, trade, spin, member, scale: (scale * diagonal[spin, member], scale * trade[spin, member])


@overload(part_of_chain, inline="always")
def _part_of_chain(chain, t, part, scale):
    if isinstance(chain, types.Float):
        return lambda chain, t, part, scale: -scale * chain
    return lambda chain, t, part, scale: (scale, chain[0, t, part], chain[1, t, part], chain[2, t, part])


@overload(on_chain, inline="always")
def _on_chain(own, around, j):
    if isinstance(own, types.Float):
        return lambda own, around, j: own * (around[j] + around[j + 4])

    def varied(own, around, j):
        return own[0] * (own[1][j] * around[j] + own[2][j] * around[j + 4] + own[3][j] * around[j + 2])

    return varied


@overload(total_hopping, inline="always")
def _total_hopping(chain, t, psi, right, has_right):
    if isinstance(chain, types.Float):

        def plain(chain, t, psi, right, has_right):
            found = 0.0
            for j in range(psi.size - 2):
                found += psi[j] * psi[j + 2]
            if has_right:
                for j in range(2):
                    found += psi[psi.size - 2 + j] * right[j]
            return -2 * chain * found

        return plain

    def varied(chain, t, psi, right, has_right):
        found, onsite = 0.0, 0.0
        for j in range(psi.size - 2):
            found += chain[1, t, j] * psi[j] * psi[j + 2]
            onsite += chain[2, t, j] * psi[j] * psi[j]
        for j in range(psi.size - 2, psi.size):
            onsite += chain[2, t, j] * psi[j] * psi[j]
            if has_right:
                found += chain[1, t, j] * psi[j] * right[j - psi.size + 2]
        return 2 * found + onsite

    return varied
