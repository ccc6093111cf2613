"""Quantum trajectories: the Lindblad equation unravelled into random pure states, on the kernels of the closed system.

One step of the Lindblad equation is U(τ/2) · channel · U(τ/2) (see `pysv.model.channel`). A trajectory evolves with the
same U. From the channel of each layer it draws one Kraus operator K_a with probability ‖K_a ψ‖². The average over
trajectories then obeys the same map for any τ: nothing is expanded in the jump rate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute import thread_pool
from pysv.engines._open_system import (
    UNITARY_TOLERANCE,
    Bathing,
    OpenSystem,
    layer_refusal,
    split_applications,
    time_steps,
)
from pysv.engines._trajectories import Sampling, check_strata, sample_of, trajectory_seeds
from pysv.engines.base import Engine, Work, saved_array
from pysv.engines.cost import Cost, pure_run_cost, run_places
from pysv.experiment.checks import checked, real_number
from pysv.experiment.ranges import TIME_STEP
from pysv.sectors.row_operator import layer_density
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Trajectories(Sampling):
    """Trajectory engine: the mean over random pure states, each on the kernels of `chebyshev`.

    Parameters
    ----------
    ntraj, seeds, target_error, target_variable, unravelling
        See `pysv.engines._trajectories.Sampling`.
    time_step : float
        Time step τ > 0, fs; shortened so that it divides the time between snapshots. The error is of second order in τ.
    """

    time_step: float = checked(1.0, real_number, **TIME_STEP)

    name: ClassVar[str] = "trajectories"
    serves: ClassVar[str] = "one electron with baths, any state of the spins; statistical error on every curve"
    backends: ClassVar[tuple[str, ...]] = ("python",)
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
        """Memory of one state for each trajectory and of three states of work space for each thread."""
        return pure_run_cost(
            experiment,
            split_applications(experiment, self.time_step),
            16 * max(run_places(experiment)) * (self.ntraj + 3 * thread_pool.largest()),
            columns=self.ntraj,
        )

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0: draw the initial states."""
        return _TrajectoriesEngine(experiment, self)

    def seeds_used(self, experiment: Experiment) -> str:
        """The seed of every trajectory, as JSON."""
        return json.dumps(trajectory_seeds(self.ntraj, self.seeds))


