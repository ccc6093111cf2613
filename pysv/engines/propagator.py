"""exp(−iHτ/ħ) of one Hamiltonian for many states and a few fixed intervals τ: Chebyshev expansion, one thread."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import SpectralBoundsError
from pysv.expansion import coefficients, recursion_factors, recursion_mix, substeps
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.hamiltonian import Hamiltonian

_GROWTH = 1e-6
"""Growth of the norm that shows an eigenvalue outside the spectral bounds."""


class Propagator:
    """Unitary evolution by one Hamiltonian, to a tolerance per fs (see `pysv.engines.chebyshev`).

    Parameters
    ----------
    hamiltonian : Hamiltonian
    tolerance : float
        Truncation error of a normalised state per fs.
    """

    def __init__(self, hamiltonian: Hamiltonian, tolerance: float) -> None:
        from pysv.spectrum import spectral_bounds

        self.hamiltonian = hamiltonian
        self.bounds = spectral_bounds(hamiltonian)
        self._tolerance = tolerance
        self._table = hamiltonian.table(np.float64)
        self._plan = lru_cache(maxsize=8)(self._planned)

    def _planned(self, interval: float) -> tuple[int, np.ndarray, np.ndarray]:
        parts, short = substeps(interval, self.bounds.radius)
        series, _ = coefficients(self.bounds.radius * short / HBAR, self._tolerance * short)
        steps = series.size - 1
        phase = np.exp(-1j * self.bounds.centre * short / HBAR)
        return parts, recursion_factors(self.bounds, steps), recursion_mix(series, phase, steps)[:, None]

    def advance(self, psi: np.ndarray, work: np.ndarray, total: np.ndarray, interval: float) -> tuple[int, np.ndarray]:
        """Evolve a state by `interval` fs.

        Parameters
        ----------
        psi, work, total : complex ndarray (tiles, rows, width)
            The state, and two arrays of work space with some finite content; all are overwritten.
        interval : float
            fs.

        Returns
        -------
        int
            Applications of H.
        complex ndarray (tiles, rows, width)
            The evolved state: `psi` or `total`.

        Raises
        ------
        SpectralBoundsError
            If the norm grows, which it does when an eigenvalue lies outside the spectral bounds.
        """
        from pysv import jit, kernels

        if interval == 0:
            return 0, psi
        parts, factors, mixes = self._plan(interval)
        before = np.linalg.norm(psi)
        for _ in range(parts):
            kernels.take_steps(
                jit.as_reals(psi), jit.as_reals(work), jit.as_reals(total[None]), self.hamiltonian.sites,
                self.hamiltonian.everywhere, self._table, factors, mixes,
            )  # fmt: skip
            psi, total = total, psi
        if not np.linalg.norm(psi) <= (1 + _GROWTH + parts * self._tolerance) * before:
            raise SpectralBoundsError(
                f"the spectrum of H reaches outside [{self.bounds.low:.4f}, {self.bounds.high:.4f}] eV; report this"
            )
        return parts * len(factors), psi
