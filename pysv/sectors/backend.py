"""The inner loop of the Chebyshev expansion on one Hamiltonian, in either backend, on the same memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of a polynomial recursion in H, to be taken in place; see `pysv.sectors.numba.recursion.recursion`.

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
    if backend == "julia":
        from pysv.sectors.julia import JuliaRecursion

        return JuliaRecursion(hamiltonian, real)
    return PythonRecursion(hamiltonian, real)


_SHARES, _SHARE = 8, 500_000
"""Shares of the blocks for each thread at most, of which whoever is free takes the next, and the amplitudes for each of
them at least: handing out a share takes as long as some ten thousand amplitudes."""


class PythonRecursion:
    """The kernels compiled by numba."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        from pysv.compute import thread_pool
        from pysv.sectors.layout import is_large

        self._sites = hamiltonian.sites
        self._table = hamiltonian.table(real)
        shares = max(1, min(_SHARES, hamiltonian.amplitudes // _SHARE)) * thread_pool.largest()
        self._shares = shares if is_large(hamiltonian.amplitudes) else 0

    def __call__(self, steps: Steps) -> None:
        """Take the steps."""
        from pysv.compute import thread_pool
        from pysv.sectors.numba import recursion

        threads = thread_pool.threads_for(steps.psi.size // 2) if self._shares else 1
        recursion.take_steps(
            steps.psi, steps.previous, steps.totals, self._sites, steps.window, self._table, steps.factors, steps.mixes,
            threads, self._shares,
        )  # fmt: skip
