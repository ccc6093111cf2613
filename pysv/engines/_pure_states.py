"""Engines that carry each pure run of one electron as an array ψ[tile, row, site]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.engines.base import Engine, Work, saved_array
from pysv.sectors.backend import Backend, Evolution, StateSpace, backend, in_turn
from pysv.sectors.layout import is_large
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.pure_run import PureRun


@dataclass(frozen=True, eq=False)
class _Output:
    """A state of all runs that is ready: its time, the deviations, its place among a run's outputs."""

    time: float
    deviations: Sequence[float]
    place: int


class PureStateEngine(Engine):
    """An engine that carries each pure run as an array ψ[tile, row, site].

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
        States of consecutive times that one step can give of each run.
    where : Backend, optional
        Where the states live; by default in NumPy's memory.
    """

    def __init__(
        self,
        runs: tuple[PureRun, ...],
        spare: int = 0,
        dtype: type = np.complex128,
        outputs: int = 1,
        where: Backend | None = None,
    ) -> None:
        self.runs = runs
        self.time = 0.0
        self.large = is_large(max(run.hamiltonian.amplitudes for run in runs))
        self.backend = where or backend("python")
        self.deviations = [0.0] * len(runs)
        self._applications = [0] * len(runs)
        known: dict[Hamiltonian, StateSpace] = {}  # many runs of a thermal state share a Hamiltonian
        for run in runs:
            if run.hamiltonian not in known:
                known[run.hamiltonian] = self.backend.space(run.hamiltonian, dtype)
        self.spaces = [known[run.hamiltonian] for run in runs]
        shapes = [run.hamiltonian.shape for run in runs]
        self.outputs = self.backend.allocate(shapes, dtype, outputs)
        """Memory of each run for states of consecutive times, (outputs, tiles, rows, width)."""
        self.spare = self.backend.allocate(shapes, dtype, spare, shared=self.large)
        """Work space of each run, (spare, tiles, rows, width), with some finite content."""
        self._room = outputs
        self._place = 0
        """Which of the outputs is the present state."""
        self._prepared: list[_Output] = []
        """The outputs after the present one."""
        self._expected: tuple[float, ...] = ()
        """Times to come."""
        for run, psi in zip(runs, self.psi, strict=True):
            run.fill(psi)

    @property
    def psi(self) -> list[Any]:
        """State of each run, (tiles, rows, width)."""
        return [states[self._place] for states in self.outputs]

    @abstractmethod
    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run by each of the ascending intervals (fs) into its outputs; returns the deviations of each."""

    def targets(self, times: Sequence[float]) -> Sequence[float]:
        """Of the next times that there is room for, those that are best prepared together, the first at least."""
        return times[:1]

    def expect(self, times: Sequence[float]) -> None:
        """Hear of the times to come."""
        self._expected = tuple(times)

    def advance(self, time: float) -> None:
        """Evolve every pure run to `time`, fs; to some expected times beyond it at once, where that is cheaper."""
        if self._prepared and self._prepared[0].time == time:
            self._take(self._prepared.pop(0))
        elif time > self.time:
            ahead = [time, *(expected for expected in self._expected if expected > time)]
            targets = self.targets(ahead[: self._room])
            found = self.advance_all([target - self.time for target in targets])
            self._prepared = [
                _Output(target, deviations, place)
                for place, (target, *deviations) in enumerate(zip(targets, *found, strict=True))
            ]
            self._take(self._prepared.pop(0))
        self.time = time

    def _take(self, output: _Output) -> None:
        self.deviations, self._place = list(output.deviations), output.place

    def snapshot(self) -> Snapshot:
        """The present mixture, in the engine's own memory."""
        parts = tuple(
            Part(run.weight, space, psi) for run, space, psi in zip(self.runs, self.spaces, self.psi, strict=True)
        )
        return Snapshot(self.time, PureMixture(parts), self.deviation())

    def deviation(self) -> float | None:
        """Largest deviation over the pure runs."""
        return max(self.deviations)

    def work(self) -> Work:
        """Applications of H and deviation so far."""
        return Work(sum(self._applications), self.deviation(), {})

    def state(self) -> dict[str, np.ndarray]:
        """Amplitudes, deviations and work of each pure run."""
        pairs = zip(self.runs, self.spaces, self.psi, strict=True)
        saved = {f"psi_{run.label}": space.host(psi) for run, space, psi in pairs}
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


class RecursionEngine(PureStateEngine):
    """A `PureStateEngine` whose runs evolve by polynomial recursions in H, on any backend."""

    @abstractmethod
    def evolution(self, number: int, intervals: Sequence[float]) -> Evolution:
        """Evolution of run `number` by each of the ascending intervals (fs), into its outputs."""

    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run; small ones side by side."""
        evolutions = [(space, self.evolution(number, intervals)) for number, space in enumerate(self.spaces)]
        if self.large or len(evolutions) == 1:
            return [in_turn(*evolution) for evolution in evolutions]
        return self.backend.side_by_side(evolutions)


class StepwiseEngine(PureStateEngine):
    """A `PureStateEngine` that holds one state of each run, and evolves it in place from snapshot to snapshot.

    Runs advance one after the other: QuTiP's solvers are not made for threads, and Julia is called from one only.
    """

    @abstractmethod
    def advance_run(self, number: int, interval: float) -> None:
        """Evolve run `number` by `interval` fs, and bring its deviation up to date."""

    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run by the one interval (fs)."""
        (interval,) = intervals
        for number in range(len(self.runs)):
            self.advance_run(number, interval)
        return [[deviation] for deviation in self.deviations]
