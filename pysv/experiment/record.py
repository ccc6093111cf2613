"""What a run records, and how often."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError, quoted, unknown_name
from pysv.experiment.checks import Checked, as_list, checked, is_list, real_number, truth, whole_number
from pysv.experiment.ranges import MOMENTUM, SNAPSHOTS

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice

LARGEST_DENSE = 5000
"""Largest block of a partial transpose that is diagonalised (50 s), in rows. For larger blocks sampling is faster."""
MAX_DENSE = 100_000


@dataclass(frozen=True, kw_only=True)
class Every(Checked):
    """Schedules of the measures whose cost grows fastest with the number of spins.

    Each number n means snapshots 0, n, 2n, …, with NaN in between; 0 means never.

    Parameters
    ----------
    entropies : int
        The three entropies and the mutual information.
    log_negativity, w_fidelity, qfi, density_matrix : int
        The variable of that name; "qfi" is the true quantum Fisher information.
    """

    entropies: int = checked(1, whole_number, **SNAPSHOTS)
    log_negativity: int = checked(1, whole_number, **SNAPSHOTS)
    w_fidelity: int = checked(1, whole_number, **SNAPSHOTS)
    qfi: int = checked(1, whole_number, **SNAPSHOTS)
    density_matrix: int = checked(1, whole_number, **SNAPSHOTS)

    def due(self, measure: str, index: int) -> bool:
        """Whether a measure is taken at snapshot number `index`."""
        n = getattr(self, measure)
        return bool(n) and index % n == 0


def momentum_list(key: str, value: Any, *, unit: str = "") -> tuple[float, ...]:
    """At least one real number, all different; each in the range of a momentum."""
    given = as_list(value)
    if not is_list(given) or not given:
        raise InvalidInputError(f"{key} = {quoted(value)} must be a list of at least one number", key)
    momenta = tuple(real_number(f"{key}[{n}]", k, **(MOMENTUM | {"unit": unit})) for n, k in enumerate(given))
    if len(set(momenta)) < len(momenta):
        raise InvalidInputError(f"{key} = {quoted(list(momenta))} names a momentum twice; leave one out", key)
    return momenta


def two_sides(key: str, value: Any) -> tuple[str, str] | None:
    """Two names of layers, or of several joined by '+'; None where they are left out."""
    given = as_list(value)
    if given is None:
        return None
    if not is_list(given) or len(given) != 2 or not all(isinstance(side, str) and side for side in given):
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be two names of layers, or of several joined by '+'", key
        )
    return given[0], given[1]


_FACTOR = re.compile(r"([XYZ])([1-9][0-9]*)")


def spin_product(key: str, value: Any) -> tuple[tuple[str, int], ...]:
    """A product such as "X1 Z5": letters X, Y, Z, each with the number of a localized spin from 1, each spin once."""
    factors = value.replace("*", " ").split() if isinstance(value, str) else []
    found = [match for match in map(_FACTOR.fullmatch, factors) if match]
    if not factors or len(found) < len(factors):
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be a product of X, Y and Z with the numbers of localized spins, such as "
            "'Z1 Z5'",
            key,
        )
    own = tuple((match[1], int(match[2])) for match in found)
    numbers = [number for _, number in own]
    twice = [number for number in numbers if numbers.count(number) > 1]
    if twice:
        raise InvalidInputError(
            f"{key} = {quoted(value)} names spin {twice[0]} twice; a product has each spin once", key
        )
    return own


def spin_products(key: str, value: Any) -> tuple[tuple[str, str], ...]:
    """A table of names and products of spin operators, as pairs."""
    pairs = isinstance(value, list | tuple) and all(isinstance(one, tuple) and len(one) == 2 for one in value)
    given = dict(value) if isinstance(value, Mapping) or pairs else None
    if given is None:
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be a table of names and products, such as zz = 'Z1 Z5'", key
        )
    for name, product in given.items():
        if not isinstance(name, str) or not name.isidentifier() or name.endswith(("_error", "_bias")):
            raise InvalidInputError(
                f"{key}: {quoted(name)} must be a name of letters, digits and _ that ends neither in _error nor in "
                "_bias",
                key,
            )
        spin_product(f"{key}.{name}", product)
    return tuple(given.items())


def schedules(key: str, value: Any) -> Every:
    """A table of schedules; given as `Every` or as a mapping."""
    if isinstance(value, Every):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{key} = {quoted(value)} must be a table of measures and whole numbers", key)
    known = [entry.name for entry in fields(Every)]
    for name in value:
        if name not in known:
            raise InvalidInputError(f"{key}: {unknown_name('measure', str(name), known)}", key)
    try:
        return Every(**value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{key}: {error}", key) from error


@dataclass(frozen=True, kw_only=True)
class Record(Checked):
    """What the dataset keeps beyond the measures that every run records.

    Parameters
    ----------
    momenta : sequence of float
        Momentum transfers k of the quantum Fisher information, rad per site.
    density_matrix : bool
        Whether the density matrix of the localized spins is kept (2^N × 2^N, complex).
    every : Every or mapping
        Schedules, e.g. ``{"log_negativity": 5}`` for every fifth snapshot; see `Every`.
    largest_dense : int
        Largest block of the partial transpose, in rows, that is diagonalised for the negativity of a large system. The
        trace norm of a larger block is sampled. 12870 covers all blocks of 8+8 spins: 11 GB and one hour per snapshot.
    between : (str, str), optional
        The two sides of mutual information and negativity: a layer by its name, or several joined by "+". By default
        the first two layers.
    currents : bool
        Whether charge and spin currents on every bond are kept, and the charge transmitted.
    torque : bool
        Whether the sd torque on every localized spin is kept.
    purity : bool
        Whether Tr ρ² and the Rényi-2 entropy of the localized spins are kept.
    electron_negativity : bool
        Whether the negativity of the electron and the spins of each layer, and all spins, is kept.
    correlations : bool
        Whether the correlation of each two localized spins is kept, ⟨σ_i·σ_j⟩ and its z part ⟨σᶻ_i σᶻ_j⟩.
    observables : mapping of str to str
        Further variables by their names, each the expectation value of a product of spin operators: "Z1 Z5" is
        ⟨S₁ᶻ S₅ᶻ⟩/(S₁ S₅), ⟨σᶻ σᶻ⟩ of spins 1/2. Spins are counted from 1, layer by layer.
    """

    momenta: tuple[float, ...] = checked((math.pi / 6, math.pi / 2), momentum_list, unit="rad per site")
    density_matrix: bool = checked(False, truth)
    every: Every = checked(Every(), schedules)
    largest_dense: int = checked(LARGEST_DENSE, whole_number, low=0, high=MAX_DENSE, unit="rows")
    between: tuple[str, str] | None = checked(None, two_sides, added=True)
    currents: bool = checked(False, truth, added=True)
    torque: bool = checked(False, truth, added=True)
    purity: bool = checked(False, truth, added=True)
    electron_negativity: bool = checked(False, truth, added=True)
    correlations: bool = checked(False, truth, added=True)
    observables: tuple[tuple[str, str], ...] = checked((), spin_products, added=True)

    def check_spins(self, device: ChainDevice) -> None:
        """The observables name spins of the device.

        Raises
        ------
        InvalidInputError
            If one does not.
        """
        for name, product in self.observables:
            for _, number in spin_product(name, product):
                if number > device.n_spins:
                    raise InvalidInputError(
                        f"observables.{name} = {quoted(product)} names spin {number}; the device has spins 1 to "
                        f"{device.n_spins}",
                        "observables",
                    )

    def sides(self, device: ChainDevice) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Localized spins, from 0, on the two sides of mutual information and negativity; None for a single layer.

        Raises
        ------
        InvalidInputError
            If a side names no layer of the device, or both name the same one.
        """
        if len(device.layers) < 2:
            if self.between is not None:
                raise InvalidInputError(
                    f"between = {list(self.between)} needs two layers, the device has one; leave it out", "between"
                )
            return None
        if self.between is None:
            chosen = [[0], [1]]
        else:
            chosen = [[device.layer_named(name.strip()) for name in side.split("+")] for side in self.between]
        named = [layer for side in chosen for layer in side]
        twice = [device.layers[layer].name for layer in named if named.count(layer) > 1]
        if twice:
            raise InvalidInputError(
                f"between = {list(self.between or ())} names layer {twice[0]!r} twice; the sides must not share spins",
                "between",
            )
        one, other = (tuple(n - 1 for layer in side for n in device.layer_spins[layer]) for side in chosen)
        return one, other
