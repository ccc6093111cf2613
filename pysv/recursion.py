"""The inner loop of the Chebyshev expansion on one Hamiltonian, in either backend, on the same memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from pysv.hamiltonian import Hamiltonian


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of a polynomial recursion in H, to be taken in place; see `pysv.kernels.recursion`.

    Parameters
    ----------
    psi, previous : real ndarray (tiles, rows, 2·width)
        Swap roles after each step.
    totals : real ndarray (outputs, tiles, rows, 2·width)
    window : tuple of int
        Range (begin, end) of active tiles.
    factors : real ndarray (steps, 3)
    mixes : real ndarray (steps, outputs, 8)
    """

    psi: np.ndarray
    previous: np.ndarray
    totals: np.ndarray
    window: tuple[int, int]
    factors: np.ndarray
    mixes: np.ndarray


class Recursion(Protocol):
    """Takes steps of the recursion in one Hamiltonian."""

    def __call__(self, steps: Steps) -> None:
        """Take the steps."""


def recursion(backend: str, hamiltonian: Hamiltonian, real: type) -> Recursion:
    """The recursion of a backend on states of the real type `real`.

    Raises
    ------
    JuliaUnavailableError
        If Julia is asked for and cannot be had.
    """
    return (JuliaRecursion if backend == "julia" else PythonRecursion)(hamiltonian, real)


_SHARES = 8
"""Shares of a tile for each thread: few enough that what neighbouring rows need is in the cache. All of a tile comes
before the next, for the same reason."""


class PythonRecursion:
    """The kernels compiled by numba."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        from pysv import team
        from pysv.layout import is_large

        self._hamiltonian = hamiltonian
        self._table = hamiltonian.table(real)
        large = is_large(hamiltonian.amplitudes)
        self._shares = hamiltonian.shares(real, _SHARES * team.largest()) if large else []

    def __call__(self, steps: Steps) -> None:
        """One call for a small state; step by step for a large one, so that Ctrl-C is heard."""
        from pysv import kernels, team

        psi, previous, chain = steps.psi, steps.previous, (self._hamiltonian.sites, steps.window)
        if not self._shares:
            arguments = steps.totals, *chain, self._table, steps.factors, steps.mixes
            kernels.recursion(0, 1, psi, previous, *arguments)
            return
        threads = team.threads_for(psi.size // 2)
        parts = [((tile, tile + 1), share) for tile in range(*steps.window) for share in self._shares]
        for factor, mix in zip(steps.factors, steps.mixes, strict=True):
            jobs = [(0, 1, psi, previous, steps.totals, *chain, *part, factor, mix) for part in parts]
            team.deal(kernels.step, threads, jobs)
            psi, previous = previous, psi


CALL = 100_000_000
"""Amplitudes times steps of one call of Julia: a fraction of a second."""
_JOBS = 64
"""Small states of one call of Julia: with a hundred steps each, a fraction of a second, too."""


class JuliaRecursion:
    """The kernels of the Julia package, on the memory of the NumPy arrays."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        from pysv import julia

        self._states = hamiltonian
        self._julia = julia.JuliaHamiltonian(hamiltonian, real)
        self._shape = (*hamiltonian.shape[:2], 2 * hamiltonian.shape[2])
        self._real = real

    def __call__(self, steps: Steps) -> None:
        """As many steps at once as take a fraction of a second, so that Ctrl-C is heard."""
        from pysv import julia

        psi, previous = steps.psi, steps.previous
        together, threads = max(1, CALL // (psi.size // 2)), julia.threads_for(self._states)
        for begin in range(0, len(steps.factors), together):
            part = slice(begin, begin + together)
            few = Steps(psi, previous, steps.totals, steps.window, steps.factors[part], steps.mixes[part])
            julia.call("recursion!", self._julia.handle, *self._numbers(few), threads)
            if len(few.factors) % 2:
                psi, previous = previous, psi

    @staticmethod
    def side_by_side(jobs: Sequence[tuple[JuliaRecursion, Steps]]) -> None:
        """Take the steps of several small states, one thread each."""
        from pysv import julia

        for begin in range(0, len(jobs), _JOBS):
            few = jobs[begin : begin + _JOBS]
            numbers = np.array([recursion._numbers(steps) for recursion, steps in few], dtype=np.int64)
            handles = julia.call("collection", *(recursion._julia.handle for recursion, _ in few))
            julia.call("recursions!", handles, julia.address(numbers, (len(few), 9), "int64"), julia.threads())

    def _numbers(self, steps: Steps) -> tuple[int, ...]:
        """Addresses and lengths, in the order of the package's `recursion!`."""
        from pysv import julia

        outputs, count, real = steps.totals.shape[0], len(steps.factors), self._real
        return (
            julia.address(steps.psi, self._shape, real), julia.address(steps.previous, self._shape, real),
            julia.address(steps.totals, (outputs, *self._shape), real), outputs, *steps.window,
            julia.address(steps.factors, (count, 3), real), julia.address(steps.mixes, (count, outputs, 8), real),
            count,
        )  # fmt: skip
