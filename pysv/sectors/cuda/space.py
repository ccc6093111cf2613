"""States of one Hamiltonian in the memory of a CUDA device."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda

from pysv.sectors.backend import StateSpace, Steps
from pysv.sectors.cuda import layout, sums, sweep
from pysv.sectors.cuda.table import row_table

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian

_PART = 8192
"""Rows of a state that go to the device, or come back, at a time."""


def launch(kernel: Any, threads: layout.Launch, *arguments: Any) -> None:
    """Start a kernel on the device; a small state that leaves most of the device idle is no reason for a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba and numba-cuda have a class of their own for it
        configured = kernel[threads]
    configured(*arguments)


def zeros(count: int, real: type) -> Any:
    """Zeros (count,) on the device."""
    memory = cuda.device_array(count, real)
    blocks = min(-(-count // layout.THREADS), layout.BLOCKS)
    launch(sums.erase, (blocks, layout.THREADS), memory)
    return memory


class CudaSpace(StateSpace):
    """States (tiles, rows, reals of a row) on the device, see `pysv.sectors.cuda.layout`; see `StateSpace`."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        super().__init__(hamiltonian, real)
        self._line = layout.line_sites(real)
        self._tiles, self._rows, _ = layout.device_shape(hamiltonian.shape, real)
        self._places = self._tiles * self._line
        table = row_table(hamiltonian, real, self._places)
        self._table = tuple(cuda.to_device(part) if isinstance(part, np.ndarray) else part for part in table)
        self._electron = cuda.to_device(np.ascontiguousarray(hamiltonian.basis.electron, dtype=np.int8))
        self._whole = layout.threads_over(self._rows, self._tiles, self._line)
        self._none = cuda.to_device(np.zeros((1, 1, 1, 1), real)), cuda.to_device(np.zeros((1, 1, 6), real))

    def _active(self, window: tuple[int, int]) -> tuple[int, int]:
        """The window without the places beyond the chain."""
        return window[0], min(window[1], self.hamiltonian.sites)

    def recursion(self, steps: Steps) -> None:
        """Take the steps, one kernel each; they wait in the device's queue."""
        begin, end = self._active(steps.window)
        _, tiles = layout.tiles_of(begin, end, self._line)
        threads = layout.threads_over(self._rows, tiles, self._line)
        totals, mixes, outputs = *self._none, 0
        if steps.totals is not None:
            totals, mixes = steps.totals, cuda.to_device(np.ascontiguousarray(steps.mixes, dtype=self.real))
            outputs = len(totals)
        new, old = steps.previous, steps.psi
        for number, factors in enumerate(np.asarray(steps.factors, dtype=self.real)):
            launch(
                sweep.step, threads, old, new, totals, mixes, number if outputs else 0, outputs, begin, end, *factors,
                *self._table,
            )  # fmt: skip
            new, old = old, new

    def copy(self, source: Any, target: Any) -> None:
        """target ← source."""
        launch(sums.copy, self._whole, source, target)

    def clear_outside(self, state: Any, window: tuple[int, int]) -> None:
        """Set to zero everything outside the window and in the places beyond L_x."""
        launch(sums.clear_outside, self._whole, state, *self._active(window))

    def write_product(self, state: Any, amplitude: np.ndarray, packet: np.ndarray) -> None:
        """See `StateSpace.write_product`."""
        padded = np.zeros(self._places, complex)
        padded[: packet.size] = packet
        parts = (np.stack([whole.real, whole.imag]) for whole in (np.asarray(amplitude, complex), padded))
        launch(sums.write_product, self._whole, state, *map(cuda.to_device, parts))

    def write_random(self, state: Any, seed: int) -> None:
        """See `StateSpace.write_random`."""
        square = 0.0
        launch(sums.clear_outside, self._whole, state, 0, 0)
        for tile, rows, part in self.hamiltonian.layout.random_parts(self._rows, seed):
            square += float(np.vdot(part, part))
            self._write(state, part.astype(self.real), rows.start, tile * self.hamiltonian.layout.width)
        self.combine(state, state, 0.0, square**-0.5)

    def _parts(self) -> Iterator[tuple[tuple[int, slice, slice], int]]:
        """Pieces of a state elsewhere (tile, rows, columns), and the first site of each."""
        for tile, (sites, columns) in enumerate(self.hamiltonian.layout.slices()):
            for begin in range(0, self._rows, _PART):
                yield (tile, slice(begin, min(begin + _PART, self._rows)), columns), sites.start

    def _over(self, part: Any, site: int) -> layout.Launch:
        """Threads for a part of a state; those left of it do nothing."""
        tiles = -(-(site + part.shape[1] // 2) // self._line)
        return layout.threads_over(part.shape[0], tiles, self._line)

    def _write(self, state: Any, part: np.ndarray, row: int, site: int) -> None:
        launch(sums.scatter, self._over(part, site), cuda.to_device(part), state, row, site)

    def load(self, state: Any, psi: np.ndarray) -> None:
        """Write a NumPy array (tiles, rows, width), such as `host` returns."""
        dtype = np.result_type(self.real, np.complex64)
        launch(sums.clear_outside, self._whole, state, 0, 0)
        for piece, site in self._parts():
            self._write(state, np.ascontiguousarray(psi[piece], dtype=dtype).view(self.real), piece[1].start, site)

    def host(self, state: Any) -> np.ndarray:
        """The state as a NumPy array (tiles, rows, width) in the layout of the Hamiltonian: a copy."""
        found = np.zeros(self.hamiltonian.shape, np.result_type(self.real, np.complex64))
        for piece, site in self._parts():
            rows, columns = piece[1:]
            part = cuda.device_array((rows.stop - rows.start, 2 * columns.stop), self.real)
            launch(sums.gather, self._over(part, site), state, part, rows.start, site)
            found[piece] = part.copy_to_host().view(found.dtype)
        return found

    def _added(self, kernel: Any, tiles: int, between: tuple[int, ...], *arguments: Any) -> np.ndarray:
        """The sums of a kernel, float64 (…, places of the tiles): its chunks added up."""
        size, count = layout.chunks(self._rows)
        parts = cuda.device_array((count, *between, tiles * self._line), np.float64)
        launch(kernel, layout.threads_over(count, tiles, self._line), *arguments, size, parts)
        return np.asarray(parts.copy_to_host().sum(axis=0))

    def product(self, one: Any, other: Any) -> float:
        """Scalar product of two states as real vectors."""
        return float(self._added(sums.product, self._tiles, (), one, other, 0).sum())

    def combine(self, state: Any, other: Any, shift: float, scale: float) -> None:
        """state ← scale·(state − shift·other)."""
        launch(sums.combine, self._whole, state, other, self.real(shift), self.real(scale))

    def weight(self, state: Any, window: tuple[int, int]) -> float:
        """Σ |ψ|² on the sites of the window."""
        begin, end = self._active(window)
        first, tiles = layout.tiles_of(begin, end, self._line)
        found = self._added(sums.product, tiles, (), state, state, first)
        return float(found[begin - first * self._line : end - first * self._line].sum())

    def marginals(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        """See `StateSpace.marginals`."""
        rows = cuda.device_array(self._rows, np.float64)
        launch(sums.row_weights, (-(-self._rows // layout.THREADS), layout.THREADS), state, rows)
        sites = self._added(sums.densities, self._tiles, (2,), state, self._electron)
        return rows.copy_to_host(), sites[:, : self.hamiltonian.sites]

    def expectation(self, state: Any) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        size, count = layout.chunks(self._rows)
        parts = cuda.to_device(np.zeros((count, self._places)))
        threads = layout.threads_over(count, self._tiles, self._line)
        launch(sweep.energy, threads, state, size, parts, 0, self.hamiltonian.sites, *self._table)
        return float(parts.copy_to_host().sum())
