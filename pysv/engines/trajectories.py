"""Quantum trajectories: the Lindblad equation unravelled into random pure states, on the kernels of the closed system.

One step of the Lindblad equation is U(τ/2) · channel · U(τ/2) (see `pysv.model.channel`). A trajectory evolves with the
same U. From the channel of each layer it draws one Kraus operator K_a with probability ‖K_a ψ‖². The average over
trajectories then obeys the same map for any τ: nothing is expanded in the jump rate.

The states that have had K_0 only, the one without a jump, are followed apart with their weights
(`pysv.engines._branches`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pysv.compute import thread_pool
from pysv.engines._accompanied import AccompaniedTrajectories
from pysv.engines._open_system import UNITARY_TOLERANCE, OpenSystem, layer_refusal, split_applications
from pysv.engines._trajectories import APART, Sampling, check_strata, trajectory_seeds
from pysv.engines._trajectory_engine import TrajectoriesEngine
from pysv.engines.cost import Cost, pure_run_cost, run_places
from pysv.experiment.checks import checked, real_number
from pysv.experiment.ranges import TIME_STEP

if TYPE_CHECKING:
    from pysv.engines.base import Engine
    from pysv.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Trajectories(Sampling):
    """Trajectory engine: the mean over random pure states, each on the kernels of `chebyshev`.

    Parameters
    ----------
    ntraj, seeds, target_error, target_variable, unravelling, sampling
        See `pysv.engines._trajectories.Sampling`.
    time_step : float
        Time step τ > 0, fs; shortened so that it divides the time between snapshots. The error is of second order in τ.
    """

    time_step: float = checked(1.0, real_number, **TIME_STEP)

    name: ClassVar[str] = "trajectories"
    serves: ClassVar[str] = "one electron with baths, any state of the spins; statistical error on every curve"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    correlators: ClassVar[str] = "trajectories"
    cites: ClassVar[tuple[str, ...]] = ("Dalibard1992", "TalEzer1984")
    closed: ClassVar[bool] = False
    open: ClassVar[bool] = True

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse also too few trajectories for the electron's spin, and a layer too large for its channel."""
        reason = super().refusal(experiment) or check_strata(experiment, self.ntraj) or layer_refusal(self, experiment)
        layers = len(experiment.device.layers)
        if reason is None and self.unravelling == "mixed" and layers != 2:
            return f"unravelling = 'mixed' superposes the jumps of two layers, the device has {layers}; use 'local'"
        return reason

    def drift_tolerance(self, stop: float) -> float:
        """The unitary steps change the norm by less than this."""
        return 1e-9 + 2 * UNITARY_TOLERANCE * stop

    @property
    def deviation_kind(self) -> str:
        """The dataset has the statistical error of every variable; the splitting error is not measured."""
        return "not known: X_error is the statistical error of X, the splitting error is of second order in time_step"

    def cost(self, experiment: Experiment) -> Cost:
        """Memory of one state for each trajectory, two for each without a jump, and three for each thread."""
        places = run_places(experiment)
        branches = min(len(places), self.ntraj) if self.sampling == APART else 0
        return pure_run_cost(
            experiment,
            split_applications(experiment, self.time_step),
            16 * max(places) * (self.ntraj + 2 * branches + 3 * thread_pool.largest()),
            columns=self.ntraj + branches,
        )

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0: draw the initial states."""
        return TrajectoriesEngine(experiment, self, self.time_step, OpenSystem(experiment))

    def begin_moved(self, experiment: Experiment, backend: str, lowered: int) -> Engine | None:
        """See `Method.begin_moved`; the engine evolves pairs of a state and its companion."""
        return AccompaniedTrajectories(experiment, self, self.time_step, OpenSystem(experiment, lowered))

    def seeds_used(self, experiment: Experiment) -> str:
        """The seed of every trajectory, as JSON."""
        return json.dumps(trajectory_seeds(self.ntraj, self.seeds))
