"""Engines that carry each pure run of one electron as an array ψ[tile, row, site]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines.base import Engine, Work, saved_array
from pysv.engines.snapshot import Part, Snapshot

if TYPE_CHECKING:
    from pysv.initial import PureRun


class PureStateEngine(Engine):
    """An engine that carries each pure run as an array ψ[tile, row, site]; subclasses evolve one run at a time.

    Small runs have their own work space and advance side by side, one thread each. Large ones share one work space and
    advance one after the other, each on all threads.

    Parameters
    ----------
    runs : tuple of PureRun
    spare : int
        State-sized arrays of work space.
    dtype : type
        Complex type of the state.
    outputs : int
        States of consecutive times that can be held for each run.
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
        self._memory: list[np.ndarray] = [np.zeros((outputs, size), dtype) for size in sizes]
        self._place = 0
        """Which of the outputs is the present state."""
        self._prepared: list[tuple[float, list[float]]] = []
        """Times of the outputs after the present one, and the deviations there."""
        self._expected: tuple[float, ...] = ()
        if self.large:
            shared: list[np.ndarray] = [np.zeros(max(sizes), dtype) for _ in range(spare)]
            self._spare = [shared] * len(runs)
        else:
            self._spare = [[np.zeros(size, dtype) for _ in range(spare)] for size in sizes]
        for run, psi in zip(runs, self.psi, strict=True):
            run.fill(psi)

    @property
    def psi(self) -> list[np.ndarray]:
        """State of each run, (tiles, rows, width)."""
        return [self.outputs(number)[self._place] for number in range(len(self.runs))]

    def outputs(self, number: int) -> np.ndarray:
        """Memory of run `number` for states of consecutive times, (outputs, tiles, rows, width)."""
        return self._memory[number].reshape(-1, *self.runs[number].hamiltonian.shape)

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

        if self.large or self._in_turn or len(self.runs) == 1:
            for number in range(len(self.runs)):
                evolve(number)
        else:
            from pysv import team

            team.each(evolve, range(len(self.runs)))  # runs share no memory
        return found

    def targets(self, times: Sequence[float]) -> Sequence[float]:
        """Of the next times that are expected, those that are best prepared together, the first at least."""
        return times[:1]

    def expect(self, times: Sequence[float]) -> None:
        """Hear of the times to come."""
        self._expected = tuple(times)

    def advance(self, time: float) -> None:
        """Evolve every pure run to `time`, fs; to some expected times beyond it at once, where that is cheaper."""
        if self._prepared and self._prepared[0][0] == time:
            _, self.deviations = self._prepared.pop(0)
            self._place += 1
        elif time > self.time:
            later = [expected for expected in self._expected if expected > time]
            targets = self.targets([time, *later])
            found = self.advance_all([target - self.time for target in targets])
            self._place = 0
            self._prepared = list(zip(targets, map(list, zip(*found, strict=True)), strict=True))
            _, self.deviations = self._prepared.pop(0)
        self.time = time

    def snapshot(self) -> Snapshot:
        """The present mixture, in the engine's own memory."""
        parts = tuple(Part(run.weight, run.hamiltonian, psi) for run, psi in zip(self.runs, self.psi, strict=True))
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
        self._prepared = []
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
