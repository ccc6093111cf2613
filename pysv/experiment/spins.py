"""Initial states of the localized spins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pysv.errors import InvalidInputError
from pysv.experiment.checks import Angles, Checked, angles, as_list, checked, is_list, real_number

if TYPE_CHECKING:
    from pysv.experiment.device import SpinValve

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
    """Directions [θ, φ] of the spins of a layer: one for all, or one for each."""
    value = as_list(value)
    if not is_list(value) or not value:
        raise InvalidInputError(f"{key} = {value!r} must be a pair [theta, phi] in rad, or one pair per spin", key)
    if any(is_list(entry) for entry in value):
        return tuple(angles(f"{key}[{n}]", entry) for n, entry in enumerate(value))
    return angles(key, value)


@dataclass(frozen=True)
class Antiparallel:
    """FM_p all up and FM_a all down: |↑…↑⟩|↓…↓⟩, the ground state of the pinned layers (Eqs. 10 and 24)."""

    kind: ClassVar[str] = "product state"

    def directions(self, device: SpinValve) -> tuple[Angles, ...]:
        """Bloch direction [θ, φ] of every localized spin, FM_p first."""
        return (Z_UP,) * device.n_polarizer + (Z_DOWN,) * device.n_analyzer


@dataclass(frozen=True, kw_only=True)
class ProductState(Checked):
    """Any product state: each spin in cos(θ/2)|↑⟩ + e^{iφ} sin(θ/2)|↓⟩.

    Parameters
    ----------
    polarizer, analyzer : (float, float) or sequence of (float, float)
        [θ, φ] in rad: one pair for all spins of the layer, or one for each spin in the order of the sites.
    """

    polarizer: Angles | tuple[Angles, ...] = checked(Z_UP, layer_directions)
    analyzer: Angles | tuple[Angles, ...] = checked(Z_DOWN, layer_directions)

    kind: ClassVar[str] = "product state"

    def directions(self, device: SpinValve) -> tuple[Angles, ...]:
        """Bloch direction [θ, φ] of every localized spin, FM_p first.

        Raises
        ------
        InvalidInputError
            If the number of pairs is not the number of spins of the layer.
        """
        found: list[Angles] = []
        for key, size in (("polarizer", device.n_polarizer), ("analyzer", device.n_analyzer)):
            given = getattr(self, key)
            if isinstance(given[0], float):
                found += [given] * size
            elif len(given) == size:
                found += given
            else:
                raise InvalidInputError(
                    f"{key} has {len(given)} pairs [theta, phi], the layer has {size} spins; "
                    "give one pair, or one for each spin",
                    key,
                )
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Gibbs(Checked):
    """Canonical ensemble ρ = e^{−βH}/Z of the localized spins (Eq. 12).

    Parameters
    ----------
    temperature : float
        T > 0, K.
    pinning : float
        p ≥ 0, eV. The state is that of H − p ΣSᶻ over FM_p + p ΣSᶻ over FM_a, with S in the device's spin convention;
        the field is switched off at t = 0. p = 0 gives the field-free state of Eq. 12, which has no net magnetisation.
    tolerance : float
        Largest total weight of the least occupied eigenstates that are left out, 0 … 0.1.
    """

    temperature: float = checked(100.0, real_number, above=0.0, unit="K")
    pinning: float = checked(0.0, real_number, low=0.0, unit="eV")
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

    def directions(self, device: SpinValve) -> tuple[Angles, ...]:
        """Reference directions for counting flipped spins: those of `Antiparallel`."""
        return Antiparallel().directions(device)
