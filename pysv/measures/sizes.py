"""The sizes of a system that decide how its snapshots are measured, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING

from pysv.experiment.source import ConfinedElectrons
from pysv.measures.transpose import block_sizes
from pysv.model.conservation import conserves, down_spins, keeps_parity

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
        if self.block <= self.limits.block or isinstance(self.experiment.source, ConfinedElectrons):
            return "dense"  # engines of several electrons give ρ, and refuse more spins than that
        return "factor" if conserves(self.experiment) else "diagonal"

    @property
    def spins(self) -> int:
        """Number N of localized spins."""
        return self.experiment.device.n_spins

    @cached_property
    def block(self) -> int:
        """Rows of the largest block of the localized spins' density matrix."""
        if not conserves(self.experiment):
            return int(2 ** (self.spins - 1 if keeps_parity(self.experiment) else self.spins))
        return max(comb(self.spins, d) for d in down_spins(self.experiment))

    @property
    def transposed_block(self) -> int:
        """Rows of the largest block of the partial transpose ρ^{T_p}, where S^z is conserved."""
        device = self.experiment.device
        return max(block_sizes(device.n_polarizer, device.n_analyzer, tuple(down_spins(self.experiment))).values())

    @property
    def transposed_elements(self) -> int:
        """Bound on the elements of all blocks of ρ^{T_p}."""
        n_p, n_a = self.experiment.device.n_polarizer, self.experiment.device.n_analyzer
        if not conserves(self.experiment):
            return int(4**self.spins)
        pairs = 0
        for d in down_spins(self.experiment):
            p_downs = range(max(0, d - n_a), min(n_p, d) + 1)
            pairs += sum(comb(n_p, j) for j in p_downs) * sum(comb(n_a, d - j) for j in p_downs)
        return min(comb(2 * self.spins, self.spins), pairs**2)
