"""Which runs a figure of the paper needs, and how they are made: the long ones in files, so that they can go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError
from pysv.experiment import Experiment
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import SpinValve
from pysv.experiment.record import Every, Record
from pysv.experiment.source import ConfinedElectrons
from pysv.experiment.spins import Gibbs
from pysv.experiment.times import Times
from pysv.units import HBAR

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Method

_USUAL, _QUICK = Times(stop=60.0, step=0.5), Times(stop=30.0, step=1.0)
_SIZES: dict[int, dict[str, Sequence[int]]] = {
    4: {"quick": range(1, 6), "usual": range(1, 9), "full": range(1, 11)},
    7: {"quick": (4, 5), "usual": (4, 7, 10)},
}
_NEVER = dict.fromkeys(("entropies", "w_fidelity"), (0,))
_EVERY = {
    4: _NEVER | {"qfi": (0,), "log_negativity": (1, 1, 1, 1, 1, 2, 2, 5, 5, 10)},
    7: _NEVER | {"log_negativity": (0,), "qfi": (1, 1, 1, 1, 1, 2, 2, 5, 5, 10)},
}
"""Snapshots between two measurements for 1+1, 2+2, … spins; the last number holds for all beyond."""
_THERMAL = Gibbs(temperature=100.0, pinning=0.02)
"""The thermal spin valve of Figs. 3 and 5: the literal Gibbs state has no magnetisation and hardly any negativity."""
_SCALING = Times(stop=40.0, step=1.0)
_KEEP = 30.0
"""Runs of more seconds than this are kept in files."""


@dataclass(frozen=True)
class Run:
    """A run that a figure needs: its experiment, and the engine that makes it."""

    experiment: Experiment
    engine: str | Method = "auto"


def runs(number: int, *, quick: bool = False, full: bool = False, thermal: bool = False) -> dict[str, Run]:
    """The runs that a figure needs, by the label of their curves.

    Parameters
    ----------
    number : int
    quick : bool
        Shorter runs, of fewer spins or on a shorter chain.
    full : bool
        More spins; Fig. 4 only.
    thermal : bool
        Fig. 5 with the layers in a pinned Gibbs state at 100 K; Fig. 3 with thermal states and baths in panel (d).

    Raises
    ------
    InvalidInputError
        If `full` or `thermal` would change nothing, or `quick` and `full` are asked for.
    """
    if quick and full:
        raise InvalidInputError("--quick and --full exclude each other")
    if full and number != 4:
        raise InvalidInputError(f"figure {number} has no --full version; figure 4 has one")
    if thermal and number not in (3, 5):
        raise InvalidInputError(f"figure {number} has no --thermal version; figures 3 and 5 have one")
    if thermal and number == 3:
        return _temperatures(quick)
    if number == 6:
        return _several_electrons(quick)
    if number not in _SIZES:
        zero = replace(Experiment(), times=_QUICK if quick else _USUAL)
        return {"thermal": Run(replace(zero, spins=_THERMAL))} if thermal else {"4+4": Run(zero)}
    sizes = _SIZES[number]["quick" if quick else "full" if full else "usual"]
    times = _QUICK if quick else _SCALING
    return {f"{n}+{n}": Run(scaled(n, times, _EVERY[number])) for n in sizes}


def _temperatures(quick: bool) -> dict[str, Run]:
    """Fig. 3(d): T = 0, the Gibbs state at 100 K (pinned and literal), and baths at 10 K and 100 K by trajectories."""
    from pysv.engines.trajectories import Trajectories

    zero = replace(Experiment(), times=_QUICK if quick else _USUAL)
    coarse = replace(zero, times=replace(zero.times, step=1.0))
    engine = Trajectories(ntraj=40) if quick else Trajectories()
    return {
        "T = 0 K": Run(zero),
        "Gibbs 100 K, pinned": Run(replace(coarse, spins=_THERMAL)),
        "bath 10 K": Run(replace(coarse, bath=BosonicBath(temperature=10.0)), engine),
        "bath 100 K": Run(replace(coarse, bath=BosonicBath(temperature=100.0)), engine),
        "Gibbs 100 K, literal": Run(replace(coarse, spins=replace(_THERMAL, pinning=0.0))),
    }


def _several_electrons(quick: bool) -> dict[str, Run]:
    """Fig. 6: two, four and eight electrons, a snapshot every ħ/γ until 80; if quick until 30, on a shorter chain."""
    from pysv.engines.tdmrg import TDMRG

    device, stop, method = SpinValve.for_several_electrons(), 80, TDMRG(allowed_loss=1.0)
    if quick:
        device, stop = SpinValve(sites=52, polarizer=(19, 22), analyzer=(27, 30)), 30
        method = TDMRG(min_bond=16, max_bond=64, discarded_weight=1e-6, allowed_loss=1.0)
    times = Times(stop=stop * HBAR, step=HBAR)
    return {
        f"{count} electrons": Run(
            Experiment(device=device, source=ConfinedElectrons(electrons=count), times=times), method
        )
        for count in (2, 4, 8)
    }


def scaled(spins: int, times: Times, every: dict[str, tuple[int, ...]]) -> Experiment:
    """The paper's experiment with more or fewer spins in each layer, costly measures the rarer the more spins."""
    schedules = {measure: numbers[min(spins, len(numbers)) - 1] for measure, numbers in every.items()}
    return Experiment(device=SpinValve.with_layers(spins), times=times, record=Record(every=Every(**schedules)))


