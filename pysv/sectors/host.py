"""The backend ``python``: states in NumPy's memory, loops compiled by numba."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import as_reals
from pysv.sectors.backend import Backend, Evolution, Shape, StateSpace, Steps, in_turn
from pysv.sectors.layout import zeros
from pysv.sectors.numba import recursion, sums

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian

_CHUNKS, _CHUNK = 8, 500_000
"""Dynamic schedule of the blocks: most chunks for each thread, and fewest amplitudes in a chunk. Handing out a chunk
takes as long as some ten thousand amplitudes."""


class HostSpace(StateSpace):
    """States in NumPy's memory; see `StateSpace`."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        super().__init__(hamiltonian, real)
        chunks = max(1, min(_CHUNKS, hamiltonian.amplitudes // _CHUNK)) * thread_pool.largest()
        self._chunks = chunks if hamiltonian.large else 0

    def recursion(self, steps: Steps) -> None:
        """Take the steps; a large state uses all threads."""
        threads = thread_pool.threads_for(prod(self.hamiltonian.shape)) if self._chunks else 1
        recursion.take_steps(
            as_reals(steps.psi), as_reals(steps.previous), self._totals(steps), self.hamiltonian.sites, steps.window,
            self.hamiltonian.table(self.real), steps.factors, steps.mixes, threads, self._chunks,
        )  # fmt: skip

    def _totals(self, steps: Steps) -> np.ndarray:
        """The outputs as reals (outputs, tiles, rows, 2·width)."""
        return recursion.no_totals(0, np.dtype(self.real))[0] if steps.totals is None else as_reals(steps.totals)

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        """target ← source."""
        sums.copy(as_reals(source), as_reals(target), self._threads(source))

    def clear_outside(self, state: np.ndarray, window: tuple[int, int]) -> None:
        """Set to zero everything outside the window and in the places beyond L_x."""
        sums.clear_outside(as_reals(state), window, self.hamiltonian.sites, self._threads(state))

    def write_product(self, state: np.ndarray, amplitude: np.ndarray, packet: np.ndarray) -> None:
        """See `StateSpace.write_product`."""
        self.hamiltonian.layout.write_product(state, amplitude, packet)

    def write_random(self, state: np.ndarray, seed: int) -> None:
        """See `StateSpace.write_random`."""
        state[...] = 0
        reals, square = as_reals(state), 0.0
        for tile, rows, part in self.hamiltonian.layout.random_parts(state.shape[1], seed):
            reals[tile, rows, : part.shape[1]] = part
            square += float(np.vdot(part, part))
        reals *= 1 / np.sqrt(square)

    def load(self, state: np.ndarray, psi: np.ndarray) -> None:
        """state ← psi."""
        state[...] = psi

    def product(self, one: np.ndarray, other: np.ndarray) -> float:
        """Scalar product of two states as real vectors."""
        return sums.product(as_reals(one), as_reals(other), self._threads(one) if self._chunks else 1)

    def combine(self, state: np.ndarray, other: np.ndarray, shift: float, scale: float) -> None:
        """state ← scale·(state − shift·other)."""
        sums.combine(as_reals(state), as_reals(other), shift, scale, self._threads(state) if self._chunks else 1)

    def weight(self, state: np.ndarray, window: tuple[int, int]) -> float:
        """Σ |ψ|² on the sites of the window."""
        return sums.weight(as_reals(state), window, self._threads(state))

    def marginals(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `StateSpace.marginals`."""
        rows, sites = sums.marginals(as_reals(state), self.hamiltonian.basis.electron, self._threads(state))
        return rows, sites.reshape(2, -1)[:, : self.hamiltonian.sites]

    def expectation(self, state: np.ndarray) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return self.hamiltonian.expectation(state)

    def host(self, state: np.ndarray) -> np.ndarray:
        """The state itself."""
        return state

    @staticmethod
    def _threads(state: np.ndarray) -> int:
        return thread_pool.threads_for(state.size)


class HostBackend(Backend):
    """NumPy's memory and the kernels of `pysv.sectors.numba`."""

    name: ClassVar[str] = "python"
    numba: ClassVar[bool] = True

    def space(self, hamiltonian: Hamiltonian, dtype: type) -> StateSpace:
        """States of a Hamiltonian; its tables are built once."""
        return HostSpace(hamiltonian, np.finfo(dtype).dtype.type)

    def allocate(self, shapes: Sequence[Shape], dtype: type, count: int, *, shared: bool = False) -> list[np.ndarray]:
        """Zeros that begin at a cache line."""
        sizes = [count * prod(shape) for shape in shapes]
        common = zeros(max(sizes), dtype) if shared else None
        memory = [zeros(size, dtype) if common is None else common[:size] for size in sizes]
        return [own.reshape(count, *shape) for own, shape in zip(memory, shapes, strict=True)]

    def side_by_side(self, evolutions: Sequence[tuple[StateSpace, Evolution]]) -> list[list[float]]:
        """Evolve the states in parallel, one thread each."""
        found: list[list[float]] = [[]] * len(evolutions)

        def evolve(number: int) -> None:
            found[number] = in_turn(*evolutions[number])

        thread_pool.each(evolve, range(len(evolutions)))
        return found


BACKEND = HostBackend()