class _TrajectoriesEngine(Engine):
    def __init__(self, experiment: Experiment, method: Trajectories) -> None:
        self.time = 0.0
        self.method = method
        self.system = OpenSystem(experiment)
        self.jumps = 0
        self._applications = sum(propagator.bounds.steps for propagator in self.system.propagators)
        self._seeds = trajectory_seeds(method.ntraj, method.seeds)
        self._random = [np.random.Generator(np.random.PCG64(seed)) for seed in self._seeds]
        self._draws = 0
        self.basis: list[int] = []
        self.psi: list[np.ndarray] = []
        self._weights: list[float] = []
        self.sample = sample_of(self._start())

    def _start(self) -> list[int]:
        """Initial states: those of the electron in turn, those of the localized spins drawn by their weights."""
        runs = self.system.runs
        electrons = list(dict.fromkeys(run.electron for run in runs))
        mixtures = [[run for run in runs if run.electron == electron] for electron in electrons]
        strata = [number % len(electrons) for number in range(self.method.ntraj)]
        for stratum, random in zip(strata, self._random, strict=True):
            mixture = mixtures[stratum]
            cumulative = np.cumsum([run.weight for run in mixture])
            chosen = int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))
            run = mixture[min(chosen, len(mixture) - 1)]
            self.psi.append(run.psi)
            self.basis.append(self.system.hamiltonians.index(run.hamiltonian))
            self._weights.append(float(cumulative[-1]) / strata.count(stratum))
        self._draws = 1
        return strata

    def advance(self, time: float) -> None:
        """Evolve every trajectory to `time`, fs."""
        interval = time - self.time
        if interval > 0:
            count, step = time_steps(interval, self.method.time_step)
            self.system.channels(Bathing(step))
            workers = min(thread_pool.largest(), len(self.psi))
            done = [(0, 0)] * workers

            def work(worker: int) -> None:
                done[worker] = self._advance(range(worker, len(self.psi), workers), count, step)

            thread_pool.each(work, range(workers))
            self._applications += sum(applications for applications, _ in done)
            self.jumps += sum(jumps for _, jumps in done)
            self._draws += count * (3 if self.method.unravelling == "mixed" else len(self.system.layers))
        self.time = time

    def _advance(self, share: range, count: int, step: float) -> tuple[int, int]:
        applications = jumps = 0
        spare = [np.zeros_like(self.psi[share[0]]) for _ in range(2)]
        for number in share:
            if any(array.shape != self.psi[number].shape for array in spare):
                spare = [np.zeros_like(self.psi[number]) for _ in range(2)]
            for index in range(count + 1):
                half = index in (0, count)
                applications += self._unitary(number, spare, step / 2 if half else step)
                if index < count:
                    jumps += self._jump(number, spare, step)
        return applications, jumps

    def _unitary(self, number: int, spare: list[np.ndarray], interval: float) -> int:
        psi, (work, total) = self.psi[number], spare
        applications, after = self.system.propagators[self.basis[number]].advance(psi, work, total, interval)
        if after is total:
            self.psi[number], spare[1] = total, psi
        return applications

    def _jump(self, number: int, spare: list[np.ndarray], step: float) -> int:
        """Apply the channels of all layers; returns the number of jumps."""
        if self.method.unravelling == "local":
            return sum(self._kraus(number, spare, layer, step) > 0 for layer in range(len(self.system.layers)))
        before, basis = self.psi[number].copy(), self.basis[number]
        drawn = [self._kraus(number, spare, layer, step) for layer in (0, 1)]
        sign = self._random[number].random()
        if min(drawn) == 0 < max(drawn):
            self._superpose(number, before, basis, max(drawn), step, sign)
        return sum(which > 0 for which in drawn)

    def _superpose(self, number: int, before: np.ndarray, basis: int, which: int, step: float, drawn: float) -> None:
        """Replace a jump A of one layer by its superposition with the same jump B of the other layer.

        {A, B} and {(A + B)/√2, (A − B)/√2} make the same channel. The draw of A or B had the probability
        ‖Aψ‖² + ‖Bψ‖²; the sign + has the conditional probability ‖(A + B)ψ‖²/2(‖Aψ‖² + ‖Bψ‖²). If the other layer has
        no such jump, the state stays as it is.
        """
        channels = self.system.channels(Bathing(step))
        if any(which >= len(channel.kraus) for channel in channels) or len({c.flips[which] for c in channels}) > 1:
            return
        one, after = self._applied(before, basis, (which, 0), step)
        other, _ = self._applied(before, basis, (0, which), step)
        total = np.linalg.norm(one) ** 2 + np.linalg.norm(other) ** 2
        plus = 0.5 + np.vdot(one, other).real / total
        one += other if drawn < plus else -other
        one *= np.linalg.norm(before) / np.linalg.norm(one)
        self.psi[number], self.basis[number] = one, after

    def _applied(self, psi: np.ndarray, basis: int, which: tuple[int, int], step: float) -> tuple[np.ndarray, int]:
        """A state after one Kraus operator of each layer, not normalised, and the index of its basis."""
        for layer in (0, 1):
            operator, after = self.system.operator(Bathing(step), layer, which[layer], basis)
            out = np.zeros(self.system.hamiltonians[after].shape, dtype=complex)
            operator.apply(psi, out)
            psi, basis = out, after
        return psi, basis

    def _kraus(self, number: int, spare: list[np.ndarray], layer: int, step: float) -> int:
        """Draw and apply one Kraus operator of a layer; returns its index, 0 for the operator without a jump."""
        system, basis, psi = self.system, self.basis[number], self.psi[number]
        channel = system.channels(Bathing(step))[layer]
        drawn = self._random[number].random()
        which = 0
        if drawn >= channel.certain:
            rho = layer_density(psi, system.layers[layer], system.hamiltonians[basis].basis)
            probabilities = np.cumsum(np.einsum("aij,ji->a", channel.effects, rho).real)
            which = int(np.searchsorted(probabilities, drawn * probabilities[-1], side="right"))
            which = min(which, probabilities.size - 1)
        operator, after = system.operator(Bathing(step), layer, which, basis)
        shape = system.hamiltonians[after].shape
        if spare[0].shape != shape:
            spare[0] = np.zeros(shape, dtype=complex)
        operator.apply(psi, spare[0])
        spare[0] *= np.linalg.norm(psi) / np.linalg.norm(spare[0])
        self.psi[number], spare[0] = spare[0], psi
        self.basis[number] = after
        return which

    def snapshot(self) -> Snapshot:
        """The trajectories with their weights."""
        spaces = self.system.spaces
        parts = tuple(
            Part(weight, spaces[basis], psi)
            for weight, basis, psi in zip(self._weights, self.basis, self.psi, strict=True)
        )
        return Snapshot(self.time, PureMixture(parts), None, sample=self.sample)

    def work(self) -> Work:
        """Applications of H and jumps so far."""
        return Work(self._applications, None, {"jumps_per_trajectory": self.jumps / self.method.ntraj})

    def state(self) -> dict[str, np.ndarray]:
        """The trajectories, and the number of random numbers that each has used."""
        saved = {f"psi_{number}": psi for number, psi in enumerate(self.psi)}
        counts = {"draws": self._draws, "jumps": self.jumps, "applications": self._applications}
        return saved | {"basis": np.array(self.basis), "counts": np.array(list(counts.values()), dtype=np.int64)}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved trajectories and the next random numbers."""
        self.basis = [int(number) for number in saved_array(state, "basis", (self.method.ntraj,))]
        for number, basis in enumerate(self.basis):
            shape = self.system.hamiltonians[basis].shape
            self.psi[number] = saved_array(state, f"psi_{number}", shape).astype(complex)
        draws, self.jumps, self._applications = (int(value) for value in saved_array(state, "counts", (3,)))
        for seed, number in zip(self._seeds, range(self.method.ntraj), strict=True):
            self._random[number] = np.random.Generator(np.random.PCG64(seed))
            self._random[number].bit_generator.advance(draws)  # type: ignore[attr-defined]
        self._draws = draws
        self.time = time
