"""The inner loop of the Chebyshev expansion on one Hamiltonian, in either backend, on the same memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from pysv.hamiltonian import Hamiltonian


class Recursion(Protocol):
    """Steps of a polynomial recursion in H; see `pysv.kernels.recursion`."""

    def __call__(
        self,
        psi: np.ndarray,
        previous: np.ndarray,
        totals: np.ndarray,
        window: tuple[int, int],
        factors: np.ndarray,
        mixes: np.ndarray,
    ) -> None:
        """Take one step for each row of `factors`, in place; `psi` and `previous` swap roles after each.

        Parameters
        ----------
        psi, previous : real ndarray (tiles, rows, 2·width)
        totals : real ndarray (outputs, tiles, rows, 2·width)
        window : tuple of int
            Range (begin, end) of active tiles.
        factors : real ndarray (steps, 3)
        mixes : real ndarray (steps, outputs, 6)
        """


def recursion(backend: str, hamiltonian: Hamiltonian, real: type) -> Recursion:
    """The recursion of a backend on states of the real type `real`.

    Raises
    ------
    JuliaUnavailableError
        If Julia is asked for and cannot be had.
    """
    return (JuliaRecursion if backend == "julia" else PythonRecursion)(hamiltonian, real)


class PythonRecursion:
    """The kernels compiled by numba."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        self._hamiltonian = hamiltonian
        self._table = hamiltonian.table(real)

    def __call__(
        self,
        psi: np.ndarray,
        previous: np.ndarray,
        totals: np.ndarray,
        window: tuple[int, int],
        factors: np.ndarray,
        mixes: np.ndarray,
    ) -> None:
        """One call for a small state; step by step for a large one, so that Ctrl-C is heard."""
        from pysv import kernels, team

        arguments = self._hamiltonian.sites, window, self._table
        if self._hamiltonian.layout.tiles == 1:
            kernels.recursion(0, 1, psi, previous, totals, *arguments, factors, mixes)
            return
        threads = team.threads_for(psi.size // 2)
        for n in range(len(factors)):
            step = factors[n : n + 1], mixes[n : n + 1]
            team.share(kernels.recursion, threads, psi, previous, totals, *arguments, *step)
            psi, previous = previous, psi


CALL = 100_000_000
"""Amplitudes times steps of one call of Julia: a fraction of a second."""


class JuliaRecursion:
    """The kernels of the Julia package, on the memory of the NumPy arrays."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        from pysv import julia

        self._states = hamiltonian
        self._julia = julia.JuliaHamiltonian(hamiltonian, real)
        self._shape = (*hamiltonian.shape[:2], 2 * hamiltonian.shape[2])
        self._real = real

    def __call__(
        self,
        psi: np.ndarray,
        previous: np.ndarray,
        totals: np.ndarray,
        window: tuple[int, int],
        factors: np.ndarray,
        mixes: np.ndarray,
    ) -> None:
        """As many steps at once as take a fraction of a second, so that Ctrl-C is heard."""
        from pysv import julia

        outputs, real = totals.shape[0], self._real
        together = max(1, CALL // (psi.size // 2))
        threads = julia.threads_for(self._states)
        total = julia.address(totals, (outputs, *self._shape), real)
        for begin in range(0, len(factors), together):
            factor, mix = factors[begin : begin + together], mixes[begin : begin + together]
            steps = len(factor)
            julia.call(
                "recursion!", self._julia.handle, julia.address(psi, self._shape, real),
                julia.address(previous, self._shape, real), total, outputs, *window,
                julia.address(factor, (steps, 3), real), julia.address(mix, (steps, outputs, 6), real), steps, threads,
            )  # fmt: skip
            if steps % 2:
                psi, previous = previous, psi
