"""Runs that figures share, and how a run of a figure is made: a long one in a file, so that it can go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError
from pysv.experiment import Experiment
from pysv.experiment.device import SpinValve
from pysv.experiment.record import Every, Record
from pysv.experiment.spins import Gibbs
from pysv.experiment.times import Times
from pysv.run import interrupt

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Method

_USUAL, _SCALING, _QUICK = Times(stop=60.0, step=0.5), Times(stop=40.0, step=1.0), Times(stop=30.0, step=1.0)
_COSTLY = ("entropies", "log_negativity", "w_fidelity", "qfi")
_EVERY = (1, 1, 1, 1, 1, 2, 2, 5, 5, 10)
"""Snapshots between two values of a costly measure for 1+1, 2+2, … spins; the last number holds for larger valves."""
_KEEP = 30.0
"""Runs of more seconds than this are kept in files."""
THERMAL = Gibbs(temperature=100.0, pinning=0.02)
"""Spins of the thermal valve of Figs. 3 and 5; without pinning they have no magnetisation and hardly any negativity."""


@dataclass(frozen=True)
class Version:
    """Which version of a figure is drawn: the usual one, or one that differs in the ways that are set.

    Parameters
    ----------
    quick : bool
        Shorter runs, of fewer spins or on a shorter chain.
    full : bool
        More spins than usual.
    thermal : bool
        With thermal states of the spins, or with baths.

    Raises
    ------
    InvalidInputError
        If `quick` and `full` are both set.
    """

    quick: bool = False
    full: bool = False
    thermal: bool = False

    def __post_init__(self) -> None:
        if self.quick and self.full:
            raise InvalidInputError("--quick and --full exclude each other")

    @property
    def ways(self) -> tuple[str, ...]:
        """Names of the ways that are set."""
        return tuple(way.name for way in fields(self) if getattr(self, way.name))


@dataclass(frozen=True)
class PlannedRun:
    """A run that a figure needs: its experiment, and the engine that makes it."""

    experiment: Experiment
    engine: str | Method = "auto"


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep that a figure needs, see `pysv.sweep`: its dataset has one more dimension for each key.

    Parameters
    ----------
    experiment : Experiment
        The common part of all points.
    grid : tuple of (str, tuple)
        Keys with their values.
    """

    experiment: Experiment
    grid: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class PlannedCorrelator:
    """Correlators that a figure needs, see `pysv.probes.afterwards.long_correlator`: the variable ``connected``.

    Parameters
    ----------
    experiment : Experiment
        Until its last time the electron is followed.
    momenta : tuple of float
        k, rad per site.
    stop : float
        Last time of the correlators, fs.
    """

    experiment: Experiment
    momenta: tuple[float, ...]
    stop: float


Planned = PlannedRun | PlannedSweep | PlannedCorrelator


def paper_experiment(version: Version) -> Experiment:
    """The experiment of Figs. 2, 3 and 5: 4+4 spins at T = 0, 60 fs; 30 fs if quick."""
    return replace(Experiment(), times=_QUICK if version.quick else _USUAL)


def paper_run(version: Version) -> dict[str, PlannedRun]:
    """The run that Figs. 2, 3 and 5 share, by its label."""
    return {"4+4": PlannedRun(paper_experiment(version))}


def valves(sizes: Iterable[int], measure: str, version: Version) -> dict[str, PlannedRun]:
    """Runs of spin valves of several sizes, by their labels, such as "4+4".

    Parameters
    ----------
    sizes : iterable of int
        Spins in each layer.
    measure : str
        The one costly measure that the runs take, the more rarely the more spins.
    version : Version
        30 instead of 40 fs if quick.
    """
    return {f"{spins}+{spins}": PlannedRun(_valve(spins, measure, version)) for spins in sizes}


def _valve(spins: int, measure: str, version: Version) -> Experiment:
    schedules = dict.fromkeys(_COSTLY, 0) | {measure: _EVERY[min(spins, len(_EVERY)) - 1]}
    return Experiment(
        device=SpinValve.with_layers(spins),
        times=_QUICK if version.quick else _SCALING,
        record=Record(every=Every(**schedules)),
    )


