"""Chebyshev expansion of exp(−iHt/ħ): one electron, closed system, any state of the spins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from pysv.compute.compiling import Kernels
from pysv.engines._kernels import BOUNDS, MARGINALS, STEPS
from pysv.engines._pure_states import RecursionEngine
from pysv.engines.base import Engine, Method, Work
from pysv.engines.cost import HEAVY, Cost, pure_run_cost, radius, run_places, run_rows
from pysv.errors import SpectralBoundsError
from pysv.experiment.checks import checked, choice, real_number, truth
from pysv.sectors import backend as backends
from pysv.sectors.backend import Backend, Evolution, Steps
from pysv.sectors.chebyshev import (
    GROWTH,
    LARGEST_Z,
    coefficients,
    light_cone,
    recursion_factors,
    recursion_mix,
    substeps,
)
from pysv.sectors.lanczos import SpectralBounds, spectral_bounds
from pysv.sectors.layout import CUT, Cut
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.pure_run import PureRun

_COPIES = Kernels("pysv.sectors.numba.sums", "_copy", 2.5)
"""Copies and weights of states, for the light cone; measured as those of `pysv.engines._kernels`."""
_OUTPUTS = 8
"""Largest number of snapshots that one expansion of a small run serves."""
_LARGE = 4_000_000
"""Amplitudes from which Julia was measured to be no slower: 8+8 spins, one pure run."""
_ADDING = 0.2
"""Cost of adding a term to one output, relative to the cost of the term."""


@dataclass(frozen=True, kw_only=True)
class Chebyshev(Method):
    """Chebyshev engine: exact to a stated tolerance, matrix-free, in S^z sectors.

    exp(−iHτ/ħ) = e^{−ibτ/ħ} Σ_n (2 − δ_n0) (−i)ⁿ J_n(Rτ/ħ) T_n((H − b)/R), with b and R the middle and the half-width
    of the spectrum (H. Tal-Ezer and R. Kosloff, J. Chem. Phys. 81, 3967 (1984)).

    Parameters
    ----------
    tolerance : float
        Allowed truncation error of the state per fs, 1e-15 … 1e-2. The dataset records the bound reached.
    bound_margin : float
        Safety margin of the spectral bounds, relative to the width of the spectrum.
    precision : {"double", "single"}
        Precision of the state: complex128, or complex64 in half of the memory.
    light_cone : bool
        Whether a large run skips the sites that the packet cannot have reached, to within the tolerance.
    """

    tolerance: float = checked(1e-13, real_number, low=1e-15, high=1e-2, unit="per fs", finer=0.1)
    bound_margin: float = checked(0.01, real_number, low=0.0, high=1.0)
    precision: str = checked("double", choice, ("double", "single"))
    light_cone: bool = checked(True, truth)

    name: ClassVar[str] = "chebyshev"
    serves: ClassVar[str] = "one electron, closed system, any state of the spins"
    backends: ClassVar[tuple[str, ...]] = ("python", "julia", "mpi", "cuda")
    kernels: ClassVar[tuple[Kernels, ...]] = (STEPS, MARGINALS, BOUNDS, _COPIES)
    correlators: ClassVar[str] = "states"
    cites: ClassVar[tuple[str, ...]] = ("TalEzer1984",)

    @property
    def dtype(self) -> type:
        """Complex type of the state."""
        return np.complex64 if self.precision == "single" else np.complex128

    def outputs(self, amplitudes: Sequence[int], cut: Cut = CUT) -> int:
        """Number of snapshots that one expansion may serve; one or two large runs then have at most six states."""
        if not cut.is_large(max(amplitudes)):
            return _OUTPUTS
        return {1: 3, 2: 2}.get(len(amplitudes), 1)

    def memory(self, places: Sequence[int], cut: Cut = CUT) -> int:
        """Bytes of the outputs of each run and of two states of work space, which large runs share.

        Parameters
        ----------
        places : sequence of int
            Complex numbers in a state of each run, including places beyond the chain.
        """
        work = max(places) if cut.is_large(max(places)) else sum(places)
        return np.dtype(self.dtype).itemsize * (self.outputs(places, cut) * sum(places) + 2 * work)

    def cost(self, experiment: Experiment) -> Cost:
        """Terms of all expansions, and 40 applications of H for the spectral bounds."""
        steps, width = experiment.times.count - 1, radius(experiment)
        each = [rows * experiment.device.sites for rows in run_rows(experiment)]
        together = self.together(experiment.times.step, min(steps, self.outputs(each)), width)
        parts, interval = substeps(together * experiment.times.step, width)
        applications = 40 + math.ceil(steps / together) * parts * self.terms(interval, width)
        return pure_run_cost(
            experiment, applications, self.memory(run_places(experiment, self.dtype)), dtype=self.dtype
        )

    def finer(self) -> dict[str, Self]:
        """See `Method.finer`; double precision is finer than single."""
        single = self.precision == "single"
        return super().finer() | ({"double precision": replace(self, precision="double")} if single else {})

    def pays(self, backend: str, cost: Cost) -> bool:
        """Julia takes 0.9 to 1 times as long for large states (`benchmarks/backends.py`); CUDA is not measured yet."""
        return backend == "julia" and cost.seconds >= HEAVY and cost.amplitudes >= _LARGE

    def drift_tolerance(self, stop: float) -> float:
        """Twice the allowed error of the state, plus a margin for rounding."""
        return (1e-9 if self.precision == "double" else 1e-3) + 2 * self.tolerance * stop

    @property
    def deviation_kind(self) -> str:
        """The truncation error is bounded, the rounding error is estimated."""
        return "bound on the truncation (Bessel tail, light cone) plus an estimate of the rounding"

    def terms(self, interval: float, radius: float) -> int:
        """Terms of one expansion over `interval` fs, with a spectrum of half-width `radius` eV."""
        return coefficients(radius * interval / HBAR, self.tolerance * interval)[0].size - 1

    def together(self, interval: float, most: int, radius: float) -> int:
        """Number of the next snapshots, `interval` fs apart, that one expansion serves best; at most `most`.

        One long expansion has fewer terms than several short ones, but adds each term to several outputs.
        """
        most = min(most, int(LARGEST_Z / (radius * interval / HBAR)))
        if most <= 1:  # one interval may need several expansions
            return 1
        terms = [self.terms(count * interval, radius) for count in range(1, most + 1)]
        cost = [(last + _ADDING * sum(terms[: count + 1])) / (count + 1) for count, last in enumerate(terms)]
        return cost.index(min(cost)) + 1

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0: find the spectral bounds and allocate."""
        return _ChebyshevEngine(runs, self, backends.backend(backend))


