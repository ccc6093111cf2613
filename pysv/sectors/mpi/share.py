"""The share of one rank in the states of a Hamiltonian. All ranks call the same method with the same arguments.

Each step of the recursion needs one site of either neighbour. The edges of φ_{n+1} are sent chunk by chunk while later
chunks of the same step are still swept. They are added to the begun φ_{n+2} before the next step completes it, since a
sweep adds to what it finds there (see `pysv.sectors.numba.recursion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import as_reals
from pysv.sectors.layout import zeros
from pysv.sectors.mpi.sections import Cuts, Section, deal, read, write
from pysv.sectors.numba import edges, recursion, sums
from pysv.sectors.numba.expectation import expectation

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm, Request

    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.table import GroupTable

_CHUNKS = 8
"""Chunks of a large state's blocks for each thread: edges of all but the last are sent before a step ends."""
_PIECE = 2**24
"""Amplitudes of a row range that one message carries when states move between ranks."""


class Buffer:
    """Memory of one rank; several `Stored` may use it in turn."""

    def __init__(self, dtype: type) -> None:
        self.dtype = dtype
        self.memory = zeros(0, dtype)

    def of(self, count: int) -> np.ndarray:
        """So many numbers; what they hold is kept unless the memory grows."""
        if self.memory.size < count:
            self.memory = zeros(count, self.dtype)
        return self.memory[:count]


@dataclass(eq=False)
class Stored:
    """One rank's sections of several states of a Hamiltonian.

    Parameters
    ----------
    buffer : Buffer
    count : int
        Number of states.
    rows : int
    cuts : Cuts
        How the states are dealt; empty before anything was written.
    """

    buffer: Buffer
    count: int
    rows: int
    cuts: Cuts = ()


