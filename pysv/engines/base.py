"""The doorway of every engine: a method (immutable options) starts an engine, which advances and yields snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.errors import ResumeError
from pysv.source import WavePacket
from pysv.spins import Gibbs

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.hamiltonian import Hamiltonian
    from pysv.initial import PureRun


@dataclass(frozen=True, eq=False)
class Part:
    """One pure state of a snapshot.

    Parameters
    ----------
    weight : float
        Its probability in the mixture.
    hamiltonian : Hamiltonian
    psi : complex ndarray (rows, sites)
        The engine's own memory: valid until the engine advances.
    """

    weight: float
    hamiltonian: Hamiltonian
    psi: np.ndarray


@dataclass(frozen=True, eq=False)
class Snapshot:
    """State of the whole system at one time.

    Parameters
    ----------
    time : float
        fs.
    parts : tuple of Part
        The mixture: the density matrix is Σ weight |ψ⟩⟨ψ|.
    deviation : float or None
        Largest ‖ψ − ψ_exact‖ that the engine bounds or measured; None where it does neither.
    """

    time: float
    parts: tuple[Part, ...]
    deviation: float | None


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
    """

    applications: int | None
    deviation: float | None
    details: Mapping[str, float | int | str]


class Engine(ABC):
    """A run in progress.

    The time loop calls `advance` with ascending times, takes a `snapshot` after each, and may at any such moment save
    `state`; an engine started alike and given that state by `restore` continues with the same numbers.
    """

    time: float

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
    """Backends that are ready, the preferred one first."""
    drift_tolerance: ClassVar[float]
    """Drift of norm and S^z, and of the energy over the spectral radius, beyond which a run stops."""
    deviation_kind: ClassVar[str]
    """What `Snapshot.deviation` is, for the dataset."""
    vectors: ClassVar[int]
    """State-sized arrays held for each pure run, for the memory estimate."""

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this engine cannot run the experiment, or None if it can."""
        if not isinstance(experiment.source, WavePacket):
            return "several electrons (source 'confined') are not ready in this version; use source 'wave-packet'"
        if isinstance(experiment.spins, Gibbs):
            return "thermal spins (kind 'gibbs') are not ready in this version; use 'antiparallel' or 'product'"
        if experiment.bath is not None:
            return "baths are not ready in this version; leave the bath out for a closed system"
        return None

    @abstractmethod
    def applications(self, time: float, steps: int, radius: float) -> int:
        """Expected applications of H for each pure run.

        Parameters
        ----------
        time : float
            Evolved time, fs.
        steps : int
            Number of snapshot intervals in it.
        radius : float
            Half of the width of the spectrum, eV.
        """

    @abstractmethod
    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0."""


class PureStateEngine(Engine):
    """An engine that carries each pure run as an array ψ[row, site]; subclasses evolve one run at a time."""

    def __init__(self, runs: tuple[PureRun, ...]) -> None:
        self.runs = runs
        self.time = 0.0
        self.psi = [run.psi.copy() for run in runs]
        self.deviations = [0.0] * len(runs)
        self._applications = [0] * len(runs)

    @abstractmethod
    def advance_run(self, number: int, interval: float) -> None:
        """Evolve run `number` by `interval` fs."""

    def advance(self, time: float) -> None:
        """Evolve every pure run to `time`, fs."""
        interval = time - self.time
        if interval > 0:
            self._each(lambda number: self.advance_run(number, interval))
        self.time = time

    def _each(self, evolve: Callable[[int], None]) -> None:
        # The kernels release the interpreter's lock; runs share no memory.
        if len(self.runs) == 1:
            evolve(0)
            return
        with ThreadPoolExecutor(len(self.runs)) as pool:
            list(pool.map(evolve, range(len(self.runs))))

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
            self.psi[number][...] = saved_array(state, f"psi_{run.label}", run.psi.shape)
        self.deviations = [float(value) for value in saved_array(state, "deviations", (len(self.runs),))]
        self._applications = [int(value) for value in saved_array(state, "applications", (len(self.runs),))]
        self.time = time


def saved_array(state: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a saved state, after a look at its shape.

    Raises
    ------
    ResumeError
        If it is missing or has another shape.
    """
    if name not in state or state[name].shape != shape:
        found = "nothing" if name not in state else f"shape {state[name].shape}"
        raise ResumeError(f"the saved state holds {found} for {name!r}, expected shape {shape}; start the run anew")
    return state[name]
