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


def one_of(weight, n):
    """Weight number n, or the one that all share."""
    raise NotImplementedError("compiled code only")


def sd_elements(diagonal, trade, spin, member, scale):
    """Diagonal matrix element of the sd exchange with a spin, and the one to its partner, times `scale`."""
    raise NotImplementedError("compiled code only")


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
