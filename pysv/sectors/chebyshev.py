"""Chebyshev expansion of exp(−iHτ/ħ): its coefficients, the factors of its recursion, and the electron's light cone.

exp(−iHτ/ħ) = e^{−ibτ/ħ} Σ_n (2 − δ_n0) (−i)ⁿ J_n(Rτ/ħ) T_n((H − b)/R), with b and R the middle and the half-width of
the spectrum (H. Tal-Ezer and R. Kosloff, J. Chem. Phys. 81, 3967 (1984)).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import compiler
from pysv.errors import SpectralBoundsError
from pysv.sectors.lanczos import SpectralBounds, spectral_bounds
from pysv.sectors.numba import recursion
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian

LARGEST_Z = 900.0
"""Largest R τ/ħ of one expansion. A longer one gains nothing, and its Bessel functions cost more."""
GROWTH = 1e-8
"""Growth of ‖T_n ψ‖/‖ψ‖ that proves an eigenvalue outside the bounds (inside, |T_n| ≤ 1)."""
_LOOSE_GROWTH = 1e-6
"""Growth of ‖ψ‖ in a `Propagator` that proves an eigenvalue outside the bounds."""


def substeps(interval: float, radius: float) -> tuple[int, float]:
    """Number and length (fs) of the equal expansions that fill an interval, each of about 1000 terms at most."""
    parts = max(1, math.ceil(radius * interval / HBAR / LARGEST_Z))
    return parts, interval / parts


@lru_cache(maxsize=64)
def coefficients(z: float, tolerance: float) -> tuple[np.ndarray, float]:
    """Coefficients (2 − δ_n0)(−i)ⁿ J_n(z) of exp(−izx) = Σ c_n T_n(x), |x| ≤ 1, as few as the tolerance allows.

    Parameters
    ----------
    z : float
        R τ/ħ ≥ 0.
    tolerance : float
        Largest allowed Σ_{n>K} 2|J_n(z)|, a bound on the truncation error for any state.

    Returns
    -------
    complex ndarray (K + 1,)
        K is odd: terms are added in pairs, and T_K is in the memory of T_1.
    float
        The bound reached.
    """
    from scipy.special import jv

    # J_n(z) falls faster than exponentially beyond n = z; this many terms reach far below any tolerance.
    count = int(z + 20 * max(z, 1.0) ** (1 / 3) + 60)
    bessel = jv(np.arange(count), z)
    tail = 2 * np.cumsum(np.abs(bessel[::-1]))[::-1]
    last = int(np.argmax(tail < tolerance)) - 1 if (tail < tolerance).any() else count - 2
    last = max(last, 1)
    last += 1 - last % 2
    order = np.arange(last + 1)
    phase = np.array([1, -1j, -1, 1j])[order % 4]
    found = np.where(order == 0, 1, 2) * phase * bessel[: last + 1]
    found.setflags(write=False)
    return found, float(tail[last + 1])


def recursion_factors(bounds: SpectralBounds, steps: int) -> np.ndarray:
    """`Steps.factors` of a recursion for T_1 … T_steps of (H − b)/R, float64 (steps, 3)."""
    factors = np.tile([2 / bounds.radius, bounds.centre, 1.0], (steps, 1))
    factors[0, 0], factors[0, 2] = 1 / bounds.radius, 0  # T_1 = x T_0
    return factors


def recursion_mix(coefficient: np.ndarray, phase: complex, steps: int) -> np.ndarray:
    """`Steps.mixes` of one output that adds up phase · Σ_n c_n T_n ψ, two terms at every second step.

    Parameters
    ----------
    coefficient : complex ndarray (K + 1,)
        c_n, K odd.
    phase : complex
    steps : int
        Number of steps of the recursion, at least K; nothing is added after step K.

    Returns
    -------
    float64 ndarray (steps, 6)
    """
    c = coefficient * phase
    mix = np.zeros((steps, 6))
    # Step n (from 0) makes T_{n+1} from T_n.
    adding = slice(0, c.size - 1, 2)
    mix[adding, 0], mix[adding, 1] = c[1::2].real, c[1::2].imag
    mix[adding, 2], mix[adding, 3] = c[::2].real, c[::2].imag
    mix[adding, 4:] = 1
    mix[0, 4] = 0  # the first addition overwrites the array
    return mix


def light_cone(z: float, tolerance: float) -> int:
    """Number of sites d that the electron cannot pass: Σ_{n≥d} zⁿ/n! · (1 + z) ≤ tolerance, with z = 2γτ/ħ.

    In the interaction picture of all on-site terms, passing d sites takes at least d hops. The norm of the hopping is
    below 2γ, hence the n-th order of its Dyson series has a norm below zⁿ/n!. The factor 1 + z covers the hard wall at
    the end of the window.
    """
    term, order = 1.0, 0
    while order < z or term * (1 + z) * (1 + z / (order + 1 - z)) > tolerance:
        order += 1
        term *= z / order
    return order


class Propagator:
    """Unitary evolution under one Hamiltonian, to a tolerance per fs (see `coefficients`).

    Parameters
    ----------
    hamiltonian : Hamiltonian
    tolerance : float
        Truncation error of a normalised state per fs.
    bounds : SpectralBounds, optional
        By default those that Lanczos iteration finds.
    """

    def __init__(self, hamiltonian: Hamiltonian, tolerance: float, bounds: SpectralBounds | None = None) -> None:
        self.hamiltonian = hamiltonian
        self.bounds = bounds or spectral_bounds(hamiltonian)
        self._tolerance = tolerance
        self._table = hamiltonian.table(np.float64)
        self._plan = lru_cache(maxsize=8)(self._planned)

    def _planned(self, interval: float) -> tuple[int, np.ndarray, np.ndarray]:
        parts, short = substeps(interval, self.bounds.radius)
        series, _ = coefficients(self.bounds.radius * short / HBAR, self._tolerance * short)
        steps = series.size - 1
        phase = np.exp(-1j * self.bounds.centre * short / HBAR)
        return parts, recursion_factors(self.bounds, steps), recursion_mix(series, phase, steps)[:, None]

    def advance(
        self,
        psi: np.ndarray,
        work: np.ndarray,
        total: np.ndarray,
        interval: float,
        window: tuple[int, int] | None = None,
    ) -> tuple[int, np.ndarray]:
        """Evolve a state by `interval` fs.

        Parameters
        ----------
        psi, work, total : complex ndarray (tiles, rows, width)
            The state, and two arrays of work space with any finite content; all are overwritten.
        interval : float
            fs.
        window : (int, int), optional
            Range (begin, end) of the sites, counted through the tiles, that the electron can reach; all by default. The
            three arrays must vanish outside.

        Returns
        -------
        int
            Applications of H.
        complex ndarray (tiles, rows, width)
            The evolved state: `psi` or `total`.

        Raises
        ------
        SpectralBoundsError
            If the norm grows, which proves an eigenvalue outside the spectral bounds.
        """
        if interval == 0:
            return 0, psi
        parts, factors, mixes = self._plan(interval)
        before = np.linalg.norm(psi)
        for _ in range(parts):
            recursion.take_steps(
                compiler.as_reals(psi), compiler.as_reals(work), compiler.as_reals(total[None]), self.hamiltonian.sites,
                window or self.hamiltonian.everywhere, self._table, factors, mixes,
            )  # fmt: skip
            psi, total = total, psi
        if not np.linalg.norm(psi) <= (1 + _LOOSE_GROWTH + parts * self._tolerance) * before:
            raise SpectralBoundsError(
                f"the spectrum of H reaches outside [{self.bounds.low:.4f}, {self.bounds.high:.4f}] eV; this is a "
                "fault of pysv, please report it"
            )
        return parts * len(factors), psi
