"""The backend ``julia``: the kernels of the bundled Julia package on NumPy's memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import as_reals
from pysv.julia import session, setup
from pysv.sectors.backend import Evolution, StateSpace, Steps
from pysv.sectors.host import HostBackend, HostSpace

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.table import GroupTable

_GROUP_TYPES = (
    "int64", "int32", "int64", "int64", "real", "int64", "int32", "real", "int32", "real", "real", "int64", "int64",
    "int64",
)  # fmt: skip
_TABLE_TYPES = (*_GROUP_TYPES, *_GROUP_TYPES, "real")
"""Types of the arrays of `Hamiltonian.table`; Julia assumes them."""
SHARE = 150_000
"""Fewest amplitudes for each thread: threads wait for each other at every step, which is slow on a busy machine."""


def threads_for(hamiltonian: Hamiltonian) -> int:
    """Threads for one pass over a state: all, but at most one for each `SHARE` amplitudes."""
    return max(1, min(thread_pool.largest(), session.threads(), math.prod(hamiltonian.shape) // SHARE))


def _arrays(group: GroupTable) -> tuple[Any, ...]:
    """The tables of a group; what is one number for all is written out."""
    return tuple(
        group._replace(
            exchange_weight=np.broadcast_to(group.exchange_weight, group.exchange.shape),
            sd_diagonal=np.broadcast_to(group.sd_diagonal, group.partner.shape),
            sd_trade=np.broadcast_to(group.sd_trade, group.partner.shape),
        )
    )


class JuliaHamiltonian:
    """H in Julia, on the memory of NumPy's tables.

    Parameters
    ----------
    hamiltonian : Hamiltonian
    real : type
        numpy.float64 or numpy.float32.
    """

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        table = hamiltonian.table(real)
        arrays = (*_arrays(table.one), *_arrays(table.other), np.ravel(table.chain))
        self._table = tuple(np.ascontiguousarray(array) for array in arrays)  # kept alive
        listed = np.ones((len(_TABLE_TYPES), 3), dtype=np.int64)
        for row, array, kind in zip(listed, self._table, _TABLE_TYPES, strict=True):
            row[0] = session.address(array, array.shape, real if kind == "real" else kind)
            row[1 : 1 + array.ndim] = array.shape[::-1]
        self.handle = session.call(
            "hamiltonian", real is np.float32, hamiltonian.sites, hamiltonian.layout.width, listed.ctypes.data
        )


CALL = 100_000_000
"""Amplitudes × steps in one call of Julia: a fraction of a second."""
_JOBS = 64
"""Small states in one call of Julia: with a hundred steps each, also a fraction of a second."""


class JuliaSpace(HostSpace):
    """States in NumPy's memory, with the recursion of the Julia package."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        super().__init__(hamiltonian, real)
        self.julia = JuliaHamiltonian(hamiltonian, real)
        self._shape = (*hamiltonian.shape[:2], 2 * hamiltonian.shape[2])

    def recursion(self, steps: Steps) -> None:
        """Take the steps. Each call lasts a fraction of a second, so that Ctrl-C acts soon."""
        together, threads = max(1, CALL // math.prod(self.hamiltonian.shape)), threads_for(self.hamiltonian)
        numbers, count = self.numbers(steps), len(steps.factors)
        for begin in range(0, count, together):
            session.call("recursion!", self.julia.handle, *numbers, threads, begin, min(begin + together, count))

    def numbers(self, steps: Steps) -> tuple[int, ...]:
        """Addresses and lengths, in the order of the arguments of `recursion!`."""
        totals = self._totals(steps)
        outputs, count, real = len(totals), len(steps.factors), self.real
        psi, previous = as_reals(steps.psi), as_reals(steps.previous)
        shape = (outputs, *(self._shape if outputs else totals.shape[1:]))
        return (
            session.address(psi, self._shape, real), session.address(previous, self._shape, real),
            session.address(totals, shape, real), outputs, *steps.window,
            session.address(steps.factors, (count, 3), real), session.address(steps.mixes, (count, outputs, 6), real),
            count,
        )  # fmt: skip


class JuliaBackend(HostBackend):
    """NumPy's memory and the kernels of the bundled Julia package."""

    name: ClassVar[str] = "julia"
    cites: ClassVar[tuple[str, ...]] = ("Bezanson2017",)
    numba: ClassVar[bool] = False
    installs: ClassVar[bool] = True

    def lacking(self) -> str | None:
        """Why Julia is not ready; None if it is."""
        return setup.not_ready()

    def lacking_itensors(self) -> str | None:
        """Why Julia is not ready for `tdmrg`; None if it is."""
        return setup.not_ready(tdmrg=True)

    def space(self, hamiltonian: Hamiltonian, dtype: type) -> StateSpace:
        """States of a Hamiltonian; Julia reads its tables in NumPy's memory.

        Raises
        ------
        JuliaUnavailableError
            If Julia is not available.
        """
        return JuliaSpace(hamiltonian, np.finfo(dtype).dtype.type)

    def side_by_side(self, evolutions: Sequence[tuple[StateSpace, Evolution]]) -> list[list[float]]:
        """Evolve the states in parallel, one thread of Julia each: one call takes the next steps of many states."""
        pending = dict(enumerate(evolutions))
        found: dict[int, list[float]] = {}
        while pending:
            jobs = []
            for number, (space, evolution) in list(pending.items()):
                assert isinstance(space, JuliaSpace)
                try:
                    jobs.append((space, next(evolution)))
                except StopIteration as ended:
                    found[number] = ended.value
                    del pending[number]
            for begin in range(0, len(jobs), _JOBS):
                few = jobs[begin : begin + _JOBS]
                numbers = np.array([space.numbers(steps) for space, steps in few], dtype=np.int64)
                handles = session.call("collection", *(space.julia.handle for space, _ in few))
                address = session.address(numbers, (len(few), 9), "int64")
                session.call("recursions!", handles, address, session.threads())
        return [found[number] for number in range(len(evolutions))]


BACKEND = JuliaBackend()
