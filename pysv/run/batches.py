"""Mixtures computed in batches: trajectories until their statistical error is small enough, thermal states over Dask.

A batch is a run of its own, of some trajectories or of some pure runs of a thermal state, that records ρ; the batches
are added up (`pysv.run.mixture.Mixture`) in their order. Which batches there are does not depend on the number of
workers (`pysv.run.plan`), so that it does not change a bit of the result. Their files stay (`pysv.run.folder`), so that
the run can be extended.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv import config
from pysv.engines._trajectories import Sampling, Seeds, trajectory_seeds
from pysv.engines.base import Method
from pysv.errors import InvalidInputError, MemoryLimitError, TargetErrorWarning
from pysv.measures.registry import find, targets
from pysv.measures.ways import left_out
from pysv.model.basis import Spins
from pysv.results import files
from pysv.results.destination import check_room
from pysv.run import interrupt
from pysv.run.dask import connected
from pysv.run.estimate import SHARE, check_fits
from pysv.run.folder import Folder
from pysv.run.memory import available_memory
from pysv.run.mixture import GROUPS, Groups, Mixture
from pysv.run.one_run import OneThread, members_from, members_in_file, run_members
from pysv.run.plan import WANTED, Batch, disk, part_of, planned, sampled_by
from pysv.run.remarks import tell, warn
from pysv.run.tasks import Task, compute, progress_bar
from pysv.units import size

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment
    from pysv.results.destination import OwnFile


@dataclass(frozen=True)
class GoingOn:
    """What a run in batches goes on from.

    Parameters
    ----------
    there : tuple of int
        Numbers of trajectories of the first batches that there are.
    fewest : int
        Least number of batches that a target error takes.
    """

    there: tuple[int, ...] = ()
    fewest: int = 0


Results = Callable[[int, int], Iterator["xr.Dataset"]]
"""Results of the tasks from one number to another (exclusive), in their order."""


def solve_in_batches(
    experiment: Experiment,
    method: Method,
    backend: str,
    *,
    dask: str | None = None,
    progress: bool = True,
    own: OwnFile | None = None,
    overwrite: bool = False,
    keep: bool = True,
    checkpoint_every: float = 30.0,
    going_on: GoingOn | None = None,
) -> xr.Dataset:
    """Run an experiment in batches, or go on with those that there are.

    Parameters
    ----------
    experiment : Experiment
    method : Method
        With a `target_error`, batches of trajectories are added until it is reached.
    backend : str
    dask : str, optional
        See `pysv.run.dask.connected`; None for this process.
    progress : bool
        Whether to show a bar that counts batches.
    own : OwnFile, optional
        Result file. Batches are kept with their states in the folder ``NAME.parts`` beside it.
    overwrite : bool
        Whether batches of another run in that folder may be replaced.
    keep : bool
        Whether the batches stay when the run is complete.
    checkpoint_every : float
        Shortest time between two checkpoints of a batch, s.
    going_on : GoingOn, optional
        What an earlier run has left in that folder.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    EngineError
        If the experiment is not a mixture that can be cut into batches.
    InvalidInputError
        If there are too few trajectories for two batches.
    DaskUnavailableError
        If there is no such cluster.
    """
    folder = None if own is None else Folder(own.path)
    batches = planned(experiment, method, () if going_on is None else going_on.there)
    check_fits(part_of(experiment), batches[0].method, backend)
    sampled = sampled_by(method, experiment)
    _check_fits(experiment, min(GROUPS, len(batches)) if sampled else 0)
    if folder is not None and not (isinstance(method, Sampling) and method.target_error):
        check_room(folder.path, disk(experiment, method) - folder.size)
    tasks = _tasks(experiment, method, backend, batches, folder, checkpoint_every)
    with (
        interrupt.caught(),
        OneThread(),
        connected(dask) as client,
        closing(progress_bar(method.name, len(tasks), progress)) as bar,
    ):
        if folder is not None:
            if overwrite and going_on is None and folder.asked() is None:
                folder.drop()  # batches of a run that is complete
            for task in () if overwrite else tasks:
                task.kept(overwrite)  # refuses those of another run before its request is replaced
            folder.begin(experiment, method, backend)
        # Now that nothing can refuse the run: a refusal comes alone, without warnings.
        warn(experiment, method if going_on is None else None, averaged=True)

        def results(first: int, last: int) -> Iterator[xr.Dataset]:
            return compute(tasks[first:last], client, bar=bar, overwrite=overwrite)

        if sampled:
            fewest = WANTED if going_on is None else max(WANTED, going_on.fewest)
            data = _trajectories(experiment, method, tasks, results, fewest)
        else:
            data = _pure_runs(experiment, tasks, results)
    data = _finished(data, experiment, method, backend)
    if own is not None and folder is not None:
        data.encoding["source"] = str(files.write(data, own.path, own=own))
        if own.moved:
            folder.move(own.path)
        if keep:
            folder.complete()
        else:
            folder.drop()
    return data


def _check_fits(experiment: Experiment, groups: int) -> None:
    """Refuse a run whose density matrices of all snapshots, in single precision for each group, do not fit."""
    needed = 16 * Spins(experiment.device.levels).size ** 2 * experiment.times.count * (3 + groups / 2)
    allowed = SHARE * available_memory()
    if needed > allowed:
        raise MemoryLimitError(
            f"batches are put together from the density matrices of all snapshots, which need {size(needed)}; the "
            f"limit is {size(allowed)}; take fewer snapshots, or run without --dask and target_error"
        )


def _tasks(
    experiment: Experiment, method: Method, backend: str, batches: Sequence[Batch], folder: Folder | None, every: float
) -> list[Task]:
    """A task for each batch, in its file where there is a folder."""
    part = part_of(experiment)
    tasks = [Task(batch.label, part, batch.method, backend, run_members, batch.members) for batch in batches]
    if folder is None:
        return tasks
    own: dict[str, Any] = {"run_in_file": partial(members_in_file, every=every), "run_from": members_from}
    return [replace(task, path=folder.batch(number), **own) for number, task in enumerate(tasks)]


def _pure_runs(experiment: Experiment, tasks: Sequence[Task], results: Results) -> xr.Dataset:
    mixture = Mixture(experiment)
    for data in results(0, len(tasks)):
        mixture.add(data, 1.0)
    return mixture.build(mixture.arrays(1.0)).assign_attrs(batches=mixture.count)


def _trajectories(
    experiment: Experiment, method: Method, tasks: Sequence[Task], results: Results, fewest: int
) -> xr.Dataset:
    """The average over all batches, or over the first ones, at least `fewest`, that reach the target error."""
    assert isinstance(method, Sampling)
    target, variable = method.target_error, method.target_variable
    mixture, error = Mixture(experiment), math.inf
    groups = Groups(mixture)
    wanted = min(len(tasks), fewest) if target else len(tasks)
    while mixture.count < wanted:
        own = tasks[mixture.count : wanted]
        for task, data in zip(own, results(mixture.count, wanted), strict=True):
            count = _sample(task)[0]
            mixture.add(data, count)
            groups.add(data, count)
        if target:
            error = reached_error(mixture, groups, variable)
            needed = math.ceil(wanted * min((error / target) ** 2, 2.0))  # errors fall as 1/√n; guesses are rough
            wanted = max(wanted, min(len(tasks), needed))
    arrays = mixture.arrays(mixture.weight)
    for index in range(mixture.times.size):
        for name, value in groups.errors(index, mixture.due(index)).items():
            arrays.setdefault(name, np.full((mixture.times.size, *np.shape(value)), np.nan))[index] = value
    used = [seed for task in tasks[: mixture.count] for seed in trajectory_seeds(*_sample(task))]
    data = mixture.build(arrays).assign_attrs(seeds=json.dumps(used), ntraj=len(used), batches=mixture.count)
    return data.assign_attrs(_target(data, method, error, len(used))) if target else data


def reached_error(mixture: Mixture, groups: Groups, variable: str) -> float:
    """Largest standard error, over all times, of a variable; of all measures linear in ρ where none is named.

    Raises
    ------
    InvalidInputError
        If the variable is not measured.
    """
    measure = find(variable)
    if measure is not None and measure.biased:
        due = measure.schedule or ""
        times = [index for index in range(mixture.times.size) if not due or mixture.due(index)(due)]
        errors = [groups.errors(index, due.__eq__).get(f"{variable}_error") for index in times]
    else:
        errors = [groups.linear_error(name) for name in ([variable] if variable else targets())]
    found = [np.asarray(values) for values in errors if values is not None]
    if not found:
        raise InvalidInputError(
            f"target_variable = {variable!r} is not measured in this run; name another one", "target_variable"
        )
    return max(float(values.max()) for values in found)


def _sample(task: Task) -> tuple[int, Seeds]:
    assert isinstance(task.method, Sampling)
    return task.method.ntraj, task.method.seeds


def _target(data: xr.Dataset, method: Sampling, error: float, used: int) -> dict[str, str | float]:
    """What a run with a target error reached, with a warning where that is not the target."""
    found: dict[str, str | float] = {
        "target_error": method.target_error,
        "target_variable": method.target_variable or "the largest of the measures linear in ρ",
        "target_error_reached": error,
    }
    if error > method.target_error:
        needed = used * (error / method.target_error) * (error / method.target_error)
        would = f"about ntraj = {math.ceil(needed)}" if needed < 1e12 else "no number of trajectories that can be run"
        warning = (
            f"target_error = {method.target_error:g} is not reached: {used} trajectories have {error:.2g}; {would} "
            "would do"
        )
        tell(warning, TargetErrorWarning)
        found["warnings"] = "\n".join(filter(None, (str(data.attrs["warnings"]), warning)))
    return found


def _finished(data: xr.Dataset, experiment: Experiment, method: Method, backend: str) -> xr.Dataset:
    """The dataset as one run would have made it: its own experiment, and ρ where it was asked for."""
    record = experiment.record
    due = [record.density_matrix and record.every.due("density_matrix", index) for index in range(data.time.size)]
    if not any(due):
        data = data.drop_vars("density_matrix")
    else:
        data["density_matrix"] = data["density_matrix"].where(data.time.isin(data.time[due]))
    data.attrs.pop("members", None)
    reasons = "\n".join(f"{name}: {why}" for name, why in left_out(experiment, averaged=True).items())
    return data.assign_attrs(experiment=config.dumps(experiment, method, backend), left_out=reasons)
