"""Engines that carry each pure run of one electron as an array ψ[tile, row, site]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines.base import Engine, Work, saved_array
from pysv.engines.snapshot import Part, Snapshot
from pysv.layout import zeros

if TYPE_CHECKING:
    from pysv.initial import PureRun


@dataclass(frozen=True, eq=False)
class _Output:
    """A state of all runs that is ready: its time, the deviations, its place among a run's outputs, its summaries."""

    time: float
    deviations: list[float]
    place: int
    summaries: tuple[Part, ...]


class PureStateEngine(Engine):
    """An engine that carries each pure run as an array ψ[tile, row, site]; subclasses evolve one run at a time.

    Small runs have their own work space and advance side by side, one thread each. Large ones share one work space and
    advance one after the other, each on all threads. Two large runs share the memory of their second output, too: a
    summary is kept of the state there before the other run overwrites it.

    Parameters
    ----------
    runs : tuple of PureRun
    spare : int
        State-sized arrays of work space.
    dtype : type
        Complex type of the state.
    outputs : int
        States of consecutive times that one step can give of each run; at most two where two large runs share one.
    in_turn : bool
        Whether small runs, too, advance one after the other: Julia is called from one thread only, and
        QuTiP's solvers are not made for threads.
    """

    def __init__(
        self,
        runs: tuple[PureRun, ...],
        spare: int = 0,
        dtype: type = np.complex128,
        outputs: int = 1,
        *,
        in_turn: bool = False,
    ) -> None:
        self.runs = runs
        self.time = 0.0
        self.large = any(run.hamiltonian.layout.tiles > 1 for run in runs)
        self._in_turn = in_turn
        self.deviations = [0.0] * len(runs)
        self._applications = [0] * len(runs)
        sizes = [prod(run.hamiltonian.shape) for run in runs]
        self._shared = self.large and len(runs) == 2 and outputs > 1
        if self._shared:
            self._memory = _neighbours(sizes, dtype)
        else:
            self._memory = [zeros(outputs * size, dtype).reshape(outputs, size) for size in sizes]
        self._place = 0
        """Which of the outputs is the present state."""
        self._prepared: list[_Output] = []
        """The outputs after the present one."""
        self._summaries: tuple[Part, ...] = ()
        """The present state, if only a summary of it is left."""
        self._passing: list[Part] = [Part(run.weight, run.hamiltonian, np.empty(0)) for run in runs]
        """Summaries of the output that large runs share."""
        self._expected: dict[float, bool] = {}
        """Times to come, and whether a summary is enough there."""
        if self.large:
            shared = [zeros(max(sizes), dtype) for _ in range(spare)]
            self._spare = [shared] * len(runs)
        else:
            self._spare = [[zeros(size, dtype) for _ in range(spare)] for size in sizes]
        for run, psi in zip(runs, self.psi, strict=True):
            run.fill(psi)

    @property
    def psi(self) -> list[np.ndarray]:
        """State of each run, (tiles, rows, width); of the present time while the engine is `whole`."""
        places = (0, 1) if self._shared else [self._place] * len(self.runs)
        return [self._outputs(number)[place] for number, place in enumerate(places)]

    @property
    def whole(self) -> bool:
        """Whether the amplitudes of the present time are there."""
        return not self._summaries

    def _outputs(self, number: int) -> np.ndarray:
        return self._memory[number].reshape(-1, *self.runs[number].hamiltonian.shape)

    def outputs(self, number: int, count: int) -> tuple[np.ndarray, Sequence[int]]:
        """Memory of run `number` for its states at the next `count` times, (count, tiles, rows, width).

        With it the number of the time, from 0, of which each of them is to be.
        """
        memory = self._outputs(number)
        if not self._shared:
            return memory[:count], range(count)
        if count == 1:
            return memory[number : number + 1], (0,)
        return memory, ((1, 0), (0, 1))[number]

    def spare(self, number: int) -> list[np.ndarray]:
        """Work space of run `number`, each array with the shape of its state and some finite content."""
        shape = self.runs[number].hamiltonian.shape
        return [memory[: prod(shape)].reshape(shape) for memory in self._spare[number]]

    @abstractmethod
    def advance_outputs(self, number: int, intervals: Sequence[float]) -> list[float]:
        """Evolve run `number` by each of the ascending intervals (fs), into its outputs; returns the deviations."""

    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run, see `advance_outputs`; returns the deviations of each."""
        found: list[list[float]] = [[]] * len(self.runs)

        def evolve(number: int) -> None:
            found[number] = self.advance_outputs(number, intervals)
            if self._shared and len(intervals) == 2:
                self._passing[number] = self._part(number, self._outputs(number)[1 - number]).summary()

        if self.large or self._in_turn or len(self.runs) == 1:
            for number in range(len(self.runs)):
                evolve(number)
        else:
            from pysv import team

            team.each(evolve, range(len(self.runs)))  # runs share no memory
        return found

    def targets(self, times: Sequence[float]) -> Sequence[float]:
        """Of the next times that there is room for, those that are best prepared together, the first at least."""
        return times[:1]

    def expect(self, times: Sequence[float], summaries: Sequence[bool] = ()) -> None:
        """Hear of the times to come, and at which of them a summary is enough."""
        self._expected = dict(zip(times, summaries or [False] * len(times), strict=True))

    def advance(self, time: float) -> None:
        """Evolve every pure run to `time`, fs; to some expected times beyond it at once, where that is cheaper."""
        if self._prepared and self._prepared[0].time == time:
            self._take(self._prepared.pop(0))
        elif time > self.time:
            room = self._outputs(0).shape[0] if not self._shared or self._expected.get(time, False) else 1
            ahead = [time, *(expected for expected in self._expected if expected > time)]
            targets = self.targets(ahead[:room])
            found = self.advance_all([target - self.time for target in targets])
            self._prepared = [
                _Output(target, list(deviations), place, ())
                for place, (target, *deviations) in enumerate(zip(targets, *found, strict=True))
            ]
            if self._shared and len(targets) == 2:
                self._prepared[0] = replace(self._prepared[0], summaries=tuple(self._passing))
            self._take(self._prepared.pop(0))
        self.time = time

    def _take(self, output: _Output) -> None:
        self.deviations, self._place, self._summaries = output.deviations, output.place, output.summaries

    def _part(self, number: int, psi: np.ndarray) -> Part:
        return Part(self.runs[number].weight, self.runs[number].hamiltonian, psi)

    def snapshot(self) -> Snapshot:
        """The present mixture, in the engine's own memory."""
        parts = self._summaries or tuple(self._part(number, psi) for number, psi in enumerate(self.psi))
        return Snapshot(self.time, parts, self.deviation())

    def deviation(self) -> float | None:
        """Largest deviation over the pure runs."""
        return max(self.deviations)

    def work(self) -> Work:
        """Applications of H and deviation so far."""
        return Work(sum(self._applications), self.deviation(), {})

    def state(self) -> dict[str, np.ndarray]:
        """Amplitudes, deviations and work of each pure run."""
        saved = {f"psi_{run.label}": psi for run, psi in zip(self.runs, self.psi, strict=True)}
        return saved | {
            "deviations": np.array(self.deviations),
            "applications": np.array(self._applications, dtype=np.int64),
        }

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Take up the amplitudes, deviations and work that `state` returned."""
        for number, run in enumerate(self.runs):
            self.psi[number][...] = saved_array(state, f"psi_{run.label}", run.hamiltonian.shape)
        self.deviations = [float(value) for value in saved_array(state, "deviations", (len(self.runs),))]
        self._applications = [int(value) for value in saved_array(state, "applications", (len(self.runs),))]
        self._prepared, self._summaries = [], ()
        self.time = time


def _neighbours(sizes: Sequence[int], dtype: type) -> list[np.ndarray]:
    """Memory of two runs for two states each, (2, size): the first one's last is also the second one's first."""
    one, other = sizes
    shared = max(sizes)
    memory = zeros(one + shared + other, dtype)
    return [memory[: 2 * one].reshape(2, one), memory[one + shared - other :].reshape(2, other)]


class StepwiseEngine(PureStateEngine):
    """A `PureStateEngine` that holds one state of each run, and evolves it in place from snapshot to snapshot."""

    @abstractmethod
    def advance_run(self, number: int, interval: float) -> None:
        """Evolve run `number` by `interval` fs, and bring its deviation up to date."""

    def advance_outputs(self, number: int, intervals: Sequence[float]) -> list[float]:
        """Evolve run `number` by the one interval (fs)."""
        (interval,) = intervals
        self.advance_run(number, interval)
        return [self.deviations[number]]
