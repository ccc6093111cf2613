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

from pysv.compute.environment import check_environment
from pysv.errors import EngineFailureError, InvalidInputError, RanksError, reason

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Set by mpirun of Open MPI, and by MPICH and its kin."""
_NUMBERS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
INTERRUPTED = 130
"""Exit code after Ctrl-C."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TASK, _SLEEP = 1, 2e-4
"""Tag of a task; pause between two looks for one, s, so that a waiting rank leaves its processor to others."""
_ENDED = (
    "pysv: a rank has ended without a word (killed, or out of memory), and the run with it; where there is a "
    "result file, pysv resume goes on from its checkpoint"
)

_led = 1
_broken = False


def led() -> int:
    """Number of ranks that this process leads, itself among them; 1 outside of `lead`.

    A script that mpirun starts, and that does not call `lead`, is on its own on each rank.
    """
    return _led


@cache
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
    count = started()
    if MPI.COMM_WORLD.size != count:
        raise RanksError(
            f"mpirun started {count} processes, and mpi4py sees {MPI.COMM_WORLD.size}: it uses another MPI than "
            "this mpirun; use the mpirun beside this Python, or build mpi4py for that MPI"
        )
    for name in (*_SIZES, *_NUMBERS):  # a process that this one starts is no rank
        os.environ.pop(name, None)
    return MPI.COMM_WORLD


@cache
def data() -> Intracomm:
    """All ranks, for messages that are no tasks. All must call it once together, as `lead` does."""
    return world().Dup()


@cache
def on_this_node() -> int:
    """Number of ranks on the node of this one. All ranks must call it once together, as `lead` does."""
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
    InvalidInputError
        If the environment has a setting that stops a library, see `check_environment`; also on rank 0 alone.
    """
    if started() == 1:
        return work()
    number = next((os.environ[name] for name in _NUMBERS if name in os.environ), "0")
    # A rank that a signal ended now would wait for the others in MPI_Finalize, and they for it.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        check_environment()
        everybody = world()
    except (RanksError, InvalidInputError):
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        if number != "0":
            return 2
        raise
    try:
        _share_processors(everybody)
        data()
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    except BaseException as error:  # the others wait for this rank
        everybody.Abort(INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1)
    if everybody.rank:
        return _serve(everybody)
    return _leading(everybody, work)


def _leading(everybody: Intracomm, work: Callable[[], int]) -> int:
    """Call `work`, and tell the others its exit code, or end them where they wait for what never comes."""
    global _led
    code, watch = 1, _watch()
    _led = everybody.size
    try:
        code = work()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        raise
    except BaseException as error:
        if _broken:  # what ends the others ends this process, before Python can say why
            print(f"pysv: {reason(error)}", file=sys.stderr)
        raise
    finally:
        _led = 1
        watch.communicate(b"done")
        if _broken:
            sys.stdout.flush()
            sys.stderr.flush()
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

    on_this_node()
    own = os.uname().nodename, tuple(sorted(os.sched_getaffinity(0)))
    sharing = everybody.allgather(own).count(own)
    if sharing > 1 and "NUMBA_NUM_THREADS" not in os.environ:
        thread_pool.limit(max(1, thread_pool.largest() // sharing))


def _serve(everybody: Intracomm) -> int:
    """Do what rank 0 calls out, until it ends. It alone heeds signals: they reach all ranks."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    while True:
        while not everybody.Iprobe(source=0, tag=_TASK):
            time.sleep(_SLEEP)
        task = everybody.recv(source=0, tag=_TASK)
        if isinstance(task, int):
            for number, handler in before.items():
                signal.signal(number, handler)
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
    except Exception as error:
        _broken = True
        raise EngineFailureError(f"rank 0 ended: {reason(error)}") from error
    except BaseException:  # Ctrl-C
        _broken = True
        raise
