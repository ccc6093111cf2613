"""Sweeps: one run for every combination of several values of some keys of an experiment."""

from __future__ import annotations

import itertools
import json
import tomllib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from pysv import config
from pysv.engines import choose
from pysv.errors import (
    ExperimentFileError,
    InvalidInputError,
    PysvError,
    PysvWarning,
    ResultFileError,
    SweepFailureError,
    cut,
    quoted,
)
from pysv.experiment.checks import as_list, is_list
from pysv.results import files, points
from pysv.results.dataset import REQUIRED_NUMBERS
from pysv.results.failures import keep_failures
from pysv.results.lock import held
from pysv.results.survey import keep_plan
from pysv.run import interrupt
from pysv.run.dask import connected
from pysv.run.estimate import check_fits
from pysv.run.ready import make_ready
from pysv.run.remarks import tell, warn
from pysv.run.solve import resume, solve
from pysv.run.sweep_keys import KeyPath, changed, dimension, known_keys, unit, unknown_key
from pysv.run.sweep_values import MAX_POINTS, alike, plain, words
from pysv.run.tasks import Task, compute, progress_bar
from pysv.sectors import backend as backends

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment
    from pysv.run.one_run import Members

Grid = Mapping[str, Sequence[Any]]
"""Values of each key, by its name; see `known_keys`."""


@dataclass(frozen=True, eq=False)
class Point:
    """One run of a sweep.

    Parameters
    ----------
    settings : mapping
        Value of each swept key.
    data : xarray.Dataset
        Its dataset, as `pysv.solve` gives it.
    """

    settings: Mapping[str, Any]
    data: xr.Dataset

    def __repr__(self) -> str:
        return f"Point({_in_words(self.settings)}; {self.data.sizes['time']} snapshots)"


@dataclass(frozen=True, eq=False)
class Sweep:
    """A finished sweep.

    Parameters
    ----------
    points : tuple of Point
        The last key varies fastest.
    combined : xarray.Dataset or None
        The variables whose dimensions are the same at all points, with one more dimension ``table_key`` for each
        swept key. The attribute ``left_out`` names the other variables. None if the points differ in their times.
    """

    points: tuple[Point, ...]
    combined: xr.Dataset | None

    def __repr__(self) -> str:
        grid: dict[str, dict[str, None]] = {}
        for point in self.points:
            for key, value in point.settings.items():
                grid.setdefault(key, {})[words(value)] = None
        keys = "; ".join(cut(f"{key} = {', '.join(values)}") for key, values in grid.items())
        combined = "combined" if self.combined is not None else "not combined, because their times differ"
        return f"Sweep({len(self.points)} points, {combined}: {keys})"


