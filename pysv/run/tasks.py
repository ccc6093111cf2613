"""Independent tasks of an ensemble: one after the other in this process, or on the workers of a Dask cluster.

The result of a task does not depend on where it runs: its random numbers come from its own seeds, and on a cluster it
has one thread. Results come in the order of the tasks, whichever task finishes first. Results may be kept in files;
only the requesting process writes them.
"""

from __future__ import annotations

import sys
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from pysv.compute import thread_pool
from pysv.errors import (
    DaskUnavailableError,
    PysvError,
    PysvWarning,
    ResultExistsError,
    ResultFileError,
    arithmetic,
)
from pysv.results import files
from pysv.run import interrupt
from pysv.run.dask import scheduler_lost, watched
from pysv.run.progress import Screen
from pysv.run.restored import Earlier, part_in

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Method
    from pysv.experiment import Experiment
    from pysv.results.files import SavedState
    from pysv.run.one_run import Members

RETRIES = 3
"""Largest number of retries of a task, each on another worker, after its worker was lost."""

AHEAD = 3
"""Tasks for each worker that wait in the memory of the scheduler with an earlier part of their runs."""
FAILURES = (ArithmeticError, np.linalg.LinAlgError)
"""Errors that come from the numbers of one task, and say nothing of the others."""
HELD = 2**28
"""Bytes of results from files that stay in memory; others are read when their turn comes."""