class _ChebyshevEngine(RecursionEngine):
    def __init__(self, runs: tuple[PureRun, ...], method: Chebyshev, where: Backend) -> None:
        self.method = method
        outputs = method.outputs([run.hamiltonian.amplitudes for run in runs], runs[0].hamiltonian.cut)
        dtype = method.dtype
        self._real = np.finfo(dtype).dtype.type
        hamiltonians = {run.hamiltonian: run.hamiltonian.laid_out(dtype) for run in runs}
        runs = tuple(replace(run, hamiltonian=hamiltonians[run.hamiltonian]) for run in runs)
        super().__init__(runs, 2, dtype, outputs, where)
        known: dict[Hamiltonian, SpectralBounds] = {}
        for number, run in enumerate(runs):
            if run.hamiltonian not in known:
                alike = next((bounds for other, bounds in known.items() if _mirrored(run.hamiltonian, other)), None)
                known[run.hamiltonian] = alike or spectral_bounds(
                    run.hamiltonian, margin=method.bound_margin, space=self.spaces[number], buffers=self.spare[number]
                )
                self._applications[number] = 0 if alike else known[run.hamiltonian].steps
        self.bounds = [known[run.hamiltonian] for run in runs]

    def targets(self, times: Sequence[float]) -> Sequence[float]:
        """The next times that one expansion serves best."""
        interval = round(times[0] - self.time, 9)  # equal intervals share cached coefficients
        radius = max(bounds.radius for bounds in self.bounds)
        last = self.time + self.method.together(interval, len(times), radius) * interval
        return [times[0], *(time for time in times[1:] if time <= last + 1e-9)]

    def evolution(self, number: int, intervals: Sequence[float]) -> Evolution:
        """Evolve run `number`, expansion by expansion."""
        deviations = [self.deviations[number]] * len(intervals)
        psi, outputs = self.psi[number], self.outputs[number][: len(intervals)]
        parts, _ = substeps(intervals[-1], self.bounds[number].radius)
        for _ in range(parts):
            cuts = yield from self._expansion(number, psi, outputs, [interval / parts for interval in intervals])
            deviations = [deviation + cut for deviation, cut in zip(deviations, cuts, strict=True)]
            psi = outputs[0]  # if there are several parts, there is one output
        return deviations

    def _expansion(self, number: int, psi: np.ndarray, outputs: np.ndarray, intervals: Sequence[float]) -> Evolution:
        """One expansion from `psi` into one output for each interval; returns bounds on the error of each."""
        bounds, space = self.bounds[number], self.spaces[number]
        expansions = [
            coefficients(bounds.radius * interval / HBAR, self.method.tolerance * interval) for interval in intervals
        ]
        window, cut = self._window(number, psi, intervals[-1])
        count = max(coefficient.size for coefficient, _ in expansions) - 1
        factors = recursion_factors(bounds, count).astype(self._real)
        phases = [np.exp(-1j * bounds.centre * interval / HBAR) for interval in intervals]
        mixes = np.stack(
            [recursion_mix(series, phase, count) for (series, _), phase in zip(expansions, phases, strict=True)], axis=1
        ).astype(self._real)
        one, other = self.spare[number]
        space.follow(window)
        space.copy(psi, one)
        for output in outputs:  # the work space is not read outside the window
            space.clear_outside(output, window)
        yield Steps(one, other, outputs, window, factors, mixes)
        # After an odd number of steps `other` is T_K ψ. Its norm grows only if an eigenvalue lies outside the bounds.
        last = space.weight(other, window) ** 0.5
        epsilon = float(np.finfo(self._real).eps)
        if not last <= 1 + GROWTH + 100 * epsilon:
            raise SpectralBoundsError(
                f"the spectrum of H reaches outside [{bounds.low:.4f}, {bounds.high:.4f}] eV; raise bound_margin above "
                f"{self.method.bound_margin:g} in [evolution.chebyshev]"
            )
        self._applications[number] += count
        return [bound + cut + epsilon * (coefficient.size - 1) ** 0.5 for coefficient, bound in expansions]

    def _window(self, number: int, start: np.ndarray, interval: float) -> tuple[tuple[int, int], float]:
        """Sites that the packet can reach, and the norm that this choice neglects."""
        hamiltonian = self.runs[number].hamiltonian
        if not (self.large and self.method.light_cone):
            return hamiltonian.everywhere, 0.0
        allowed = self.method.tolerance * interval / 4
        sites = self.spaces[number].marginals(start)[1].sum(axis=0)
        left, right = np.cumsum(sites), np.cumsum(sites[::-1])[::-1]
        occupied = np.flatnonzero((left > allowed**2) & (right > allowed**2))
        if not occupied.size:  # a state without weight
            return hamiltonian.everywhere, 0.0
        hops = light_cone(2 * hamiltonian.largest_hopping * interval / HBAR, allowed)
        begin, end = max(0, int(occupied[0]) - hops), min(hamiltonian.sites, int(occupied[-1]) + 1 + hops)
        window = hamiltonian.layout.window(begin, end, self.method.dtype)
        return window, 0.0 if window[0] == 0 and window[1] >= hamiltonian.sites else 4 * allowed

    def work(self) -> Work:
        """Applications of H, error bound, and the spectral bounds used."""
        details: dict[str, float | int | str] = {}
        if len(self.runs) > 2:
            ends = {"low": min(bounds.low for bounds in self.bounds), "high": max(b.high for b in self.bounds)}
            return Work(sum(self._applications), self.deviation(), {f"spectrum_{end}": ends[end] for end in ends})
        for run, bounds in zip(self.runs, self.bounds, strict=True):
            details[f"spectrum_low_{run.label}"] = bounds.low
            details[f"spectrum_high_{run.label}"] = bounds.high
        return Work(sum(self._applications), self.deviation(), details)


def _mirrored(one: Hamiltonian, other: Hamiltonian) -> bool:
    """Whether one of two Hamiltonians of a device is the other with all spins flipped."""
    return one.basis.sectors == other.basis.mirrored and one.symmetric()
