"""The two verbs that run an experiment: `solve` from the start, `resume` from a result file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysv import config
from pysv.engines import choose, going_on
from pysv.engines._trajectories import Sampling
from pysv.engines.base import Method
from pysv.errors import InvalidInputError, ResultFileError, ResumeError, UnsavedResultError, cut
from pysv.measures.observables import Function, own_measures
from pysv.measures.registry import additional
from pysv.results import files
from pysv.results.destination import OwnFile, check_destination, check_room, followed, owned, previous
from pysv.results.lock import held
from pysv.run import interrupt
from pysv.run.batches import solve_in_batches
from pysv.run.longer import Sample, has_batches, resume_batches
from pysv.run.one_run import Run
from pysv.run.remarks import warn
from pysv.run.restored import Earlier, check_reach

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment


def solve(
    experiment: Experiment,
    *,
    engine: str | Method = "auto",
    backend: str = "auto",
    progress: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    checkpoint_every: float = 30.0,
    dask: str | None = None,
    keep_batches: bool = True,
    observables: Mapping[str, str | Function] | None = None,
) -> xr.Dataset:
    """Run an experiment.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
        ``"auto"``, a name, or options such as ``pysv.Chebyshev(tolerance=1e-10)``.
    backend : {"auto", "python", "julia", "mpi", "cuda"}
    progress : bool
        Whether to show a progress bar.
    out : str or Path, optional
        Result file, from which `resume` can continue. It is updated during the run and is complete at any time.
    overwrite : bool
        Whether `out` may be replaced if it exists.
    checkpoint_every : float
        Shortest time between two updates of `out`, s.
    dask : str, optional
        ``"local"``, ``"local:N"`` (N worker processes on this machine) or the address of a Dask scheduler:
        trajectories, or the pure runs of a thermal state, are computed in batches there. Such a run, like a run with a
        target error, has a progress bar that counts batches, and keeps them with their states in the folder
        ``OUT.parts``.
    keep_batches : bool
        Whether that folder stays when the run is complete, so that `resume` can extend the run.
    observables : mapping of str to str or callable, optional
        Further variables by their names. Text, such as ``"Z1 Z5"``, is a product of spin operators and becomes a part
        of the experiment, see `Record`. A function is called at every snapshot with ρ of the localized spins
        (`pysv.measures.SpinDensity`), or with the `Snapshot` if its argument is called ``snapshot``, and gives a real
        number or an array of them.

    Returns
    -------
    xarray.Dataset
        The snapshots so far. After Ctrl-C the attribute ``status`` is ``"interrupted"``.

    Raises
    ------
    EngineError, JuliaUnavailableError, CudaUnavailableError
        If the engine is not available or cannot run the experiment.
    DaskUnavailableError
        If `dask` names a cluster that is not available.
    MemoryLimitError
        If the run does not fit in memory.
    ResultFileError, ResultExistsError
        If `out` cannot be written, or another run writes it.
    UnsavedResultError
        If the disk has filled during the run, and there is no other place for the result, which is the attribute
        `data` of the error.
    InvariantError, SpectralBoundsError
        If the run loses a conserved quantity; `out` holds what was recorded before.
    """
    target = None if out is None else check_destination(out, overwrite=overwrite)
    experiment, functions = _with_observables(experiment, observables or {})
    with (
        nullcontext() if target is None else owned(target, replace=overwrite) as own,
        additional(own_measures(experiment, functions)),
    ):
        how = experiment, engine, backend, progress, own, overwrite, checkpoint_every, dask, keep_batches
        return _solved(*how, tuple(functions))


def _with_observables(
    experiment: Experiment, observables: Mapping[str, str | Function]
) -> tuple[Experiment, dict[str, Function]]:
    """The experiment with the products among the observables, and the functions."""
    products = {name: text for name, text in observables.items() if isinstance(text, str)}
    functions = {name: own for name, own in observables.items() if not isinstance(own, str)}
    if products:
        every = dict(experiment.record.observables) | products
        experiment = replace(experiment, record=replace(experiment.record, observables=tuple(every.items())))
    return experiment, functions


def _solved(
    experiment: Experiment,
    engine: str | Method,
    backend: str,
    progress: bool,
    own: OwnFile | None,
    overwrite: bool,
    checkpoint_every: float,
    dask: str | None,
    keep_batches: bool,
    functions: tuple[str, ...],
) -> xr.Dataset:
    """`solve` where all observables are known."""
    if dask is not None or (isinstance(engine, Sampling) and engine.target_error):
        if functions:
            raise InvalidInputError(
                f"observables: {functions[0]!r} is a function, which batches on other processes cannot call; run "
                "without dask and target_error, or keep density_matrix and apply it afterwards",
                "observables",
            )
        method, chosen = choose(experiment, engine, backend)
        if own is None and not keep_batches:
            raise InvalidInputError(
                "keep_batches = False would be ignored without out: no batches are kept then; leave it out",
                "keep_batches",
            )
        options: dict[str, Any] = {"progress": progress, "own": own, "overwrite": overwrite, "keep": keep_batches}
        return solve_in_batches(experiment, method, chosen, dask=dask, checkpoint_every=checkpoint_every, **options)
    if not keep_batches:
        raise InvalidInputError(
            "keep_batches = False would be ignored: the run has no batches without dask or target_error; leave it out",
            "keep_batches",
        )
    run = Run.prepare(experiment, engine, backend, functions=functions)
    if own is not None:  # fail now, not at the first checkpoint
        check_room(own.path, files.room_for(run.needed.disk))
    return run.go(own, progress, checkpoint_every, announce=lambda: warn(experiment, run.method))


def resume(
    path: str | Path,
    *,
    stop: float | None = None,
    experiment: Experiment | None = None,
    engine: str | Method = "auto",
    backend: str | None = None,
    progress: bool = True,
    checkpoint_every: float = 30.0,
    observables: Mapping[str, Function] | None = None,
    ntraj: int | None = None,
    target_error: float | None = None,
    dask: str | None = None,
) -> xr.Dataset:
    """Continue an interrupted run, or extend a finished one, in its result file.

    A run in batches (`dask`, or a target error) goes on with those in the folder ``PATH.parts``, where the file itself
    need not be there yet.

    Parameters
    ----------
    path : str or Path
        A file that ``solve(..., out=path)`` or ``pysv run`` wrote.
    stop : float, optional
        New time of the last snapshot, fs; by default that of `experiment`, or of the file's own experiment.
    experiment : Experiment, optional
        If given, the file must come from this experiment (except for its last time).
    engine : str or Method
        If not ``"auto"``, the file must come from this engine, and from the same options if they are given; for a run
        in batches `ntraj`, a longer list of seeds and a target error may differ.
    backend : {"auto", "python", "julia", "mpi", "cuda"}, optional
        By default that of the file. All backends share the form of the state, so another backend can continue a run.
    progress, checkpoint_every
        As for `solve`.
    observables : mapping of str to callable, optional
        The functions that the run was started with; a file holds their names only.
    ntraj : int, optional
        Larger number of trajectories of a run in batches.
    target_error : float, optional
        Smaller target error of a run in batches; 0 for all `ntraj` trajectories.
    dask : str, optional
        As for `solve`, for a run in batches.

    Returns
    -------
    xarray.Dataset
        The whole run, equal to an uninterrupted one.

    Raises
    ------
    ResumeError
        If the file holds no state to continue from, comes from another experiment, or reaches beyond `stop` already; or
        if its state, measured again, does not give the last snapshot of its record. Also for `ntraj`, `target_error`
        and `dask` where the file was not computed in batches.
    ResultFileError
        If the file cannot be read, is damaged, or another run writes it.
    """
    sample = Sample(ntraj, target_error, dask)
    with held(followed(Path(path))):
        try:
            if has_batches(path):
                _check_functions(path, (), observables or {})
                how: dict[str, Any] = {"progress": progress, "checkpoint_every": checkpoint_every}
                return resume_batches(path, stop, experiment, engine, backend, sample, **how)
            sample.check_unused(path)
            return _taken_up(
                path, stop, experiment, engine, backend, progress, checkpoint_every, dict(observables or {})
            )
        except (ResultFileError, ResumeError) as error:
            earlier = previous(followed(Path(path)))
            if not os.path.isfile(earlier) or isinstance(error, UnsavedResultError):
                raise
            raise type(error)(
                f"{error}; the checkpoint before is in {earlier}: rename it to go on from there"
            ) from error


def _taken_up(
    path: str | Path,
    stop: float | None,
    experiment: Experiment | None,
    engine: str | Method,
    backend: str | None,
    progress: bool,
    checkpoint_every: float,
    functions: dict[str, Function],
) -> xr.Dataset:
    """`resume` where no other run writes the file."""
    data = files.load(path)
    state = files.load_state(path)
    again = str(data.attrs["status"]).startswith(f"stopped: {interrupt.SECOND}")
    if state is None and str(data.attrs["status"]).startswith("stopped") and not again:
        raise ResumeError(
            f"{path}: {data.attrs['status']}; the file holds no earlier state, run again with other options"
        )
    if state is None and "merged_runs" in data.attrs:
        raise ResumeError(
            f"{path}: was merged from several runs and holds no state; resume each of them, and merge them again"
        )
    if state is None and not again:
        raise ResumeError(f"{path}: holds no state to continue from; make it with `pysv run` or solve(..., out=...)")
    made_by = config.loads(str(data.attrs["experiment"]), f"{path}: experiment")
    _check_origin(path, made_by, experiment, engine)
    _check_functions(path, str(data.attrs.get("functions", "")).split(), functions)
    with additional(own_measures(made_by.experiment, functions)):
        return _resumed(path, data, state, made_by, experiment, stop, backend, progress, checkpoint_every, functions)


def _resumed(
    path: str | Path,
    data: xr.Dataset,
    state: files.SavedState | None,
    made_by: config.Configuration,
    experiment: Experiment | None,
    stop: float | None,
    backend: str | None,
    progress: bool,
    checkpoint_every: float,
    functions: Mapping[str, Function],
) -> xr.Dataset:
    """`resume` where all observables are known; begins again where there was no state to keep yet."""
    own = made_by.experiment
    try:
        wanted = (experiment or own).times
        longer = replace(own, times=wanted if stop is None else wanted.until(stop))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}", error.key) from error
    run = Run.prepare(longer, made_by.engine, backend or going_on(made_by.backend), functions=tuple(functions))
    if state is None:
        with OwnFile(followed(Path(path))) as file:
            return run.go(file, progress, checkpoint_every, announce=lambda: warn(longer))
    if state.fingerprint != run.fingerprint:
        raise ResumeError(f"{path}: its state and its attributes come from different experiments; start a new run")
    # After a failure the record may reach further than the last good state.
    data = data.isel(time=data.time.values <= state.time + 1e-9)
    if not data.time.size:
        raise ResumeError(f"{path}: its saved state is earlier than its first snapshot; start a new run")
    check_reach(path, data, longer.times)
    if data.time.size == longer.times.count and data.attrs["status"] == "complete":
        previous(followed(Path(path))).unlink(missing_ok=True)  # of a process that was killed after its last write
        return data
    with OwnFile(followed(Path(path))) as file:
        try:
            return run.go(file, progress, checkpoint_every, Earlier(data, state), lambda: warn(longer))
        except ResumeError as error:
            raise ResumeError(f"{path}: {error}") from error


def _check_functions(path: str | Path, known: Collection[str], given: Collection[str]) -> None:
    if sorted(given) != sorted(known):
        raise ResumeError(
            f"{path}: was started with the functions {' '.join(known) or 'none'} as observables, not with "
            f"{' '.join(given) or 'none'}; give the same ones"
        )


def _check_origin(
    path: str | Path, made_by: config.Configuration, experiment: Experiment | None, engine: str | Method
) -> None:
    """Refuse a file that does not come from the given experiment (except for its last time) and engine."""
    own, made_with = made_by.experiment, made_by.engine
    if experiment is not None and replace(experiment, times=own.times) != own:
        raise ResumeError(f"{path}: was made by another experiment; {_difference(experiment, own)}")
    if experiment is not None and not (experiment.times.at or own.times.at) and experiment.times.step != own.times.step:
        raise ResumeError(
            f"{path}: was made by another experiment; its step is {own.times.step:g} fs, "
            f"not {experiment.times.step:g} fs"
        )
    if engine not in ("auto", made_with, getattr(made_with, "name", made_with)):
        raise ResumeError(f"{path}: was made with {made_with}, not with {engine}")


def _difference(one: Experiment, other: Experiment) -> str:
    """The first key, in the order of the file, in which two experiments differ, with both values."""
    given, recorded = (tomllib.loads(config.dumps(experiment)) for experiment in (one, other))
    for table in config.TABLES:
        own, its = given.get(table, {}), recorded.get(table, {})
        if table == "evolution" or own == its:
            continue
        if not own or not its:
            return f"it has {'a' if its else 'no'} table [{table}]"
        key = next(key for key in (*its, *own) if own.get(key) != its.get(key))
        return f"its [{table}] {key} is {_word(its, key)}, not {_word(own, key)}"
    return "they differ"


def _word(table: Mapping[str, Any], key: str) -> str:
    return cut(json.dumps(table[key], default=str)) if key in table else "the default"
