"""Processes that mpirun started together: rank 0 leads, the others do what it calls out.

Only rank 0 reads files, records and talks. The others wait in `lead` for functions that all ranks call together.
Nothing here imports mpi4py unless mpirun started this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from pysv.errors import EngineFailureError, RanksError, reason

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Set by mpirun of Open MPI, and by MPICH and its kin."""
_NUMBERS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
_TASK, _SLEEP = 1, 2e-4
"""Tag of a task; pause between two looks for one, s, so that a waiting rank leaves its processor to others."""
_ENDED = (
    "pysv: a rank has ended without a word (killed, or out of memory), and the run with it; pysv resume goes on from "
    "the last checkpoint in the result file"
)

_broken = False


def started() -> int:
    """Number of processes that mpirun, or srun with PMIx, started together, by the environment; 1 without."""
    found = [os.environ.get(name, "") for name in _SIZES]
    if "PMIX_RANK" in os.environ:
        found.append(os.environ.get("SLURM_STEP_NUM_TASKS", ""))
    return max([1, *(int(size) for size in found if size.isdecimal())])


@cache
def world() -> Intracomm:
    """All ranks.

    Raises
    ------
    RanksError
        If mpi4py is missing, or is built for another MPI than the one of mpirun.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RanksError(
            f"mpirun started {started()} processes, and mpi4py cannot be loaded ({reason(error)}); install it with "
            "pip install 'pysv-spinvalve[mpi]', or start pysv without mpirun"
        ) from error
    if MPI.COMM_WORLD.size != started():
        raise RanksError(
            f"mpirun started {started()} processes, and mpi4py sees {MPI.COMM_WORLD.size}: it uses another MPI than "
            "this mpirun; use the mpirun beside this Python, or build mpi4py for that MPI"
        )
    return MPI.COMM_WORLD


@cache
def on_this_node() -> int:
    """Number of ranks on the node of this one; all ranks must call it once together, as `lead` does."""
    from mpi4py import MPI

    return int(world().Split_type(MPI.COMM_TYPE_SHARED).size)


def lead(work: Callable[[], int]) -> int:
    """Call `work` on rank 0, and let the others serve it; without mpirun this is `work()`.

    Returns
    -------
    int
        What `work` returned, on every rank.

    Raises
    ------
    RanksError
        As `world`; on rank 0 alone, the others return 2.
    """
    if started() == 1:
        return work()
    try:
        everybody = world()
    except RanksError:
        if next((os.environ[name] for name in _NUMBERS if name in os.environ), "0") != "0":
            return 2
        raise
    _share_processors(everybody)
    if everybody.rank:
        return _serve(everybody)
    code, watch = 1, _watch()
    try:
        code = work()
    finally:
        watch.communicate(b"done")
        if _broken:
            sys.stdout.flush()
            everybody.Abort(code)
        _call_out(everybody, code)
    return code


def _watch() -> subprocess.Popen[bytes]:
    """A process that outlives a sudden end of the ranks, which mpirun kills when one of them dies, and says so."""
    program = f"import sys\nif not sys.stdin.read(): print({_ENDED!r}, file=sys.stderr)"
    command = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _share_processors(everybody: Intracomm) -> None:
    """Divide the processors of a node among its ranks, unless they are told, or bound to their own."""
    from pysv.compute import thread_pool

    on_node, own = on_this_node(), (os.uname().nodename, tuple(sorted(os.sched_getaffinity(0))))
    shared = everybody.allgather(own).count(own) > 1
    if shared and "NUMBA_NUM_THREADS" not in os.environ:
        thread_pool.limit(max(1, thread_pool.largest() // on_node))


def _serve(everybody: Intracomm) -> int:
    """Do what rank 0 calls out, until it ends. It alone heeds signals: they reach all ranks."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        while not everybody.Iprobe(source=0, tag=_TASK):
            time.sleep(_SLEEP)
        task = everybody.recv(source=0, tag=_TASK)
        if isinstance(task, int):
            return task
        function, arguments = task
        try:
            function(*arguments)
        except BaseException as error:  # the others wait for this rank
            with suppress(OSError):
                print(f"pysv: rank {everybody.rank} ended: {reason(error)}", file=sys.stderr, flush=True)
            everybody.Abort(1)


def _call_out(everybody: Intracomm, task: Any) -> None:
    for rank in range(1, everybody.size):
        everybody.send(task, dest=rank, tag=_TASK)


def together(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function(*arguments)`` on all ranks; from rank 0 only.

    Parameters
    ----------
    function : callable
        A function of a module: it is sent by its name.
    *arguments

    Returns
    -------
    object
        What it returned on rank 0.

    Raises
    ------
    EngineFailureError
        If it fails on rank 0. The other ranks may wait for ever then, and `lead` ends them.
    """
    global _broken
    everybody = world()
    _call_out(everybody, (function, arguments))
    try:
        return function(*arguments)
    except BaseException as error:
        _broken = True
        raise EngineFailureError(f"rank 0 ended: {reason(error)}") from error
