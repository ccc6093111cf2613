"""Mixtures computed in batches: trajectories until their statistical error is small enough, thermal states over Dask.

A batch is a run of its own, of some trajectories or of some pure runs of a thermal state, that records ρ; the batches
are added up (`pysv.run.mixture.Mixture`) in their order. Which batches there are depends on the experiment alone, so
that the number of workers does not change a bit of the result.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pysv import config
from pysv.engines._trajectories import FEWEST, Sampling, Seeds, trajectory_seeds
from pysv.engines.base import Method
from pysv.errors import EngineError, InvalidInputError, MemoryLimitError, TargetErrorWarning
from pysv.experiment.record import Every
from pysv.experiment.source import OneElectron
from pysv.measures.registry import find, measures, targets
from pysv.measures.ways import left_out, way
from pysv.model.basis import Spins
from pysv.model.conservation import occupied_sectors
from pysv.results import files
from pysv.run import interrupt
from pysv.run.dask import connected
from pysv.run.estimate import SHARE, check_fits
from pysv.run.memory import available_memory
from pysv.run.mixture import GROUPS, Groups, Mixture
from pysv.run.one_run import OneThread, run_members
from pysv.run.tasks import Task, compute, progress_bar
from pysv.units import size

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment
    from pysv.results.destination import OwnFile

Results = Callable[[int, int], Iterator["xr.Dataset"]]
"""Results of the tasks from one number to another (exclusive), in their order."""

TRAJECTORIES = 20
"""Most trajectories of a batch; at least ten batches are wanted, which are the jackknife groups of the errors."""
WANTED = 10
PURE_RUNS = 4
"""Pure runs of a batch."""


def solve_in_batches(
    experiment: Experiment,
    method: Method,
    backend: str,
    *,
    dask: str | None = None,
    progress: bool = True,
    own: OwnFile | None = None,
    overwrite: bool = False,
) -> xr.Dataset:
    """Run an experiment in batches.

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
        Result file. Finished batches are kept in the folder ``NAME.parts`` beside it until it is written.
    overwrite : bool
        Whether batches of another run in that folder may be replaced.

    Returns
    -------
    xarray.Dataset
        It cannot be resumed.

    Raises
    ------
    EngineError
        If the experiment is not a mixture that can be cut into batches.
    InvalidInputError
        If there are too few trajectories for two batches.
    DaskUnavailableError
        If there is no such cluster.
    """
    tasks = _tasks(experiment, method, backend)
    check_fits(tasks[0].experiment, tasks[0].method, backend)
    sampled = isinstance(method, Sampling) and method.samples(experiment)
    _check_fits(experiment, min(GROUPS, len(tasks)) if sampled else 0)
    folder = None if own is None else own.path.with_name(f"{own.path.name}.parts")
    if folder is not None:
        tasks = [replace(task, path=folder / f"{number:04d}.nc") for number, task in enumerate(tasks)]
    with (
        interrupt.caught(),
        OneThread(),
        connected(dask) as client,
        closing(progress_bar(method.name, len(tasks), progress)) as bar,
    ):
        if folder is not None:
            folder.mkdir(exist_ok=True)

        def results(first: int, last: int) -> Iterator[xr.Dataset]:
            return compute(tasks[first:last], client, bar=bar, overwrite=overwrite)

        data = (_trajectories if sampled else _pure_runs)(experiment, method, tasks, results)
    data = _finished(data, experiment, method, backend)
    if own is not None and folder is not None:
        data.encoding["source"] = str(files.write(data, own.path, own=own))
        for task in tasks:
            assert task.path is not None
            task.path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
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


def _tasks(experiment: Experiment, method: Method, backend: str) -> list[Task]:
    if way(experiment) != "dense":
        raise EngineError(
            f"{experiment.device.n_spins} spins: batches are put together from the density matrix of the localized "
            "spins, which is too large here; run without --dask and target_error"
        )
    scheduled = {own.schedule for own in measures() if own.schedule and own.of_density and not own.option}
    never = Every(**dict.fromkeys(scheduled, 0))  # they are measured on the whole ρ
    part = replace(experiment, record=replace(experiment.record, density_matrix=True, every=never))
    if isinstance(method, Sampling) and method.samples(experiment):
        batches = list(_batches(trajectory_seeds(method.ntraj, method.seeds)))
        if len(batches) < 2:
            raise InvalidInputError(
                f"ntraj = {method.ntraj} is too few for batches; take at least {2 * FEWEST}", "ntraj"
            )
        return [
            Task(f"trajectories {first + 1} to {first + len(own)}", part, method.of_seeds(own), backend, run_members)
            for first, own in batches
        ]
    if experiment.bath is not None or not isinstance(experiment.source, OneElectron) or not method.quantum:
        raise EngineError(
            f"engine {method.name!r} runs this experiment as a whole; leave --dask out, or use it with `pysv sweep`"
        )
    count = len(occupied_sectors(experiment))
    spans = [(first, min(first + PURE_RUNS, count)) for first in range(0, count, PURE_RUNS)]
    return [Task(f"pure runs {a + 1} to {b}", part, method, backend, run_members, (a, b)) for a, b in spans]


def _batches(seeds: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Place of the first trajectory and seeds of each batch; a last one that is too small joins the one before."""
    size = max(FEWEST, min(TRAJECTORIES, len(seeds) // WANTED // 2 * 2))  # as many of either electron spin
    first = 0
    while first < len(seeds):
        last = first + size if len(seeds) - (first + size) >= FEWEST else len(seeds)
        yield first, tuple(seeds[first:last])
        first = last


def _pure_runs(experiment: Experiment, method: Method, tasks: Sequence[Task], results: Results) -> xr.Dataset:
    mixture = Mixture(experiment)
    for data in results(0, len(tasks)):
        mixture.add(data, 1.0)
    return mixture.build(mixture.arrays(1.0)).assign_attrs(batches=mixture.count)


def _trajectories(experiment: Experiment, method: Method, tasks: Sequence[Task], results: Results) -> xr.Dataset:
    """The average over all batches, or over the first ones that reach the target error."""
    assert isinstance(method, Sampling)
    target, variable = method.target_error, method.target_variable
    mixture, error = Mixture(experiment), math.inf
    groups = Groups(mixture)
    planned = min(len(tasks), WANTED) if target else len(tasks)
    while mixture.count < planned:
        own = tasks[mixture.count : planned]
        for task, data in zip(own, results(mixture.count, planned), strict=True):
            count = _sample(task)[0]
            mixture.add(data, count)
            groups.add(data, count)
        if target:
            error = reached_error(mixture, groups, variable)
            needed = math.ceil(planned * min((error / target) ** 2, 2.0))  # errors fall as 1/√n; guesses are rough
            planned = max(planned, min(len(tasks), needed))
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
        warnings.warn(warning, TargetErrorWarning, stacklevel=2)
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
