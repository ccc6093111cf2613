"""Engines that carry each pure run of one electron as an array ψ[tile, row, site]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._outputs import OwnOutputs, SharedOutputs
from pysv.engines.base import Engine, Work, saved_array
from pysv.sectors.layout import is_large, zeros
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.sectors.pure_run import PureRun


@dataclass(frozen=True, eq=False)
class _Output:
    """A state of all runs that is ready: its time, the deviations, its place among a run's outputs, its summaries."""

    time: float
    deviations: Sequence[float]
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
        self.large = is_large(max(run.hamiltonian.amplitudes for run in runs))
        self._in_turn = in_turn
        self.deviations = [0.0] * len(runs)
        self._applications = [0] * len(runs)
        shapes = [run.hamiltonian.shape for run in runs]
        shared = self.large and len(runs) == 2 and outputs > 1
        self._outputs = SharedOutputs(shapes, dtype) if shared else OwnOutputs(shapes, dtype, outputs)
        self._place = 0
        """Which of the outputs is the present state."""
        self._prepared: list[_Output] = []
        """The outputs after the present one."""
        self._summaries: tuple[Part, ...] = ()
        """The present state, if only a summary of it is left."""
        self._passed: list[Part] = []
        """Summaries of the states that were overwritten in the last step."""
        self._expected: dict[float, bool] = {}
        """Times to come, and whether a summary is enough there."""
        sizes = [prod(shape) for shape in shapes]
        if self.large:
            self._spare = [[zeros(max(sizes), dtype) for _ in range(spare)]] * len(runs)
        else:
            self._spare = [[zeros(size, dtype) for _ in range(spare)] for size in sizes]
        for run, psi in zip(runs, self.psi, strict=True):
            run.fill(psi)

    @property
    def psi(self) -> list[np.ndarray]:
        """State of each run, (tiles, rows, width); of the present time while the engine is `whole`."""
        return self._outputs.present(self._place)

    @property
    def whole(self) -> bool:
        """Whether the amplitudes of the present time are there."""
        return not self._summaries

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
        self._passed = []

        def evolve(number: int) -> None:
            found[number] = self.advance_outputs(number, intervals)

        if self.large or self._in_turn or len(self.runs) == 1:
            for number in range(len(self.runs)):
                evolve(number)
                passing = self._outputs.passing(number, len(intervals))
                if passing is not None:
                    self._passed.append(self._part(number, passing).summary())
        else:
            from pysv.compute import thread_pool

            thread_pool.each(evolve, range(len(self.runs)))  # runs share no memory
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
            self._check_whole()
            room = self._outputs.room(self._expected.get(time, False))
            ahead = [time, *(expected for expected in self._expected if expected > time)]
            targets = self.targets(ahead[:room])
            found = self.advance_all([target - self.time for target in targets])
            self._prepared = [
                _Output(target, deviations, place, tuple(self._passed) if place == 0 else ())
                for place, (target, *deviations) in enumerate(zip(targets, *found, strict=True))
            ]
            self._take(self._prepared.pop(0))
        self.time = time

    def _take(self, output: _Output) -> None:
        self.deviations, self._place, self._summaries = list(output.deviations), output.place, output.summaries

    def _check_whole(self) -> None:
        if not self.whole:
            raise RuntimeError(
                f"of t = {self.time:g} fs only a summary is left; advance to {self._prepared[0].time:g} fs first"
            )

    def _part(self, number: int, psi: np.ndarray) -> Part:
        return Part(self.runs[number].weight, self.runs[number].hamiltonian, psi)

    def snapshot(self) -> Snapshot:
        """The present mixture, in the engine's own memory."""
        parts = self._summaries or tuple(self._part(number, psi) for number, psi in enumerate(self.psi))
        return Snapshot(self.time, PureMixture(parts), self.deviation())

    def deviation(self) -> float | None:
        """Largest deviation over the pure runs."""
        return max(self.deviations)

    def work(self) -> Work:
        """Applications of H and deviation so far."""
        return Work(sum(self._applications), self.deviation(), {})

    def state(self) -> dict[str, np.ndarray]:
        """Amplitudes, deviations and work of each pure run.

        Raises
        ------
        RuntimeError
            If the engine is not `whole`.
        """
        self._check_whole()
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
