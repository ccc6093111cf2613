"""The measures of a snapshot: each registered one that is due and can be had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pysv.measures.invariants import INVARIANTS
from pysv.measures.registry import Estimated, Measure, measures
from pysv.measures.sizes import LIMITS, Limits, Sizes
from pysv.measures.view import Due, Setting, View
from pysv.measures.ways import Lacks, gives_all, left_out, way
from pysv.run.jackknife import Measured, group_sums, measure_sample
from pysv.sectors.state import PureMixture

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.model.density import SpinDensity
    from pysv.snapshot import Snapshot

_CHECKED = ("spin_x", "spin_y", "spin_z", "electron_density")


class Observer:
    """Measures snapshots of one experiment.

    Parameters
    ----------
    experiment : Experiment
    limits : Limits
        Sizes up to which ρ is formed, and its partial transpose sampled.
    lacks : callable
        What the engine's states do not give.
    """

    def __init__(self, experiment: Experiment, limits: Limits = LIMITS, lacks: Lacks = gives_all) -> None:
        self._setting = Setting(experiment, way(experiment, limits))
        self._every = experiment.record.every
        sizes = Sizes(experiment, limits)
        asked = [measure for measure in measures() if measure.asked(sizes)]
        omitted = left_out(experiment, limits, lacks=lacks)
        self._usual = [one for one in asked if one.name not in omitted and one.name not in INVARIANTS]
        self._of_snapshot = [one for one in self._usual if one.needs == "snapshot"]
        self._of_density = [one for one in asked if one.of_density]
        self._of_state = [one for one in asked if one.linear and not one.of_density]

    def measure(self, snapshot: Snapshot, index: int = 0) -> Measured:
        """The variables of snapshot number `index` that are due, but the invariants, by name.

        Those of a random sample come with their statistical errors, and with the invariants.
        """

        def due(schedule: str) -> bool:
            return self._every.due(schedule, index)

        view = View(self._setting, due, snapshot.state, snapshot.deviation, snapshot=snapshot)
        if snapshot.sample is None:
            return _taken(self._usual, view)
        assert isinstance(snapshot.state, PureMixture)
        cells = group_sums(snapshot.state, snapshot.sample, lambda state: self.of_state(state, due))
        found = measure_sample(cells, snapshot.sample, lambda rho: self.of_density(rho, due))
        return _taken(self._of_snapshot, view) | found

    def check_values(self, snapshot: Snapshot) -> Measured:
        """What shows whether a saved state is that of a snapshot: linear in the state, and quick to compute."""
        chosen = [one for one in self._usual if one.name in _CHECKED]
        view = View(self._setting, lambda _: True, snapshot.state, snapshot.deviation, snapshot=snapshot)
        return _taken(chosen, view)

    def expected(self, count: int) -> list[str]:
        """Variables that every record of `count` snapshots of the experiment holds."""
        usual = [one for one in self._usual if one.needs != "snapshot"]
        return [one.name for one in usual if one.schedule is None or self._every.due(one.schedule, 0)] if count else []

    def of_density(self, rho: SpinDensity, due: Due) -> Measured:
        """What the localized spins' density matrix gives."""
        return _taken(self._of_density, View(self._setting, due, density=rho))

    def of_state(self, state: PureMixture, due: Due) -> Measured:
        """What the state of the whole system gives and is linear in it."""
        return _taken(self._of_state, View(self._setting, due, state))


def _taken(chosen: Iterable[Measure], view: View) -> Measured:
    found: dict[str, np.ndarray | float] = {}
    for measure in chosen:
        if measure.schedule is None or view.due(measure.schedule):
            value = measure.function(view)
            if isinstance(value, Estimated):
                found[measure.name], found[f"{measure.name}_error"] = value
            elif value is not None:
                found[measure.name] = value
    return found