def sweep(
    experiment: Experiment,
    grid: Grid,
    *,
    engine: str | Method = "auto",
    backend: str = "auto",
    dask: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Sweep:
    """Run an experiment for every combination of the values of some keys.

    Parameters
    ----------
    experiment : Experiment
        The common part of all points.
    grid : mapping of str to sequence
        Values by the key of the experiment file, e.g. ``{"bath.temperature": [10, 30, 100]}``; docs/keys.md lists the
        keys. A layer is named, ``"device.layer.FM_p.spin"``, and a potential has its number from 1 on,
        ``"device.potential.1.energy"``.
    engine, backend
        As for `solve`.
    dask : str, optional
        ``"local"``, ``"local:N"`` (N worker processes on this machine), or the address of a Dask scheduler; each worker
        computes one point at a time. By default the points are computed one after the other in this process.
    out : str or Path, optional
        Folder, created if necessary: a file for each point, named by its settings, and ``sweep.nc`` for the combined
        dataset. An interrupted sweep continues with the missing points, and so does one that got more values. In this
        process a point has checkpoints, as a run has, and goes on from there; points on a cluster begin anew.
    overwrite : bool
        Whether files of other runs in the folder may be replaced.
    progress : bool
        Whether to show a progress bar that counts points.

    Returns
    -------
    Sweep

    Raises
    ------
    InvalidInputError
        If a key does not exist, or a point is not an allowed experiment; then nothing has run.
    ResultExistsError
        If the folder holds other runs.
    JuliaUnavailableError
        If a point needs a Julia that cannot be had; then nothing has run.
    DaskUnavailableError
        If the cluster is not available, or is lost.
    SweepFailureError
        If points have failed, after all others were computed; those are its attribute `points`, and are kept in `out`.
    KeyboardInterrupt
        After Ctrl-C, SIGTERM or SIGHUP; the points that are finished are kept in `out`.
    """
    tables = tomllib.loads(config.dumps(experiment, engine, backend))
    return sweep_tables(tables, grid, "sweep", dask=dask, out=out, overwrite=overwrite, progress=progress)


def sweep_tables(
    tables: Mapping[str, Any],
    grid: Grid,
    name: str,
    *,
    dask: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
    by_file: bool = False,
    remedy: str = "",
) -> Sweep:
    """As `sweep`, from the tables of an experiment file; error sentences begin with `name`.

    `by_file` and `remedy` are those of `pysv.run.ready.make_ready`.
    """
    paths = known_keys(tables)
    values = _checked(grid, paths)
    folder = None if out is None else _folder(out)
    tasks, settings, said = _tasks(tables, paths, values, name, folder)
    make_ready(tasks, overwrite=overwrite, dask=dask is not None, by_file=by_file, remedy=remedy)
    failed: dict[int, Exception] = {}
    with (
        interrupt.caught(),
        connected(dask) as client,
        closing(progress_bar("sweep", len(tasks), progress)) as bar,
    ):
        if folder is not None:
            folder.mkdir(exist_ok=True)
        with nullcontext() if folder is None else held(folder / points.COMBINED):
            results = compute(tasks, client, bar=bar, overwrite=overwrite, failed=failed)
            if folder is not None:
                _drop_combined(folder, values, tasks[0])
                keep_plan(folder, values, {key: unit(key) for key in values})
                keep_failures(folder, {})
            for category, text in said:  # now that nothing can refuse the points: a refusal comes alone
                tell(text, category)
            try:
                done = list(results)
            finally:
                reasons = {number: tasks[number].failure(error) for number, error in sorted(failed.items())}
                if folder is not None:
                    keep_failures(folder, {points.file_of(settings[number]): why for number, why in reasons.items()})
    computed = [own for number, own in enumerate(settings) if number not in failed]
    made = tuple(Point(own, data) for own, data in zip(computed, done, strict=True))
    if failed:
        raise SweepFailureError([f"{tasks[number].label}: {why}" for number, why in reasons.items()], made)
    combined = combine(made, values)
    if folder is not None and combined is not None:
        files.write(combined, folder / points.COMBINED)
    elif folder is not None:
        (folder / points.COMBINED).unlink(missing_ok=True)
    return Sweep(made, combined)


def _drop_combined(folder: Path, grid: Grid, first: Task) -> None:
    """Remove the combined dataset of another sweep: until this one is complete, the folder has none."""
    path = folder / points.COMBINED
    if not path.exists():
        return
    try:
        attrs = files.header(path)[0]
    except ResultFileError:  # it is written anew, as a damaged point is
        attrs = {}
    asked = config.dumps(first.experiment, first.method, backends.recorded(first.backend))
    if not points.is_of(attrs, grid) or attrs.get("experiment") != asked:
        path.unlink()


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {cut(words(value))}" for key, value in settings.items())


def _checked(grid: Grid, known: Iterable[str]) -> dict[str, list[Any]]:
    if not isinstance(grid, Mapping) or not grid:
        raise InvalidInputError('a sweep needs at least one key with its values, e.g. {"bath.temperature": [10, 100]}')
    names, found = list(known), {}
    for key, given in grid.items():
        if key not in names:
            raise ExperimentFileError(f"sweep: {unknown_key(str(key), names)}", str(key))
        values = as_list(given)
        if not is_list(values) or not len(values):
            raise InvalidInputError(f"sweep: {key} = {quoted(given)} must be a list of values", key)
        found[key] = [plain(value) for value in values]
        if len({alike(value) for value in found[key]}) < len(found[key]):
            raise InvalidInputError(f"sweep: {key} names a value twice; leave one out", key)
    if len({dimension(key) for key in found}) < len(found):
        raise InvalidInputError(f"sweep: two of {', '.join(found)} would be one dimension; rename a layer")
    count = int(np.prod([len(values) for values in found.values()], dtype=float))
    if count > MAX_POINTS:
        raise InvalidInputError(f"sweep: the grid has {count} points; the limit is {MAX_POINTS}; take fewer values")
    return found


def _folder(out: str | Path) -> Path:
    folder = Path(out)
    if not str(out):
        raise ResultFileError("the name of the folder is empty; give one")
    try:
        folder.resolve()
    except (RuntimeError, OSError) as error:
        raise ResultFileError(f"{folder}: is a loop of symbolic links; name another folder") from error
    if folder.exists() and not folder.is_dir():
        raise ResultFileError(f"{folder}: is not a folder; name another one")
    if not folder.parent.is_dir():
        raise ResultFileError(f"{folder}: the folder {folder.parent} does not exist; make it first")
    return folder


def _tasks(
    tables: Mapping[str, Any], paths: Mapping[str, KeyPath], grid: Grid, name: str, folder: Path | None
) -> tuple[list[Task], list[dict[str, Any]], list[tuple[type[Warning], str]]]:
    """One task for each point, its settings, and the warnings of all points, equal ones once.

    All points are checked before any runs.
    """
    tasks, settings = [], []
    said: set[tuple[type[Warning], str]] = set()
    earlier = {} if folder is None else points.by_number(folder)
    for values in itertools.product(*grid.values()):
        own = dict(zip(grid, values, strict=True))
        where = f"{name} with {_in_words(own)}"
        asked = config.from_tables(changed(tables, {paths[key]: value for key, value in own.items()}), where)
        try:
            method, backend = choose(asked.experiment, asked.engine, asked.backend)
            backends.backend(backend).check()
            check_fits(asked.experiment, method, backend)
        except PysvError as error:
            raise type(error)(f"{where}: {error}") from error
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PysvWarning)
            warn(asked.experiment, method)
        said.update((warning.category, str(warning.message)) for warning in caught)
        path = None if folder is None else folder / points.file_of(own)
        if path is not None and not path.exists():
            path = earlier.get(config.dumps(asked.experiment, method, backends.recorded(backend)), path)
        tasks.append(Task(where, asked.experiment, method, backend, _run, path=path, run_in_file=_run_in_file))
        settings.append(own)
    return tasks, settings, sorted(said, key=str)


