"""Validation: each check returns a value in its canonical type or raises an error of one sentence."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self, TypeGuard, TypeVar

from pysv.errors import InvalidInputError, UnknownKeywordError, quoted, unknown_name
from pysv.experiment.ranges import AMPLITUDE, PHASE, SMALLEST_AMPLITUDE

T = TypeVar("T")
Angles = tuple[float, float]
"""Polar and azimuthal angle [θ, φ] of a Bloch vector, rad."""


class Checked:
    """Base of frozen dataclasses that validate their fields when they are made.

    `checked` attaches a check to a field. `derived` sets the fields that follow from others. `check` tests whether the
    fields fit together.
    """

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        """Refuse an unknown keyword with the nearest one that exists."""
        known = [name for name, entry in getattr(cls, "__dataclass_fields__", {}).items() if entry.init]
        for name in keywords:
            if name not in known:
                raise UnknownKeywordError(f"pysv.{cls.__name__}: {unknown_name('keyword', name, known)}", name)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):  # type: ignore[arg-type]
            if "check" in entry.metadata:
                self._put(entry.name, entry.metadata["check"](entry.name, getattr(self, entry.name)))
        for name, value in self.derived().items():
            self._put(name, value)
        self.check()

    def derived(self) -> Mapping[str, Any]:
        """Values of fields that follow from other fields."""
        return {}

    def check(self) -> None:
        """Raise `InvalidInputError` if the fields do not fit together."""

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen


def checked(
    default: Any,
    check: Callable[..., Any],
    *arguments: Any,
    added: bool = False,
    finer: float | None = None,
    **bounds: Any,
) -> Any:
    """A field of a `Checked` dataclass.

    Parameters
    ----------
    default : object
    check : callable
        A function of this module or a similar one: ``check(key, value, *arguments, **bounds)`` returns the value in its
        canonical type. The first sentence of its docstring, up to a semicolon, says in the reference of the experiment
        file (`pysv.keys`) what it takes.
    *arguments, **bounds
        Arguments of the check: allowed words, range, unit.
    added : bool
        Whether it came after version 0.1.0: experiment files leave it out at its default, so that earlier ones keep
        their fingerprints.
    finer : float, optional
        Of a step or a tolerance: what `pysv.convergence` multiplies it by to see how much it matters.
    """

    def checks(key: str, value: Any) -> Any:
        return check(key, value, *arguments, **bounds)

    known = {"check": checks, "rule": check, "arguments": arguments, "added": added, "finer": finer}
    return dataclasses.field(default=default, metadata={**known, **bounds})


def whole_number(key: str, value: Any, *, low: int, high: int | None = None, unit: str = "") -> int:
    """A whole number; a bool or a float is refused, and a number outside [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InvalidInputError(f"{key} = {quoted(value)} must be a whole number{_of(unit)}", key)
    number = int(value)
    if number < low or (high is not None and number > high):
        span = f"at least {low}" if high is None else f"between {low} and {high}"
        raise InvalidInputError(f"{key} = {quoted(value)} must be {span}{_of(unit)}", key)
    return number


def real_number(
    key: str,
    value: Any,
    *,
    above: float | None = None,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
) -> float:
    """A real number; finite, and optionally > `above`, ≥ `low`, ≤ `high`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidInputError(f"{key} = {quoted(value)} must be a number{_of(unit)}", key)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInputError(f"{key} = {number} must be finite{_of(unit)}", key)
    if above is not None and not number > above:
        raise InvalidInputError(f"{key} = {number:g} must be greater than {above:g}{_of(unit)}", key)
    if low is not None and number < low:
        raise InvalidInputError(f"{key} = {number:g} must be at least {low:g}{_of(unit)}", key)
    if high is not None and number > high:
        raise InvalidInputError(f"{key} = {number:g} must be at most {high:g}{_of(unit)}", key)
    return number


def truth(key: str, value: Any) -> bool:
    """true or false; any other value is refused."""
    if not isinstance(value, bool):
        raise InvalidInputError(f"{key} = {quoted(value)} must be true or false", key)
    return value


def choice(key: str, value: Any, allowed: Iterable[str]) -> str:
    """A word; the error suggests the closest one that is allowed."""
    names = list(allowed)
    if not isinstance(value, str):
        raise InvalidInputError(f"{key} = {quoted(value)} must be one of {', '.join(names)}", key)
    if value not in names:
        raise InvalidInputError(f"{key}: {unknown_name('value', value, names)}", key)
    return value


def angles(key: str, value: Any) -> Angles:
    """A Bloch direction [θ, φ] in rad, 0 ≤ θ ≤ π."""
    value = as_list(value)
    if not is_list(value) or len(value) != 2:
        raise InvalidInputError(f"{key} = {quoted(value)} must be a pair [theta, phi] in rad", key)
    theta = real_number(f"{key}[0] (theta)", value[0], low=0.0, unit="rad")
    if theta > math.pi * (1 + 1e-12):
        limit = f"{key}[0] (theta) = {theta:g} must be at most pi = {math.pi:.6f} rad"
        if theta > 180:
            raise InvalidInputError(limit, key)
        phi = math.radians(real_number(f"{key}[1] (phi)", value[1], **PHASE))
        raise InvalidInputError(f"{limit}; if these are degrees, write [{math.radians(theta):.6f}, {phi:.6f}]", key)
    return min(theta, math.pi), real_number(f"{key}[1] (phi)", value[1], **PHASE)


def site_range(key: str, value: Any) -> tuple[int, int]:
    """First and last site of a layer, counted from 1, both included."""
    value = as_list(value)
    if not is_list(value) or len(value) != 2:
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be two numbers [first site, last site]; a layer has at least one site", key
        )
    first, last = (whole_number(f"{key}[{n}]", site, low=-(2**62)) for n, site in enumerate(value))
    if first > last:
        raise InvalidInputError(f"{key} = [{first}, {last}] is reversed; write [{last}, {first}]", key)
    return first, last


def site_list(key: str, value: Any, *, words: tuple[str, ...] = ()) -> tuple[int, ...] | str:
    """First and last site, or three or more sites, ascending and counted from 1; a word is another possibility."""
    value = as_list(value)
    if isinstance(value, str) and value in words:
        return value
    if not is_list(value) or len(value) < 2:
        other = "".join(f", or {word!r}" for word in words)
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be [first, last] or a list of three or more sites{other}", key
        )
    if len(value) == 2:
        return site_range(key, value)
    sites = tuple(whole_number(f"{key}[{n}]", site, low=-(2**62)) for n, site in enumerate(value))
    if any(one >= other for one, other in pairwise(sites)):
        raise InvalidInputError(f"{key} = {quoted(list(sites))} must be ascending, each site once", key)
    return sites


def number_or_list(key: str, value: Any, **bounds: Any) -> float | tuple[float, ...]:
    """A real number, or a list of them; see `real_number` for the bounds."""
    value = as_list(value)
    if not is_list(value):
        return real_number(key, value, **bounds)
    if not value:
        raise InvalidInputError(f"{key} is an empty list; give a number, or a list of numbers", key)
    return tuple(real_number(f"{key}[{n}]", entry, **bounds) for n, entry in enumerate(value))


def complex_list(key: str, value: Any) -> tuple[tuple[float, float], ...]:
    """Numbers, or pairs [real, imaginary part], not all 0; Python takes complex numbers, too. Returns pairs."""
    value = as_list(value)
    if not is_list(value) or not value:
        raise InvalidInputError(f"{key} must be a list of numbers, or of pairs [real, imaginary]", key)
    found = []
    for n, entry in enumerate(value):
        if isinstance(entry, numbers.Complex):
            entry = (complex(entry).real, complex(entry).imag)
        if not is_list(entry) or len(entry) != 2:
            raise InvalidInputError(f"{key}[{n}] = {quoted(entry)} must be a number, or a pair [real, imaginary]", key)
        real, imaginary = (real_number(f"{key}[{n}]", number, **AMPLITUDE) for number in entry)
        found.append((real, imaginary))
    if max(math.hypot(*pair) for pair in found) < SMALLEST_AMPLITUDE:
        raise InvalidInputError(
            f"{key} lists zeros only, or numbers below {SMALLEST_AMPLITUDE:g}; give at least one that is not 0", key
        )
    return tuple(found)


def optional_number(key: str, value: Any, **bounds: Any) -> float | None:
    """A real number; None where it is left out. See `real_number` for the bounds."""
    return None if value is None else real_number(key, value, **bounds)


def optional_numbers(key: str, value: Any, **bounds: Any) -> float | tuple[float, ...] | None:
    """A real number, or a list of them; None where it is left out. See `real_number` for the bounds."""
    return None if value is None else number_or_list(key, value, **bounds)


def optional_of(key: str, value: Any, allowed: tuple[int, ...]) -> int | None:
    """One of a few whole numbers; None where it is left out."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value not in allowed:
        raise InvalidInputError(f"{key} = {value!r} must be {' or '.join(map(str, allowed))}", key)
    return int(value)


def optional_pair(key: str, value: Any) -> tuple[int, int] | None:
    """Two different whole numbers from 1 on; None where they are left out."""
    value = as_list(value)
    if value is None:
        return None
    if not is_list(value) or len(value) != 2:
        raise InvalidInputError(f"{key} = {quoted(value)} must be two numbers [i, j]", key)
    one, other = (whole_number(f"{key}[{n}]", entry, low=1) for n, entry in enumerate(value))
    if one == other:
        raise InvalidInputError(f"{key} = [{one}, {other}] names a spin twice; name two spins", key)
    return one, other


def label(key: str, value: Any) -> str:
    """A word without '|' and '+', which join two names, and not 'kind' or 'all'."""
    if not isinstance(value, str) or set(value) & set("|+\n\t") or value != value.strip() or value in ("kind", "all"):
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be a word without '|' and '+', without blanks around it, and not 'kind' or "
            "'all'",
            key,
        )
    return value