class Share:
    """One rank's sections of the states of a Hamiltonian.

    Parameters
    ----------
    hamiltonian : Hamiltonian
    real : type
        Precision.
    world : Intracomm
        For the data of shares alone.
    """

    def __init__(self, hamiltonian: Hamiltonian, real: type, world: Intracomm) -> None:
        self.hamiltonian, self.real, self.world = hamiltonian, real, world
        self.dtype = np.result_type(real, np.complex64).type
        self.sent = 0
        """Bytes of edges that this rank has sent in recursions."""
        self._section = lru_cache(maxsize=4)(self._cut)
        self._threads = thread_pool.threads_for(hamiltonian.amplitudes // world.size)
        # Neighbours send and receive the same chunks, whatever threads each of them has.
        most = world.allgather(thread_pool.largest())
        self._chunks = _CHUNKS * max(most) if hamiltonian.large else 1
        self._all = deal(hamiltonian, self.dtype, hamiltonian.everywhere, world.size)
        self._next = self._all

    def _cut(self, cuts: Cuts) -> Section:
        return Section.of(self.hamiltonian, self.dtype, *cuts[self.world.rank : self.world.rank + 2])

    def _states(self, stored: Stored, cuts: Cuts | None = None) -> np.ndarray:
        """All states as (count, tiles, rows, width); with `cuts` they are dealt anew, and their content is lost."""
        if cuts is not None:
            stored.cuts = cuts
        shape = self._section(stored.cuts).shape(stored.rows)
        return stored.buffer.of(stored.count * prod(shape)).reshape(stored.count, *shape)

    def _own(self, state: tuple[Stored, int], cuts: Cuts | None = None) -> np.ndarray:
        """One state as (tiles, rows, width); with `cuts` all that are stored with it are dealt anew, see `_states`."""
        return np.asarray(self._states(state[0], cuts)[state[1]])

    # Writing and reading whole states

    def follow(self, window: tuple[int, int]) -> None:
        """States that are written from now on are dealt as suits the window."""
        self._next = deal(self.hamiltonian, self.dtype, window, self.world.size)

    def write_product(self, state: tuple[Stored, int], amplitude: np.ndarray, packet: np.ndarray) -> None:
        """See `pysv.sectors.backend.StateSpace`."""
        section = self._section(self._all)
        psi = self._own(state, self._all)
        section.layout.write_product(psi, amplitude, packet[section.begin : section.end])

    def write_random(self, state: tuple[Stored, int], seed: int) -> None:
        """See `pysv.sectors.backend.StateSpace`."""
        section, psi = self._section(self._all), self._own(state, self._all)
        whole, square = self.hamiltonian.layout, 0.0
        psi[...] = 0
        for tile, rows, part in whole.random_parts(psi.shape[1], seed):
            square += float(np.vdot(part, part))
            first = tile * whole.width
            begin, end = max(section.begin, first), min(section.end, first + part.shape[1] // 2)
            if begin < end:
                values = np.ascontiguousarray(part[:, 2 * (begin - first) : 2 * (end - first)]).view(complex)
                write(psi[:, rows], section.layout, begin - section.begin, end - section.begin, values)
        psi *= self.real(1 / np.sqrt(square))

    def copy(self, source: tuple[Stored, int], target: tuple[Stored, int]) -> None:
        """target ← source, dealt as the present window asks."""
        before, after = source[0].cuts, self._next
        one, other = self._own(source), self._own(target, after)
        if before == after:
            sums.copy(as_reals(one), as_reals(other), self._threads)
            return
        rank, here, there = self.world.rank, self._section(before), self._section(after)
        other[...] = 0
        for rows in self._row_ranges(one.shape[1]):
            leaving, coming = [], []
            for peer in range(self.world.size):
                begin, end = max(here.begin, after[peer]), min(here.end, after[peer + 1])
                if begin < end:
                    leaving.append((peer, read(one[:, rows], here.layout, begin - here.begin, end - here.begin)))
                begin, end = max(there.begin, before[peer]), min(there.end, before[peer + 1])
                if begin < end:
                    values = np.empty((rows.stop - rows.start, end - begin), self.dtype)
                    coming.append((peer, begin - there.begin, end - there.begin, values))
            pending = [self.world.Irecv(values, source=peer) for peer, _, _, values in coming if peer != rank]
            pending += [self.world.Isend(values, dest=peer) for peer, values in leaving if peer != rank]
            _wait(pending)
            for peer, begin, end, values in coming:
                kept = dict(leaving)[rank] if peer == rank else values
                write(other[:, rows], there.layout, begin, end, kept)

    def gather(self, state: tuple[Stored, int]) -> np.ndarray | None:
        """The state (tiles, rows, width) on rank 0; None on the others."""
        psi, section, cuts = self._own(state), self._section(state[0].cuts), state[0].cuts
        whole = np.zeros(self.hamiltonian.shape, self.dtype) if self.world.rank == 0 else None
        for rows in self._row_ranges(psi.shape[1]):
            own = read(psi[:, rows], section.layout, 0, section.layout.sites)
            if whole is None:
                self.world.Send(own, dest=0)
                continue
            for peer in range(self.world.size):
                values = own
                if peer:
                    values = np.empty((rows.stop - rows.start, cuts[peer + 1] - cuts[peer]), self.dtype)
                    self.world.Recv(values, source=peer)
                write(whole[:, rows], self.hamiltonian.layout, cuts[peer], cuts[peer + 1], values)
        return whole

    def load(self, state: tuple[Stored, int], whole: np.ndarray | None) -> None:
        """Write a state (tiles, rows, width) that rank 0 holds."""
        psi, section, cuts = self._own(state, self._all), self._section(self._all), self._all
        psi[...] = 0
        for rows in self._row_ranges(psi.shape[1]):
            if whole is None:
                own = np.empty((rows.stop - rows.start, section.layout.sites), self.dtype)
                self.world.Recv(own, source=0)
            else:
                parts = [
                    read(whole[:, rows], self.hamiltonian.layout, begin, end).astype(self.dtype)
                    for begin, end in pairwise(cuts)
                ]
                own = parts[0]
                for peer, part in enumerate(parts[1:], start=1):
                    self.world.Send(part, dest=peer)
            write(psi[:, rows], section.layout, 0, section.layout.sites, own)

    def _row_ranges(self, rows: int) -> list[slice]:
        most = max(1, _PIECE // self.hamiltonian.sites)
        return [slice(begin, min(begin + most, rows)) for begin in range(0, rows, most)]

    def clear_outside(self, state: tuple[Stored, int], window: tuple[int, int]) -> None:
        """See `pysv.sectors.backend.StateSpace`; deals the states of the same memory as the present window asks."""
        psi = self._own(state, self._next)
        section = self._section(self._next)
        sums.clear_outside(as_reals(psi), section.window(window), section.layout.sites, self._threads)

    # Sums

    def weight(self, state: tuple[Stored, int], window: tuple[int, int]) -> float:
        """See `pysv.sectors.backend.StateSpace`."""
        psi, section = self._own(state), self._section(state[0].cuts)
        return float(self.world.allreduce(sums.weight(as_reals(psi), section.window(window), self._threads)))

    def marginals(self, state: tuple[Stored, int]) -> tuple[np.ndarray | None, np.ndarray | None]:
        """See `pysv.sectors.backend.StateSpace`; the sums over all ranks, on rank 0 alone."""
        psi, section = self._own(state), self._section(state[0].cuts)
        rows, sites = sums.marginals(as_reals(psi), self.hamiltonian.basis.electron, self._threads)
        all_sites = np.zeros((2, self.hamiltonian.sites))
        all_sites[:, section.begin : section.end] = sites.reshape(2, -1)[:, : section.layout.sites]
        return self._total(rows), self._total(all_sites)

    def _total(self, array: np.ndarray) -> np.ndarray | None:
        found = np.zeros_like(array) if self.world.rank == 0 else None
        self.world.Reduce(array, found, root=0)
        return found

    def expectation(self, state: tuple[Stored, int]) -> float:
        """See `pysv.sectors.backend.StateSpace`."""
        psi, section = as_reals(self._own(state)), self._section(state[0].cuts)
        found = expectation(psi, section.table, self._threads)
        rows = np.arange(psi.shape[1])
        one: np.ndarray = np.empty((rows.size, 2), self.real)
        other = np.empty_like(one)
        pending, last = [], self.world.rank == self.world.size - 1
        if not last:
            pending.append(self.world.Irecv(other, source=self.world.rank + 1))
        if self.world.rank:
            edges.pack(psi, 0, 0, rows, one)
            pending.append(self.world.Isend(one, dest=self.world.rank - 1))
        _wait(pending)
        if not last:
            tile, column = divmod(section.layout.sites - 1, section.layout.width)
            found -= 2 * section.right * edges.overlap(psi, tile, column, rows, other)
        return float(self.world.allreduce(found))

    def product(self, one: tuple[Stored, int], other: tuple[Stored, int]) -> float:
        """See `pysv.sectors.backend.StateSpace`."""
        left, right = self._own(one), self._own(other)
        return float(self.world.allreduce(sums.product(as_reals(left), as_reals(right), self._threads)))

    def combine(self, state: tuple[Stored, int], other: tuple[Stored, int], shift: float, scale: float) -> None:
        """See `pysv.sectors.backend.StateSpace`."""
        left, right = self._own(state), self._own(other)
        sums.combine(as_reals(left), as_reals(right), shift, scale, self._threads)

    # The recursion

    def recursion(
        self,
        psi: tuple[Stored, int],
        previous: tuple[Stored, int],
        totals: tuple[Stored, int] | None,
        factors: np.ndarray,
        mixes: np.ndarray,
    ) -> None:
        """The steps of `pysv.sectors.backend.Steps` on this rank's section, which holds its part of the window.

        Parameters
        ----------
        psi, previous : (Stored, int)
        totals : (Stored, int) or None
            The first so many states.
        factors, mixes
            As in `Steps`.
        """
        cuts = psi[0].cuts
        section = self._section(cuts)
        now, before = as_reals(self._own(psi)), as_reals(self._own(previous, cuts))
        added = recursion.no_totals(0, np.dtype(self.real))[0]
        if totals is not None:
            added = as_reals(self._states(totals[0])[: totals[1]])
        table, window = section.table, section.everywhere
        groups, threads = (table.other, table.one), self._threads
        ranges = [recursion.share_blocks(group.first, self._chunks) for group in groups]
        work = [recursion.work_space(table, now.shape[2]) for _ in range(threads)]
        halo = _Halo(self.world, section, self.real, now.shape[1])
        halo.receive(table.one, ranges[1])
        for blocks in ranges[1]:
            halo.send(now, table.one, blocks)
        begun = now, before, window, table.one, factors[0]
        thread_pool.deal(recursion.begin, threads, [(*blocks, *begun) for blocks in ranges[1]])
        for n, factor in enumerate(factors):
            halo.add(before, factor[0])
            following, go_on = factors[min(n + 1, len(factors) - 1)], n + 1 < len(factors)
            group, own = groups[n % 2], ranges[n % 2]
            step = (now, before, added, section.layout.sites, window, group, table.chain)
            numbers = (factor, following, go_on, mixes[n])
            if go_on:
                halo.receive(group, own)
            for first in range(0, len(own), threads):
                few = own[first : first + threads]
                jobs = [(*blocks, *step, *numbers, *space) for blocks, space in zip(few, work, strict=False)]
                thread_pool.deal(recursion.sweep, threads, jobs)
                for blocks in few if go_on else ():
                    halo.send(before, group, blocks)
            now, before = before, now
        self.sent += halo.sent


class _Halo:
    """Edges of a state on their way between neighbours, in the order of the rows of a group's blocks."""

    def __init__(self, world: Intracomm, section: Section, real: type, rows: int) -> None:
        self._world, self.sent = world, 0
        last = divmod(section.layout.sites - 1, section.layout.width)
        sides = ((world.rank - 1, (0, 0), section.left), (world.rank + 1, last, section.right))
        self._sides: list[tuple[int, int, int, float, np.ndarray, np.ndarray]] = [
            (peer, *place, hopping, np.empty((rows, 2), real), np.empty((rows, 2), real))
            for peer, place, hopping in sides
            if 0 <= peer < world.size
        ]
        self._pending: list[Request] = []
        self._rows: np.ndarray = np.zeros(0, np.int64)

    def receive(self, group: GroupTable, ranges: Sequence[tuple[int, int]]) -> None:
        """Expect the edges of a state, chunk by chunk."""
        self._rows = group.rows
        for begin, end in ranges:
            where = slice(group.first[begin], group.first[end])
            for peer, _, _, _, coming, _ in self._sides:
                self._pending.append(self._world.Irecv(coming[where], source=peer))

    def send(self, psi: np.ndarray, group: GroupTable, blocks: tuple[int, int]) -> None:
        """Send the edges of some blocks, and let earlier messages go on."""
        where = slice(group.first[blocks[0]], group.first[blocks[1]])
        for peer, tile, column, _, _, leaving in self._sides:
            edges.pack(psi, tile, column, group.rows[where], leaving[where])
            self._pending.append(self._world.Isend(leaving[where], dest=peer))
            self.sent += leaving[where].nbytes
        if self._pending:
            type(self._pending[0]).Testall(self._pending)

    def add(self, out: np.ndarray, scale: float) -> None:
        """out ← out + scale · (hops from the neighbours' edges), once these have arrived."""
        _wait(self._pending)
        self._pending = []
        for _, tile, column, hopping, coming, _ in self._sides:
            edges.add(out, tile, column, self._rows, coming, out.dtype.type(-hopping * scale))


def _wait(pending: Sequence[Request]) -> None:
    if pending:
        type(pending[0]).Waitall(list(pending))
