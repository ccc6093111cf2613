"""Interface of all engines: a `Method` (immutable options) starts an `Engine`, which yields snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from inspect import isabstract
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from pysv.errors import InvalidInputError, ResumeError
from pysv.experiment.checks import Checked
from pysv.experiment.source import ConfinedElectrons, OneElectron
from pysv.experiment.train import Train
from pysv.model.conservation import conserved, conserves
from pysv.sectors import backend as backends

if TYPE_CHECKING:
    from pysv.compute.compiling import Kernels
    from pysv.engines.cost import Cost
    from pysv.experiment import Experiment
    from pysv.measures.registry import Measure
    from pysv.sectors.layout import Layout
    from pysv.sectors.pure_run import PureRun
    from pysv.snapshot import Snapshot

_PARTS = {0.5: "half the", 0.1: "a tenth of the"}
"""Words for what a step or a tolerance is multiplied by."""


@dataclass(frozen=True)
class Work:
    """Cost and error of a run so far.

    Parameters
    ----------
    applications : int or None
        Applications of H, over all pure runs; None if the engine does not count them.
    deviation : float or None
        See `Snapshot`.
    details : mapping
        Further numbers and words for the dataset.
    warnings : tuple of str
        Sentences that the user must read.
    """

    applications: int | None
    deviation: float | None
    details: Mapping[str, float | int | str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Amplitudes:
    """How an array of an engine's state lies over the configurations of the localized spins.

    Parameters
    ----------
    axis : int
        Axis of the rows.
    configuration : int64 ndarray (rows,)
        Configuration of the localized spins in each row.
    electron : int8 ndarray (rows,)
        State of the spins of all electrons in each row.
    layout : Layout, optional
        How the sites lie in memory, where the axis before the rows and the one after them are tiles and their sites.
    weight : float
        Probability of the pure state that it holds; 0 for one that only measures an error.
    quadratic : bool
        Whether the array holds columns Φ of ρ = ΦΦ†, which an engine of open systems evolves, in place of states.
    """

    axis: int
    configuration: np.ndarray
    electron: np.ndarray
    layout: Layout | None = None
    weight: float = 1.0
    quadratic: bool = False


class Engine(ABC):
    """A run in progress.

    The time loop calls `advance` with ascending times and takes a `snapshot` after each. It may then save the `state`.
    An engine with the same start that gets this state by `restore` continues with the same numbers.
    """

    time: float

    def expect(self, times: Sequence[float]) -> None:  # noqa: B027 - optional
        """Receive the times (fs, ascending) of the coming `advance` calls, to prepare several at once."""

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
        """The named arrays that `restore` needs."""

    def amplitudes(self) -> Mapping[str, Amplitudes]:
        """Arrays of the state that hold amplitudes by configuration of the localized spins; none where none does."""
        return {}

    @abstractmethod
    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a saved state at `time`, fs."""

    def begin_from(self, time: float, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue at `time`, fs, from the arrays that `amplitudes` names alone."""
        self.restore(time, {**self.state(), **arrays})


class Method(Checked, ABC):
    """Options of an engine: a frozen dataclass whose fields are the keys of ``[evolution.NAME]``; see `Checked`."""

    name: ClassVar[str]
    """Name in the experiment file."""
    serves: ClassVar[str]
    """What it runs, in a few words."""
    backends: ClassVar[tuple[str, ...]]
    """Its backends, the preferred one first."""
    cites: ClassVar[tuple[str, ...]] = ()
    """Keys of its references; see `pysv.results.citations`."""
    closed: ClassVar[bool] = True
    """Whether it runs closed systems."""
    open: ClassVar[bool] = False
    """Whether it runs systems with baths."""
    trains: ClassVar[bool] = False
    """Whether it runs trains of electrons."""
    correlators: ClassVar[str] = ""
    """How correlators at two times follow from its states, see `pysv.probes.companions`; empty where they do not."""
    kernels: ClassVar[tuple[Kernels, ...]] = ()
    """What the first run of a machine compiles on a backend whose loops are numba's."""
    gain: ClassVar[float] = 1.0
    """Time in Julia over time in Python where `pays` holds, as `benchmarks/` measure it."""
    needs_itensors: ClassVar[bool] = False
    """Whether its Julia backend needs ITensors and ITensorMPS, which a set-up installs only if asked."""
    quantum: ClassVar[bool] = True
    """Whether its localized spins are quantum; an engine of classical spins answers another question."""

    @classmethod
    def lacking(cls, backend: str) -> str | None:
        """Why the engine cannot run on a backend here, and what to do; None if it can."""
        found = backends.backend(backend)
        return found.lacking_itensors() if cls.needs_itensors else found.lacking()

    def able(self) -> tuple[str, ...]:
        """Backends that can run these options, the preferred one first."""
        return self.backends

    def serves_on(self, backend: str, experiment: Experiment) -> bool:
        """Whether this backend runs an experiment that the engine serves; only `tdmrg` has one that serves less."""
        del backend, experiment
        return True

    @property
    def dtype(self) -> type:
        """Complex type of its states."""
        return np.complex128

    def pays(self, backend: str, cost: Cost) -> bool:
        """Whether a run of this cost is no slower on this backend than on the preferred one, the start included.

        False for most engines: where no more than a minute is at stake, or none was measured to be as fast.
        """
        del backend, cost
        return False

    def citations(self, backend: str) -> tuple[str, ...]:
        """Keys of the references for a run with these options."""
        del backend
        return self.cites

    def refused(self, experiment: Experiment) -> str | None:
        """Why this engine cannot run the experiment, or None if it can: no train for most, or its own `refusal`."""
        if isinstance(experiment.source, Train) and not self.trains:
            return f"[source] kind = 'train' is not served by engine {self.name!r}; use 'train'"
        return self.refusal(experiment) or self._idle_field(experiment)

    def _idle_field(self, experiment: Experiment) -> str | None:
        """A field of the source that one has chosen and that would be ignored."""
        source = experiment.source
        if not isinstance(source, ConfinedElectrons) or source.field == ConfinedElectrons.field:
            return None
        if self.field_acts(experiment):
            return None
        return (
            f"[source] field = {source.field:g} has no effect: engine {self.name!r} starts these electrons in the "
            "lowest orbitals of the well, and the spins where [spins] puts them; leave the field out"
        )

    def field_acts(self, experiment: Experiment) -> bool:
        """Whether several electrons start in the ground state of H + H_{V,B}, in which a field holds the spins."""
        return conserves(experiment)

    def refusal(self, experiment: Experiment) -> str | None:
        """What is particular to this engine in `refused`."""
        if not isinstance(experiment.source, OneElectron):
            return f"[source] kind = 'confined' (several electrons) is not served by engine {self.name!r}; use 'tdmrg'"
        return self.bath_refusal(experiment)

    def bath_refusal(self, experiment: Experiment) -> str | None:
        """Why this engine cannot run the experiment with, or without, its baths; None if it can."""
        if experiment.bath is not None and not self.open:
            others = ", ".join(
                sorted(method.name for method in _subclasses(Method) if method.open and not method.trains)
            )
            return f"engine {self.name!r} runs closed systems only; leave [bath] out, or use {others}"
        if experiment.bath is None and not self.closed:
            return f"engine {self.name!r} runs open systems only; add a table [bath], or use 'chebyshev'"
        return None

    def finer(self) -> dict[str, Self]:
        """These options with one step or tolerance finer, for each that there is, by what is finer.

        The fields say it by `finer` of `checked`. There is no finer one of a field that is left out, or at the end of
        its range.
        """
        found = {}
        for entry in fields(self):  # type: ignore[arg-type]
            factor, value = entry.metadata.get("finer"), getattr(self, entry.name)
            if factor and value:
                label = f"{_PARTS.get(factor, f'{factor:g} times the')} {entry.name.replace('_', ' ')}"
                with suppress(InvalidInputError):  # at the end of the range
                    found[label] = replace(self, **{entry.name: value * factor})  # type: ignore[type-var]
        return found

    def lacks(self, measure: Measure) -> str | None:
        """Why the states of this engine do not give a measure (a sentence without its subject), None where they do."""
        del measure
        return None

    def conserved(self, experiment: Experiment) -> tuple[str, ...]:
        """Invariants that must not drift."""
        return conserved(experiment)

    @abstractmethod
    def cost(self, experiment: Experiment) -> Cost:
        """Cost of the evolution of an experiment, before anything runs."""

    @abstractmethod
    def drift_tolerance(self, stop: float) -> float:
        """Largest drift, in a run of `stop` fs, of norm, S^z, and energy relative to the spectral radius."""

    @property
    @abstractmethod
    def deviation_kind(self) -> str:
        """Meaning of `Snapshot.deviation`, for the dataset."""

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Prepare the initial state of an experiment and start at t = 0.

        Engines that do not work on pure runs of one electron override this method; they need no `start`.
        """
        from pysv.sectors.pure_run import pure_runs

        return self.start(pure_runs(experiment), backend)

    def begin_moved(self, experiment: Experiment, backend: str, lowered: int) -> Engine | None:
        """Prepare an engine for what an operator that lowers S^z makes of the states of an experiment.

        Its own state at t = 0 means nothing: it takes up a state by `restore`.

        Parameters
        ----------
        experiment : Experiment
        backend : str
        lowered : int
            By how much the operator lowers S^z.

        Returns
        -------
        Engine or None
            None where the operator leaves nothing. Engines of ρ hold its old sectors beside the new ones.
        """
        from pysv.sectors.pure_run import moved, pure_runs

        runs = moved(pure_runs(experiment), lowered)
        return self.start(runs, backend) if runs else None

    def start(self, runs: tuple[PureRun, ...], backend: str) -> Engine:
        """Start at t = 0 from pure runs of one electron."""
        raise NotImplementedError(f"{type(self).__name__} must define start or begin")

    def seeds_used(self, experiment: Experiment) -> str:
        """Seeds of the evolution, for the dataset; empty for a deterministic engine."""
        return ""


def saved_array(state: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a saved state, with its shape checked.

    Raises
    ------
    ResumeError
        If the array is missing or has another shape.
    """
    if name not in state or state[name].shape != shape or state[name].dtype.kind not in "cfi":
        found = "nothing" if name not in state else f"{state[name].dtype} of shape {state[name].shape}"
        raise ResumeError(
            f"the saved state holds {found} for {name!r}, this version expects shape {shape}; start a new run"
        )
    return state[name]


def _subclasses(method: type[Any]) -> Iterator[type[Any]]:
    """Every complete engine below a class."""
    for below in method.__subclasses__():
        if not isabstract(below):
            yield below
        yield from _subclasses(below)