def solved(run: Run, path: Path, progress: bool) -> xr.Dataset:
    """A finished run; a long one is kept in `path`, and taken up from there."""
    from pysv.run.estimate import estimate

    if estimate(run.experiment, run.engine).seconds < _KEEP:
        return _solved(run, progress)
    from pysv.run.solve import resume, solve

    if path.exists():
        data = resume(path, experiment=run.experiment, engine=run.engine, progress=progress)
    else:
        data = solve(run.experiment, engine=run.engine, out=path, progress=progress)
    return _finished(data)


@lru_cache(maxsize=4)
def _solved(run: Run, progress: bool) -> xr.Dataset:
    """A short run; the figures that share one compute it once."""
    from pysv.run.solve import solve

    return _finished(solve(run.experiment, engine=run.engine, progress=progress))


def movie_run(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """The run of the paper's movie (its Ref. 92): that of Figs. 2, 3 and 5, with ρ recorded every fs.

    Parameters
    ----------
    quick : bool
        30 instead of 60 fs.
    progress : bool
    """
    times = _QUICK if quick else replace(_USUAL, step=1.0)
    return _solved(Run(replace(Experiment(), times=times, record=Record(density_matrix=True))), progress)


def with_matrix(data: xr.Dataset, progress: bool) -> xr.Dataset:
    """A run with ρ: the given one, or the same made again if that is quick.

    Parameters
    ----------
    data : xarray.Dataset
    progress : bool

    Raises
    ------
    InvalidInputError
        If ρ cannot be recorded for so many spins, or making the run again would be long or not fit in memory.
    """
    from pysv import config
    from pysv.figures.movie import has_matrix
    from pysv.measures.ways import left_out
    from pysv.run.estimate import estimate
    from pysv.run.solve import solve

    if has_matrix(data):
        return data
    asked = config.loads(str(data.attrs["experiment"]))
    own = asked.experiment
    every = replace(own.record.every, density_matrix=own.record.every.density_matrix or 1)
    experiment = replace(
        own,
        times=replace(own.times, stop=max(float(data["time"][-1]), own.times.step)),
        record=replace(own.record, density_matrix=True, every=every),
    )
    reason = left_out(experiment).get("density_matrix")
    if reason is not None:
        raise InvalidInputError(f"the run holds no density_matrix, and cannot: it {reason}; take fewer spins")
    needed = estimate(experiment, asked.engine, asked.backend)
    if needed.seconds > _KEEP or not needed.fits:
        raise InvalidInputError(
            "the run holds no density_matrix, and making it again would be long or large; run it again with "
            "`density_matrix = true` in its table [record]"
        )
    return _finished(solve(experiment, engine=asked.engine, backend=asked.backend, progress=progress))


def _finished(data: xr.Dataset) -> xr.Dataset:
    if data.attrs["status"] != "complete":
        raise KeyboardInterrupt  # half a run is no figure
    return data
