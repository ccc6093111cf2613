"""Random pure states in progress: those that have jumped, and the branches without a jump."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.engines._branches import Branches, plain_weights
from pysv.engines._companion import Companion
from pysv.engines._open_system import UNITARY_TOLERANCE, time_steps
from pysv.engines._splitting import Step, StepControl
from pysv.engines._trajectories import APART, PLAIN, trajectory_seeds
from pysv.engines.base import Engine, Work, saved_array
from pysv.sectors.row_operator import layer_density
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.engines._open_system import Bathing, OpenSystem
    from pysv.engines._trajectories import Sampling
    from pysv.experiment import Experiment

Draws = tuple[np.ndarray, np.ndarray]
"""Random numbers in [0, 1) at one node: float64 (ntraj,) and (ntraj, m)."""
_KNOWN: dict[Hashable, tuple[tuple[Step, ...], np.ndarray]] = {}
"""Steps of an interval, and the state of the control after it, by all that they depend on."""
_MOST_KNOWN = 4096


class TrajectoriesEngine(Engine):
    """States: the trajectories, then those without a jump.

    Parameters
    ----------
    experiment : Experiment
    method : Sampling
    control : StepControl
        New steps, and their error.
    system : OpenSystem
    """

    def __init__(self, experiment: Experiment, method: Sampling, control: StepControl, system: OpenSystem) -> None:
        self.time = 0.0
        self.method = method
        self.system = system
        self.control = control
        self.schedule: dict[tuple[float, float], tuple[Step, ...]] = {}
        """The steps between two times, fs, for all so far."""
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
        parts = experiment.device, experiment.source, experiment.spins, experiment.bath
        self._known: tuple[Hashable, ...] | None = (*parts, control.tolerance, control.order, control.time_step)
        """All that the steps depend on, with the intervals so far; None for a run that was restored."""
        self.splitting, self.shortest = 0.0, np.inf
        self.measured_from = 0.0
        """Time (fs) from which the splitting error is known: that of the resumption of an earlier version's file."""
        runs = self.system.runs
        bases = [self.system.hamiltonians.index(run.hamiltonian) for run in runs]
        self.companion = Companion(
            self.system, ((run.weight, basis, run.psi) for run, basis in zip(runs, bases, strict=True))
        )

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
        interval, pending = time - self.time, 0.0
        draws = self._draw_ahead(interval) if interval > 0 else None
        for step in self._planned(time) if interval > 0 else ():
            pending = self._take(step, pending, self._draw(len(step.rule.nodes)) if draws is None else draws)
            self.splitting += step.error
            self.shortest = min(self.shortest, step.length)
        if pending > 0:
            self._in_shares(range(len(self.psi)), lambda share: self._unitaries(share, pending))
        self.time = time

    def _planned(self, time: float) -> Iterator[Step]:
        """Steps to `time` (fs); the companion takes each after the trajectories."""
        taken, pending = [], 0.0
        for step in self._steps(time - self.time):
            taken.append(step)
            yield step
            pending = self.companion.take(step, pending)
        self.companion.columns.evolve(pending)
        self.schedule[self.time, time] = tuple(taken)

    def _steps(self, interval: float) -> Iterator[Step]:
        """Steps that fill an interval. What another batch of this experiment has measured is not measured again."""
        measured = self.control.steps(self.companion.columns, interval)
        if self._known is None:
            yield from measured
            return
        self._known = (*self._known, interval)
        if self._known in _KNOWN:
            steps, state = _KNOWN[self._known]
            yield from steps
            self.control.restore(state)
            return
        taken = []
        for step in measured:
            taken.append(step)
            yield step
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[self._known] = tuple(taken), self.control.state()

    def _draw_ahead(self, interval: float) -> Iterator[Draws] | None:
        """Random numbers for all steps of an interval, where the length of the steps is given."""
        if self.control.time_step is None:
            return None
        return self._draw(time_steps(interval, self.control.time_step)[0] * self.control.nodes)

    def _draw(self, nodes: int) -> Iterator[Draws]:
        """Random numbers of each trajectory for some nodes: the first jump, and all channels."""
        leaving = np.zeros((self.method.ntraj, nodes))
        if self._branches is not None:
            leaving = np.array([random.random(nodes) for random in self._random])
            self._draws += nodes
        jumping = np.array([random.random((nodes, self._draws_per_node)) for random in self._random])
        self._draws += nodes * self._draws_per_node
        return ((leaving[:, node], jumping[:, node]) for node in range(nodes))

    @property
    def _draws_per_node(self) -> int:
        """Random numbers of a trajectory for the channels of one node."""
        return self.system.n_channels + (self.method.unravelling == "mixed")

    def _in_shares(self, states: range, work: Callable[[range], int]) -> None:
        """Divide states among the threads; `work` returns the applications of H."""
        workers = min(thread_pool.largest(), len(states))
        done = [0] * workers

        def one(worker: int) -> None:
            done[worker] = work(states[worker::workers])

        thread_pool.each(one, range(workers))
        self._applications += sum(done)

    def _take(self, step: Step, pending: float, draws: Iterator[Draws]) -> float:
        """Take a step; returns the unitary evolution after its last node, which is left to do, fs."""
        *gaps, last = step.rule.gaps(step.length)
        bathing = step.rule.bathing(step.length)
        self.system.channels(bathing)
        for gap in gaps:
            leaving, jumping = next(draws)
            self._node(pending + gap, bathing, leaving, jumping)
            pending = 0.0
        return last

    def _node(self, gap: float, bathing: Bathing, leaving: np.ndarray, jumping: np.ndarray) -> None:
        """Unitary evolution (fs), then all channels."""
        first = np.full(self.method.ntraj, -1)
        if self._branches is not None:
            first = self._leave(gap, bathing, leaving)

        def work(share: range) -> int:
            applications, spare = 0, self._spare(share)
            for number in share:
                channel = None if first[number] < 0 else int(first[number])
                if channel is None:
                    applications += self._unitary(number, spare, gap)
                self.jumps[number] += self._jump(number, spare, bathing, jumping[number], channel)
            return applications

        self._in_shares(range(self.method.ntraj), work)

    def _leave(self, gap: float, bathing: Bathing, draws: np.ndarray) -> np.ndarray:
        """Evolve the states without a jump over one node; set the trajectories that begin anew before its channels.

        Returns
        -------
        int ndarray (ntraj,)
            Channel of the first jump; −1 for a trajectory that goes on.
        """
        assert self._branches is not None
        ntraj, channels = self.method.ntraj, self.system.n_channels
        without, basis = range(ntraj, len(self.psi)), self.basis[ntraj:]
        probabilities = np.zeros((len(without), channels))
        before: list[list[np.ndarray]] = [[]] * len(without)

        def work(share: range) -> int:
            applications, spare = 0, self._spare(share)
            for number in share:
                applications += self._unitary(number, spare, gap)
                before[number - ntraj] = [states[number].copy() for states in self._together]
                remaining = 1.0
                for channel in range(channels):
                    own = self._probabilities(number, channel, bathing)
                    jump = float(own[1:].sum() / own.sum())
                    probabilities[number - ntraj, channel] = remaining * jump
                    remaining *= 1 - jump
                    self._apply(number, spare, channel, 0, bathing)
            return applications

        self._in_shares(without, work)
        chosen = self._branches.leave(probabilities, draws)
        begun = np.flatnonzero(chosen >= 0)
        for number in begun:
            state = int(chosen[number]) // channels
            self._begin_anew(int(number), before[state], basis[state])
            self.jumps[number] = 0
        return np.where(chosen >= 0, chosen % channels, -1)

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

    def _spare(self, share: range) -> list[np.ndarray]:
        """Work space of a thread."""
        return [np.zeros_like(self.psi[share[0]]) for _ in range(2)]

    def _unitaries(self, share: range, interval: float) -> int:
        spare = self._spare(share)
        return sum(self._unitary(number, spare, interval) for number in share)

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

    def _jump(
        self, number: int, spare: list[np.ndarray], bathing: Bathing, draws: np.ndarray, first: int | None
    ) -> int:
        """Apply all channels; returns the number of jumps. `first` is the channel of a jump that is set."""
        mixed, basis, layers = self.method.unravelling == "mixed", self.basis[number], len(self.system.layers)
        before = [states[number].copy() for states in self._together] if mixed else []

        def apply(channel: int) -> int:
            earlier = first is not None and channel < first
            which = 0 if earlier else self._drawn(number, channel, bathing, draws[channel], first)
            self._apply(number, spare, channel, which, bathing)
            return which

        drawn = [apply(layer) for layer in range(layers)]
        if mixed and min(drawn) == 0 < max(drawn):
            self._superpose(number, before, basis, max(drawn), bathing, draws[-1])
        drawn += [apply(channel) for channel in range(layers, self.system.n_channels)]
        return sum(which > 0 for which in drawn)

    def _superpose(
        self, number: int, before: Sequence[np.ndarray], basis: int, which: int, bathing: Bathing, drawn: float
    ) -> None:
        """Replace a jump A of one layer by its superposition with the same jump B of the other layer.

        {A, B} and {(A + B)/√2, (A − B)/√2} make the same channel. The draw of A or B had the probability
        ‖Aψ‖² + ‖Bψ‖²; the sign + has the conditional probability ‖(A + B)ψ‖²/2(‖Aψ‖² + ‖Bψ‖²). If the other layer has
        no such jump, the state stays as it is.
        """
        channels = self.system.channels(bathing)
        if any(which >= len(channel.kraus) for channel in channels) or len({c.flips[which] for c in channels}) > 1:
            return
        ones, others = (
            [self._applied(own, basis, pair, bathing)[0] for own in before] for pair in ((which, 0), (0, which))
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

    def _applied(self, psi: np.ndarray, basis: int, which: tuple[int, int], bathing: Bathing) -> tuple[np.ndarray, int]:
        """A state after one Kraus operator of each layer, not normalised, and the index of its basis."""
        for layer in (0, 1):
            operator, after = self.system.operator(bathing, layer, which[layer], basis)
            out = np.zeros(self.system.hamiltonians[after].shape, dtype=complex)
            operator.apply(psi, out)
            psi, basis = out, after
        return psi, basis

    def _probabilities(self, number: int, channel: int, bathing: Bathing) -> np.ndarray:
        """Probability of each Kraus operator of a channel, float64 (m,)."""
        system, hamiltonian = self.system, self.system.hamiltonians[self.basis[number]]
        if channel == len(system.layers):
            assert system.dephasing is not None
            own = (states[number] for states in self._together)
            each = [system.dephasing.jump_probabilities(psi, hamiltonian.layout, bathing.length) for psi in own]
            return np.asarray(np.sum(each, axis=0))
        layer = system.layers[channel]
        rho = sum(layer_density(states[number], layer, hamiltonian.basis) for states in self._together)
        return np.asarray(np.einsum("aij,ji->a", system.channels(bathing)[channel].effects, rho).real)

    def _drawn(self, number: int, channel: int, bathing: Bathing, drawn: float, first: int | None) -> int:
        """Index of a Kraus operator of a channel, drawn by its probability; of a jump if the channel is `first`."""
        if channel != first and drawn < self.system.certain(bathing, channel):
            return 0
        probabilities = self._probabilities(number, channel, bathing)
        if channel == first:
            probabilities[0] = 0.0
        cumulative = np.cumsum(probabilities)
        which = int(np.searchsorted(cumulative, drawn * cumulative[-1], side="right"))
        return min(which, probabilities.size - 1)

    def _apply(self, number: int, spare: list[np.ndarray], channel: int, which: int, bathing: Bathing) -> None:
        """Apply one Kraus operator of a channel, and normalise."""
        before = self._norm(number)
        if channel == len(self.system.layers):
            assert self.system.dephasing is not None
            layout = self.system.hamiltonians[self.basis[number]].layout
            for states in self._together:
                self.system.dephasing.apply(states[number], layout, which, bathing.length)
        else:
            operator, after = self.system.operator(bathing, channel, which, self.basis[number])
            shape = self.system.hamiltonians[after].shape
            for states in self._together:
                if spare[0].shape != shape:
                    spare[0] = np.zeros(shape, dtype=complex)
                operator.apply(states[number], spare[0])
                states[number], spare[0] = spare[0], states[number]
            self.basis[number] = after
        scale = before / self._norm(number)
        for states in self._together:
            states[number] *= scale

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
        return Snapshot(self.time, PureMixture(parts), self.deviation, sample=sample)

    @property
    def deviation(self) -> float | None:
        """‖ρ − ρ_exact‖₁ of the mean of all trajectories; None where the beginning of the run is not known."""
        return None if self.measured_from > 0 else self.splitting + 2 * UNITARY_TOLERANCE * self.time

    def work(self) -> Work:
        """Applications of H, steps and jumps so far."""
        details: dict[str, float | int | str] = {
            "sampling": PLAIN,
            "splitting_error": self.splitting,
            "shortest_step": self.shortest if np.isfinite(self.shortest) else 0.0,
        }
        if self._branches is None:
            details["jumps_per_trajectory"] = int(self.jumps.sum()) / self.method.ntraj
        else:
            details["sampling"] = APART
            details["jumps_per_trajectory"] = float(self._branches.weights[: self.jumps.size] @ self.jumps)
            details["no_jump_weight"] = float(self._branches.no_jump.sum())
        warnings: tuple[str, ...] = ()
        if self.measured_from > 0:
            warnings = (
                f"state_deviation is left out: the version of pysv that began this run did not measure the splitting "
                f"error until {self.measured_from:g} fs",
            )
        applications = self._applications + self.companion.columns.applications
        return Work(applications, self.deviation, details, warnings)

    def state(self) -> dict[str, np.ndarray]:
        """The trajectories, the states without a jump, how many random numbers each trajectory used, and the steps."""
        applications = self._applications + self.companion.columns.applications
        counts = {"draws": self._draws, "jumps": self.jumps.sum(), "applications": applications}
        saved = {f"psi_{number}": psi for number, psi in enumerate(self.psi)}
        saved |= {"basis": np.array(self.basis), "counts": np.array(list(counts.values()), dtype=np.int64)}
        if self._branches is not None:
            saved |= {"branches": self._branches.state(), "jumps": self.jumps}
        steps = [self.splitting, self.measured_from, self.shortest]
        return saved | self.companion.state() | {"steps": np.array(steps), "control": self.control.state()}

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
        self._known = None
        self.time = time
        if "steps" not in state:  # of a version that did not measure
            self.measured_from = time
            mixture = self.snapshot().state
            assert isinstance(mixture, PureMixture)
            parts = mixture.parts
            self.companion = Companion(
                self.system, ((part.weight, basis, part.psi) for part, basis in zip(parts, self.basis, strict=True))
            )
            return
        self.companion.restore(state)
        self.companion.columns.applications = 0
        self.splitting, self.measured_from, self.shortest = map(float, saved_array(state, "steps", (3,)))
        self.control.restore(saved_array(state, "control", StepControl.shape(state)))


def _length(arrays: Sequence[np.ndarray]) -> float:
    """Norm of several arrays together."""
    return math.hypot(*(float(np.linalg.norm(own)) for own in arrays))
