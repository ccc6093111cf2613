"""The doorway of every engine: a method (immutable options) starts an engine, which advances and yields snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.errors import ResumeError
from pysv.source import WavePacket

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.hamiltonian import Hamiltonian
    from pysv.initial import PureRun
    from pysv.measures import SpinDensity


OPEN_ENGINES = ("trajectories", "low-rank", "qutip")
"""Engines that run systems with baths."""


@dataclass(frozen=True, eq=False)
class Part:
    """One pure state of a snapshot.

    Parameters
    ----------
    weight : float
        Its probability in the mixture.
    hamiltonian : Hamiltonian
    psi : complex ndarray (tiles, rows, width)
        Amplitudes as `hamiltonian.layout` says, in the engine's own memory: valid until the engine advances.
    """

    weight: float
    hamiltonian: Hamiltonian
    psi: np.ndarray

    @cached_property
    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Probability of each row, float64 (rows,), and of each site with each electron spin, float64 (2, sites)."""
        from pysv import jit, reductions, team

        layout, basis = self.hamiltonian.layout, self.hamiltonian.basis
        threads = team.threads_for(self.psi.size)
        rows, sites = reductions.marginals(jit.as_reals(self.psi), basis.electron, threads)
        return rows, sites.reshape(2, -1)[:, : layout.sites]

    @cached_property
    def energy(self) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return self.hamiltonian.expectation(self.psi)


@dataclass(frozen=True, eq=False)
class Sample:
    """How a snapshot's parts were sampled.

    Parameters
    ----------
    stratum : int ndarray (parts,)
        Parts of one stratum are equally distributed and of equal weight; the strata's weights are fixed.
    group : int ndarray (parts,)
        Number of the jackknife group of each part; each group has parts of every stratum.
    """

    stratum: np.ndarray
    group: np.ndarray


class State(ABC):
    """A state that measures itself: several electrons, in whatever form their engine holds them.

    What `pysv.measures` computes from amplitudes ψ[tile, row, site] of one electron, it asks of such a state instead.
    """

    @abstractmethod
    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Electron density and its ⟨σᶻ⟩ on each site, float64 (sites,); see `pysv.measures.electron_densities`."""

    @abstractmethod
    def electron_spin(self) -> np.ndarray:
        """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ of all electrons together, float64 (3,)."""

    @abstractmethod
    def spin_density(self) -> SpinDensity:
        """Density matrix of the localized spins, all electrons traced out."""

    @abstractmethod
    def invariants(self) -> dict[str, float]:
        """Norm, energy, total spin and number of electrons; see `pysv.measures.invariants`."""

    def bonds(self) -> dict[str, np.ndarray | float]:
        """Variables that only this form of a state has, by their names in the dataset."""
        return {}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """State of the whole system at one time.

    Parameters
    ----------
    time : float
        fs.
    parts : tuple of Part
        The mixture: the density matrix is Σ weight |ψ⟩⟨ψ|. Empty where `state` is given.
    deviation : float or None
        Largest ‖ψ − ψ_exact‖ that the engine bounds or measured; None where it does neither.
    state : State, optional
        In place of `parts`, a state of several electrons.
    sample : Sample, optional
        Where the parts are random trajectories: which ones may be exchanged for each other.
    """

    time: float
    parts: tuple[Part, ...]
    deviation: float | None
    state: State | None = None
    sample: Sample | None = None


@dataclass(frozen=True)
class Work:
    """What a run has cost and reached so far.

    Parameters
    ----------
    applications : int or None
        Applications of H, over all pure runs; None where the engine does not count them.
    deviation : float or None
        As in `Snapshot`.
    details : mapping
        What else the engine wants to say, as numbers and words.
    warnings : tuple of str
        Sentences that the user must read.
    """

    applications: int | None
    deviation: float | None
    details: Mapping[str, float | int | str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What a run needs, in the words of an engine whose states are no amplitudes ψ[tile, row, site].

    Parameters
    ----------
    amplitudes : int
        Complex numbers of the state.
    memory : int
        Bytes of the state and the work space.
    work : int
        How often the costliest thing is done.
    unit : str
        What that thing is, e.g. "gates".
    seconds : float
        Rough time of the evolution.
    """

    amplitudes: int
    memory: int
    work: int
    unit: str
    seconds: float


class Engine(ABC):
    """A run in progress.

    The time loop calls `advance` with ascending times, takes a `snapshot` after each, and may at any such moment save
    `state`; an engine started alike and given that state by `restore` continues with the same numbers.
    """

    time: float

    def expect(self, times: Sequence[float]) -> None:  # noqa: B027 - most engines need not know
        """Hear of the times (fs, ascending) that `advance` will be called with, to prepare several at once."""

    @abstractmethod
    def advance(self, time: float) -> None:
        """Evolve to `time`, fs."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The present state."""

    @abstractmethod
    def work(self) -> Work:
        """Cost and error so far."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """Named arrays that `restore` needs to continue."""

    @abstractmethod
    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a saved state at `time`, fs."""


