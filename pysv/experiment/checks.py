"""Validation: each check returns a value in its canonical type or raises an error of one sentence."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from pysv.errors import InvalidInputError, unknown_name

Angles = tuple[float, float]
"""Polar and azimuthal angle [θ, φ] of a Bloch vector, rad."""


class Checked:
    """Base of frozen dataclasses that validate their fields when they are made.

    `checked` attaches a check to a field. `derived` sets the fields that follow from others. `check` tests whether the
    fields fit together.
    """

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


def checked(default: Any, check: Callable[..., Any], *arguments: Any, **bounds: Any) -> Any:
    """A field of a `Checked` dataclass.

    Parameters
    ----------
    default : object
    check : callable
        A function of this module or a similar one: ``check(key, value, *arguments, **bounds)`` returns the value in its
        canonical type.
    *arguments, **bounds
        Arguments of the check: allowed words, range, unit.
    """

    def checks(key: str, value: Any) -> Any:
        return check(key, value, *arguments, **bounds)

    return dataclasses.field(default=default, metadata={"check": checks, **bounds})


def whole_number(key: str, value: Any, *, low: int, high: int | None = None, unit: str = "") -> int:
    """A whole number in [low, high]; a bool or a float is refused."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InvalidInputError(f"{key} = {value!r} must be a whole number{_of(unit)}", key)
    number = int(value)
    if number < low or (high is not None and number > high):
        span = f"at least {low}" if high is None else f"between {low} and {high}"
        raise InvalidInputError(f"{key} = {value} must be {span}{_of(unit)}", key)
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
    """A finite real number, optionally > `above`, ≥ `low`, ≤ `high`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidInputError(f"{key} = {value!r} must be a number{_of(unit)}", key)
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
    """True or False; any other value is refused."""
    if not isinstance(value, bool):
        raise InvalidInputError(f"{key} = {value!r} must be true or false", key)
    return value


def choice(key: str, value: Any, allowed: Iterable[str]) -> str:
    """One of the allowed words; the error suggests the closest one."""
    names = list(allowed)
    if not isinstance(value, str):
        raise InvalidInputError(f"{key} = {value!r} must be one of {', '.join(names)}", key)
    if value not in names:
        raise InvalidInputError(f"{key}: {unknown_name('value', value, names)}", key)
    return value


def angles(key: str, value: Any) -> Angles:
    """A Bloch direction [θ, φ] in rad, 0 ≤ θ ≤ π."""
    value = as_list(value)
    if not is_list(value) or len(value) != 2:
        raise InvalidInputError(f"{key} = {value!r} must be a pair [theta, phi] in rad", key)
    theta = real_number(f"{key}[0] (theta)", value[0], low=0.0, unit="rad")
    if theta > math.pi * (1 + 1e-12):
        raise InvalidInputError(f"{key}[0] (theta) = {theta:g} must be at most pi = {math.pi:.6f} rad", key)
    return min(theta, math.pi), real_number(f"{key}[1] (phi)", value[1], unit="rad")


def site_range(key: str, value: Any) -> tuple[int, int]:
    """First and last site of a layer, counted from 1, both included."""
    value = as_list(value)
    if not is_list(value) or len(value) != 2:
        raise InvalidInputError(
            f"{key} = {value!r} must be two numbers [first site, last site]; a layer has at least one site", key
        )
    first, last = (whole_number(f"{key}[{n}]", site, low=-(2**62)) for n, site in enumerate(value))
    if first > last:
        raise InvalidInputError(f"{key} = [{first}, {last}] is reversed; write [{last}, {first}]", key)
    return first, last


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether the value is a list or a tuple (and not a string)."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def as_list(value: Any) -> Any:
    """A NumPy array as nested lists; any other value unchanged."""
    return value.tolist() if hasattr(value, "tolist") and bool(getattr(value, "ndim", False)) else value


def _of(unit: str) -> str:
    return f" ({unit})" if unit else ""
