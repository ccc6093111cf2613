"""Observables of one's own: products of spin operators by name, and functions of ρ or of the snapshot."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from itertools import product as choices
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import InvalidInputError
from pysv.experiment.record import spin_product
from pysv.measures.registry import Measure, Value
from pysv.measures.view import View
from pysv.model.density import SpinDensity
from pysv.model.operators import Factors, Spin, act

if TYPE_CHECKING:
    from pysv.experiment import Experiment

Function = Callable[[Any], Any]
"""Of ρ, or, if its argument is called ``snapshot``, of the snapshot; gives a number or an array of them."""

_LADDER = {"X": (("+", 1.0), ("-", 1.0)), "Y": (("+", -1j), ("-", 1j)), "Z": (("z", 1.0),)}
"""2Sˣ = S⁺ + S⁻, 2Sʸ = −i(S⁺ − S⁻), 2Sᶻ."""


def own_measures(experiment: Experiment, functions: Mapping[str, Function] | None = None) -> tuple[Measure, ...]:
    """Measures that one run has beside the registered ones.

    Parameters
    ----------
    experiment : Experiment
        Its `record` names products of spin operators.
    functions : mapping of str to callable, optional
        See `pysv.solve`.
    """
    products = (_of_product(name, spin_product(name, text), text) for name, text in experiment.record.observables)
    return *products, *(_of_function(name, function) for name, function in (functions or {}).items())


def _of_product(name: str, factors: tuple[tuple[str, int], ...], text: str) -> Measure:
    diagonal = all(axis == "Z" for axis, _ in factors)
    return Measure(
        name=name,
        long_name=f"expectation value of {text}",
        needs="diagonal" if diagonal else "density matrix",
        linear=True,
        function=(lambda view: _of_diagonal(view, factors)) if diagonal else (lambda view: _of_rho(view, factors)),
    )


def _of_diagonal(view: View, factors: tuple[tuple[str, int], ...]) -> float:
    (configuration, probability), spins = view.probabilities, view.setting.spins
    values = probability.copy()
    for _, number in factors:
        most = spins.levels[number - 1] - 1
        values *= 1 - 2 * spins.digit(configuration, number - 1) / most
    return float(values.sum())


def _of_rho(view: View, factors: tuple[tuple[str, int], ...]) -> float:
    assert isinstance(view.rho, SpinDensity)
    return expectation(view.rho, factors)


def expectation(rho: SpinDensity, factors: tuple[tuple[str, int], ...]) -> float:
    """⟨Π S^a/S⟩ of some spins.

    Parameters
    ----------
    rho : SpinDensity
    factors : tuple of (str, int)
        "X", "Y" or "Z" and the number of the spin, from 1; each spin once.
    """
    total = 0j
    for chosen in choices(*(_LADDER[axis] for axis, _ in factors)):
        ladder = (Spin(number, sigma) for (_, number), (sigma, _) in zip(factors, chosen, strict=True))
        total += math.prod(value for _, value in chosen) * ladder_expectation(rho, tuple(ladder))
    lengths = np.prod([rho.spins.levels[number - 1] - 1 for _, number in factors])  # 2S
    return float(total.real / lengths)


def ladder_expectation(rho: SpinDensity, operators: tuple[Spin, ...]) -> complex:
    """⟨O⟩ of a product O of 2Sᶻ, S⁺ and S⁻ of some spins.

    Parameters
    ----------
    rho : SpinDensity
    operators : tuple of Spin
        Those on the right act first.
    """
    operator, total = Factors((), operators), 0j
    for block in rho.blocks:
        own = block.configuration
        value, _, after = act(operator, np.zeros_like(own), own, rho.spins)
        place = np.minimum(np.searchsorted(own, after), own.size - 1)
        held = np.flatnonzero((value != 0) & (own[place] == after))
        # Tr(Oρ) = Σ_c ⟨c'|O|c⟩ ρ[c, c'].
        total += complex((value[held] * block.matrix[held, place[held]]).sum())
    return total


def _of_function(name: str, function: Function) -> Measure:
    if not callable(function):
        raise InvalidInputError(
            f"observables: {name!r} = {function!r} must be a function, or text such as 'Z1 Z5'", "observables"
        )
    if not name.isidentifier() or name.endswith(("_error", "_bias")):
        raise InvalidInputError(
            f"observables: {name!r} must be a Python name that ends neither in _error nor in _bias", "observables"
        )
    try:
        signature = inspect.signature(function)
        signature.bind(None)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"observables: {name!r} must be a function of one argument, ρ or the snapshot ({error})", "observables"
        ) from error
    whole = next(iter(signature.parameters)) == "snapshot"
    shapes: list[tuple[int, ...]] = []

    def measured(view: View) -> Value:
        found = _numbers(name, function(view.snapshot if whole else view.rho))
        shapes.append(found.shape)
        if shapes[0] != found.shape:
            raise InvalidInputError(
                f"observables: {name!r} gave an array of shape {found.shape} after one of {shapes[0]}; it must keep "
                "its shape",
                "observables",
            )
        del shapes[1:]
        return found

    return Measure(
        name=name,
        long_name=f"observable {name}",
        needs="state" if whole else "density matrix",
        dims=None,
        sampled=not whole,
        function=measured,
    )


def _numbers(name: str, value: Any) -> np.ndarray:
    """What a function gave, as an array of real numbers."""
    found = np.asarray(value)
    if found.dtype.kind not in "fiub":
        raise InvalidInputError(
            f"observables: {name!r} gave {value!r}; it must give a real number or an array of them (real and imaginary "
            "part of a complex one, as two)",
            "observables",
        )
    return found.astype(float)
