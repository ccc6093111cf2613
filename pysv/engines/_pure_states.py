"""Engines that carry each pure run of one electron as an array ψ[tile, row, site]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from pysv.engines.base import Amplitudes, Engine, Work, saved_array
from pysv.sectors.backend import Backend, Evolution, StateSpace, backend, in_turn
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.pure_run import PureRun


@dataclass(frozen=True, eq=False)
class _Output:
    """A finished state of all runs: its time, its deviations, its index among the outputs of a run."""

    time: float
    deviations: Sequence[float]
    place: int


class PureStateEngine(Engine):
    """An engine that carries each pure run as an array ψ[tile, row, site].

    Small runs have a work space each and advance in parallel, one thread each. Large runs share one work space and
    advance one after the other, each on all threads.

    Parameters
    ----------
    runs : tuple of PureRun
    spare : int
        Number of state-sized arrays of work space.
    dtype : type
        Complex type of the state.
    outputs : int
        Number of consecutive times that one step can reach; fewer where the backend's memory is short.
    where : Backend, optional
        Backend that holds the states; by default NumPy's memory.
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
        self.large = any(run.hamiltonian.large for run in runs)
        self.backend = where or backend("python")
        self.deviations = [0.0] * len(runs)
        self._applications = [0] * len(runs)
        known: dict[Hamiltonian, StateSpace] = {}  # many runs of a thermal state share a Hamiltonian
        for run in runs:
            if run.hamiltonian not in known:
                known[run.hamiltonian] = self.backend.space(run.hamiltonian, dtype)
        self.spaces = [known[run.hamiltonian] for run in runs]
        shapes = [run.hamiltonian.shape for run in runs]
        outputs = self.backend.fitting(outputs, shapes, dtype, spare, shared=self.large)
        self.outputs = self.backend.allocate(shapes, dtype, outputs)
        """For each run, its states at consecutive times, (outputs, tiles, rows, width)."""
        self.spare = self.backend.allocate(shapes, dtype, spare, shared=self.large)
        """For each run, its work space, (spare, tiles, rows, width); the content is arbitrary but finite."""
        self._room = outputs
        self._place = 0
        """Index of the present state among the outputs."""
        self._prepared: list[_Output] = []
        """Outputs later than the present state."""
        self._expected: tuple[float, ...] = ()
        """Times of the coming `advance` calls."""
        self._shown: ref[PureMixture] | None = None
        """The snapshot of the present states, as long as somebody holds it."""
        for run, space, psi in zip(runs, self.spaces, self.psi, strict=True):
            space.write_product(psi, run.amplitude, run.packet)

    @property
    def psi(self) -> list[Any]:
        """State of each run, (tiles, rows, width)."""
        return [states[self._place] for states in self.outputs]

    @abstractmethod
    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run into one output for each ascending interval (fs); returns the deviations of each run."""

    def targets(self, times: Sequence[float]) -> Sequence[float]:
        """The first of the next `times`, at least one, that one step should reach together."""
        return times[:1]

    def expect(self, times: Sequence[float]) -> None:
        """Note the times of the coming `advance` calls."""
        self._expected = tuple(times)

    def advance(self, time: float) -> None:
        """Evolve every pure run to `time`, fs, and where it is cheaper to some later expected times as well."""
        self._shown = None
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
        """The present mixture; its states stay in the memory of the engine."""
        return Snapshot(self.time, self._mixture(), self.deviation())

    def _mixture(self) -> PureMixture:
        """The present mixture, the same one as long as somebody holds it: its amplitudes are fetched once."""
        shown = self._shown and self._shown()
        if not shown:
            trios = zip(self.runs, self.spaces, self.psi, strict=True)
            shown = PureMixture(tuple(Part(run.weight, space, psi) for run, space, psi in trios))
            self._shown = ref(shown)
        return shown

    def deviation(self) -> float | None:
        """Largest deviation over the pure runs."""
        return max(self.deviations)

    def work(self) -> Work:
        """Applications of H and deviation so far."""
        return Work(sum(self._applications), self.deviation(), {})

    def state(self) -> dict[str, np.ndarray]:
        """Amplitudes, deviations and work of each pure run."""
        parts = self._mixture().parts
        saved = {f"psi_{run.label}": part.psi for run, part in zip(self.runs, parts, strict=True)}
        return saved | {
            "deviations": np.array(self.deviations),
            "applications": np.array(self._applications, dtype=np.int64),
        }

    def amplitudes(self) -> dict[str, Amplitudes]:
        """Those of each pure run."""
        return {f"psi_{run.label}": run_rows(run, run.weight) for run in self.runs}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the amplitudes, deviations and work that `state` returned."""
        for run, space, psi in zip(self.runs, self.spaces, self.psi, strict=True):
            space.load(psi, saved_array(state, f"psi_{run.label}", run.hamiltonian.shape))
        self.deviations = [float(value) for value in saved_array(state, "deviations", (len(self.runs),))]
        self._applications = [int(value) for value in saved_array(state, "applications", (len(self.runs),))]
        self._prepared = []
        self._shown = None
        self.time = time


def run_rows(run: PureRun, weight: float) -> Amplitudes:
    """How the state of a pure run lies over the configurations."""
    basis = run.hamiltonian.basis
    return Amplitudes(1, basis.configuration, basis.electron, run.hamiltonian.layout, weight)


class RecursionEngine(PureStateEngine):
    """A `PureStateEngine` that evolves its runs by polynomial recursions in H, on any backend."""

    @abstractmethod
    def evolution(self, number: int, intervals: Sequence[float]) -> Evolution:
        """Evolution of run `number` into one output for each of the ascending intervals (fs)."""

    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run; small runs in parallel."""
        evolutions = [(space, self.evolution(number, intervals)) for number, space in enumerate(self.spaces)]
        if self.large or len(evolutions) == 1:
            return [in_turn(*evolution) for evolution in evolutions]
        return self.backend.side_by_side(evolutions)


class StepwiseEngine(PureStateEngine):
    """A `PureStateEngine` that holds one state of each run and evolves it in place from snapshot to snapshot.

    Runs advance one after the other: QuTiP's solvers are not made for threads, and only one thread may call Julia.
    """

    @abstractmethod
    def advance_run(self, number: int, interval: float) -> None:
        """Evolve run `number` by `interval` fs, and update its deviation."""

    def advance_all(self, intervals: Sequence[float]) -> list[list[float]]:
        """Evolve every run by the single interval (fs)."""
        (interval,) = intervals
        for number in range(len(self.runs)):
            self.advance_run(number, interval)
        return [[deviation] for deviation in self.deviations]
