"""Quantum trajectories: the Lindblad equation unravelled into random pure states, on the kernels of the closed system.

Steps of the Lindblad equation alternate between U and the channels of the layers (see `pysv.model.channel`). A
trajectory evolves with the same U. From the channel of each layer it draws one Kraus operator K_a with probability
‖K_a ψ‖². The average over trajectories then obeys the same map for any step: nothing is expanded in the jump rate. The
splitting error of the steps is measured (`pysv.engines._splitting`) on a few columns of ρ beside the trajectories
(`pysv.engines._companion`), and the steps follow from it.

The states that have had K_0 only, the one without a jump, are followed apart with their weights
(`pysv.engines._branches`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from pysv.compute import thread_pool
from pysv.compute.compiling import Kernels
from pysv.engines._accompanied import AccompaniedTrajectories
from pysv.engines._companion import MOST
from pysv.engines._kernels import BOUNDS, MARGINALS, STEPS
from pysv.engines._open_system import UNITARY_TOLERANCE, OpenSystem, layer_refusal, split_applications
from pysv.engines._splitting import LONGEST, StepControl
from pysv.engines._trajectories import APART, Sampling, check_strata, mixed_refusal, trajectory_seeds
from pysv.engines._trajectory_engine import TrajectoriesEngine
from pysv.engines.cost import Cost, pure_run_cost, run_places
from pysv.errors import InvalidInputError
from pysv.experiment.checks import checked, optional_number, optional_of
from pysv.experiment.ranges import TIME_STEP

if TYPE_CHECKING:
    from pysv.engines.base import Engine
    from pysv.experiment import Experiment

_TOLERANCE = 1e-4
"""Splitting error per fs where none is asked for."""


@dataclass(frozen=True, kw_only=True)
class Trajectories(Sampling):
    """Trajectory engine: the mean over random pure states, each on the kernels of `chebyshev`.

    Parameters
    ----------
    ntraj, seeds, target_error, target_variable, unravelling, sampling
        See `pysv.engines._trajectories.Sampling`.
    tolerance : float
        Splitting error of the time steps per fs, trace norm, 0 … 0.01; 1e-4 where neither it nor `time_step` is given.
        `state_deviation` grows by at most that.
    time_step : float
        Time step τ > 0, fs; shortened so that it divides the time between snapshots. Left out, τ is at most 1 fs and
        follows from `tolerance`. The splitting error is measured either way.
    order : int
        Order of the splitting error in τ, 2 or 4; left out, 4 where τ follows from `tolerance`, 2 where it is given.

    Raises
    ------
    InvalidInputError
        If both `tolerance` and `time_step` are given.
    """

    tolerance: float | None = checked(None, optional_number, low=0.0, high=1e-2, unit="per fs", finer=0.1)
    time_step: float | None = checked(None, optional_number, **TIME_STEP, finer=0.5)
    order: int | None = checked(None, optional_of, (2, 4))

    name: ClassVar[str] = "trajectories"
    serves: ClassVar[str] = "one electron with baths, any state of the spins; statistical error on every curve"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (STEPS, MARGINALS, BOUNDS)
    cites: ClassVar[tuple[str, ...]] = ("Dalibard1992", "TalEzer1984")
    closed: ClassVar[bool] = False
    open: ClassVar[bool] = True
    correlators: ClassVar[str] = "trajectories"

    def check(self) -> None:
        """Either the step is given, or its error."""
        super().check()
        if self.tolerance is not None and self.time_step is not None:
            raise InvalidInputError(
                f"tolerance = {self.tolerance:g} would be ignored beside time_step = {self.time_step:g}; leave one of "
                "them out",
                "tolerance",
            )

    def finer(self) -> dict[str, Self]:
        """See `Method.finer`; where neither a tolerance nor a step is given, the usual tolerance counts."""
        usual = self.tolerance is None and self.time_step is None
        return replace(self, tolerance=_TOLERANCE).finer() if usual else super().finer()

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse also too few trajectories for the electron's spin, and a layer too large for its channel."""
        reason = super().refusal(experiment) or check_strata(experiment, self.ntraj) or layer_refusal(self, experiment)
        reason = reason or mixed_refusal(experiment, self.unravelling)
        layers = len(experiment.device.layers)
        if reason is None and self.unravelling == "mixed" and layers != 2:
            return f"unravelling = 'mixed' superposes the jumps of two layers, the device has {layers}; use 'local'"
        return reason

    def drift_tolerance(self, stop: float) -> float:
        """The unitary steps change the norm by less than this."""
        return 1e-9 + 2 * UNITARY_TOLERANCE * stop

    @property
    def deviation_kind(self) -> str:
        """The dataset has the statistical error of every variable; what all trajectories share is measured."""
        return (
            "‖ρ − ρ_exact‖₁ of the mean of all trajectories: measured splitting error of the time steps, and bound of "
            "the unitary steps; X_error is the statistical error of X"
        )

    def cost(self, experiment: Experiment) -> Cost:
        """Memory of one state for each trajectory, two for each without a jump, and three for each thread.

        The companion measures with twelve times its columns.
        """
        places = run_places(experiment)
        branches = min(len(places), self.ntraj) if self.sampling == APART else 0
        return pure_run_cost(
            experiment,
            split_applications(experiment, self.time_step or LONGEST),
            16 * max(places) * (self.ntraj + 2 * branches + 12 * MOST + 3 * thread_pool.largest()),
            columns=self.ntraj + branches + 4 * MOST,
            split=True,
        )

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0: draw the initial states."""
        return TrajectoriesEngine(experiment, self, self._control(), OpenSystem(experiment))

    def begin_moved(self, experiment: Experiment, backend: str, lowered: int) -> Engine | None:
        """See `Method.begin_moved`; the engine evolves pairs of a state and its companion."""
        return AccompaniedTrajectories(experiment, self, self._control(), OpenSystem(experiment, lowered))

    def _control(self) -> StepControl:
        """Steps by the tolerance, or of the given length."""
        order = self.order or (4 if self.time_step is None else 2)
        return StepControl(_TOLERANCE if self.tolerance is None else self.tolerance, order, self.time_step)

    def seeds_used(self, experiment: Experiment) -> str:
        """The seed of every trajectory, as JSON."""
        return json.dumps(trajectory_seeds(self.ntraj, self.seeds))
