"""Initial states of the localized spins."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pysv.errors import InvalidInputError, quoted
from pysv.experiment.checks import (
    Angles,
    Checked,
    angles,
    as_list,
    checked,
    complex_list,
    is_list,
    optional_number,
    optional_pair,
    real_number,
)
from pysv.experiment.ranges import PHASE, SPIN_Z, TEMPERATURE, WIDTH

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice

Z_UP: Angles = (0.0, 0.0)
Z_DOWN: Angles = (math.pi, 0.0)
_NOTHING = 1e-15
"""Amplitudes below this count as 0: cos(π/2) is 6e-17 in floating point."""


def bloch(direction: Angles) -> np.ndarray:
    """Spinor cos(θ/2)|↑⟩ + e^{iφ} sin(θ/2)|↓⟩, exact at the poles."""
    theta, phi = direction
    spinor = np.array([math.cos(theta / 2), np.exp(1j * phi) * math.sin(theta / 2)])
    spinor[np.abs(spinor) < _NOTHING] = 0
    return spinor


def layer_directions(key: str, value: Any) -> Angles | tuple[Angles, ...]:
    """A Bloch direction [θ, φ] in rad, or a list of one for each spin of the layer."""
    value = as_list(value)
    if not is_list(value) or not value:
        raise InvalidInputError(
            f"{key} = {quoted(value)} must be a pair [theta, phi] in rad, or one pair per spin", key
        )
    if any(is_list(entry) for entry in value):
        return tuple(angles(f"{key}[{n}]", entry) for n, entry in enumerate(value))
    return angles(key, value)


def named_directions(key: str, value: Any) -> tuple[tuple[str, Angles | tuple[Angles, ...]], ...]:
    """A Bloch direction [θ, φ] in rad, or a list of one for each spin, by the name of the layer; as pairs."""
    if isinstance(value, tuple) and all(isinstance(entry, tuple) and len(entry) == 2 for entry in value):
        value = dict(value)
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{key} = {quoted(value)} must be a table of layers and their directions", key)
    return tuple((str(name), layer_directions(str(name), entry)) for name, entry in value.items())


class SpinSetting(Checked, ABC):
    """A state of the localized spins at t = 0."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """Description of the state, for the dataset."""

    def directions(self, device: ChainDevice) -> tuple[Angles, ...]:
        """Bloch direction [θ, φ] of every localized spin, from which flipped spins are counted: as `Antiparallel`.

        A state that is a product of these says so by another `is_product`.
        """
        first, *others = device.layers
        return (Z_UP,) * first.count + tuple(Z_DOWN for layer in others for _ in range(layer.count))

    is_product: ClassVar[bool] = False
    """Whether the state is the product of `directions`."""

    def check_device(self, device: ChainDevice) -> None:
        """Raise `InvalidInputError` if the device cannot carry the state."""


@dataclass(frozen=True)
class Antiparallel(SpinSetting):
    """FM_p all up and FM_a all down: |↑…↑⟩|↓…↓⟩, the ground state of the pinned layers (Eqs. 10 and 24).

    With more than two layers all but the first are down.
    """

    kind: ClassVar[str] = "product state"
    is_product: ClassVar[bool] = True


@dataclass(frozen=True)
class Parallel(SpinSetting):
    """All localized spins up."""

    kind: ClassVar[str] = "product state"
    is_product: ClassVar[bool] = True

    def directions(self, device: ChainDevice) -> tuple[Angles, ...]:
        """+z for every localized spin."""
        return (Z_UP,) * device.n_spins


@dataclass(frozen=True, kw_only=True)
class ProductState(SpinSetting):
    """Any product state: each spin in cos(θ/2)|↑⟩ + e^{iφ} sin(θ/2)|↓⟩, a spin S in 2S of these.

    Parameters
    ----------
    polarizer, analyzer : (float, float) or sequence of (float, float)
        Directions of the spins of the layer: one pair for all, or one for each spin in the order of the sites.
    layers : mapping of str to the same
        The same for layers with other names, each layer by its name; those left out are up.
    """

    polarizer: Angles | tuple[Angles, ...] = checked(Z_UP, layer_directions)
    analyzer: Angles | tuple[Angles, ...] = checked(Z_DOWN, layer_directions)
    layers: tuple[tuple[str, Angles | tuple[Angles, ...]], ...] = checked((), named_directions, added=True)

    kind: ClassVar[str] = "product state"
    is_product: ClassVar[bool] = True

    def directions(self, device: ChainDevice) -> tuple[Angles, ...]:
        """Bloch direction [θ, φ] of every localized spin, layer by layer.

        Raises
        ------
        InvalidInputError
            If the number of pairs is not the number of spins of the layer, or the device has no such layer.
        """
        given = {"polarizer": self.polarizer, "analyzer": self.analyzer} | dict(self.layers)
        for name, _ in self.layers:
            device.layer_named(name)
        found: list[Angles] = []
        for layer in device.layers:
            own = given.get(layer.name, Z_UP)
            if isinstance(own[0], float):
                found += [own] * layer.count
            elif len(own) == layer.count:
                found += own
            else:
                raise InvalidInputError(
                    f"{layer.name} has {len(own)} pairs [theta, phi], the layer has {layer.count} spins; "
                    "give one pair, or one for each spin",
                    layer.name,
                )
        return tuple(found)

    def check_device(self, device: ChainDevice) -> None:
        """There are as many directions as spins, and no layer is given that the device lacks."""
        names = [layer.name for layer in device.layers]
        for key, usual in (("polarizer", Z_UP), ("analyzer", Z_DOWN)):
            if key not in names and getattr(self, key) != usual:
                raise InvalidInputError(
                    f"{key} would be ignored: the layers of the device are {', '.join(names)}; name one of them", key
                )
        self.directions(device)


@dataclass(frozen=True, kw_only=True)
class Ground(SpinSetting):
    """Ground state of the localized spins: of H without the electrons.

    Parameters
    ----------
    spin_z : float, optional
        Total Sᶻ of all localized spins, in units of ħ: the lowest state of that sector. By default the lowest of all.

    Raises
    ------
    InvalidInputError
        When a run begins, if the ground state is degenerate.
    """

    spin_z: float | None = checked(None, optional_number, **SPIN_Z)

    @property
    def kind(self) -> str:
        """Description of the state, for the dataset."""
        return "ground state of the localized spins" + ("" if self.spin_z is None else f" with S^z = {self.spin_z:g}")


@dataclass(frozen=True, kw_only=True)
class Bell(SpinSetting):
    """(|↑↓⟩ + e^{iφ}|↓↑⟩)/√2 of two spins 1/2: φ = π is the singlet, φ = 0 the triplet.

    The other spins are as in `Antiparallel`.

    Parameters
    ----------
    phase : float
        Phase φ, rad.
    pair : (int, int), optional
        Numbers of the two spins, from 1; by default those of a device with two spins.
    """

    phase: float = checked(math.pi, real_number, **PHASE)
    pair: tuple[int, int] | None = checked(None, optional_pair)

    @property
    def kind(self) -> str:
        """Description of the state, for the dataset."""
        return f"Bell state with phase {self.phase:g} rad"

    def spins(self, device: ChainDevice) -> tuple[int, int]:
        """The two spins, from 1."""
        return self.pair or (1, 2)

    def check_device(self, device: ChainDevice) -> None:
        """There are two such spins, of length 1/2."""
        if self.pair is None and device.n_spins != 2:
            raise InvalidInputError(
                f"a Bell state needs two spins, the device has {device.n_spins}; name two of them by pair = [i, j]",
                "pair",
            )
        for number in self.spins(device):
            if number > device.n_spins:
                raise InvalidInputError(f"pair names spin {number}; the spins are 1 to {device.n_spins}", "pair")
            if device.levels[number - 1] != 2:
                length = (device.levels[number - 1] - 1) / 2
                raise InvalidInputError(f"spin {number} has S = {length:g}; a Bell state needs spins 1/2", "pair")


@dataclass(frozen=True)
class WState(SpinSetting):
    """Equal superposition of the states with one localized spin lowered once and all others up."""

    kind: ClassVar[str] = "W state"

    def directions(self, device: ChainDevice) -> tuple[Angles, ...]:
        """All up, from which flipped spins are counted."""
        return (Z_UP,) * device.n_spins


@dataclass(frozen=True)
class GHZ(SpinSetting):
    """(|all up⟩ + |all down⟩)/√2 of the localized spins."""

    kind: ClassVar[str] = "GHZ state"

    def directions(self, device: ChainDevice) -> tuple[Angles, ...]:
        """All up, from which flipped spins are counted."""
        return (Z_UP,) * device.n_spins


@dataclass(frozen=True, kw_only=True)
class SpinVector(SpinSetting):
    """Any pure state of the localized spins.

    Parameters
    ----------
    values : sequence of complex, or of (float, float)
        Amplitudes over the Kronecker product of the spins, the first spin first, m = S first, as numbers or as pairs
        (real, imaginary part); they are normalised.
    """

    values: tuple[tuple[float, float], ...] = checked(((1.0, 0.0),), complex_list)

    kind: ClassVar[str] = "given state"

    def check_device(self, device: ChainDevice) -> None:
        """There is one amplitude for each configuration."""
        size = math.prod(device.levels)
        if len(self.values) != size:
            raise InvalidInputError(
                f"values lists {len(self.values)} amplitudes, the localized spins have {size} configurations", "values"
            )


@dataclass(frozen=True, kw_only=True)
class Gibbs(SpinSetting):
    """Canonical ensemble ρ = e^{−βH}/Z of the localized spins (Eq. 12).

    Parameters
    ----------
    temperature : float
        Temperature T > 0, K.
    pinning : float
        Pinning field p ≥ 0, eV. The state is that of H − p ΣSᶻ over FM_p + p ΣSᶻ over FM_a (all layers but the first),
        with S in the device's spin convention; the field is switched off at t = 0. p = 0 gives the field-free state of
        Eq. 12, which has no net magnetisation.
    tolerance : float
        Largest total weight of the least occupied eigenstates that are left out, 0 … 0.1.
    """

    temperature: float = checked(100.0, real_number, **TEMPERATURE)
    pinning: float = checked(0.0, real_number, **WIDTH)
    tolerance: float = checked(1e-6, real_number, low=0.0, high=0.1)

    @property
    def kind(self) -> str:
        """Description of the state, for the dataset."""
        if self.pinning == 0:
            return f"literal Gibbs state of Eq. 12 at {self.temperature:g} K, field-free: no net magnetisation"
        return (
            f"pinned Gibbs state at {self.temperature:g} K: prepared with a field of {self.pinning:g} eV, "
            "up in FM_p and down in FM_a, which is switched off at t = 0"
        )
