"""The threads that share a pass over a state, or take one small state each.

Each thread of a team keeps to a processor of its own: what it works on stays in the cache there, and no scheduler can
put two of them on the same one. The calling thread only waits. Compiled loops release the interpreter's lock, so that
Python's own threads serve.
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
"""Amplitudes up to which one thread passes over a state: a second would wait longer than it works."""


_here = threading.local()


def largest() -> int:
    """Threads at most: the processors of this process, or NUMBA_NUM_THREADS."""
    return int(numba.config.NUMBA_NUM_THREADS)


def threads_for(amplitudes: int) -> int:
    """Threads for one pass over a state."""
    return largest() if amplitudes > _ALONE else 1


def share(function: Callable[..., None], threads: int, *arguments: Any) -> None:
    """Call ``function(worker, threads, *arguments)`` for every worker, side by side, and wait for all.

    Parameters
    ----------
    function : callable
        A compiled loop that does its worker's share; with one thread it is called at once.
    threads : int
    *arguments
    """
    if threads == 1 or getattr(_here, "working", False):  # a team does not wait for itself
        function(0, 1, *arguments)
        return
    team = _team(os.getpid(), threads)
    _finish([team.submit(function, worker, threads, *arguments) for worker in range(threads)])


def deal(function: Callable[..., None], threads: int, jobs: Iterable[tuple[Any, ...]]) -> None:
    """Call ``function(*job)`` for every job, wait for all; whoever of the team is free takes the next.

    Some more jobs than threads keep all at work when the system takes a processor away for a while.
    """
    if threads == 1 or getattr(_here, "working", False):
        for job in jobs:
            function(*job)
        return
    team = _team(os.getpid(), threads)
    _finish([team.submit(function, *job) for job in jobs])


def each(function: Callable[[int], None], numbers: Iterable[int]) -> None:
    """Call ``function(number)`` for every number, on as many threads as there are processors, and wait for all.

    A call from within a team is answered in the thread that makes it.
    """
    if largest() == 1 or getattr(_here, "working", False):
        for number in numbers:
            function(number)
        return
    team = _team(os.getpid(), largest())
    _finish([team.submit(function, number) for number in numbers])


@contextmanager
def alone() -> Iterator[None]:
    """Whatever is called from here runs in the calling thread alone."""
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
    finally:  # nobody may touch the arrays before the last one has finished
        wait(futures)


@cache
def _team(process: int, threads: int) -> ThreadPoolExecutor:
    """The team of a process (a forked child has none of its parent's threads)."""
    del process
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []

    def settle() -> None:
        _here.working = True
        if processors:
            os.sched_setaffinity(0, {processors.pop()})  # of the calling thread

    if len(processors) != threads:  # a part of the processors: which ones are free, the system knows better
        processors.clear()
    return ThreadPoolExecutor(threads, "pysv", settle)
