"""Backends that pysv itself sets up: ready before the first task of an ensemble, or the ensemble is refused."""

from __future__ import annotations

from collections.abc import Iterable

from pysv.errors import EngineError
from pysv.julia import session, setup
from pysv.run.tasks import Task, named
from pysv.sectors import backend as backends


def make_ready(tasks: Iterable[Task], *, overwrite: bool, dask: bool, by_file: bool, remedy: str = "") -> None:
    """Set up what tasks need that no file keeps, so that a refusal comes before anything is computed or written.

    Parameters
    ----------
    tasks : iterable of Task
    overwrite : bool
        Whether files of other runs are replaced.
    dask : bool
        Whether the workers of a cluster compute them.
    by_file : bool
        Whether a file alone asks for the backend; then nothing is installed.
    remedy : str
        A further remedy where nothing may be installed.

    Raises
    ------
    JuliaUnavailableError
        If Julia, or what `tdmrg` needs in it, is not available.
    EngineError
        If a task needs Julia on a cluster.
    ResultExistsError
        If a file holds another run and may not be replaced.
    """
    for task in tasks:
        if not backends.backend(task.backend).installs:
            continue
        ready = task.method.lacking(task.backend) is None
        if (ready and not dask) or task.kept(overwrite) is not None:
            continue
        with named(task):
            if dask:
                raise EngineError(
                    f"backend {task.backend!r} runs in the main thread of a process, and workers of Dask compute in "
                    "other threads; leave --dask out, or use backend 'python'"
                )
            if by_file:
                setup.check_asked_by_file(remedy, tdmrg=task.method.needs_itensors)
            session.start(tdmrg=task.method.needs_itensors)
