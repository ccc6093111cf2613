"""The registry of measures: one record for each variable of the dataset.

A measure is a `Measure` that was handed to `register`. Every module of the package `pysv.measures` is imported with it,
so that a file there need not be named anywhere; a file elsewhere registers its measures when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment.record import Every, Record

if TYPE_CHECKING:
    from pysv.measures.sizes import Sizes
    from pysv.measures.view import View

Needs = Literal["snapshot", "invariant", "state", "amplitudes", "diagonal", "eigenstates", "density matrix"]
"""The least that a measure is computed from.

- ``"snapshot"``: what only some snapshots carry, such as the bonds of a matrix-product state.
- ``"invariant"``: what `pysv.snapshot.State.invariants` gives; the run computes these to watch over them.
- ``"state"``: the state of the whole system, whatever the size of the system.
- ``"amplitudes"``: the pure states of one electron and the localized spins, of which the state is a mixture.
- ``"diagonal"``: the diagonal of the localized spins' density matrix ρ, at any size.
- ``"eigenstates"``: ρ, or the factor that stands for ρ in large systems with collinear spins.
- ``"density matrix"``: ρ itself.
"""
FROM_DENSITY = ("diagonal", "eigenstates", "density matrix")
"""What follows from ρ. It is measured on the average where ρ is an average over random trajectories."""


class Estimated(NamedTuple):
    """A value with a standard error of its own, because the measure draws random numbers to find it."""

    value: float | np.ndarray
    error: float | np.ndarray


Value = float | np.ndarray | Estimated | None
"""What a measure finds; None where the snapshot has no such thing."""


@dataclass(frozen=True)
class Probes:
    """Random probes of a measure that finds its value from them in one of the ways of `pysv.measures.ways`.

    Parameters
    ----------
    way : str
    seed : int
    cites : tuple of str
        Keys of references.
    cited_for : str
    """

    way: str
    seed: int
    cites: tuple[str, ...]
    cited_for: str


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One variable of the dataset, and all that pysv knows of it.

    Parameters
    ----------
    name : str
        The variable.
    long_name : str
        What it is, in a few words; the dataset's attribute.
    function : callable
        Its value at one snapshot, from a `pysv.measures.view.View`: a number, an array of shape `dims`, an `Estimated`,
        or None where the snapshot has no such thing.
    needs : str
        The least that the function asks for, see `Needs`. It decides in which systems the measure can be had.
    units : str
        ``"1"`` if it has none.
    dims : tuple of str or None
        Dimensions after ``time``; None for as many as the value has, named after the variable.
    dtype : type
        Of the recorded array.
    linear : bool
        Whether it is linear in ρ. If so it has no bias in a run of random trajectories, and the function, given a part
        of a mixture, must give that part of the value.
    sampled : bool
        Whether it has a statistical error in a run of random trajectories.
    by_state : bool
        Whether a state without ρ may give what usually follows from ρ.
    initial_frame : bool
        Whether it is taken in the basis of the initial spins and their opposites; with tilted spins that needs ρ.
    schedule : str, optional
        Field of `pysv.Every` that says at which snapshots it is taken; None for all of them, as for measures of the
        whole state that are linear: their averages need every one.
    option : str, optional
        Field of `pysv.Record` that asks for it; None for a measure that every run records.
    cost : callable, optional
        Memory in bytes and seconds a snapshot, from `pysv.measures.sizes.Sizes`; None where both are negligible.
    applies : callable, optional
        Whether an experiment has what it measures, from `pysv.measures.sizes.Sizes`; where not, nobody expects it.
    refusal : callable, optional
        Why it is not recorded at these sizes (a sentence without its subject), or None where it is.
    cites : tuple
        What is to be cited for it: keys of the bibliography, or a `pysv.results.citations.Reference`.
    cited_for : str
        What that is cited for; by default `long_name`.
    probes : Probes, optional
        Where the value is an `Estimated` in one way.
    place : float
        Where the variable stands in the dataset: before those of a larger place. Equal ones keep their order.

    Raises
    ------
    InvalidInputError
        If a field holds something that is not allowed.
    """

    name: str
    long_name: str
    function: Callable[[View], Value]
    needs: Needs
    units: str = "1"
    dims: tuple[str, ...] | None = ()
    dtype: type = np.float64
    linear: bool = False
    sampled: bool = True
    by_state: bool = False
    initial_frame: bool = False
    schedule: str | None = None
    option: str | None = None
    cost: Callable[[Sizes], tuple[float, float]] | None = None
    applies: Callable[[Sizes], bool] | None = None
    refusal: Callable[[Sizes], str | None] | None = None
    cites: tuple[Any, ...] = ()
    cited_for: str = ""
    probes: Probes | None = None
    place: float = 1000

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name.endswith(("_error", "_bias")):
            raise InvalidInputError(
                f"name = {self.name!r} must be a Python name that ends neither in _error nor in _bias", "name"
            )
        if self.dims is not None and not isinstance(self.dims, tuple):
            raise InvalidInputError(f"dims = {self.dims!r} must be a tuple of names, such as ('spin',)", "dims")
        for key, value, allowed in (
            ("needs", self.needs, get_args(Needs)),
            ("schedule", self.schedule, [entry.name for entry in fields(Every)]),
            ("option", self.option, [entry.name for entry in fields(Record)]),
        ):
            if value is not None and value not in allowed:
                raise InvalidInputError(f"measure {self.name!r}: {unknown_name(key, str(value), allowed)}", key)
        if self.schedule and self.needs == "state" and self.linear:
            raise InvalidInputError(
                f"measure {self.name!r}: schedule = {self.schedule!r} must be None for a linear measure of the state",
                "schedule",
            )

    @property
    def of_density(self) -> bool:
        """Whether it follows from ρ."""
        return self.needs in FROM_DENSITY

    @property
    def biased(self) -> bool:
        """Whether it has a bias, from a finite number of trajectories."""
        return self.sampled and self.of_density and not self.linear

    @property
    def names(self) -> tuple[str, ...]:
        """The variable, and its error where the measure finds one by itself."""
        return (self.name, f"{self.name}_error") if self.probes else (self.name,)

    def asked(self, sizes: Sizes) -> bool:
        """Whether a run of these sizes is to hold it, if it can be had."""
        wanted = self.option is None or bool(getattr(sizes.experiment.record, self.option))
        return wanted and (self.applies is None or self.applies(sizes))


