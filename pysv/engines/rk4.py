"""Classical fourth-order Runge–Kutta with a fixed step, as in the paper, and the error that it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.engines._pure_states import StepwiseEngine
from pysv.engines.base import Engine, Method, saved_array
from pysv.experiment.checks import real_number, truth
from pysv.units import HBAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pysv.sectors.pure_run import PureRun


@dataclass(frozen=True, kw_only=True)
class RK4(Method):
    """Runge–Kutta engine (Sec. III A of the paper).

    For a constant linear H the classical scheme is ψ ← Σ_{n≤4} (−iHδt/ħ)ⁿ/n! ψ, and is evaluated as such. The error is
    measured, not estimated: a twin run with δt/2 is carried along, and ‖ψ_δt − ψ_δt/2‖·16/15 is reported.

    Parameters
    ----------
    time_step : float
        δt > 0, fs; shortened so that it divides the time between snapshots. Unstable above ~2√2 ħ/‖H‖.
    measure_error : bool
        Whether to carry the twin run, which triples the work.
    """

    time_step: float = 0.1
    measure_error: bool = True

    name: ClassVar[str] = "rk4"
    serves: ClassVar[str] = "one electron, closed system, any state of the spins"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    vectors: ClassVar[int] = 5

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "time_step", real_number("time_step", self.time_step, above=0.0, unit="fs"))
        truth("measure_error", self.measure_error)

    def drift_tolerance(self, stop: float) -> float:
        """The paper's step drifts by 1e-5 in 60 fs."""
        return 1e-3

    @property
    def deviation_kind(self) -> str:
        """The twin run measures the error."""
        if self.measure_error:
            return "measured: distance from a run with half the step, times 16/15"
        return "not known: measure_error = false"

    def applications(
        self, time: float, steps: int, radius: float, amplitudes: Sequence[int], summaries: bool = True
    ) -> int:
        """Four for each step, and eight more for the twin run."""
        del radius, amplitudes  # the step is given, whatever the spectrum
        return steps * math.ceil(time / steps / self.time_step - 1e-9) * (12 if self.measure_error else 4)

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0."""
        return _RK4Engine(runs, self)


class _RK4Engine(StepwiseEngine):
    def __init__(self, runs: tuple[PureRun, ...], method: RK4) -> None:
        super().__init__(runs, spare=2)
        self.method = method
        self.twin = [run.psi if method.measure_error else None for run in runs]

    def advance_run(self, number: int, interval: float) -> None:
        steps = math.ceil(interval / self.method.time_step - 1e-9)
        self._steps(number, self.psi[number], interval / steps, steps)
        twin = self.twin[number]
        if twin is not None:
            self._steps(number, twin, interval / steps / 2, 2 * steps)
            self.deviations[number] = 16 / 15 * float(np.linalg.norm(self.psi[number] - twin))

    def _steps(self, number: int, psi: np.ndarray, step: float, count: int) -> None:
        """Take `count` steps in place."""
        from pysv.compute import compiler
        from pysv.sectors.numba import recursion

        c = np.array([(-1j * step / HBAR) ** n / math.factorial(n) for n in range(5)])
        factors = np.array([[1.0, 0.0, 0.0]] * 4)
        mixes = np.zeros((4, 1, 6))
        mixes[1::2, 0, 0], mixes[1::2, 0, 1] = c[2::2].real, c[2::2].imag
        mixes[1::2, 0, 2], mixes[1::2, 0, 3] = c[1::2].real, c[1::2].imag
        mixes[1::2, 0, 4:] = 1
        hamiltonian = self.runs[number].hamiltonian
        work, total = self.spare(number)
        now, previous, sums = (compiler.as_reals(array) for array in (psi, work, total[None]))
        arguments = hamiltonian.sites, hamiltonian.everywhere, hamiltonian.table()
        for _ in range(count):
            total[...] = psi
            recursion.take_steps(now, previous, sums, *arguments, factors, mixes)
            psi[...] = total
        self._applications[number] += 4 * count

    def deviation(self) -> float | None:
        """Largest measured error, or None where no twin is carried."""
        return super().deviation() if self.method.measure_error else None

    def state(self) -> dict[str, np.ndarray]:
        """The state of the runs and of their twins."""
        twins = {f"twin_{run.label}": twin for run, twin in zip(self.runs, self.twin, strict=True) if twin is not None}
        return super().state() | twins

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Take up runs and twins."""
        super().restore(time, state)
        for run, twin in zip(self.runs, self.twin, strict=True):
            if twin is not None:
                twin[...] = saved_array(state, f"twin_{run.label}", twin.shape)
