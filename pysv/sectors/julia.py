"""The recursion in H of one electron by the bundled Julia package, on the memory of NumPy's arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.julia import session
from pysv.sectors.backend import Steps

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian

_LAYER_TYPES = ("int64", "int32", "int64", "int64", "real", "int64", "int32", "int32", "int64", "int64", "int64")
_TABLE_TYPES = (*_LAYER_TYPES, *_LAYER_TYPES, "real")
"""Types of the arrays of `Hamiltonian.table`, on whose memory Julia relies."""
SHARE = 150_000
"""Amplitudes for each thread: below, threads that wait for each other at every step lose much on a busy machine."""


def threads_for(hamiltonian: Hamiltonian) -> int:
    """Threads for a pass over a state: as many as there are, but one for each `SHARE` amplitudes at most."""
    return max(1, min(thread_pool.largest(), session.threads(), math.prod(hamiltonian.shape) // SHARE))


class JuliaHamiltonian:
    """H of Julia on the memory of NumPy's tables.

    Parameters
    ----------
    hamiltonian : Hamiltonian
    real : type
        numpy.float64 or numpy.float32.
    """

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        table = hamiltonian.table(real)
        arrays = (*table.polarizer, *table.analyzer, table.couplings)
        self._table = tuple(np.ascontiguousarray(array) for array in arrays)  # kept alive
        listed = np.ones((len(_TABLE_TYPES), 3), dtype=np.int64)
        for row, array, kind in zip(listed, self._table, _TABLE_TYPES, strict=True):
            row[0] = session.address(array, array.shape, real if kind == "real" else kind)
            row[1 : 1 + array.ndim] = array.shape[::-1]
        self.handle = session.call(
            "hamiltonian", real is np.float32, hamiltonian.sites, hamiltonian.layout.width, listed.ctypes.data
        )


CALL = 100_000_000
"""Amplitudes times steps of one call of Julia: a fraction of a second."""
_JOBS = 64
"""Small states of one call of Julia: with a hundred steps each, a fraction of a second, too."""


class JuliaRecursion:
    """The kernels of the Julia package, on the memory of the NumPy arrays."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        self._states = hamiltonian
        self._julia = JuliaHamiltonian(hamiltonian, real)
        self._shape = (*hamiltonian.shape[:2], 2 * hamiltonian.shape[2])
        self._real = real

    def __call__(self, steps: Steps) -> None:
        """As many steps at once as take a fraction of a second, so that Ctrl-C is heard."""
        together, threads = max(1, CALL // (steps.psi.size // 2)), threads_for(self._states)
        numbers, count = self._numbers(steps), len(steps.factors)
        for begin in range(0, count, together):
            session.call("recursion!", self._julia.handle, *numbers, threads, begin, min(begin + together, count))

    @staticmethod
    def side_by_side(jobs: Sequence[tuple[JuliaRecursion, Steps]]) -> None:
        """Take the steps of several small states, one thread each."""
        for begin in range(0, len(jobs), _JOBS):
            few = jobs[begin : begin + _JOBS]
            numbers = np.array([recursion._numbers(steps) for recursion, steps in few], dtype=np.int64)
            handles = session.call("collection", *(recursion._julia.handle for recursion, _ in few))
            session.call("recursions!", handles, session.address(numbers, (len(few), 9), "int64"), session.threads())

    def _numbers(self, steps: Steps) -> tuple[int, ...]:
        """Addresses and lengths, in the order of the package's `recursion!`."""
        outputs, count, real = steps.totals.shape[0], len(steps.factors), self._real
        return (
            session.address(steps.psi, self._shape, real), session.address(steps.previous, self._shape, real),
            session.address(steps.totals, (outputs, *self._shape), real), outputs, *steps.window,
            session.address(steps.factors, (count, 3), real), session.address(steps.mixes, (count, outputs, 6), real),
            count,
        )  # fmt: skip
