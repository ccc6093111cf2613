"""Bounds of the spectrum of H, found by Lanczos iteration and never taken from hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eigh_tridiagonal

if TYPE_CHECKING:
    from pysv.sectors.backend import StateSpace
    from pysv.sectors.hamiltonian import Hamiltonian

SEED = 20240209
"""Of the vector that the iteration starts from: one that is fixed, so that a run can be repeated."""


@dataclass(frozen=True)
class SpectralBounds:
    """Interval that contains the spectrum of H.

    Parameters
    ----------
    low, high : float
        Ends of the interval, eV.
    steps : int
        Lanczos steps, i.e. applications of H, that were spent.
    """

    low: float
    high: float
    steps: int

    @property
    def centre(self) -> float:
        """Middle of the interval, eV."""
        return (self.low + self.high) / 2

    @property
    def radius(self) -> float:
        """Half of the interval's width, eV."""
        return (self.high - self.low) / 2


def spectral_bounds(
    hamiltonian: Hamiltonian,
    *,
    margin: float = 0.01,
    max_steps: int = 120,
    check_every: int = 8,
    space: StateSpace | None = None,
    buffers: Sequence[Any] | None = None,
) -> SpectralBounds:
    """Interval that holds the spectrum of H: extreme Ritz values, their residuals, and a margin.

    Lanczos iteration from a fixed random vector stops when the residuals of both extreme Ritz values fall below
    `margin` times the Ritz interval; each end is moved outward by its residual and by `margin` times the width, but
    never beyond the rigorous bound of the norm. (Y. Zhou and R.-C. Li, Linear Algebra Appl. 435, 480 (2011).)

    Parameters
    ----------
    hamiltonian : Hamiltonian
    margin : float
        Relative safety margin.
    max_steps, check_every : int
        Largest number of Lanczos steps, and how often convergence is looked at.
    space : StateSpace, optional
        Where to iterate; by default NumPy's memory, in double precision.
    buffers : two states of that space, optional
        Memory to work in, overwritten; to be given with `space`.

    Returns
    -------
    SpectralBounds
    """
    from pysv.sectors.backend import Steps
    from pysv.sectors.host import BACKEND

    norm = hamiltonian.norm_bound()
    # H is real: real and imaginary part of the state are two independent copies of the problem, iterated as one.
    space = BACKEND.space(hamiltonian, complex) if space is None else space
    now, before = BACKEND.allocate([hamiltonian.shape], complex, 2)[0] if buffers is None else buffers
    space.clear_outside(before, (0, 0))
    space.write_random(now, SEED)
    mixes: np.ndarray = np.zeros((1, 0, 6), space.real)

    def step(beta: float) -> tuple[float, float]:
        nonlocal now, before
        factors: np.ndarray = np.array([[1, 0, beta]], space.real)
        space.recursion(Steps(now, before, None, hamiltonian.everywhere, factors, mixes))
        alpha = space.product(now, before)
        space.combine(before, now, alpha, 1.0)
        left = space.product(before, before) ** 0.5
        if left > 0:
            space.combine(before, now, 0.0, 1 / left)
        now, before = before, now
        return alpha, left

    return ritz_interval(step, norm, margin, max_steps, check_every)


def ritz_interval(
    step: Callable[[float], tuple[float, float]], norm: float, margin: float, max_steps: int, check_every: int
) -> SpectralBounds:
    """The interval of `spectral_bounds` from Lanczos steps: `step` takes β and returns α and the next β."""
    alphas: list[float] = []
    betas: list[float] = [0.0]
    low, high = -norm, norm
    for number in range(1, max_steps + 1):
        alpha, beta = step(betas[-1])
        alphas.append(alpha)
        exhausted = beta <= 1e-12 * norm
        if exhausted or number % check_every == 0 or number == max_steps:
            ritz, vectors = eigh_tridiagonal(np.array(alphas), np.array(betas[1:]))
            residual = beta * np.abs(vectors[-1, [0, -1]])
            width = max(ritz[-1] - ritz[0], 1e-6 * norm)
            low = max(-norm, ritz[0] - residual[0] - margin * width)
            high = min(norm, ritz[-1] + residual[1] + margin * width)
            if exhausted or residual.max() < margin * width:
                break
        betas.append(beta)
    return SpectralBounds(float(low), float(high), len(alphas))