def part(family: Callable[[View], Mapping[str, Value]], name: str) -> Callable[[View], Value]:
    """The function of one measure of a family that is computed together, once a snapshot.

    Parameters
    ----------
    family : callable
        From a view, the values of several measures by name; those that the snapshot does not have may lack.
    name : str
        The one that is wanted.
    """
    return lambda view: view.once(family).get(name)


_LABELS = ("time", "time2", "layer", "spin_site", "spin_length", "ket", "bra")
"""Coordinates of a dataset that are no dimension of a measure."""
_registered: dict[str, Measure] = {}
_additional: ContextVar[tuple[Measure, ...]] = ContextVar("additional", default=())


def register(measure: Measure, *, replace: bool = False) -> Measure:
    """Have a measure recorded in every run from now on, in this process.

    Parameters
    ----------
    measure : Measure
    replace : bool
        Whether it may take the place of one of the same name.

    Returns
    -------
    Measure
        The same.

    Raises
    ------
    InvalidInputError
        If there is a measure of that name.
    """
    if measure.name in _registered and not replace:
        raise InvalidInputError(
            f"measure {measure.name!r} exists already; choose another name, or register(..., replace=True)", "name"
        )
    _registered[measure.name] = measure
    return measure


def unregister(name: str) -> None:
    """Forget a measure.

    Raises
    ------
    InvalidInputError
        If there is none of that name.
    """
    if name not in _registered:
        raise InvalidInputError(unknown_name("measure", name, _registered), "name")
    del _registered[name]


@contextmanager
def restored() -> Iterator[None]:
    """A context at whose end the registry is as it was at its beginning."""
    before = dict(_registered)
    try:
        yield
    finally:
        _registered.clear()
        _registered.update(before)


@contextmanager
def additional(some: Iterable[Measure]) -> Iterator[None]:
    """A context in which some more measures are known, in this thread: those of one run.

    Raises
    ------
    InvalidInputError
        If a registered measure has the name of one of them.
    """
    own = {measure.name: measure for measure in some}
    taken = {*_registered, *_LABELS, *(dim for measure in _registered.values() for dim in measure.dims or ())}
    for name in own:
        if name in taken:
            raise InvalidInputError(
                f"observables: {name!r} is a variable or a coordinate of pysv; choose another name", "observables"
            )
    token = _additional.set((*(one for one in _additional.get() if one.name not in own), *own.values()))
    try:
        yield
    finally:
        _additional.reset(token)


def measures() -> tuple[Measure, ...]:
    """All measures in the order of the dataset."""
    return tuple(sorted((*_registered.values(), *_additional.get()), key=lambda measure: measure.place))


def find(name: str) -> Measure | None:
    """The measure of a variable, None if it is that of no measure."""
    return next((measure for measure in measures() if measure.name == name), None)


def sampled() -> tuple[str, ...]:
    """Variables that have a statistical error in a run of random trajectories."""
    return tuple(measure.name for measure in measures() if measure.sampled)


def biased() -> tuple[str, ...]:
    """Variables that have a bias there, too: those not linear in ρ."""
    return tuple(measure.name for measure in measures() if measure.biased)


def averaged() -> tuple[str, ...]:
    """Variables of which that of a mixture is the average: those linear in ρ."""
    return tuple(measure.name for measure in measures() if measure.sampled and measure.linear)


def targets() -> tuple[str, ...]:
    """Variables that a target error without a name is of: pure numbers linear in ρ, taken at every snapshot.

    The invariants, which have drifts, are not among them.
    """
    return tuple(
        measure.name
        for measure in measures()
        if measure.linear and measure.sampled and measure.units == "1" and measure.needs != "invariant"
        if measure.schedule is None and measure.option is None
    )
