"""The doorway of every engine: a method (immutable options) starts an engine, which advances and yields snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.errors import ResumeError
from pysv.experiment.checks import Checked
from pysv.experiment.source import WavePacket

if TYPE_CHECKING:
    from pysv.engines.cost import Cost
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


class Engine(ABC):
    """A run in progress.

    The time loop calls `advance` with ascending times, takes a `snapshot` after each, and may at any such moment save
    `state`; an engine started alike and given that state by `restore` continues with the same numbers.
    """

    time: float

    def expect(self, times: Sequence[float]) -> None:  # noqa: B027 - most need not know
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


class Method(Checked, ABC):
    """Options of an engine: a frozen dataclass whose fields are the keys of ``[evolution.NAME]``; see `Checked`."""

    name: ClassVar[str]
    """Name in the experiment file."""
    serves: ClassVar[str]
    """What it can run, in a few words."""
    backends: ClassVar[tuple[str, ...]]
    """Its backends, the preferred one first."""
    cites: ClassVar[tuple[str, ...]] = ()
    """Keys of what is to be cited for it; see `pysv.results.citations`."""
    closed: ClassVar[bool] = True
    """Whether it runs closed systems."""
    open: ClassVar[bool] = False
    """Whether it runs systems with baths."""

    def able(self) -> tuple[str, ...]:
        """Backends that can run these options, the preferred one first."""
        return self.backends

    def pays(self, backend: str, cost: Cost) -> bool:
        """Whether a run of this cost gains more by another than the preferred backend than its start costs.

        False for every engine: Python's kernels are as fast as Julia's (`benchmarks/backends.py`).
        """
        del backend, cost
        return False

    def citations(self, backend: str) -> tuple[str, ...]:
        """Keys of what is to be cited for a run with these options."""
        del backend
        return self.cites

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

    @abstractmethod
    def cost(self, experiment: Experiment) -> Cost:
        """What the evolution of an experiment needs, before anything runs; see `pysv.engines.cost`."""

    @abstractmethod
    def drift_tolerance(self, stop: float) -> float:
        """Drift of norm and S^z, and of the energy over the spectral radius, beyond which a run of `stop` fs ends."""

    @property
    @abstractmethod
    def deviation_kind(self) -> str:
        """What `Snapshot.deviation` is, for the dataset."""

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