@dataclass(frozen=True, eq=False)
class Task:
    """One run of an ensemble.

    Parameters
    ----------
    label : str
        Name of the task in error sentences.
    experiment : Experiment
    method : Method
    backend : str
    run : callable
        A function of a pysv module that makes the run from experiment, method, backend and members.
    members : tuple of int, optional
        Range (first, end) of its pure runs; by default all.
    path : Path, optional
        File that keeps its result.
    run_in_file : callable, optional
        Makes the same run in its file, with checkpoints, and goes on from one. It serves tasks of this process.
    run_from : callable, optional
        Makes the same run on a worker, from an earlier part where there is one, and gives the state with the result.
    """

    label: str
    experiment: Experiment
    method: Method
    backend: str
    run: Callable[[Experiment, Method, str, Members], xr.Dataset]
    members: Members = None
    path: Path | None = None
    run_in_file: Callable[[Experiment, Method, str, Members, Path], xr.Dataset] | None = None
    run_from: Callable[[Experiment, Method, str, Members, Earlier | None], Earlier] | None = None

    @property
    def has_checkpoints(self) -> bool:
        """Whether a task of this process writes its file itself."""
        return self.path is not None and self.run_in_file is not None

    def compute(self) -> xr.Dataset:
        """Run it, in its file where it has checkpoints.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C ended the run early; an incomplete run is not a result.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PysvWarning)  # issued once for the whole ensemble
            if self.path is not None and self.run_in_file is not None:
                data = self.run_in_file(self.experiment, self.method, self.backend, self.members, self.path)
            else:
                data = self.run(self.experiment, self.method, self.backend, self.members)
        if data.attrs["status"] != "complete":
            raise KeyboardInterrupt
        return data

    def compute_alone(self, earlier: Earlier | None) -> tuple[xr.Dataset, SavedState | None] | Exception:
        """Run it on one thread and without its file: a worker of a cluster has one processor, and its own disk.

        One of `FAILURES` is returned: a worker that raises it computes the task again.
        """
        try:
            with thread_pool.alone():
                if self.run_from is None:
                    return replace(self, path=None).compute(), None
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", PysvWarning)
                    part = self.run_from(self.experiment, self.method, self.backend, self.members, earlier)
                return part.data, part.state
        except FAILURES as error:
            return error

    def earlier(self) -> Earlier | None:
        """What its file holds to go on from on a worker."""
        if self.path is None or self.run_from is None or not self.path.exists():
            return None
        return part_in(self.path, self.experiment, self.method, self.members)

    def kept(self, overwrite: bool) -> xr.Dataset | None:
        """The result that its file keeps; None if there is none, or only a checkpoint of it.

        Raises
        ------
        ResultExistsError
            If the file holds another run and may not be replaced.
        """
        from pysv import config

        if self.path is None or not self.path.exists():
            return None
        own = config.dumps(self.experiment, self.method, self.backend)
        try:
            data = files.load(self.path)
            if data.attrs["experiment"] == own and data.attrs.get("members", "None") == str(self.members):
                if data.attrs["status"] == "complete":
                    return data
                if self.has_checkpoints:
                    return None
        except ResultFileError:
            if not overwrite:
                raise
        if overwrite:
            return None
        raise ResultExistsError(
            f"{self.path}: holds another run than {self.label}; choose another folder, or use --force (overwrite=True) "
            "to replace it"
        )

    def failure(self, error: Exception) -> str:
        """Why the task failed, in words without its label: what `compute` has put into `failed`."""
        if isinstance(error, PysvError):
            return str(error).removeprefix(f"{self.label}: ")
        assert isinstance(error, FAILURES)
        return arithmetic(error)


def compute(
    tasks: Sequence[Task],
    client: Any = None,
    *,
    bar: tqdm[Any] | None = None,
    overwrite: bool = False,
    failed: dict[int, Exception] | None = None,
) -> Iterator[xr.Dataset]:
    """Results of the tasks in their order; results that files keep are not computed again.

    The files are looked at, and refused, at once; nothing is computed before the first result is asked for.

    Parameters
    ----------
    tasks : sequence of Task
    client : distributed.Client, optional
        See `pysv.run.dask.connected`. Without a client, a task is computed when its result is requested.
    bar : tqdm, optional
        Moves by one for each finished task.
    overwrite : bool
        Whether files of other runs are replaced.
    failed : dict, optional
        If given, a task that ends with one of `FAILURES` has no result, and its error is put here by its number; the
        others go on. Otherwise the error is raised.

    Returns
    -------
    iterator of xarray.Dataset

    Raises
    ------
    ResultExistsError
        If a file holds another run and may not be replaced.
    KeyboardInterrupt
        After a task, if a signal has asked for the end; its result is kept.
    """
    found: dict[int, xr.Dataset | None] = {}
    missing, unread, room = [], set(), HELD
    for number, task in enumerate(tasks):
        data = task.kept(overwrite)
        if data is None:
            missing.append(number)
        elif data.nbytes > room:
            data = None
            unread.add(number)
        else:
            room -= data.nbytes
        found[number] = data
    if bar is not None:
        bar.update(len(tasks) - len(missing))
    return _results(tasks, found, missing, unread, client, bar, failed)


def _results(
    tasks: Sequence[Task],
    found: dict[int, xr.Dataset | None],
    missing: Sequence[int],
    unread: Collection[int],
    client: Any,
    bar: tqdm[Any] | None,
    failed: dict[int, Exception] | None,
) -> Iterator[xr.Dataset]:
    """What files keep, and what is computed and then written, in the order of the tasks."""
    finished = _computed(tasks, missing, client, failed)
    lost = {} if failed is None else failed
    for number in range(len(tasks)):
        if number in unread:
            path = tasks[number].path
            assert path is not None
            found[number] = files.load(path)
        while found[number] is None and number not in lost:
            other, data, state = next(finished)
            own = client is None and tasks[other].has_checkpoints
            if data is not None and (path := tasks[other].path) is not None and not own:
                with interrupt.CtrlC(_put_off):
                    files.write(data, path, state)
            found[other] = data
            if bar is not None:
                bar.update()
            interrupt.check()
        result = found.pop(number)
        if result is not None:
            yield result


def _computed(
    tasks: Sequence[Task], numbers: Sequence[int], client: Any, failed: dict[int, Exception] | None
) -> Iterator[tuple[int, xr.Dataset | None, SavedState | None]]:
    """Number, result and state of each task, in the order in which they finish; no result of one that has failed."""
    data: xr.Dataset | None
    if client is None:
        for number in numbers:
            data = None
            with _noted(number, failed), named(tasks[number]):
                data = tasks[number].compute()
            yield number, data, None
        return
    from concurrent.futures import CancelledError

    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    waiting, futures = deque(numbers), {}

    def submit() -> Any:
        number = waiting.popleft()
        with warnings.catch_warnings():  # Dask wants large data to be sent beforehand; then they are lost with a worker
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            future = client.submit(
                Task.compute_alone, tasks[number], tasks[number].earlier(), retries=RETRIES, pure=False
            )
        futures[future] = number
        return future

    try:
        ready = as_completed([submit() for _ in range(_at_once(tasks, numbers, client))], loop=client.loop)
        for future in watched(ready, client):
            number = futures.pop(future)
            data, state = None, None
            try:
                with _noted(number, failed), named(tasks[number]):
                    result = future.result()
                    if isinstance(result, Exception):
                        raise result
                    data, state = result
            except KilledWorker as error:
                raise DaskUnavailableError(
                    f"{tasks[number].label}: {RETRIES + 1} workers in turn were lost during this task, perhaps out of "
                    "memory; give the workers more memory"
                ) from error
            except CancelledError as error:
                raise scheduler_lost() from error
            future.release()  # the scheduler need not keep the result
            if waiting:
                ready.add(submit())
            yield number, data, state
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.cancel(list(futures))


def _at_once(tasks: Sequence[Task], numbers: Sequence[int], client: Any) -> int:
    """Number of tasks that a cluster is given at once: all, or a few for each worker where they bring earlier parts."""
    if not any((path := tasks[number].path) is not None and path.exists() for number in numbers):
        return len(numbers)
    workers = int(sum(client.nthreads().values()))
    return min(len(numbers), AHEAD * max(1, workers))


def _put_off(text: str) -> None:
    """Say nothing: a file is written in less time than it takes to read a notice."""
    del text


@contextmanager
def named(task: Task) -> Iterator[None]:
    """Put the name of the task in front of the error sentences of pysv."""
    try:
        yield
    except PysvError as error:
        raise type(error)(f"{task.label}: {error}") from error


@contextmanager
def _noted(number: int, failed: dict[int, Exception] | None) -> Iterator[None]:
    """Put one of `FAILURES` into `failed`, where it is given."""
    try:
        yield
    except FAILURES as error:
        if failed is None:
            raise
        failed[number] = error


def progress_bar(label: str, total: int, shown: bool) -> tqdm[Any]:
    """A progress bar that counts tasks."""
    disabled = not shown or sys.stderr is None
    return tqdm(file=Screen(), total=total, desc=label, unit="task", disable=disabled, dynamic_ncols=True)
