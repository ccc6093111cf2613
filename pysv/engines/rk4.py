"""Classical fourth-order Runge–Kutta with a fixed step, as in the paper, with a measured error."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute.compiling import Kernels
from pysv.engines._kernels import MARGINALS, STEPS
from pysv.engines._pure_states import RecursionEngine, run_rows
from pysv.engines.base import Amplitudes, Engine, Method, saved_array
from pysv.engines.cost import Cost, pure_run_cost, run_places, state_bytes
from pysv.experiment.checks import checked, real_number, truth
from pysv.experiment.ranges import TIME_STEP
from pysv.sectors import backend as backends
from pysv.sectors.backend import Backend, Evolution, Steps
from pysv.units import HBAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pysv.experiment import Experiment
    from pysv.sectors.pure_run import PureRun

_STATES = 5
"""State-sized arrays of each run: the state, its twin and their work space."""


@dataclass(frozen=True, kw_only=True)
class RK4(Method):
    """Runge–Kutta engine (Sec. III A of the paper).

    For a constant linear H the classical scheme equals ψ ← Σ_{n≤4} (−iHδt/ħ)ⁿ/n! ψ and is computed in this form. The
    error is measured, not estimated: a twin run with δt/2 goes along, and ‖ψ_δt − ψ_δt/2‖·16/15 is reported.

    Parameters
    ----------
    time_step : float
        Time step δt > 0, fs; shortened so that it divides the time between snapshots. Unstable above ~2√2 ħ/‖H‖.
    measure_error : bool
        Whether to carry the twin run, which triples the work.
    """

    time_step: float = checked(0.1, real_number, **TIME_STEP, finer=0.5)
    measure_error: bool = checked(True, truth)

    name: ClassVar[str] = "rk4"
    serves: ClassVar[str] = "one electron, closed system, any state of the spins"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (STEPS, MARGINALS)
    correlators: ClassVar[str] = "states"

    def drift_tolerance(self, stop: float) -> float:
        """A fixed limit; with the paper's step the drift is 1e-5 in 60 fs."""
        return 1e-3

    @property
    def deviation_kind(self) -> str:
        """The twin run measures the error."""
        if self.measure_error:
            return "measured: distance from a run with half the step, times 16/15"
        return "not known: measure_error = false"

    def cost(self, experiment: Experiment) -> Cost:
        """Four applications of H for each step, and eight more for the twin run, which a checkpoint holds too."""
        times = experiment.times
        steps = (times.count - 1) * math.ceil(times.step / self.time_step - 1e-9)
        applications = steps * (12 if self.measure_error else 4)
        found = pure_run_cost(experiment, applications, state_bytes(run_places(experiment), _STATES))
        return replace(found, disk=2 * found.disk) if self.measure_error else found

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0."""
        return _RK4Engine(runs, self, backends.backend(backend))


class _RK4Engine(RecursionEngine):
    def __init__(self, runs: tuple[PureRun, ...], method: RK4, where: Backend) -> None:
        super().__init__(runs, spare=2, where=where)
        self.method = method
        self.twin = self.backend.allocate([run.hamiltonian.shape for run in runs], np.complex128, 1)
        for run, (twin,) in zip(runs, self.twin, strict=True):
            run.fill(twin)

    def evolution(self, number: int, intervals: Sequence[float]) -> Evolution:
        """Evolve run `number` and its twin by the single interval (fs)."""
        (interval,) = intervals
        steps, (twin,) = math.ceil(interval / self.method.time_step - 1e-9), self.twin[number]
        yield from self._steps(number, self.psi[number], interval / steps, steps)
        if self.method.measure_error:
            yield from self._steps(number, twin, interval / steps / 2, 2 * steps)
            return [16 / 15 * float(np.linalg.norm(self.psi[number] - twin))]
        return [0.0]

    def _steps(self, number: int, psi: np.ndarray, step: float, count: int) -> Iterator[Steps]:
        """`count` steps in place."""
        c = np.array([(-1j * step / HBAR) ** n / math.factorial(n) for n in range(5)])
        factors = np.array([[1.0, 0.0, 0.0]] * 4)
        mixes = np.zeros((4, 1, 6))
        mixes[1::2, 0, 0], mixes[1::2, 0, 1] = c[2::2].real, c[2::2].imag
        mixes[1::2, 0, 2], mixes[1::2, 0, 3] = c[1::2].real, c[1::2].imag
        mixes[1::2, 0, 4:] = 1
        work, total = self.spare[number]
        everywhere = self.runs[number].hamiltonian.everywhere
        for _ in range(count):
            total[...] = psi
            yield Steps(psi, work, total[None], everywhere, factors, mixes)
            psi[...] = total
        self._applications[number] += 4 * count

    def deviation(self) -> float | None:
        """Largest measured error; None without a twin run."""
        return super().deviation() if self.method.measure_error else None

    def state(self) -> dict[str, np.ndarray]:
        """The states of the runs and of their twins."""
        return super().state() | dict(self._twins())

    def amplitudes(self) -> dict[str, Amplitudes]:
        """Those of the runs, and of the twins, which only measure the error."""
        twins = {f"twin_{run.label}": run_rows(run, 0.0) for run in self.runs if self.method.measure_error}
        return super().amplitudes() | twins

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved runs and twins."""
        super().restore(time, state)
        for name, twin in self._twins():
            twin[...] = saved_array(state, name, twin.shape)

    def _twins(self) -> Iterator[tuple[str, np.ndarray]]:
        if self.method.measure_error:
            for run, (twin,) in zip(self.runs, self.twin, strict=True):
                yield f"twin_{run.label}", twin
