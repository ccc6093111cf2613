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
        Range (begin, end) of active sites.
    factors : real ndarray (steps, 3)
    mixes : real ndarray (steps, outputs, 6)
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


_SHARES, _SHARE = 8, 500_000
"""Shares of the blocks for each thread at most, of which whoever is free takes the next, and the amplitudes for each of
them at least: handing out a share takes as long as some ten thousand amplitudes."""


class PythonRecursion:
    """The kernels compiled by numba."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        from pysv import team
        from pysv.layout import is_large

        self._sites = hamiltonian.sites
        self._table = hamiltonian.table(real)
        shares = max(1, min(_SHARES, hamiltonian.amplitudes // _SHARE)) * team.largest()
        self._shares = shares if is_large(hamiltonian.amplitudes) else 0

    def __call__(self, steps: Steps) -> None:
        """Take the steps."""
        from pysv import kernels, team

        threads = team.threads_for(steps.psi.size // 2) if self._shares else 1
        kernels.take_steps(
            steps.psi, steps.previous, steps.totals, self._sites, steps.window, self._table, steps.factors, steps.mixes,
            threads, self._shares,
        )  # fmt: skip


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

        together, threads = max(1, CALL // (steps.psi.size // 2)), julia.threads_for(self._states)
        numbers, count = self._numbers(steps), len(steps.factors)
        for begin in range(0, count, together):
            julia.call("recursion!", self._julia.handle, *numbers, threads, begin, min(begin + together, count))

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
            julia.address(steps.factors, (count, 3), real), julia.address(steps.mixes, (count, outputs, 6), real),
            count,
        )  # fmt: skip