def _run(experiment: Experiment, method: Method, backend: str, members: Members) -> xr.Dataset:
    assert members is None  # a point is a whole run
    return solve(experiment, engine=method, backend=backend, progress=False)


def _run_in_file(experiment: Experiment, method: Method, backend: str, members: Members, path: Path) -> xr.Dataset:
    """The run with checkpoints in its file; it goes on from a checkpoint of the same run."""
    assert members is None
    asked = config.dumps(experiment, method, backends.recorded(backend))
    try:
        same = path.exists() and files.load(path).attrs["experiment"] == asked and files.load_state(path) is not None
    except ResultFileError:  # it may be replaced, or there would be an error before
        same = False
    if same:
        return resume(path, experiment=experiment, engine=method, backend=backend, progress=False)
    return solve(experiment, engine=method, backend=backend, progress=False, out=path, overwrite=True)


def combine(made: Sequence[Point], grid: Grid) -> xr.Dataset | None:
    """The variables of all points, with one more dimension for each swept key; see `Sweep`."""
    first = made[0].data
    if any(not np.array_equal(point.data["time"], first["time"]) for point in made):
        return None
    dims = {dimension(key): [_label(value) for value in values] for key, values in grid.items()}
    shape = tuple(len(values) for values in dims.values())

    def alone(data: xr.Dataset, name: str) -> xr.DataArray:
        return data[name].reset_coords(drop=True)

    def common(name: str) -> bool:
        """Whether a coordinate is the same at all points; others along its dimension do not count."""
        own = alone(first, name)
        return all(name in point.data.variables and own.equals(alone(point.data, name)) for point in made)

    shared = {str(name) for name in first.coords if common(str(name))}
    kept, lacking = {}, []
    for name in dict.fromkeys(str(name) for point in made for name in point.data.data_vars):
        found = [point.data[name].variable for point in made if name in point.data]
        one = found[0]
        if len(found) < len(made) or any(own.dims != one.dims for own in found) or not set(one.dims) <= shared:
            lacking.append(name)
            continue
        stacked = np.stack([own.values for own in found])
        kept[name] = ((*dims, *one.dims), stacked.reshape(*shape, *one.shape), one.attrs)
    coords = {name: first.coords[name].variable for name in shared}
    swept: dict[str, Any] = {}
    for (dim, labels), (key, values) in zip(dims.items(), grid.items(), strict=True):
        units = unit(key)
        swept[dim] = (dim, labels, {"long_name": key, "units": units} if units else {"long_name": key})
        for name, numbers in _numbers(dim, values).items():
            swept[name] = (
                dim,
                numbers,
                {"long_name": name.removeprefix(f"{dim}_") + f" of {key}", "units": units or "1"},
            )
    attrs = _attrs([point.data for point in made])
    reason = "its shape or its coordinates differ from point to point"
    attrs |= {"sweep": json.dumps(grid, default=str), "left_out": "\n".join(f"{name}: {reason}" for name in lacking)}
    return xr.Dataset(kept, {**coords, **swept}, attrs)


def _label(value: Any) -> Any:
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else words(value)


def _numbers(dim: str, values: Sequence[Any]) -> dict[str, list[float]]:
    """Coordinates with the numbers of lists of one length: first and last of pairs of sites, others by their place."""
    sizes = {len(value) if is_list(value) else 0 for value in values}
    entries = [entry for value in values if is_list(value) for entry in value]
    if len(sizes) != 1 or not entries or any(type(entry) not in (int, float) for entry in entries):
        return {}
    pair = sizes == {2} and all(type(entry) is int for entry in entries)
    names = ("first", "last") if pair else [str(place) for place in range(1, sizes.pop() + 1)]
    return {f"{dim}_{name}": [value[n] for value in values] for n, name in enumerate(names)}


def _attrs(datasets: Sequence[xr.Dataset]) -> dict[str, Any]:
    """Attributes of the first point, with the total time, the largest drifts, all warnings and all seeds."""
    attrs = dict(datasets[0].attrs)
    for name in REQUIRED_NUMBERS:
        numbers = [float(data.attrs[name]) for data in datasets]
        attrs[name] = sum(numbers) if name == "wall_time" else max(numbers)
    for name in ("warnings", "seeds"):
        lines = (line for data in datasets for line in str(data.attrs[name]).splitlines())
        attrs[name] = "\n".join(dict.fromkeys(lines))
    return attrs
