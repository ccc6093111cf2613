"""The sizes of a system that decide how its snapshots are measured, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pysv.experiment.source import ConfinedElectrons
from pysv.experiment.train import Train
from pysv.measures.transpose import block_sizes
from pysv.model.basis import Spins
from pysv.model.conservation import conserves, down_spins, keeps_parity
from pysv.model.layer import sides

if TYPE_CHECKING:
    from pysv.experiment import Experiment


@dataclass(frozen=True)
class Limits:
    """Sizes up to which the costly ways are gone.

    Parameters
    ----------
    block : int
        Rows of the largest block of ρ that is formed and diagonalised at every snapshot.
    sampled : int
        Rows of the largest block of ρ^{T_p} whose trace norm is sampled: 10+10 spins, the most that were ever measured.
    """

    block: int = 1024
    sampled: int = 200_000


LIMITS = Limits()
FORMED = Limits(block=2**62)
"""ρ is formed at any size."""
TRACED = "needs the density matrix where other spins are traced out, and this one is too large"
"""Why a measure between some of the spins is left out."""


@dataclass(frozen=True)
class Sizes:
    """What the cost of a measure follows from.

    Parameters
    ----------
    experiment : Experiment
    limits : Limits
    rows : int
        Of all pure runs of one electron together.
    """

    experiment: Experiment
    limits: Limits = LIMITS
    rows: int = 0

    @cached_property
    def way(self) -> str:
        """``"dense"``, ``"factor"`` or ``"diagonal"``."""
        if isinstance(self.experiment.source, ConfinedElectrons | Train) or self.block <= self.limits.block:
            return "dense"  # engines of several electrons and of trains give ρ, and refuse more spins than that
        return "factor" if conserves(self.experiment) else "diagonal"

    @cached_property
    def localized(self) -> Spins:
        """The localized spins."""
        return Spins(self.experiment.device.levels)

    @property
    def spins(self) -> int:
        """Number N of localized spins."""
        return self.localized.count

    @cached_property
    def block(self) -> int:
        """Rows of the largest block of the localized spins' density matrix."""
        if not conserves(self.experiment):
            return -(-self.localized.size // 2) if keeps_parity(self.experiment) else self.localized.size
        return max(self.localized.multiplicity(d) for d in down_spins(self.experiment))

    @property
    def elements(self) -> int:
        """Elements of all blocks of the localized spins' density matrix."""
        if not conserves(self.experiment):
            return self.localized.size * self.block
        return sum(self.localized.multiplicity(d) ** 2 for d in down_spins(self.experiment))

    @property
    def transposed_block(self) -> int:
        """Rows of the largest block of the partial transpose ρ^{T_p}, where S^z is conserved."""
        return max(block_sizes(*sides(self.experiment.device), tuple(down_spins(self.experiment))).values())

    @property
    def transposed_elements(self) -> int:
        """Bound on the elements of all blocks of ρ^{T_p}."""
        one, other = sides(self.experiment.device)
        if not conserves(self.experiment):
            return self.localized.size**2
        pairs = 0
        for d in down_spins(self.experiment):
            shares = range(max(0, d - other.lowest), min(one.lowest, d) + 1)
            pairs += sum(map(one.multiplicity, shares)) * sum(other.multiplicity(d - j) for j in shares)
        levels = self.localized.levels
        return min(Spins(levels + levels).multiplicity(self.localized.lowest), pairs**2)


def two_sides_needed(sizes: Sizes) -> str | None:
    """Why there are no two sides to measure between; None where there are."""
    device = sizes.experiment.device
    found = sizes.experiment.record.sides(device)
    if found is None:
        return "needs two layers, the device has one"
    one, other = found
    if sizes.way == "factor" and one + other != tuple(range(device.n_spins)):
        return TRACED
    return None


def has_pairs(sizes: Sizes) -> bool:
    """Whether there are several pairs of layers."""
    return len(sizes.experiment.device.layers) > 2


def pairs_refusal(sizes: Sizes) -> str | None:
    """Why pairs of layers cannot be measured: the other layers are traced out of ρ itself."""
    return TRACED if sizes.way == "factor" else None
