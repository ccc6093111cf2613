"""QuTiP's Schrödinger solver on H as a sparse matrix: the widely known reference."""

from __future__ import annotations

import json
import warnings
from dataclasses import Field, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pysv.compute.compiling import Kernels
from pysv.engines._kernels import MARGINALS
from pysv.engines._pure_states import StepwiseEngine
from pysv.engines._qutip_entries import entries
from pysv.engines._qutip_open import (
    LARGEST_DENSITY,
    MasterEquation,
    MonteCarlo,
    failure,
    reachable_amplitudes,
    solver_options,
)
from pysv.engines._trajectories import Sampling, check_strata, mixed_refusal, trajectory_seeds
from pysv.engines.base import Engine, Work
from pysv.engines.cost import PROCESS, Cost, pure_run_cost, radius, run_places, state_bytes
from pysv.errors import InvalidInputError
from pysv.experiment.checks import checked, choice, real_number, whole_number
from pysv.model.baths.jumps import shared_refusal
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.sectors.pure_run import PureRun

_STATES = 45
"""Memory of the integrator's history and of the sparse matrix, in states."""
_SECONDS, _ENTRY = 1e-8, 1e-9
"""Rough time of a step of the integrator for one amplitude, and for one element of its row of the matrix, s."""
_ENTRY_BYTES = 70
"""Bytes of an element of the jump operators L and of L†L, or of the Liouvillian, while QuTiP makes its matrices.

From `mcsolve` of 4+4, 5+5 and 6+1 spins and `mesolve` of 1+3: 72, 72, 72 and 65.
"""
_ROW = 6.0
"""Elements in a row of H, roughly."""
_CALL = 3e-5
"""Rough time of one call of QuTiP's integrator, s."""
_METHODS = ("adams", "bdf", "lsoda", "dop853", "vern7", "vern9", "tsit5")