def objects(key: str, value: Any, kind: type[T]) -> tuple[T, ...]:
    """Objects of one class, each given as such or as a mapping of its fields."""
    if isinstance(value, kind | Mapping) or not is_list(value):
        raise InvalidInputError(f"{key} = {quoted(value)} must be a list of pysv.{kind.__name__}", key)
    found = []
    for number, entry in enumerate(value, start=1):
        if isinstance(entry, Mapping):
            known = [one.name for one in dataclasses.fields(kind)]  # type: ignore[arg-type]
            for name in entry:
                if name not in known:
                    raise InvalidInputError(f"{kind.__name__} {number}: {unknown_name('key', str(name), known)}", key)
            try:
                entry = kind(**entry)
            except InvalidInputError as error:
                raise InvalidInputError(f"{kind.__name__} {number}: {error}", key) from error
        if not isinstance(entry, kind):
            raise InvalidInputError(f"{kind.__name__} {number}: {quoted(entry)} is not a pysv.{kind.__name__}", key)
        found.append(entry)
    return tuple(found)


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether the value is a list or a tuple (and not a string)."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def as_list(value: Any) -> Any:
    """A NumPy array as nested lists; any other value unchanged."""
    return value.tolist() if hasattr(value, "tolist") and bool(getattr(value, "ndim", False)) else value


def _of(unit: str) -> str:
    return f" ({unit})" if unit else ""
