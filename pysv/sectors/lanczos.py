"""Bounds of the spectrum of H, found by Lanczos iteration and never taken from hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh_tridiagonal

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.layout import Layout

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
    buffers: list[np.ndarray] | None = None,
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
    buffers : list of two complex ndarray (tiles, rows, width), optional
        Memory to work in, overwritten.

    Returns
    -------
    SpectralBounds
    """
    from pysv.compute import compiler, thread_pool
    from pysv.sectors.backend import Steps
    from pysv.sectors.host import HostSpace
    from pysv.sectors.numba import recursion, sums

    norm = hamiltonian.norm_bound()
    # H is real: real and imaginary part of the state are two independent copies of the problem, iterated as one.
    now, before = (np.zeros(hamiltonian.shape, complex) for _ in range(2)) if buffers is None else buffers
    now, before = compiler.as_reals(now), compiler.as_reals(before)
    before[...] = 0
    _fill_random(now, hamiltonian.layout)
    take = HostSpace(hamiltonian, now.dtype.type).recursion
    totals, mixes = recursion.no_totals(1, now.dtype)
    threads = thread_pool.threads_for(now.size // 2) if hamiltonian.large else 1

    def step(beta: float) -> tuple[float, float]:
        nonlocal now, before
        take(Steps(now, before, totals, hamiltonian.everywhere, np.array([[1, 0, beta]], now.dtype), mixes))
        alpha = sums.product(now, before, threads)
        sums.combine(before, now, alpha, 1.0, threads)
        left = sums.product(before, before, threads) ** 0.5
        if left > 0:
            sums.combine(before, now, 0.0, 1 / left, threads)
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


def _fill_random(reals: np.ndarray, layout: Layout) -> None:
    """A normalised random vector, tile by tile; zero on the places beyond the chain."""
    rng = np.random.default_rng(SEED)
    square = 0.0
    for tile, (_, columns) in enumerate(layout.slices()):
        part = rng.random((reals.shape[1], 2 * columns.stop))
        part -= 0.5
        reals[tile] = 0
        reals[tile, :, : 2 * columns.stop] = part
        square += float(np.vdot(part, part))
    reals *= 1 / np.sqrt(square)
