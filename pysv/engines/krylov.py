"""KrylovKit's exponential of H, in Julia: an independent check of the other engines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.engines._pure_states import StepwiseEngine
from pysv.engines.base import Engine, Method, Work
from pysv.engines.cost import Cost, pure_run_cost, radius, run_places
from pysv.errors import EngineFailureError
from pysv.experiment.checks import checked, real_number, whole_number
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.sectors.julia import JuliaHamiltonian
    from pysv.sectors.pure_run import PureRun

_BOUNDS = 1e-6
"""Residual of the ends of the spectrum, eV."""
_STEPS, _CALLS = 10, 300
"""Applications of H in one call that looks for the ends of the spectrum, and most such calls."""
_ENDS = 300
"""Rough number of applications of H that the ends of the spectrum take."""
_WORK = 8
"""State-sized arrays that KrylovKit holds in addition to the Krylov vectors."""


@dataclass(frozen=True, kw_only=True)
class Krylov(Method):
    """Krylov engine: exp(−iHτ/ħ)ψ by Lanczos iteration from ψ, with `exponentiate` of KrylovKit.jl.

    It shares only the Hamiltonian and the initial state with the other engines. It uses no spectral bounds, no
    expansion coefficients and no light cone. KrylovKit's Lanczos iteration finds the ends of the spectrum. The
    dataset holds them; they only decide into how many parts an interval is divided.

    Parameters
    ----------
    tolerance : float
        Allowed error of the state per fs, 1e-14 … 1e-2.
    krylov_dimension : int
        Largest number of Krylov vectors, 5 … 200; each is as large as a state.
    """

    tolerance: float = checked(1e-12, real_number, low=1e-14, high=1e-2, unit="per fs", finer=0.1)
    krylov_dimension: int = checked(30, whole_number, low=5, high=200)

    name: ClassVar[str] = "krylov"
    serves: ClassVar[str] = "one electron, closed system, any state of the spins: an independent check"
    backends: ClassVar[tuple[str, ...]] = ("julia",)
    correlators: ClassVar[str] = "states"
    cites: ClassVar[tuple[str, ...]] = ("KrylovKit",)

    def drift_tolerance(self, stop: float) -> float:
        """Ten times the allowed error of the state, which KrylovKit only estimates, plus a margin for rounding."""
        return 1e-9 + 10 * self.tolerance * stop

    @property
    def deviation_kind(self) -> str:
        """KrylovKit estimates its error."""
        return "estimated by KrylovKit from the last Krylov coefficients, added up over the intervals"

    def cost(self, experiment: Experiment) -> Cost:
        """One state for each run, and one Krylov space for each part of an interval, of one run at a time."""
        times, places = experiment.times, run_places(experiment)
        applications = _ENDS + (times.count - 1) * self.parts(times.step, radius(experiment)) * self.krylov_dimension
        states = 16 * (sum(places) + (self.krylov_dimension + _WORK) * max(places))
        return pure_run_cost(experiment, applications, states)

    def parts(self, interval: float, radius: float) -> int:
        """Number of parts of an interval (fs) that need about one Krylov space each."""
        return max(1, math.ceil(3 * radius * interval / HBAR / self.krylov_dimension))

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0: find the ends of the spectrum and allocate."""
        return _KrylovEngine(runs, self)


class _KrylovEngine(StepwiseEngine):
    def __init__(self, runs: tuple[PureRun, ...], method: Krylov) -> None:
        from pysv.sectors.julia import JuliaHamiltonian, threads_for

        self.method = method
        self._hamiltonians = [JuliaHamiltonian(run.hamiltonian, np.float64) for run in runs]
        super().__init__(runs)
        self.extremes: list[tuple[float, float]] = []
        self._applications = []
        for run, hamiltonian in zip(runs, self._hamiltonians, strict=True):
            ends, applications = _ends(hamiltonian, threads_for(run.hamiltonian))
            self.extremes.append(ends)
            self._applications.append(applications)

    def advance_run(self, number: int, interval: float) -> None:
        from pysv.julia import session
        from pysv.sectors.julia import threads_for

        low, high = self.extremes[number]
        parts, method = self.method.parts(interval, (high - low) / 2), self.method
        shape, threads = self.runs[number].hamiltonian.shape, threads_for(self.runs[number].hamiltonian)
        for _ in range(parts):
            error, converged, applications = session.call(
                "propagate!", self._hamiltonians[number].handle,
                session.address(self.psi[number], shape, np.complex128), interval / parts / HBAR,
                method.tolerance * HBAR, method.krylov_dimension, threads,
            )  # fmt: skip
            self.deviations[number] += float(error)
            self._applications[number] += int(applications)
            if not converged:
                raise EngineFailureError(
                    f"KrylovKit did not reach the tolerance after t = {self.time:g} fs (error {error:.0e}); raise "
                    f"krylov_dimension = {method.krylov_dimension} or tolerance = {method.tolerance:g} in "
                    "[evolution.krylov]"
                )

    def work(self) -> Work:
        """Applications of H, error estimate, and the ends of the spectrum."""
        details: dict[str, float | int | str] = {}
        for run, (low, high) in zip(self.runs, self.extremes, strict=True):
            details[f"spectrum_low_{run.label}"] = low
            details[f"spectrum_high_{run.label}"] = high
        return Work(sum(self._applications), self.deviation(), details)


def _ends(hamiltonian: JuliaHamiltonian, threads: int) -> tuple[tuple[float, float], int]:
    """The ends of the spectrum in eV, moved outwards by their residuals, and the applications of H that they took.

    An end is taken where its residual was smallest: after it has converged, rounding brings copies of it.
    """
    from pysv.julia import session

    iteration = session.call("lanczos", hamiltonian.handle, threads)
    low, high, applications = (math.inf, 0.0), (math.inf, 0.0), 0
    for _ in range(_CALLS):
        least, most, of_least, of_most, count = session.call("ends!", iteration, _STEPS)
        low, high = min(low, (float(of_least), float(least))), min(high, (float(of_most), float(most)))
        if max(low[0], high[0]) <= _BOUNDS or count == applications:  # converged, or an invariant subspace
            break
        applications = int(count)
    return (low[1] - low[0], high[1] + high[0]), int(count)
