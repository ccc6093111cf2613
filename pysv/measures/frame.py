"""ρ in the basis of the initial spins and their opposites."""

from __future__ import annotations

from functools import reduce
from math import comb

import numpy as np

from pysv.experiment.checks import Angles
from pysv.experiment.spins import bloch
from pysv.model.basis import Spins
from pysv.model.density import Block, SpinDensity


def in_initial_frame(rho: SpinDensity, directions: tuple[Angles, ...]) -> SpinDensity:
    """ρ in the basis of initial and lowered spins; the configuration of the initial state is 0 there.

    The basis of a spin 1/2 is its initial spinor |n⟩ and the orthogonal |−n⟩, with the phase that makes the larger
    component of |−n⟩ real and positive. A spin S is 2S of these in the symmetric subspace.

    Parameters
    ----------
    rho : SpinDensity
    directions : tuple of (float, float)
        Initial [θ, φ] of every spin.

    Returns
    -------
    SpinDensity
    """
    rotation = initial_basis(rho.spins, directions)
    turned = rotation.conj().T @ rho.dense() @ rotation
    return SpinDensity(rho.one, rho.other, (Block(np.arange(rho.spins.size), (turned + turned.conj().T) / 2),))


def initial_basis(spins: Spins, directions: tuple[Angles, ...]) -> np.ndarray:
    """Initial and lowered spins, see `in_initial_frame`, as columns, complex ndarray (n, n); the first is the start.

    Parameters
    ----------
    spins : Spins
    directions : tuple of (float, float)
        Initial [θ, φ] of every spin.
    """
    columns = []
    for direction, levels in zip(directions, spins.levels, strict=True):
        up, down = bloch(direction)
        flipped = np.array([-np.conj(down), np.conj(up)])
        larger = 1 if abs(up) >= abs(down) - 1e-12 else 0  # at equal moduli rounding must not choose
        flipped *= np.exp(-1j * np.angle(flipped[larger]))
        columns.append(symmetric_power(np.array([[up, down], flipped]).T, levels - 1))
    return reduce(np.kron, columns)


def symmetric_power(turn: np.ndarray, count: int) -> np.ndarray:
    """A rotation (2, 2) of a spin 1/2 on the spin S = count/2, complex ndarray (count + 1, count + 1).

    Column k is the symmetrised product of `count` − k of the first column and k of the second one. With t marking a
    factor |↓⟩ it is a polynomial in t.
    """
    found = np.empty((count + 1, count + 1), dtype=complex)
    for k in range(count + 1):
        factors = [turn[:, 0]] * (count - k) + [turn[:, 1]] * k
        polynomial = np.ones(1, dtype=complex)
        for factor in factors:
            polynomial = np.convolve(polynomial, factor)
        found[:, k] = [polynomial[a] * (comb(count, k) / comb(count, a)) ** 0.5 for a in range(count + 1)]
    return found
