"""ρ in the basis of the initial spins and their opposites."""

from __future__ import annotations

from functools import reduce

import numpy as np

from pysv.experiment.checks import Angles
from pysv.experiment.spins import bloch
from pysv.model.density import Block, SpinDensity


def in_initial_frame(rho: SpinDensity, directions: tuple[Angles, ...]) -> SpinDensity:
    """ρ in the basis of initial and flipped spins; the configuration of the initial state is 0 there.

    A spin's basis is its initial spinor |n⟩ and the orthogonal |−n⟩, with the phase that makes the larger component of
    |−n⟩ real and positive.

    Parameters
    ----------
    rho : SpinDensity
    directions : tuple of (float, float)
        Initial [θ, φ] of every spin.

    Returns
    -------
    SpinDensity
    """
    columns = []
    for direction in directions:
        up, down = bloch(direction)
        flipped = np.array([-np.conj(down), np.conj(up)])
        larger = 1 if abs(up) >= abs(down) - 1e-12 else 0  # at equal moduli rounding must not choose
        flipped *= np.exp(-1j * np.angle(flipped[larger]))
        columns.append(np.array([[up, down], flipped]).T)
    rotation = reduce(np.kron, columns)
    turned = rotation.conj().T @ rho.dense() @ rotation
    block = Block(np.arange(1 << rho.n_spins), (turned + turned.conj().T) / 2)
    return SpinDensity(rho.n_polarizer, rho.n_analyzer, (block,))
