"""Runs of parts of one mixture added up: what is linear in ρ is summed, then ρ is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.measures.registry import averaged
from pysv.model.basis import Spins
from pysv.model.conservation import conserves, keeps_parity
from pysv.model.density import Block, SpinDensity
from pysv.model.layer import sides
from pysv.results.dataset import build, schema
from pysv.run.jackknife import GroupSum, jackknife_error, measure_sample
from pysv.run.observer import Observer
from pysv.snapshot import Sample

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment

GROUPS = 20
"""Most jackknife groups of batches; each keeps a ρ of its own for every snapshot."""


class Mixture:
    """Weighted sum of runs that recorded `density_matrix` at every snapshot.

    Parameters
    ----------
    experiment : Experiment
        Of the whole mixture.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.observer = Observer(experiment)
        self.weight = 0.0
        self.count = 0
        self.times = np.empty(0)
        self.attrs: dict[str, Any] = {}
        self._sums: dict[str, np.ndarray] = {}
        self._deviation: np.ndarray | None = None
        spins = Spins(experiment.device.levels)
        everything = np.arange(spins.size)
        kind = spins.down(everything) if conserves(experiment) else spins.down(everything) % 2
        self._blocks = [everything]
        if keeps_parity(experiment):
            self._blocks = [np.flatnonzero(kind == value) for value in np.unique(kind)]

    def add(self, data: xr.Dataset, weight: float) -> None:
        """Add a run."""
        for name in (*averaged(), "density_matrix"):
            if name in data and (self.count == 0 or name in self._sums):
                self._sums[name] = self._sums.get(name, 0.0) + weight * data[name].values
        if "state_deviation" in data:
            own = data["state_deviation"].values
            self._deviation = own if self._deviation is None else np.maximum(self._deviation, own)
        self._take_attrs(data)
        self.times = data["time"].values
        self.weight += weight
        self.count += 1

    def _take_attrs(self, data: xr.Dataset) -> None:
        """Work adds up; of drifts and deviations the largest counts."""
        if not self.count:
            self.attrs = dict(data.attrs)
            return
        for name, value in data.attrs.items():
            if name in ("wall_time", "applications_of_h"):
                self.attrs[name] += value
            elif name.startswith("drift_") or name == "state_deviation_reached":
                self.attrs[name] = max(self.attrs[name], value)

    def density(self, matrix: np.ndarray) -> SpinDensity:
        """ρ in the blocks that the experiment's conservation laws leave.

        Parameters
        ----------
        matrix : complex ndarray (size, size)
        """
        blocks = tuple(Block(inside, np.asarray(matrix[np.ix_(inside, inside)], complex)) for inside in self._blocks)
        return SpinDensity(*sides(self.experiment.device), blocks)

    def due(self, index: int) -> Callable[[str], bool]:
        """Which schedules are due at snapshot number `index`."""
        every = self.experiment.record.every
        return lambda schedule: every.due(schedule, index)

    def arrays(self, total: float) -> dict[str, np.ndarray]:
        """Every variable of the mixture, after division of the sums by `total`."""
        found = {name: values / total for name, values in self._sums.items()}
        for index, matrix in enumerate(found["density_matrix"]):
            for name, value in self.observer.of_density(self.density(matrix), self.due(index)).items():
                if name == "density_matrix":
                    continue
                if name not in found:
                    found[name] = np.full((self.times.size, *np.shape(value)), np.nan)
                found[name][index] = value
        if self._deviation is not None:
            found["state_deviation"] = self._deviation
        return found

    def build(self, arrays: dict[str, np.ndarray]) -> xr.Dataset:
        """Label arrays as a dataset with the attributes of the runs."""
        ordered = {name: arrays[name] for name in schema() if name in arrays}
        return build(self.experiment, self.times, ordered, self.attrs)


class Groups:
    """Sums over jackknife groups of batches, for standard errors and biases.

    ρ is kept in single precision: an error needs no more digits.

    Parameters
    ----------
    mixture : Mixture
        To which the same batches are added.
    """

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._sums: list[dict[str, np.ndarray]] = []
        self._sizes: list[int] = []
        self._count = 0

    def add(self, data: xr.Dataset, trajectories: int) -> None:
        """Add a batch; batches are dealt to the groups in turn."""
        if len(self._sums) < GROUPS:
            self._sums.append({})
            self._sizes.append(0)
        sums = self._sums[self._count % GROUPS]
        self._sizes[self._count % GROUPS] += trajectories
        for name in averaged():
            if name in data:
                sums[name] = sums.get(name, 0.0) + trajectories * data[name].values
        rho = (trajectories * data["density_matrix"].values).astype(np.complex64)
        sums["density_matrix"] = sums["density_matrix"] + rho if "density_matrix" in sums else rho
        self._count += 1

    @property
    def trajectories(self) -> int:
        """Number of trajectories so far."""
        return sum(self._sizes)

    def linear_error(self, name: str) -> np.ndarray | None:
        """Standard error of a variable that is linear in ρ, over time and its dimensions; None if it is not there."""
        if name not in self._sums[0]:
            return None
        total = sum(sums[name] for sums in self._sums)
        left = [
            (total - sums[name]) / (self.trajectories - size)
            for sums, size in zip(self._sums, self._sizes, strict=True)
        ]
        return jackknife_error(left, self._sizes, total / self.trajectories)

    def errors(self, index: int, due: Callable[[str], bool]) -> dict[str, np.ndarray | float]:
        """X_error of every variable X of a snapshot, and X_bias where X is not linear in ρ."""
        total = self.trajectories
        names = [name for name in self._sums[0] if name != "density_matrix"]
        cells = {
            (0, group): GroupSum(
                self._mixture.density(sums["density_matrix"][index] / total),
                {name: sums[name][index] / total for name in names},
            )
            for group, sums in enumerate(self._sums)
        }
        group = np.repeat(np.arange(len(self._sizes)), self._sizes)
        found = measure_sample(
            cells,
            Sample(np.zeros(total, dtype=int), group),
            lambda rho: self._mixture.observer.of_density(rho, due),
        )
        return {name: value for name, value in found.items() if name.endswith(("_error", "_bias"))}
