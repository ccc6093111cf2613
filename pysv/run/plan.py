"""Which batches a mixture is cut into: it depends on the experiment and on the batches that there are already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pysv.engines._trajectories import FEWEST, Sampling, trajectory_seeds
from pysv.engines.base import Method
from pysv.errors import EngineError, InvalidInputError
from pysv.experiment.record import Every
from pysv.experiment.source import OneElectron
from pysv.measures.registry import measures
from pysv.measures.ways import way
from pysv.model.basis import Spins
from pysv.model.conservation import occupied_sectors
from pysv.results import files

if TYPE_CHECKING:
    from pysv.experiment import Experiment

TRAJECTORIES = 20
"""Most trajectories of a batch; at least ten batches are wanted, which are the jackknife groups of the errors."""
WANTED = 10
PURE_RUNS = 4
"""Pure runs of a batch."""


@dataclass(frozen=True, eq=False)
class Batch:
    """A part of a mixture that is run by itself.

    Parameters
    ----------
    label : str
        Its name in error sentences.
    method : Method
        Engine options, with the seeds of its own trajectories.
    members : tuple of int, optional
        Range (first, end) of its pure runs.
    """

    label: str
    method: Method
    members: tuple[int, int] | None = None


def sampled_by(method: Method, experiment: Experiment) -> bool:
    """Whether the batches of a run are random trajectories."""
    return isinstance(method, Sampling) and method.samples(experiment)


def part_of(experiment: Experiment) -> Experiment:
    """The experiment of a batch: it records ρ at every snapshot. What is measured on the whole ρ is left out."""
    scheduled = {own.schedule for own in measures() if own.schedule and own.of_density and not own.option}
    never = Every(**dict.fromkeys(scheduled, 0))
    return replace(experiment, record=replace(experiment.record, density_matrix=True, every=never))


def planned(experiment: Experiment, method: Method, there: Sequence[int] = ()) -> list[Batch]:
    """The batches of a run.

    Parameters
    ----------
    experiment : Experiment
    method : Method
    there : sequence of int
        Numbers of trajectories of the first batches, where they exist already.

    Raises
    ------
    EngineError
        If the experiment is not a mixture that can be cut into batches.
    InvalidInputError
        If there are too few trajectories for two batches.
    """
    if way(experiment) != "dense":
        raise EngineError(
            f"{experiment.device.n_spins} spins: batches are put together from the density matrix of the localized "
            "spins, which is too large here; run without --dask and target_error"
        )
    if sampled_by(method, experiment):
        assert isinstance(method, Sampling)
        seeds = trajectory_seeds(method.ntraj, method.seeds)
        spans = list(_spans(len(seeds), there))
        if len(spans) < 2:
            raise InvalidInputError(
                f"ntraj = {method.ntraj} is too few for batches; take at least {2 * FEWEST}", "ntraj"
            )
        return [Batch(f"trajectories {a + 1} to {b}", method.of_seeds(seeds[a:b])) for a, b in spans]
    if experiment.bath is not None or not isinstance(experiment.source, OneElectron) or not method.quantum:
        raise EngineError(
            f"engine {method.name!r} runs this experiment as a whole; leave --dask out, or use it with `pysv sweep`"
        )
    count = len(occupied_sectors(experiment))
    spans = [(first, min(first + PURE_RUNS, count)) for first in range(0, count, PURE_RUNS)]
    return [Batch(f"pure runs {a + 1} to {b}", method, (a, b)) for a, b in spans]


def _spans(count: int, there: Sequence[int] = ()) -> Iterator[tuple[int, int]]:
    """First trajectory and end of each batch; a last one that is too small joins the one before."""
    size = _size(count)
    first = 0
    for own in there:
        yield first, first + own
        first += own
    while first < count:
        last = first + size if count - (first + size) >= FEWEST else count
        yield first, last
        first = last


def _size(count: int) -> int:
    """Trajectories of a batch: as many of either electron spin."""
    return max(FEWEST, min(TRAJECTORIES, count // WANTED // 2 * 2))


def disk(experiment: Experiment, method: Method) -> int:
    """Bytes of the batches of a run with their states, at most; 0 for a run that cannot be cut."""
    if way(experiment) != "dense":
        return 0
    if isinstance(method, Sampling) and method.samples(experiment):
        size = min(_size(method.ntraj), method.ntraj)
        count = -(-method.ntraj // size)
        states = count * method.of_seeds(tuple(range(size))).cost(experiment).disk
    elif experiment.bath is None and isinstance(experiment.source, OneElectron) and method.quantum:
        count = -(-len(occupied_sectors(experiment)) // PURE_RUNS)
        states = method.cost(experiment).disk
    else:
        return 0
    if count < 2:
        return 0
    device = experiment.device
    record = 16 * Spins(device.levels).size ** 2 + 8 * (2 * device.sites + 4 * device.n_spins + 40)
    return count * files.room_for(states // count + experiment.times.count * record)
