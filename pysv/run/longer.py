"""A run in batches, taken up again: until a later time, with more trajectories, or after it was stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pysv import config
from pysv.engines import choose
from pysv.engines._trajectories import Sampling, trajectory_seeds
from pysv.engines.base import Method
from pysv.errors import InvalidInputError, ResumeError
from pysv.results import files
from pysv.results.destination import OwnFile, followed
from pysv.run.batches import GoingOn, solve_in_batches
from pysv.run.folder import Folder
from pysv.run.plan import planned
from pysv.run.restored import check_reach

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment


@dataclass(frozen=True)
class Sample:
    """What a run in batches is asked for beyond its times.

    Parameters
    ----------
    ntraj : int, optional
        Number of trajectories, of which the first are those that there are.
    target_error : float, optional
    dask : str, optional
        See `pysv.run.dask.connected`.
    """

    ntraj: int | None = None
    target_error: float | None = None
    dask: str | None = None

    def check_unused(self, path: str | Path) -> None:
        """Refuse what a file of a single run would ignore.

        Raises
        ------
        ResumeError
        """
        for name in ("ntraj", "target_error", "dask"):
            if getattr(self, name) is not None:
                raise ResumeError(
                    f"{path}: was not computed in batches, so that {name} would be ignored; leave it out, or run "
                    "further trajectories with other seeds and put them together with pysv.merge"
                )


def has_batches(path: str | Path) -> bool:
    """Whether a result file comes from a run in batches, or will, once the run that is under way is complete."""
    target = followed(Path(path))
    if not os.path.exists(target):  # a name may be too long, for which Path.exists raises
        return Folder(target).asked() is not None
    attrs, state = files.header(target)
    return "batches" in attrs and not state


def resume_batches(
    path: str | Path,
    stop: float | None,
    experiment: Experiment | None,
    engine: str | Method,
    backend: str | None,
    sample: Sample,
    *,
    progress: bool,
    checkpoint_every: float,
) -> xr.Dataset:
    """Go on with the batches of a result file; see `pysv.resume`.

    Returns
    -------
    xarray.Dataset
        Equal to that of a run made at once.

    Raises
    ------
    ResumeError
        If the batches are not there, belong to another run, or the run reaches further already.
    """
    target = followed(Path(path))
    folder = Folder(target)
    data = files.load(target) if target.exists() else None
    made = None if data is None else config.loads(str(data.attrs["experiment"]), f"{path}: experiment")
    asked = folder.asked()
    own = asked or made
    assert own is not None
    if made is not None and asked is not None and not _same(made, asked):
        raise ResumeError(
            f"{path}: the folder {folder.path} holds batches of another run, which is under way; run its experiment "
            "again, or remove the folder"
        )
    method, chosen = choose(own.experiment, own.engine, backend or own.backend)
    wanted = _with_sample(path, _with_engine(path, method, engine), sample)
    longer = _until(path, own.experiment, experiment, stop)
    if asked is not None and longer.times.count < asked.experiment.times.count:
        raise ResumeError(
            f"{path}: is under way to {asked.experiment.times.values[-1]:g} fs already; give a later --stop"
        )
    _check_sample(path, method, wanted, 0 if data is None else int(data.attrs.get("ntraj", 0)))
    if data is not None:
        check_reach(path, data, longer.times)
        if asked is None and wanted == method and data.time.size == longer.times.count:
            return data
    there = tuple(folder.sizes(longer, wanted))
    first = planned(longer, wanted, there)[0]
    if asked is None and not folder.holds(0, longer, first):
        merged = data is not None and "merged_runs" in data.attrs
        raise ResumeError(f"{path}: {_remedy(folder, merged)}")
    fewest = 0
    if data is not None and made is not None and _without_target(made.engine):
        fewest = int(data.attrs["batches"])
    with OwnFile(target) as file:
        return solve_in_batches(
            longer,
            wanted,
            chosen,
            dask=sample.dask,
            progress=progress,
            own=file,
            overwrite=True,
            checkpoint_every=checkpoint_every,
            going_on=GoingOn(there, fewest),
        )


def _remedy(folder: Folder, merged: bool) -> str:
    if merged:
        return "was merged from several runs and holds no state; resume each of them, and merge them again"
    return (
        f"the states of its batches are not in the folder {folder.path}; put the folder back beside the file, or run "
        "again and keep the batches"
    )


def _same(one: config.Configuration, other: config.Configuration) -> bool:
    """Whether two runs differ in their times and numbers of trajectories at most."""
    same = replace(one.experiment, times=other.experiment.times) == other.experiment
    return same and _without_sample(one.engine) == _without_sample(other.engine)


def _without_sample(engine: str | Method) -> str | Method:
    return engine.of_seeds((1, 2)) if isinstance(engine, Sampling) else engine


def _without_target(engine: str | Method) -> bool:
    return isinstance(engine, Sampling) and not engine.target_error


def _with_engine(path: str | Path, method: Method, engine: str | Method) -> Method:
    """The options of the run, with another sample if an engine names one."""
    if isinstance(engine, str) or not isinstance(method, Sampling):
        if engine not in ("auto", method.name, method):
            raise ResumeError(f"{path}: was made with {method}, not with {engine}")
        return method
    if _without_sample(engine) != _without_sample(method):
        raise ResumeError(f"{path}: was made with {method}, not with {engine}")
    return engine


def _with_sample(path: str | Path, method: Method, sample: Sample) -> Method:
    given = {name: getattr(sample, name) for name in ("ntraj", "target_error") if getattr(sample, name) is not None}
    if not given:
        return method
    if not isinstance(method, Sampling):
        raise InvalidInputError(
            f"{path}: {', '.join(given)} would be ignored, because the run has no random trajectories; leave it out"
        )
    return replace(method, **given)


def _until(path: str | Path, own: Experiment, given: Experiment | None, stop: float | None) -> Experiment:
    if given is not None and replace(given, times=own.times) != own:
        raise ResumeError(f"{path}: was made by another experiment; name its own, or run again")
    try:
        times = (given or own).times
        return replace(own, times=times if stop is None else times.until(stop))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}", error.key) from error


def _check_sample(path: str | Path, engine: str | Method, wanted: Method, used: int) -> None:
    """Refuse fewer trajectories, other ones, or a larger error."""
    if not isinstance(engine, Sampling) or not isinstance(wanted, Sampling):
        return
    if wanted.ntraj < used:
        raise ResumeError(
            f"{path}: has {used} trajectories already, more than ntraj = {wanted.ntraj}; give a larger one"
        )
    both = min(engine.ntraj, wanted.ntraj)
    if trajectory_seeds(engine.ntraj, engine.seeds)[:both] != trajectory_seeds(wanted.ntraj, wanted.seeds)[:both]:
        raise ResumeError(f"{path}: has other seeds; give the same ones, to which more may be added")
    if engine.target_error and wanted.target_error > engine.target_error:
        raise ResumeError(
            f"{path}: was run with target_error = {engine.target_error:g} already, less than {wanted.target_error:g}; "
            "give a smaller one"
        )