def solved(run: Planned, path: Path, progress: bool) -> xr.Dataset:
    """A finished run; a long one is kept in `path`, and goes on from there. Sweeps and correlators are not kept."""
    from pysv.run.estimate import estimate

    if isinstance(run, PlannedSweep):
        return _swept(run, progress)
    if isinstance(run, PlannedCorrelator):
        return _correlated(run, progress)
    if estimate(run.experiment, run.engine).seconds < _KEEP:
        return _solved(run, progress)
    from pysv.run.solve import resume, solve

    if path.exists():
        # The backend of the file may not be set up here, and a file alone installs nothing.
        data = resume(path, experiment=run.experiment, engine=run.engine, backend="auto", progress=progress)
    else:
        data = solve(run.experiment, engine=run.engine, out=path, progress=progress)
    return _finished(data)


@lru_cache(maxsize=4)
def _solved(run: PlannedRun, progress: bool) -> xr.Dataset:
    """A short run; figures that share it compute it once."""
    from pysv.run.solve import solve

    return _finished(solve(run.experiment, engine=run.engine, progress=progress))


@lru_cache(maxsize=4)
def _swept(run: PlannedSweep, progress: bool) -> xr.Dataset:
    """A finished sweep."""
    from pysv.run.sweep import sweep

    combined = sweep(run.experiment, dict(run.grid), progress=progress).combined
    assert combined is not None  # all points have the same times
    return combined


@lru_cache(maxsize=2)
def _correlated(run: PlannedCorrelator, progress: bool) -> xr.Dataset:
    """Finished correlators."""
    from pysv.probes.afterwards import long_correlator

    return long_correlator(run.experiment, run.momenta, stop=run.stop, progress=progress).to_dataset()


def movie_run(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """The run of the paper's movie (its Ref. 92): that of Figs. 2, 3 and 5, with ρ recorded every fs.

    Parameters
    ----------
    quick : bool
        30 instead of 60 fs.
    progress : bool
    """
    experiment = paper_experiment(Version(quick=quick))
    times = replace(experiment.times, step=1.0)
    return _solved(PlannedRun(replace(experiment, times=times, record=Record(density_matrix=True))), progress)


def with_matrix(data: xr.Dataset, progress: bool) -> xr.Dataset:
    """A run with ρ: the given one if it recorded ρ, otherwise the same run made again, if that is quick.

    Parameters
    ----------
    data : xarray.Dataset
    progress : bool

    Raises
    ------
    InvalidInputError
        If ρ cannot be recorded for so many spins or by this engine, or making the run again would be long or not fit in
        memory.
    JuliaUnavailableError
        If making it again would install Julia.
    """
    from pysv import config
    from pysv.engines import choose
    from pysv.figures.movie import has_matrix
    from pysv.julia import setup
    from pysv.measures.registry import find
    from pysv.measures.ways import left_out
    from pysv.run.estimate import estimate
    from pysv.run.solve import solve
    from pysv.sectors import backend as backends

    if has_matrix(data):
        return data
    asked = config.loads(str(data.attrs["experiment"]))
    own = asked.experiment
    every = replace(own.record.every, density_matrix=own.record.every.density_matrix or 1)
    experiment = replace(
        own,
        times=own.times.until(max(float(data["time"][-1]), 0.0 if own.times.at else own.times.step)),
        record=replace(own.record, density_matrix=True, every=every),
    )
    measure = find("density_matrix")
    method, backend = choose(experiment, asked.engine, asked.backend)
    lacking = measure and method.lacks(measure)
    if lacking:
        raise InvalidInputError(f"the run holds no density_matrix, and cannot: it {lacking}; use engine 'chebyshev'")
    reason = left_out(experiment).get("density_matrix")
    if reason is not None:
        raise InvalidInputError(f"the run holds no density_matrix, and cannot: it {reason}; take fewer spins")
    needed = estimate(experiment, asked.engine, asked.backend)
    if needed.seconds > _KEEP or not needed.fits:
        raise InvalidInputError(
            "the run holds no density_matrix, and making it again would be long or large; run it again with "
            "`density_matrix = true` in its table [record]"
        )
    if backends.backend(backend).installs:
        setup.check_asked_by_file(tdmrg=method.needs_itensors)
    return _finished(solve(experiment, engine=asked.engine, backend=asked.backend, progress=progress))


def _finished(data: xr.Dataset) -> xr.Dataset:
    if data.attrs["status"] != "complete":
        raise KeyboardInterrupt  # half a run is no figure
    interrupt.check()
    return data
