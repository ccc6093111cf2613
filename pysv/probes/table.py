"""The table of correlators that grows while companions are evolved, and the dataset that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv import config
from pysv.engines.cost import radius
from pysv.errors import ResultExistsError, ResumeError
from pysv.results import files
from pysv.results.dataset import ALWAYS, build, provenance
from pysv.run.invariants import Watch
from pysv.run.remarks import remarks

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Work
    from pysv.experiment import Experiment
    from pysv.probes.companions import Companions, Found
    from pysv.probes.operators import SpinOperator
    from pysv.run.one_run import Run
    from pysv.snapshot import Snapshot

KIND = "correlator"
"""Attribute `kind` of these datasets."""
_ENDING = "_error"


@dataclass(eq=False)
class Table:
    """What has been found so far.

    Parameters
    ----------
    experiment : Experiment
    run : Run
    reach : float or None
        fs.
    operators : tuple of SpinOperator
        A and B.
    values : dict of str to ndarray
        Correlations, complex (times, times, operators, operators), and means (times, operators), by name in the
        dataset; NaN where they are not known yet. Their errors, where they are sampled.
    watch : Watch
        Invariants of ψ itself.
    invariants : dict of str to float ndarray (times,)
    done : int
        Number of times t₂ that are finished.
    seconds : float
        Wall time.
    """

    experiment: Experiment
    run: Run
    reach: float | None
    operators: tuple[SpinOperator, ...]
    values: dict[str, np.ndarray]
    watch: Watch
    invariants: dict[str, np.ndarray]
    done: int = 0
    seconds: float = 0.0

    @classmethod
    def empty(cls, experiment: Experiment, run: Run, reach: float | None, operators: tuple[SpinOperator, ...]) -> Table:
        """Nothing is known yet."""
        count, method = experiment.times.count, run.method
        watch = Watch(method.drift_tolerance(experiment.times.stop), radius(experiment), method.conserved(experiment))
        invariants = {name: np.full(count, np.nan) for name in ALWAYS}
        return cls(experiment, run, reach, operators, {}, watch, invariants)

    @property
    def of_spins(self) -> bool:
        """Whether the operators are S^z of every spin and no other."""
        return len(self.operators) == self.experiment.device.n_spins and all(
            own.kind == "z" and np.isnan(own.momentum) for own in self.operators
        )

    @property
    def correlation(self) -> str:
        """Name of the correlations in the dataset."""
        return "correlation" if self.of_spins else "operator_correlation"

    @property
    def mean(self) -> str:
        """Name of the means in the dataset."""
        return "moment" if self.of_spins else "operator_mean"

    def take_up(self, path: Path) -> None:
        """Continue from a file of the same correlator.

        Raises
        ------
        ResultExistsError
            If the file holds something else.
        ResumeError
            If it is the correlator of something else.
        """
        data = files.load(path)
        if data.attrs.get("kind") != KIND:
            raise ResultExistsError(f"{path}: exists already; use --force (overwrite=True) to replace it")
        if (
            data.attrs["experiment"] != self.toml
            or data.attrs["reach"] != self._reach
            or self.correlation not in data
            or data.attrs.get("operators", self._labels) != self._labels
        ):
            raise ResumeError(
                f"{path}: is the correlator of another experiment, engine or reach (for a probe, that of its sigma), "
                "or of other operators; name another file, or remove this one"
            )
        names = (self.correlation, self.mean, self.correlation + _ENDING, self.mean + _ENDING)
        self.values = {name: data[name].values.copy() for name in names if name in data}
        self.done, self.seconds = int(data.attrs["done"]), float(data.attrs["wall_time"])

    @property
    def toml(self) -> str:
        """The experiment with its engine."""
        return config.dumps(self.experiment, self.run.method, self.run.backend)

    @property
    def _reach(self) -> float | str:
        return "all" if self.reach is None else self.reach

    @property
    def _labels(self) -> str:
        return " ".join(own.label for own in self.operators)

    def _array(self, name: str) -> np.ndarray:
        """The values of a variable, made when it is first needed."""
        if name not in self.values:
            count, each, pairs = self.experiment.times.count, len(self.operators), name.startswith(self.correlation)
            real = self.of_spins and not pairs
            shape = (count, count, each, each) if pairs else (count, each)
            self.values[name] = np.full(shape, np.nan if real else complex(np.nan, np.nan))
        return self.values[name]

    def hear(self, number: int, snapshot: Snapshot) -> None:
        """Watch the invariants of ψ at one time."""
        self.watch.heard(number, snapshot)
        for name, value in self.watch.now.items():
            self.invariants[name][number] = value

    def put_mean(self, number: int, found: Found) -> None:
        """Note ⟨A⟩ at one time."""
        for ending, values in (("", found.value), (_ENDING, found.error)):
            if values is not None:
                own = self._array(self.mean + ending)
                own[number] = values if np.iscomplexobj(own) else values.real

    def put(self, first: int, second: int, operator: int, found: Found) -> None:
        """Note ⟨A†(t₁) B(t₂)⟩ for every A, and its complex conjugate ⟨B†(t₂) A(t₁)⟩."""
        own = self._array(self.correlation)
        own[first, second, :, operator] = found.value
        own[second, first, operator, :] = found.value.conj()
        if found.error is not None:
            errors = self._array(self.correlation + _ENDING)
            errors[first, second, :, operator] = errors[second, first, operator, :] = found.error

    def dataset(self, work: Work, companions: Companions, seconds: float) -> xr.Dataset:
        """The labelled arrays, with their provenance.

        Parameters
        ----------
        work : Work
            Of ψ.
        companions : Companions
        seconds : float
            Wall time since the run began or was taken up.
        """
        times, run = self.experiment.times.values, self.run
        seeds = run.method.seeds_used(self.experiment) or "none"
        attrs: dict[str, Any] = dict(provenance(self.toml, run.method.name, run.backend, seeds))
        attrs |= {
            "kind": KIND,
            "status": "complete" if self.done == len(times) else "interrupted",
            "reach": self._reach,
            "operators": self._labels,
            "done": self.done,
            "wall_time": self.seconds + seconds,
            "drift_tolerance": self.watch.tolerance,
            "state_deviation_kind": run.method.deviation_kind,
            "warnings": "\n".join((*remarks(self.experiment), *work.warnings, *companions.warnings)),
            "left_out": "",
        }
        attrs |= {f"drift_{name}": value for name, value in self.watch.drift.items()}
        attrs |= {f"companions_{name}": value for name, value in companions.details.items()}
        self._array(self.correlation)
        data = build(self.experiment, times, {**self.values, **self.invariants}, attrs)
        if self.of_spins:
            return data
        labels = [own.label for own in self.operators]
        return data.assign_coords(
            {
                "operator": ("operator", labels, {"long_name": "operator A"}),
                "operator2": ("operator2", labels, {"long_name": "operator B"}),
            }
        )
