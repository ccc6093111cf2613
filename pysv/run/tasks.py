"""Independent tasks of an ensemble: one after the other in this process, or on the workers of a Dask cluster.

A task is a run whose result does not depend on where it runs: its random numbers come from its own seeds, and on a
cluster it has one thread. Results are handed on in the order of the tasks, whatever the order in which they are
finished. Finished tasks may be kept in files; only the process that asks for them writes these.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from pysv.compute import thread_pool
from pysv.errors import (
    DaskUnavailableError,
    PysvError,
    PysvWarning,
    ResultExistsError,
    ResultFileError,
)
from pysv.results import files

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Method
    from pysv.experiment import Experiment

RETRIES = 3
"""How often a task is given to another worker after one was lost with it."""


@dataclass(frozen=True, eq=False)
class Task:
    """One run of an ensemble.

    Parameters
    ----------
    label : str
        What error sentences call it.
    experiment : Experiment
    method : Method
    backend : str
    run : callable
        A function of a module of pysv that makes the run from what stands before and after it here.
    members : tuple of int, optional
        First and last (exclusive) of the pure runs that it consists of; by default all.
    path : Path, optional
        File in which its result is kept.
    """

    label: str
    experiment: Experiment
    method: Method
    backend: str
    run: Callable[[Experiment, Method, str, tuple[int, int] | None], xr.Dataset]
    members: tuple[int, int] | None = None
    path: Path | None = None

    def compute(self) -> xr.Dataset:
        """Run it.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C ended the run early: half a task is no result.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PysvWarning)  # said once for the whole ensemble
            data = self.run(self.experiment, self.method, self.backend, self.members)
        if data.attrs["status"] != "complete":
            raise KeyboardInterrupt
        return data.assign_attrs(members=str(self.members)) if self.members else data

    def compute_alone(self) -> xr.Dataset:
        """Run it on one thread: a worker of a cluster has one processor."""
        with thread_pool.alone():
            return self.compute()

    def kept(self, overwrite: bool) -> xr.Dataset | None:
        """Its result of an earlier time, None if there is none.

        Raises
        ------
        ResultExistsError
            If its file holds something else and may not be replaced.
        """
        from pysv import config

        if self.path is None or not self.path.exists():
            return None
        own = config.dumps(self.experiment, self.method, self.backend)
        try:
            data = files.load(self.path)
            same = data.attrs["experiment"] == own and data.attrs["status"] == "complete"
            if same and data.attrs.get("members", "None") == str(self.members):
                return data
        except ResultFileError:
            if not overwrite:
                raise
        if overwrite:
            return None
        raise ResultExistsError(
            f"{self.path}: holds another run than {self.label}; choose another folder, or use --force (overwrite=True) "
            "to replace it"
        )


def compute(
    tasks: Sequence[Task], client: Any = None, *, bar: tqdm[Any] | None = None, overwrite: bool = False
) -> Iterator[xr.Dataset]:
    """Results of tasks in their order; those that are kept in files are not computed again.

    Parameters
    ----------
    tasks : sequence of Task
    client : distributed.Client, optional
        See `pysv.run.dask.connected`. Without one a task is computed when its result is asked for.
    bar : tqdm, optional
        Moves by one for each finished task.
    overwrite : bool
        Whether a file that holds something else is replaced.

    Yields
    ------
    xarray.Dataset
    """
    found = {number: task.kept(overwrite) for number, task in enumerate(tasks)}
    missing = [number for number, data in found.items() if data is None]
    if bar is not None:
        bar.update(len(tasks) - len(missing))
    finished = _computed(tasks, missing, client)
    for number in range(len(tasks)):
        while found[number] is None:
            other, data = next(finished)
            if (path := tasks[other].path) is not None:
                files.write(data, path)
            found[other] = data
            if bar is not None:
                bar.update()
        result = found.pop(number)
        assert result is not None
        yield result


def _computed(tasks: Sequence[Task], numbers: Sequence[int], client: Any) -> Iterator[tuple[int, xr.Dataset]]:
    """Number and result of each task, as they are finished."""
    if client is None:
        for number in numbers:
            with _named(tasks[number]):
                yield number, tasks[number].compute()
        return
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = {
        client.submit(Task.compute_alone, tasks[number], retries=RETRIES, pure=False): number for number in numbers
    }
    try:
        for future in as_completed(list(futures), loop=client.loop):
            number = futures.pop(future)
            try:
                with _named(tasks[number]):
                    data = future.result()
            except KilledWorker as error:
                raise DaskUnavailableError(
                    f"{tasks[number].label}: {RETRIES + 1} workers were lost in turn with this task, perhaps for want "
                    "of memory; give the workers more of it"
                ) from error
            future.release()  # the scheduler need not keep what is here
            yield number, data
    finally:
        client.cancel(list(futures))


@contextmanager
def _named(task: Task) -> Iterator[None]:
    """Errors of pysv with the name of the task in front."""
    try:
        yield
    except PysvError as error:
        raise type(error)(f"{task.label}: {error}") from error


def progress_bar(label: str, total: int, shown: bool) -> tqdm[Any]:
    """A bar that counts tasks."""
    disabled = not shown or sys.stderr is None
    return tqdm(total=total, desc=label, unit="task", disable=disabled, dynamic_ncols=True)
