"""Chebyshev expansion of exp(−iHt/ħ): one electron, closed system, any product state of the spins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.checks import real_number
from pysv.engines.base import Engine, Method, PureStateEngine, Work
from pysv.errors import SpectralBoundsError
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.initial import PureRun
    from pysv.spectrum import SpectralBounds

_GROWTH = 1e-8
"""Growth of ‖T_n ψ‖ over ‖ψ‖ from which on the spectrum must lie outside the bounds (inside, |T_n| ≤ 1)."""


@dataclass(frozen=True, kw_only=True)
class Chebyshev(Method):
    """Chebyshev engine: exact to a stated tolerance, matrix-free, in S^z sectors.

    exp(−iHτ/ħ) = e^{−ibτ/ħ} Σ_n (2 − δ_n0) (−i)ⁿ J_n(Rτ/ħ) T_n((H − b)/R), with b and R the middle and the half-width
    of the spectrum (H. Tal-Ezer and R. Kosloff, J. Chem. Phys. 81, 3967 (1984)).

    Parameters
    ----------
    tolerance : float
        Truncation error of the state allowed per fs, 1e-15 … 1e-2. The bound reached is in the dataset.
    bound_margin : float
        Safety margin of the spectral bounds, relative to the width of the spectrum.
    """

    tolerance: float = 1e-13
    bound_margin: float = 0.01

    name: ClassVar[str] = "chebyshev"
    serves: ClassVar[str] = "one electron, closed system, any product state of the spins"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    drift_tolerance: ClassVar[float] = 1e-9
    deviation_kind: ClassVar[str] = "bound: Bessel tail of the truncated expansion plus rounding"
    vectors: ClassVar[int] = 4

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "tolerance", real_number("tolerance", self.tolerance, low=1e-15, high=1e-2, unit="per fs"))
        put(self, "bound_margin", real_number("bound_margin", self.bound_margin, low=0.0, high=1.0))

    def applications(self, time: float, steps: int, radius: float) -> int:
        """Terms of all expansions, and 40 for the spectral bounds."""
        interval = time / steps
        return 40 + steps * (coefficients(radius * interval / HBAR, self.tolerance * interval)[0].size - 1)

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0: find the spectral bounds and allocate."""
        return _ChebyshevEngine(runs, self)


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
        K is odd: the kernel adds terms in pairs.
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


def recursion_factors(coefficient: np.ndarray, bounds: SpectralBounds, phase: complex) -> np.ndarray:
    """Factors of `kernels.recursion_steps` for Σ_n c_n T_n((H − b)/R).

    Parameters
    ----------
    coefficient : complex ndarray (K + 1,)
        c_n, K odd.
    bounds : SpectralBounds
        b and R.
    phase : complex
        Common factor of all terms.

    Returns
    -------
    float64 ndarray (K, 7)
    """
    c = coefficient * phase
    factors = np.zeros((c.size - 1, 7))
    factors[:, 0] = 2 / bounds.radius
    factors[:, 1] = bounds.centre
    factors[:, 2] = 1
    factors[0, 0], factors[0, 2] = 1 / bounds.radius, 0  # T_1 = x T_0
    factors[::2, 3], factors[::2, 4] = c[1::2].real, c[1::2].imag
    factors[::2, 5], factors[::2, 6] = c[::2].real, c[::2].imag
    return factors


class _ChebyshevEngine(PureStateEngine):
    def __init__(self, runs: tuple[PureRun, ...], method: Chebyshev) -> None:
        from pysv.spectrum import spectral_bounds

        super().__init__(runs)
        self.method = method
        self.bounds: list[SpectralBounds] = []
        self._work = [(np.zeros_like(run.psi), np.empty_like(run.psi)) for run in runs]
        self._tables = [run.hamiltonian.tables() for run in runs]
        self.bounds = [spectral_bounds(run.hamiltonian, margin=method.bound_margin) for run in runs]
        self._applications = [bounds.steps for bounds in self.bounds]

    def advance_run(self, number: int, interval: float) -> None:
        from pysv import kernels

        bounds = self.bounds[number]
        z = bounds.radius * interval / HBAR
        coefficient, bound = coefficients(z, self.method.tolerance * interval)
        factors = recursion_factors(coefficient, bounds, np.exp(-1j * bounds.centre * interval / HBAR))
        psi, (work, total) = self.psi[number], self._work[number]
        before = np.linalg.norm(psi)
        total[...] = 0
        kernels.recursion_steps(*map(kernels.as_reals, (psi, work, total)), *self._tables[number], factors)
        # K is odd: `work` holds T_K ψ, whose norm can only grow through eigenvalues outside the bounds.
        if not np.linalg.norm(work) <= before * (1 + _GROWTH):
            raise SpectralBoundsError(
                f"the spectrum of H reaches outside [{bounds.low:.4f}, {bounds.high:.4f}] eV; raise bound_margin above "
                f"{self.method.bound_margin:g} in [evolution.chebyshev]"
            )
        self.psi[number], self._work[number] = total, (work, psi)
        self._applications[number] += factors.shape[0]
        self.deviations[number] += bound + np.finfo(float).eps * factors.shape[0] ** 0.5

    def work(self) -> Work:
        """Applications of H, error bound, and the spectral bounds used."""
        details: dict[str, float | int | str] = {}
        for run, bounds in zip(self.runs, self.bounds, strict=True):
            details[f"spectrum_low_{run.label}"] = bounds.low
            details[f"spectrum_high_{run.label}"] = bounds.high
        return Work(sum(self._applications), self.deviation(), details)