class Method(ABC):
    """Options of an engine: a frozen dataclass whose fields are the keys of ``[evolution.NAME]``."""

    name: ClassVar[str]
    """Name in the experiment file."""
    serves: ClassVar[str]
    """What it can run, in a few words."""
    backends: ClassVar[tuple[str, ...]]
    """Its backends, the preferred one first."""
    vectors: ClassVar[int]
    """State-sized arrays held for each pure run, for the memory estimate."""
    closed: ClassVar[bool] = True
    """Whether it runs closed systems."""
    open: ClassVar[bool] = False
    """Whether it runs systems with baths."""

    def able(self) -> tuple[str, ...]:
        """Backends that can run these options, the preferred one first."""
        return self.backends

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this engine cannot run the experiment, or None if it can."""
        if not isinstance(experiment.source, WavePacket):
            return f"[source] kind = 'confined' (several electrons) is not served by engine {self.name!r}; use 'tdmrg'"
        if experiment.bath is not None and not self.open:
            return f"engine {self.name!r} runs closed systems only; leave [bath] out, or use {', '.join(OPEN_ENGINES)}"
        if experiment.bath is None and not self.closed:
            return f"engine {self.name!r} runs open systems only; add a table [bath], or use 'chebyshev'"
        return None

    def columns(self, runs: int) -> int:
        """State vectors that are carried for so many pure runs, for the estimate."""
        return runs

    def memory(self, amplitudes: Sequence[int]) -> int:
        """Bytes of all state-sized arrays, for pure runs of so many amplitudes."""
        return 16 * self.vectors * sum(amplitudes)

    def needs(self, experiment: Experiment) -> Needs | None:
        """What a run needs; None for amplitudes ψ[tile, row, site], which are counted by `pysv.estimate` itself."""
        return None

    @abstractmethod
    def drift_tolerance(self, stop: float) -> float:
        """Drift of norm and S^z, and of the energy over the spectral radius, beyond which a run of `stop` fs ends."""

    @property
    @abstractmethod
    def deviation_kind(self) -> str:
        """What `Snapshot.deviation` is, for the dataset."""

    @abstractmethod
    def applications(self, time: float, steps: int, radius: float, amplitudes: Sequence[int]) -> int:
        """Expected applications of H for each pure run.

        Parameters
        ----------
        time : float
            Evolved time, fs.
        steps : int
            Number of snapshot intervals in it.
        radius : float
            Half of the width of the spectrum, eV.
        amplitudes : sequence of int
            Of each pure run.
        """

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Prepare the initial state of an experiment and start at t = 0.

        Engines that do not work on pure runs of one electron override this one, and `start` is not called.
        """
        from pysv.initial import pure_runs

        return self.start(pure_runs(experiment), backend)

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0 from pure runs of one electron."""
        raise NotImplementedError(f"{type(self).__name__} starts from an experiment, see begin")

    def seeds_used(self, experiment: Experiment) -> str:
        """Seeds of the evolution, for the dataset; empty where it is deterministic."""
        return ""


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
        Whether small runs, too, advance one after the other, each on all threads: Julia is called from one thread only.
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
    def advance_run(self, number: int, interval: float) -> None:
        """Evolve run `number`, whose state is in place 0 of its outputs, by `interval` fs."""

    def advance_outputs(self, number: int, intervals: Sequence[float]) -> list[float]:
        """Evolve run `number` by each of the ascending intervals (fs), into its outputs; returns the deviations there.

        Engines with one output have `advance_run` instead.
        """
        (interval,) = intervals
        self.advance_run(number, interval)
        return [self.deviations[number]]

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
            intervals = [target - self.time for target in targets]
            found: list[list[float]] = [[]] * len(self.runs)

            def evolve(number: int) -> None:
                found[number] = self.advance_outputs(number, intervals)

            self._each(evolve)
            self._place = 0
            self._prepared = list(zip(targets, map(list, zip(*found, strict=True)), strict=True))
            _, self.deviations = self._prepared.pop(0)
        self.time = time

    def _each(self, evolve: Callable[[int], None]) -> None:
        if self.large or self._in_turn or len(self.runs) == 1:
            for number in range(len(self.runs)):
                evolve(number)
            return
        from pysv import team

        team.each(evolve, range(len(self.runs)))  # runs share no memory

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


def saved_array(state: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a saved state, after a look at its shape.

    Raises
    ------
    ResumeError
        If it is missing or has another shape.
    """
    if name not in state or state[name].shape != shape or state[name].dtype.kind not in "cfi":
        found = "nothing" if name not in state else f"{state[name].dtype} of shape {state[name].shape}"
        raise ResumeError(f"the saved state holds {found} for {name!r}, expected shape {shape}; start the run anew")
    return state[name]