@dataclass(frozen=True, kw_only=True)
class QuTiP(Sampling):
    """QuTiP engine: `qutip.SESolver`, restarted at every snapshot.

    The restart makes a resumed run equal to an uninterrupted one.

    Parameters
    ----------
    method : {"adams", "bdf", "lsoda", "dop853", "vern7", "vern9", "tsit5"}
        QuTiP's integrator.
    atol, rtol : float
        Absolute and relative tolerance of the integrator.
    nsteps : int
        Largest number of internal steps between snapshots.
    solver : {"auto", "mesolve", "mcsolve"}
        For open systems: the density matrix (up to 1000 amplitudes) or random trajectories; "auto" takes the density
        matrix if it fits. For closed systems this option and the following ones are refused.
    ntraj, seeds, target_error, target_variable, unravelling, sampling
        Options of `mcsolve`; see `pysv.engines._trajectories.Sampling`.
    """

    method: str = checked("adams", choice, _METHODS)
    atol: float = checked(1e-10, real_number, low=1e-20, high=1.0)
    rtol: float = checked(1e-8, real_number, low=1e-13, high=1.0)
    nsteps: int = checked(100_000, whole_number, low=1, high=2**31 - 1)
    solver: str = checked("auto", choice, ("auto", "mesolve", "mcsolve"))

    name: ClassVar[str] = "qutip"
    serves: ClassVar[str] = "one electron, closed or open, any state of the spins (sesolve, mesolve, mcsolve)"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (MARGINALS,)
    correlators: ClassVar[str] = "states"
    open: ClassVar[bool] = True
    cites: ClassVar[tuple[str, ...]] = ("Lambert2026",)

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse also an option that the solver would ignore, and a density matrix that does not fit."""
        reason = super().refusal(experiment)
        if reason is not None:
            return reason
        if experiment.bath is None:
            given = next((entry.name for entry in fields(self) if entry.name in _OPEN and _set(self, entry)), None)
            return given and f"{given} of engine 'qutip' is for open systems; leave it out, or add a table [bath]"
        if (reason := shared_refusal(experiment.device, experiment.bath)) is not None:
            return reason
        amplitudes = reachable_amplitudes(experiment)
        if self.solver == "mesolve" and amplitudes > LARGEST_DENSITY:
            return (
                f"solver = 'mesolve' needs a density matrix over at most {LARGEST_DENSITY} amplitudes, this run has "
                f"{amplitudes:,}; use engine 'low-rank' or 'trajectories', or solver = 'mcsolve'"
            )
        if self.chosen(experiment) == "mesolve":
            given = next((entry.name for entry in fields(self) if entry.name in _OPEN[1:] and _set(self, entry)), None)
            return given and f"{given} of engine 'qutip' would be ignored by mesolve; set solver = 'mcsolve'"
        return check_strata(experiment, self.ntraj) or mixed_refusal(experiment, self.unravelling)

    def finer(self) -> dict[str, Self]:
        """The same with a tenth of both tolerances of the integrator."""
        try:
            return {"a tenth of atol and rtol": replace(self, atol=self.atol / 10, rtol=self.rtol / 10)}
        except InvalidInputError:  # at the end of a range
            return {}

    def chosen(self, experiment: Experiment) -> str:
        """QuTiP's solver for an experiment."""
        if experiment.bath is None:
            return "sesolve"
        if self.solver != "auto":
            return self.solver
        sampled = any(_set(self, entry) for entry in fields(self) if entry.name in _OPEN[1:])
        return "mesolve" if reachable_amplitudes(experiment) <= LARGEST_DENSITY and not sampled else "mcsolve"

    def samples(self, experiment: Experiment) -> bool:
        """Whether `mcsolve` is chosen."""
        return self.chosen(experiment) == "mcsolve"

    def of_seeds(self, seeds: tuple[int, ...]) -> Self:
        """The same options for a subset of the trajectories, without a target error."""
        return replace(super().of_seeds(seeds), solver="mcsolve")

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0 with the solver that the experiment needs."""
        solver = self.chosen(experiment)
        if solver == "sesolve":
            return super().begin(experiment, backend)
        return (MasterEquation if solver == "mesolve" else MonteCarlo)(experiment, self)

    def seeds_used(self, experiment: Experiment) -> str:
        """The seed of every trajectory, as JSON."""
        if self.chosen(experiment) != "mcsolve":
            return super().seeds_used(experiment)
        return json.dumps(trajectory_seeds(self.ntraj, self.seeds))

    def drift_tolerance(self, stop: float) -> float:
        """Local errors add up over the time steps, a few for each fs."""
        return 1e-5 + 100 * (self.atol + self.rtol) * stop

    @property
    def deviation_kind(self) -> str:
        """QuTiP reports no global error."""
        return "not known: QuTiP controls the local error only"

    def cost(self, experiment: Experiment) -> Cost:
        """The default integrator needs roughly 15 evaluations for each radian of the fastest phase."""
        times = experiment.times
        applications = int(15 * radius(experiment) * times.stop / HBAR) + 20 * (times.count - 1)
        solver = self.chosen(experiment)
        if solver == "sesolve":
            return pure_run_cost(experiment, applications, state_bytes(run_places(experiment), _STATES))
        amplitudes, columns = reachable_amplitudes(experiment), self.ntraj
        row = entries(experiment, self.unravelling)
        if solver == "mesolve":
            columns = amplitudes  # of ρ; one application serves all of them
            applied, elements = applications, amplitudes**2
            held = applied_row = row.superoperator + 2 * (_ROW + row.summed)
        else:
            applied, elements = applications * self.ntraj, amplitudes
            held, applied_row = row.jumps + row.damping, _ROW + row.summed
        return Cost(
            amplitudes=columns * amplitudes,
            memory=PROCESS + 16 * (2 * columns * amplitudes + _STATES * elements) + int(_ENTRY_BYTES * held * elements),
            applications=applied,
            seconds=applied * (elements * (_SECONDS + _ENTRY * applied_row) + _CALL),
            disk=16 * columns * amplitudes,
        )

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0."""
        return _QuTiPEngine(runs, self)


_OPEN = ("solver", "ntraj", "seeds", "target_error", "target_variable", "unravelling", "sampling")
"""Options of open systems; all but the first concern trajectories."""


def _set(method: QuTiP, entry: Field[Any]) -> bool:
    """Whether an option differs from its default."""
    return bool(getattr(method, entry.name) != entry.default)


class _QuTiPEngine(StepwiseEngine):
    def __init__(self, runs: tuple[PureRun, ...], method: QuTiP) -> None:
        import qutip

        super().__init__(runs)
        self._method = method
        options = solver_options(method)
        solvers = {
            hamiltonian: qutip.SESolver(qutip.Qobj(hamiltonian.sparse() / HBAR).to("CSR"), options=options)
            for hamiltonian in {run.hamiltonian: None for run in runs}
        }
        self._solvers = [solvers[run.hamiltonian] for run in runs]

    def advance_run(self, number: int, interval: float) -> None:
        import qutip
        from qutip.solver.integrator import IntegratorException

        solver, psi, layout = self._solvers[number], self.psi[number], self.runs[number].hamiltonian.layout
        solver.start(qutip.Qobj(layout.flat(psi).reshape(-1, 1)), 0.0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # QuTiP raises an error after SciPy's warning
                after = solver.step(interval).full()
        except IntegratorException as error:
            raise failure(self._method, self.time, self.time + interval, error) from error
        psi[...] = layout.tiled(after.reshape(-1, layout.sites))

    def deviation(self) -> float | None:
        """None: QuTiP controls the local error only."""
        return None

    def work(self) -> Work:
        """QuTiP does not count applications of H."""
        return Work(None, None, {})
