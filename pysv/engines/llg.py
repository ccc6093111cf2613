"""Electrons beside classical vectors: the mean-field companion of the quantum engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute.compiling import Kernels
from pysv.engines.base import Engine, Method, Work, saved_array
from pysv.engines.cost import PROCESS, Cost
from pysv.errors import EngineFailureError, NotReadyError
from pysv.experiment.checks import checked, real_number, truth
from pysv.experiment.source import OneElectron
from pysv.experiment.spins import Gibbs
from pysv.model.basis import Spins
from pysv.model.initial import electron_states
from pysv.model.norm import half_width
from pysv.model.terms import hamiltonian_terms
from pysv.snapshot import Snapshot
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.classical.hamiltonian import ClassicalHamiltonian
    from pysv.classical.start import Electrons
    from pysv.experiment import Experiment
    from pysv.measures.registry import Measure

FINER = 100.0
"""By how much the tolerance of the twin run is smaller."""
_ARRAYS = 40
"""State-sized arrays: the state, its twin, the stages of the integrator and their sums."""
_SECONDS = 1.2e-8
"""Rough time of one application of H to one amplitude."""
_SLOPES = Kernels("pysv.classical.kernels", "rates", 1.0)
"""Slopes of ψ and n: 0.9 to 1.3 s, measured as those of `pysv.engines._kernels`."""
_FEWEST = 30
"""Applications of H in each interval between snapshots at least: the first step is found anew."""


@dataclass(frozen=True, kw_only=True)
class LLG(Method):
    """Landau–Lifshitz–Gilbert engine: each localized spin is a unit vector n in the mean field of the electrons.

    The electrons evolve by the Schrödinger equation in the field of the vectors, the vectors by S dn/dt = S n × B/ħ
    with B = −(1/S) ∂⟨H⟩/∂n, and one set of vectors feels the average over all states of a mixture (Landau and Lifshitz
    1935, Gilbert 2004, Petrović et al. 2018); `pysv.classical.hamiltonian` derives the equations. The whole is
    integrated by SciPy's Runge–Kutta scheme of order 8 with steps of its own choice (Hairer, Nørsett and Wanner 1993),
    started afresh at every snapshot. The error is measured: a twin run with a hundredth of the tolerance goes along,
    and the largest distance of a ψ or an n from its twin is reported.

    Parameters
    ----------
    damping : float
        Gilbert's α ≥ 0, without a unit; 0 conserves energy and S^z.
    tolerance : float
        Allowed error of all ψ and n together in each step, as the integrator estimates it.
    measure_error : bool
        Whether to carry the twin run, which takes about 1.6 times as long as the run itself.
    """

    damping: float = checked(0.0, real_number, low=0.0, high=1e3)
    tolerance: float = checked(1e-10, real_number, low=1e-12, high=1e-4, finer=0.1)
    measure_error: bool = checked(True, truth)

    name: ClassVar[str] = "llg"
    serves: ClassVar[str] = "electrons beside classical vectors (mean field), closed system, product states"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (_SLOPES,)
    cites: ClassVar[tuple[str, ...]] = ("Landau1935", "Gilbert2004", "Petrovic2018", "Hairer1993")
    quantum: ClassVar[bool] = False

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse what a vector cannot be, baths, and electrons that interact."""
        from pysv.classical.hamiltonian import ClassicalHamiltonian

        remedy = "whose spins are classical vectors; use 'antiparallel', 'parallel' or 'product', or engine 'chebyshev'"
        if isinstance(experiment.spins, Gibbs):
            return f"[spins] kind = 'gibbs' (thermal) is not served by engine 'llg', {remedy}"
        if not experiment.spins.is_product:
            return f"[spins] {experiment.spins.kind} is not served by engine 'llg', {remedy}"
        reason = self.bath_refusal(experiment)
        if reason is None:
            try:
                ClassicalHamiltonian.of_device(experiment.device)
            except NotReadyError as error:
                return str(error)
        return reason

    def field_acts(self, experiment: Experiment) -> bool:
        """No: a classical vector needs no field to stay where it is."""
        del experiment
        return False

    def lacks(self, measure: Measure) -> str | None:
        """All that follows from ρ, but the directions of the spins."""
        if measure.needs == "amplitudes" or (measure.of_density and not measure.by_state):
            return "needs a density matrix, and the spins of engine 'llg' are classical vectors"
        return None

    def conserved(self, experiment: Experiment) -> tuple[str, ...]:
        """Damping takes energy and S^z."""
        lost = ("energy", "spin_z_total") if self.damping else ()
        return tuple(name for name in super().conserved(experiment) if name not in lost)

    def drift_tolerance(self, stop: float) -> float:
        """The errors of a hundred steps each fs, plus a margin for rounding."""
        return min(1e-9 + 100 * self.tolerance * stop, 1e-3)

    @property
    def deviation_kind(self) -> str:
        """The twin run measures the error."""
        if self.measure_error:
            return "measured: largest distance of a ψ or a vector from a run with a hundredth of the tolerance"
        return "not known: measure_error = false"

    def cost(self, experiment: Experiment) -> Cost:
        """Steps of the integrator, whose error grows with the eighth power of their length."""
        times, source = experiment.times, experiment.source
        runs = len(electron_states(source)) if isinstance(source, OneElectron) else source.count
        amplitudes = 2 * runs * experiment.device.sites
        tolerances = (self.tolerance, self.tolerance / FINER) if self.measure_error else (self.tolerance,)
        width = half_width(hamiltonian_terms(experiment.device), Spins(experiment.device.levels))
        phase = width * times.stop / HBAR
        applications = sum(
            int(10 * phase * (1e-10 / tolerance) ** (1 / 8)) + _FEWEST * (times.count - 1) for tolerance in tolerances
        )
        return Cost(
            amplitudes=amplitudes,
            memory=PROCESS + 16 * _ARRAYS * amplitudes,
            applications=runs * applications,
            seconds=applications * (amplitudes * _SECONDS + 3e-5),
            disk=2 * 16 * amplitudes,
        )

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0."""
        return _LLGEngine(experiment, self)


class _LLGEngine(Engine):
    """All ψ and n lie in one array of reals, ψ first: what SciPy's integrator works on."""

    def __init__(self, experiment: Experiment, method: LLG) -> None:
        from pysv.classical.hamiltonian import ClassicalHamiltonian
        from pysv.classical.start import directions, electrons

        self.method = method
        self.time = 0.0
        self.hamiltonian: ClassicalHamiltonian = ClassicalHamiltonian.of_device(experiment.device)
        self.electrons: Electrons = electrons(experiment, self.hamiltonian)
        vectors = directions(experiment)
        self._shape, self._spins = self.electrons.psi.shape, vectors.shape
        start = np.concatenate([self.electrons.psi.ravel().view(float), vectors.ravel()])
        self._states = {"state": start} | ({"twin": start.copy()} if method.measure_error else {})
        self._deviation = 0.0
        self._applications = 0

    def _parts(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All ψ, (runs, sites, 2), and n, (N, 3), of an array; no copy."""
        place = 2 * int(np.prod(self._shape))
        return state[:place].view(complex).reshape(self._shape), state[place:].reshape(self._spins)

    def advance(self, time: float) -> None:
        """Evolve to `time`, fs."""
        if time > self.time:
            for name, tolerance in (("state", self.method.tolerance), ("twin", self.method.tolerance / FINER)):
                if name in self._states:
                    self._states[name] = self._evolved(self._states[name], time, tolerance)
            if "twin" in self._states:
                psi, vectors = self._parts(self._states["state"] - self._states["twin"])
                apart = (*np.linalg.norm(psi, axis=(1, 2)), *np.linalg.norm(vectors, axis=1))
                self._deviation = float(max(apart))
        self.time = time

    def _evolved(self, state: np.ndarray, time: float, tolerance: float) -> np.ndarray:
        """A state that is at the present time, at another one."""
        from scipy.integrate import DOP853

        from pysv.classical.kernels import rates

        h, weights, damping = self.hamiltonian, self.electrons.weights, self.method.damping
        products, lengths = h.products, h.lengths

        def derivative(_: float, y: np.ndarray) -> np.ndarray:
            found = np.empty_like(y)
            rates(products, lengths, weights, damping, *self._parts(y), *self._parts(found))
            return found

        # SciPy compares the root mean square of the error with the tolerance.
        integrator = DOP853(
            derivative, 0.0, state, time - self.time, rtol=100 * np.finfo(float).eps, atol=tolerance / state.size**0.5
        )
        while integrator.status == "running":
            message = integrator.step()
            if integrator.status == "failed":
                raise EngineFailureError(
                    f"SciPy's DOP853 failed between {self.time:g} and {time:g} fs: {message} raise tolerance = "
                    f"{self.method.tolerance:g}"
                )
        self._applications += integrator.nfev * len(weights)
        return np.array(integrator.y)

    def snapshot(self) -> Snapshot:
        """The present electrons and vectors."""
        from pysv.classical.state import ClassicalState

        psi, vectors = self._parts(self._states["state"])
        state = ClassicalState(self.hamiltonian, replace(self.electrons, psi=psi), vectors, self.electrons)
        return Snapshot(self.time, state, self._reached())

    def _reached(self) -> float | None:
        """The measured error; None without a twin run."""
        return self._deviation if self.method.measure_error else None

    def work(self) -> Work:
        """Applications of H, those of the twin run included, and deviation so far."""
        return Work(self._applications, self._reached(), {})

    def state(self) -> dict[str, np.ndarray]:
        """ψ and n of the run and of its twin, deviation and applications."""
        found = {"progress": np.array([self._deviation, self._applications])}
        for name, state in self._states.items():
            found[f"psi_{name}"], found[f"vectors_{name}"] = self._parts(state)
        return found

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned."""
        for name, own in self._states.items():
            psi, vectors = self._parts(own)
            psi[...] = saved_array(state, f"psi_{name}", self._shape)
            vectors[...] = saved_array(state, f"vectors_{name}", self._spins)
        deviation, applications = saved_array(state, "progress", (2,))
        self._deviation, self._applications = float(deviation), int(applications)
        self.time = time
