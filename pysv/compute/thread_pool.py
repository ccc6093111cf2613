"""Thread pools: the workers share one pass over a state, or take one small state each.

The calling thread only waits. Compiled loops release the interpreter's lock, so Python's own threads suffice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any

import numba

_ALONE = 300_000
"""Largest state, in amplitudes, for one thread: a second thread would wait longer than it works."""

_here = threading.local()
_limit: list[int] = []


def largest() -> int:
    """Largest number of threads: the processors of this process, or NUMBA_NUM_THREADS; see also `limit`."""
    return min([int(numba.config.NUMBA_NUM_THREADS), *_limit])


def limit(threads: int) -> None:
    """Use at most so many threads from now on: other processes of the same work use the other processors."""
    _limit[:] = [threads]


def threads_for(amplitudes: int) -> int:
    """Number of threads for one pass over a state."""
    return largest() if amplitudes > _ALONE else 1


def share(function: Callable[..., None], threads: int, *arguments: Any) -> None:
    """Call ``function(worker, threads, *arguments)`` for every worker in parallel, and wait for all.

    Parameters
    ----------
    function : callable
        A compiled loop that does the share of one worker. With one thread it runs in the calling thread.
    threads : int
    *arguments
    """
    if threads == 1 or getattr(_here, "working", False):  # a worker must not wait for its own pool
        function(0, 1, *arguments)
        return
    pool = _pool(os.getpid(), threads)
    _finish([pool.submit(function, worker, threads, *arguments) for worker in range(threads)])


def deal(function: Callable[..., None], threads: int, jobs: Iterable[tuple[Any, ...]]) -> None:
    """Call ``function(*job)`` for every job on a dynamic schedule, and wait for all.

    With several jobs for each thread, all threads stay busy when the operating system delays one of them.
    """
    if threads == 1 or getattr(_here, "working", False):
        for job in jobs:
            function(*job)
        return
    pool = _pool(os.getpid(), threads)
    _finish([pool.submit(function, *job) for job in jobs])


def each(function: Callable[[int], None], numbers: Iterable[int]) -> None:
    """Call ``function(number)`` for every number, with one thread for each processor, and wait for all.

    A call from a worker runs in that worker.
    """
    deal(function, largest(), ((number,) for number in numbers))


@contextmanager
def alone() -> Iterator[None]:
    """Within this context all work runs in the calling thread."""
    before = getattr(_here, "working", False)
    _here.working = True
    try:
        yield
    finally:
        _here.working = before


def _finish(futures: list[Future[None]]) -> None:
    try:
        for future in futures:
            future.result()
    finally:  # the workers use the arrays until the last one has finished
        wait(futures)


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """The thread pool of a process; a forked child makes its own, since it inherits no threads."""
    del process

    def settle() -> None:
        _here.working = True

    return ThreadPoolExecutor(threads, "pysv", settle)
