"""Random pure states in progress: those that have jumped, and the branches without a jump."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.engines._branches import Branches, plain_weights
from pysv.engines._open_system import Bathing, time_steps
from pysv.engines._trajectories import APART, PLAIN, trajectory_seeds
from pysv.engines.base import Engine, Work, saved_array
from pysv.sectors.row_operator import layer_density
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.engines._open_system import OpenSystem
    from pysv.engines._trajectories import Sampling
    from pysv.experiment import Experiment


class TrajectoriesEngine(Engine):
    """States: the trajectories, then those without a jump.

    Parameters
    ----------
    experiment : Experiment
    method : Sampling
    time_step : float
        Longest time step, fs.
    system : OpenSystem
    """

    def __init__(self, experiment: Experiment, method: Sampling, time_step: float, system: OpenSystem) -> None:
        self.time = 0.0
        self.method = method
        self._time_step = time_step
        self.system = system
        self.jumps = np.zeros(method.ntraj, dtype=np.int64)
        """Of each trajectory, so far."""
        self._applications = sum(propagator.bounds.steps for propagator in self.system.propagators)
        self._seeds = trajectory_seeds(method.ntraj, method.seeds)
        self._random = [np.random.Generator(np.random.PCG64(seed)) for seed in self._seeds]
        self._draws = 0
        self.basis: list[int] = []
        self.psi: list[np.ndarray] = []
        electrons = list(dict.fromkeys(run.electron for run in self.system.runs))
        self._run_strata = [electrons.index(run.electron) for run in self.system.runs]
        self._strata = np.arange(method.ntraj) % len(electrons)
        self._branches: Branches | None = None
        if method.sampling == APART:
            self._start_apart()
        else:
            self._start_plain()

    def _start_apart(self) -> None:
        """States without a jump, and before them trajectories that have no weight until the first step."""
        weights = [run.weight for run in self.system.runs]
        self._branches = Branches(weights, self._run_strata, self._strata, self._drawn_run)
        first = [self._run_strata.index(int(stratum)) for stratum in self._strata]
        self._begin_from([*first, *self._branches.runs])

    def _start_plain(self) -> None:
        """Trajectories of the electron's states in turn; states of the localized spins are drawn by their weights."""
        self._branches = None
        self._begin_from([self._drawn_run(number) for number in range(self.method.ntraj)])

    def _begin_from(self, runs: Sequence[int]) -> None:
        chosen = [self.system.runs[number] for number in runs]
        self.psi = [run.psi for run in chosen]
        self.basis = [self.system.hamiltonians.index(run.hamiltonian) for run in chosen]

    def _drawn_run(self, number: int) -> int:
        """A pure state for a trajectory, drawn by its weight among those of its stratum."""
        own = np.flatnonzero(np.array(self._run_strata) == self._strata[number])
        cumulative = np.cumsum([self.system.runs[run].weight for run in own])
        self._draws = 1
        chosen = np.searchsorted(cumulative, self._random[number].random() * cumulative[-1], side="right")
        return int(own[min(int(chosen), own.size - 1)])

    def advance(self, time: float) -> None:
        """Evolve every trajectory to `time`, fs."""
        interval = time - self.time
        if interval > 0:
            count, step = time_steps(interval, self._time_step)
            self.system.channels(Bathing(step))
            begins = np.full((self.method.ntraj, 2), -1) if self._branches is None else self._leave(count, step)
            self._in_shares(range(self.method.ntraj), lambda share: self._advance(share, count, step, begins))
            self._draws += count * self._draws_per_step
        self.time = time

    @property
    def _draws_per_step(self) -> int:
        """Random numbers of a trajectory for the channels of one step."""
        return 3 if self.method.unravelling == "mixed" else len(self.system.layers)

    def _in_shares(self, states: range, work: Callable[[range], int]) -> None:
        """Divide states among the threads; `work` returns the applications of H."""
        workers = min(thread_pool.largest(), len(states))
        done = [0] * workers

        def one(worker: int) -> None:
            done[worker] = work(states[worker::workers])

        thread_pool.each(one, range(workers))
        self._applications += sum(done)

    def _leave(self, count: int, step: float) -> np.ndarray:
        """Evolve the states without a jump; set each trajectory to where it begins anew for the last time.

        Returns
        -------
        int ndarray (ntraj, 2)
            Number of the step and layer of the first jump; −1 for a trajectory that goes on.
        """
        assert self._branches is not None
        ntraj, layers = self.method.ntraj, len(self.system.layers)
        without = range(ntraj, len(self.psi))
        draws = np.array([random.random(count) for random in self._random])
        self._draws += count
        begins = np.full((ntraj, 2), -1)
        probabilities = np.zeros((len(without), layers))
        before: list[list[np.ndarray]] = [[]] * len(without)

        def work(share: range, index: int) -> int:
            applications, spare = 0, self._spare(share)
            for number in share:
                applications += self._unitary(number, spare, step if 0 < index < count else step / 2)
                if index < count:
                    before[number - ntraj] = [states[number].copy() for states in self._together]
                    remaining = 1.0
                    for layer in range(layers):
                        own = self._probabilities(number, layer, step)
                        jump = float(own[1:].sum() / own.sum())
                        probabilities[number - ntraj, layer] = remaining * jump
                        remaining *= 1 - jump
                        self._apply(number, spare, layer, 0, step)
            return applications

        for index in range(count + 1):
            basis = self.basis[ntraj:]
            self._in_shares(without, lambda share: work(share, index))  # noqa: B023
            if index < count:
                chosen = self._branches.leave(probabilities, draws[:, index])
                for number in np.flatnonzero(chosen >= 0):
                    state, layer = divmod(int(chosen[number]), layers)
                    self._begin_anew(int(number), before[state], basis[state])
                    begins[number] = index, layer
                    self.jumps[number] = 0
        return begins

    @property
    def _together(self) -> tuple[list[np.ndarray], ...]:
        """Lists of the arrays that make up a state: one here, two where a companion has the same jumps."""
        return (self.psi,)

    def _begin_anew(self, number: int, before: Sequence[np.ndarray], basis: int) -> None:
        """Set a trajectory to a state that is to jump."""
        for states, own in zip(self._together, before, strict=True):
            states[number] = own.copy()
        self.basis[number] = basis

    def _norm(self, number: int) -> float:
        """Norm of a state with all its arrays."""
        return _length([states[number] for states in self._together])

    def _advance(self, share: range, count: int, step: float, begins: np.ndarray) -> int:
        applications, spare = 0, self._spare(share)
        for number in share:
            begin, layer = (int(value) for value in begins[number])
            draws = self._random[number].random((count, self._draws_per_step))
            for index in range(max(begin, 0), count + 1):
                if index != begin:
                    applications += self._unitary(number, spare, step if 0 < index < count else step / 2)
                if index < count:
                    first = layer if index == begin else None
                    self.jumps[number] += self._jump(number, spare, step, draws[index], first)
        return applications

    def _spare(self, share: range) -> list[np.ndarray]:
        """Work space of a thread."""
        return [np.zeros_like(self.psi[share[0]]) for _ in range(2)]

    def _unitary(self, number: int, spare: list[np.ndarray], interval: float) -> int:
        done = 0
        for states in self._together:
            psi = states[number]
            for place, array in enumerate(spare):
                if array.shape != psi.shape:
                    spare[place] = np.zeros_like(psi)
            work, total = spare
            applications, after = self.system.propagators[self.basis[number]].advance(psi, work, total, interval)
            if after is total:
                states[number], spare[1] = total, psi
            done += applications
        return done

    def _jump(self, number: int, spare: list[np.ndarray], step: float, draws: np.ndarray, first: int | None) -> int:
        """Apply the channels of all layers; returns the number of jumps. `first` is the layer of a jump that is set."""
        mixed, basis = self.method.unravelling == "mixed", self.basis[number]
        before = [states[number].copy() for states in self._together] if mixed else []
        drawn = []
        for layer in range(len(self.system.layers)):
            which = 0 if first is not None and layer < first else self._drawn(number, layer, step, draws[layer], first)
            self._apply(number, spare, layer, which, step)
            drawn.append(which)
        if mixed and min(drawn) == 0 < max(drawn):
            self._superpose(number, before, basis, max(drawn), step, draws[2])
        return sum(which > 0 for which in drawn)

    def _superpose(
        self, number: int, before: Sequence[np.ndarray], basis: int, which: int, step: float, drawn: float
    ) -> None:
        """Replace a jump A of one layer by its superposition with the same jump B of the other layer.

        {A, B} and {(A + B)/√2, (A − B)/√2} make the same channel. The draw of A or B had the probability
        ‖Aψ‖² + ‖Bψ‖²; the sign + has the conditional probability ‖(A + B)ψ‖²/2(‖Aψ‖² + ‖Bψ‖²). If the other layer has
        no such jump, the state stays as it is.
        """
        channels = self.system.channels(Bathing(step))
        if any(which >= len(channel.kraus) for channel in channels) or len({c.flips[which] for c in channels}) > 1:
            return
        ones, others = (
            [self._applied(own, basis, pair, step)[0] for own in before] for pair in ((which, 0), (0, which))
        )
        after = self.system.flipped[basis] if channels[0].flips[which] else basis
        total = sum(np.linalg.norm(own) ** 2 for own in (*ones, *others))
        crossed = sum(np.vdot(one, other).real for one, other in zip(ones, others, strict=True))
        plus = 0.5 + crossed / total
        for one, other in zip(ones, others, strict=True):
            one += other if drawn < plus else -other
        scale = _length(before) / _length(ones)
        for states, one in zip(self._together, ones, strict=True):
            states[number] = one * scale
        self.basis[number] = after

    def _applied(self, psi: np.ndarray, basis: int, which: tuple[int, int], step: float) -> tuple[np.ndarray, int]:
        """A state after one Kraus operator of each layer, not normalised, and the index of its basis."""
        for layer in (0, 1):
            operator, after = self.system.operator(Bathing(step), layer, which[layer], basis)
            out = np.zeros(self.system.hamiltonians[after].shape, dtype=complex)
            operator.apply(psi, out)
            psi, basis = out, after
        return psi, basis

    def _probabilities(self, number: int, layer: int, step: float) -> np.ndarray:
        """Probability of each Kraus operator of a layer, float64 (m,)."""
        system = self.system
        basis = system.hamiltonians[self.basis[number]].basis
        rho = sum(layer_density(states[number], system.layers[layer], basis) for states in self._together)
        return np.asarray(np.einsum("aij,ji->a", system.channels(Bathing(step))[layer].effects, rho).real)

    def _drawn(self, number: int, layer: int, step: float, drawn: float, first: int | None) -> int:
        """Index of a Kraus operator of a layer, drawn by its probability; of a jump if the layer is `first`."""
        if layer != first and drawn < self.system.channels(Bathing(step))[layer].certain:
            return 0
        probabilities = self._probabilities(number, layer, step)
        if layer == first:
            probabilities[0] = 0.0
        cumulative = np.cumsum(probabilities)
        which = int(np.searchsorted(cumulative, drawn * cumulative[-1], side="right"))
        return min(which, probabilities.size - 1)

    def _apply(self, number: int, spare: list[np.ndarray], layer: int, which: int, step: float) -> None:
        """Apply one Kraus operator of a layer, and normalise."""
        operator, after = self.system.operator(Bathing(step), layer, which, self.basis[number])
        shape, before = self.system.hamiltonians[after].shape, self._norm(number)
        for states in self._together:
            if spare[0].shape != shape:
                spare[0] = np.zeros(shape, dtype=complex)
            operator.apply(states[number], spare[0])
            states[number], spare[0] = spare[0], states[number]
        scale = before / self._norm(number)
        for states in self._together:
            states[number] *= scale
        self.basis[number] = after

    def snapshot(self) -> Snapshot:
        """The trajectories and the states without a jump, with their weights."""
        if self._branches is not None:
            weights, sample = self._branches.weights, self._branches.sample
        else:
            weights, sample = plain_weights(self.system.runs, self._run_strata, self._strata)
        parts = tuple(
            Part(float(weight), self.system.spaces[basis], psi)
            for weight, basis, psi in zip(weights, self.basis, self.psi, strict=True)
        )
        return Snapshot(self.time, PureMixture(parts), None, sample=sample)

    def work(self) -> Work:
        """Applications of H and jumps so far."""
        details: dict[str, float | int | str] = {"sampling": PLAIN}
        if self._branches is None:
            details["jumps_per_trajectory"] = int(self.jumps.sum()) / self.method.ntraj
        else:
            details["sampling"] = APART
            details["jumps_per_trajectory"] = float(self._branches.weights[: self.jumps.size] @ self.jumps)
            details["no_jump_weight"] = float(self._branches.no_jump.sum())
        return Work(self._applications, None, details)

    def state(self) -> dict[str, np.ndarray]:
        """The trajectories, the states without a jump, and the number of random numbers that each trajectory used."""
        counts = {"draws": self._draws, "jumps": self.jumps.sum(), "applications": self._applications}
        saved = {f"psi_{number}": psi for number, psi in enumerate(self.psi)}
        saved |= {"basis": np.array(self.basis), "counts": np.array(list(counts.values()), dtype=np.int64)}
        if self._branches is not None:
            saved |= {"branches": self._branches.state(), "jumps": self.jumps}
        return saved

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved trajectories and the next random numbers, with the sampling of the saved state."""
        if self._branches is not None and "branches" not in state:
            self._start_plain()
        self.basis = [int(number) for number in saved_array(state, "basis", (len(self.psi),))]
        for number, basis in enumerate(self.basis):
            shape = self.system.hamiltonians[basis].shape
            self.psi[number] = saved_array(state, f"psi_{number}", shape).astype(complex)
        draws, jumps, self._applications = (int(value) for value in saved_array(state, "counts", (3,)))
        if self._branches is None:
            self.jumps[:] = 0
            self.jumps[0] = jumps  # only their sum is known, and matters
        else:
            self._branches.restore(saved_array(state, "branches", self._branches.state().shape))
            self.jumps = saved_array(state, "jumps", self.jumps.shape).astype(np.int64)
        for number, seed in enumerate(self._seeds):
            self._random[number] = np.random.Generator(np.random.PCG64(seed))
            self._random[number].bit_generator.advance(draws)  # type: ignore[attr-defined]
        self._draws = draws
        self.time = time


def _length(arrays: Sequence[np.ndarray]) -> float:
    """Norm of several arrays together."""
    return math.hypot(*(float(np.linalg.norm(own)) for own in arrays))
