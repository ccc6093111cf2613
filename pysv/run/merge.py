"""Runs of random trajectories put together: ρ is averaged over all of them, then measured again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv import config
from pysv.engines._trajectories import Sampling
from pysv.errors import InvalidInputError
from pysv.measures.observables import own_measures
from pysv.measures.registry import additional, biased, sampled
from pysv.run.mixture import Mixture

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment


def merge(*datasets: xr.Dataset) -> xr.Dataset:
    """Put together runs of one experiment with different trajectories.

    Linear variables and ρ are averaged with the numbers of trajectories as weights, the others measured anew from the
    average of ρ. States without a jump, which are followed exactly, are averaged alike and keep their weight. Standard
    errors, with what they know of jumps that were not drawn, add up in quadrature. With f_i a measure of run i and f
    that of the average, the bias c/n of the latter is estimated as (Σ w_i f_i − f)/(k − 1) for k runs.

    Parameters
    ----------
    *datasets : xarray.Dataset
        At least two, of one experiment and engine with equal times, each with ``density_matrix``
        (``pysv.Record(density_matrix=True)``) and seeds of its own.

    Returns
    -------
    xarray.Dataset
        With the seeds of all; it cannot be resumed.

    Raises
    ------
    InvalidInputError
        If the datasets do not fit together; the sentence says why.
    """
    if len(datasets) < 2:
        raise InvalidInputError(f"{len(datasets)} run to merge; give at least two")
    experiment = _common_experiment(datasets)
    seeds = [json.loads(str(data.attrs["seeds"])) for data in datasets]
    everything = [seed for own in seeds for seed in own]
    if len(set(everything)) < len(everything):
        raise InvalidInputError("two of the runs share seeds: their trajectories are the same; run with other seeds")
    weights = np.array([len(own) for own in seeds]) / len(everything)
    with additional(own_measures(experiment)):
        return _merged(experiment, datasets, weights).assign_attrs(
            seeds=json.dumps(everything), merged_runs=len(datasets)
        )


def _merged(experiment: Experiment, datasets: Sequence[xr.Dataset], weights: np.ndarray) -> xr.Dataset:
    mixture = Mixture(experiment)
    for data, weight in zip(datasets, weights, strict=True):
        mixture.add(data, float(weight))
    arrays = mixture.arrays(1.0)
    for name in [name for name in sampled() if name in arrays]:
        squares = [(w * data[f"{name}_error"].values) ** 2 for w, data in zip(weights, datasets, strict=True)]
        arrays[f"{name}_error"] = np.sqrt(np.sum(squares, axis=0))
        if name in biased():
            mean = sum(weight * data[name].values for weight, data in zip(weights, datasets, strict=True))
            arrays[f"{name}_bias"] = (mean - arrays[name]) / (len(datasets) - 1)
    return mixture.build(arrays)


def _common_experiment(datasets: Sequence[xr.Dataset]) -> Any:
    made = [config.loads(str(data.attrs["experiment"]), "run to merge") for data in datasets]
    first = made[0]
    for data, other in zip(datasets, made, strict=True):
        sampling = isinstance(other.engine, str | Sampling)
        if not sampling or not str(data.attrs["seeds"]).startswith("["):
            raise InvalidInputError("a run to merge is not of random trajectories; deterministic runs need no merging")
        if "density_matrix" not in data:
            raise InvalidInputError(
                "a run to merge lacks density_matrix, which is averaged; run with [record] density_matrix = true"
            )
        if other.experiment != first.experiment or _without_sample(other.engine) != _without_sample(first.engine):
            raise InvalidInputError("the runs to merge are of different experiments or engines")
        if other.experiment.record.every.density_matrix != 1:
            raise InvalidInputError("the runs to merge hold ρ at some snapshots only; run with density_matrix = 1")
        if not np.array_equal(data.time, datasets[0].time):
            raise InvalidInputError("the runs to merge reach different times; resume the shorter one")
    return first.experiment


def _without_sample(engine: Any) -> Any:
    return engine if isinstance(engine, str) else engine.of_seeds((1, 2))
