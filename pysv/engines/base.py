"""The doorway of every engine: a method (immutable options) starts an engine, which advances and yields snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.errors import ResumeError
from pysv.experiment.source import WavePacket

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.sectors.pure_run import PureRun
    from pysv.snapshot import Snapshot


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

    def expect(self, times: Sequence[float], summaries: Sequence[bool] = ()) -> None:  # noqa: B027 - most need not know
        """Hear of the times (fs, ascending) that `advance` will be called with, to prepare several at once.

        `summaries` says of which of these snapshots the marginals and the energies suffice (see `Part.summary`); of
        none, if it is empty.
        """

    @property
    def whole(self) -> bool:
        """Whether the engine holds the state at the present time, or only a summary of it: see `expect`."""
        return True

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
        """Named arrays that `restore` needs to continue; only while the engine is `whole`."""

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

    def julia_pays(self, experiment: Experiment) -> bool:
        """Whether the experiment gains more by Julia, where that is ready, than its start costs (some seconds).

        False for every engine of today that has both: Python's kernels are as fast (`benchmarks/backends.py`).
        """
        del experiment
        return False

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this engine cannot run the experiment, or None if it can."""
        if not isinstance(experiment.source, WavePacket):
            return f"[source] kind = 'confined' (several electrons) is not served by engine {self.name!r}; use 'tdmrg'"
        if experiment.bath is not None and not self.open:
            from pysv.engines import methods

            others = ", ".join(name for name, method in methods().items() if method.open)
            return f"engine {self.name!r} runs closed systems only; leave [bath] out, or use {others}"
        if experiment.bath is None and not self.closed:
            return f"engine {self.name!r} runs open systems only; add a table [bath], or use 'chebyshev'"
        return None

    def columns(self, runs: int) -> int:
        """State vectors that are carried for so many pure runs, for the estimate."""
        return runs

    @property
    def dtype(self) -> type:
        """Complex type of the state."""
        return np.complex128

    def memory(self, amplitudes: Sequence[int], summaries: bool = True) -> int:
        """Bytes of all state-sized arrays, for pure runs of so many amplitudes; `summaries` as in `applications`.

        Places of the arrays beyond the chain count.
        """
        return np.dtype(self.dtype).itemsize * self.vectors * sum(amplitudes)

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
    def applications(
        self, time: float, steps: int, radius: float, amplitudes: Sequence[int], summaries: bool = True
    ) -> int:
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
        summaries : bool
            Whether the marginals and the energy are enough at some snapshots, see `Engine.expect`.
        """

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Prepare the initial state of an experiment and start at t = 0.

        Engines that do not work on pure runs of one electron override this one, and `start` is not called.
        """
        from pysv.sectors.pure_run import pure_runs

        return self.start(pure_runs(experiment), backend)

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0 from pure runs of one electron."""
        raise NotImplementedError(f"{type(self).__name__} starts from an experiment, see begin")

    def seeds_used(self, experiment: Experiment) -> str:
        """Seeds of the evolution, for the dataset; empty where it is deterministic."""
        return ""


def saved_array(state: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a saved state, after a look at its shape.

    Raises
    ------
    ResumeError
        If it is missing or has another shape.
    """
    if name not in state or state[name].shape != shape or state[name].dtype.kind not in "cfi":
        found = "nothing" if name not in state else f"{state[name].dtype} of shape {state[name].shape}"
        raise ResumeError(
            f"the saved state holds {found} for {name!r}, this version expects shape {shape}; start the run anew"
        )
    return state[name]
