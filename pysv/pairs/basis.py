"""Basis of two electrons' spins and the localized spins, in sectors of the conserved S^z_tot.

A *row* is a pair of electron spins, ↑↑, ↑↓ or ↓↓, together with a configuration of the localized spins. A state is an
array ψ[row, x, y]: in ↑↓ rows the amplitude of c†_{x↑} c†_{y↓}|∅⟩, in the others half of the amplitude of
c†_{xσ} c†_{yσ}|∅⟩ times √2, antisymmetric in x and y. The norm is then Σ|ψ|² over the whole array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pysv.model.basis import Spins

BOTH_UP, OPPOSITE, BOTH_DOWN = 0, 1, 2
"""Kinds of rows; the number is that of ↓ electrons."""
KINDS = (BOTH_UP, OPPOSITE, BOTH_DOWN)


@dataclass(frozen=True, eq=False)
class PairBasis:
    """Rows of a union of S^z_tot sectors: ↑↑ before ↑↓ before ↓↓, configurations ascending.

    Parameters
    ----------
    spins : Spins
        The localized spins.
    sectors : tuple of int
        Total down counts d, electrons included, ascending; 2 S^z_tot/ħ = Σ 2S + 2 − 2d.
    kind : int8 ndarray (rows,)
        0: ↑↑, 1: ↑↓, 2: ↓↓.
    configuration : int64 ndarray (rows,)
        See `pysv.model.basis`.
    """

    spins: Spins
    sectors: tuple[int, ...]
    kind: np.ndarray
    configuration: np.ndarray

    @classmethod
    def of_sectors(cls, spins: Spins | int, sectors: Iterable[int]) -> PairBasis:
        """The union of the given sectors; a number stands for so many spins 1/2."""
        localized, chosen = Spins.of(spins), tuple(sorted(set(sectors)))
        parts = []
        for kind in KINDS:
            downs = [sector - kind for sector in chosen if 0 <= sector - kind <= localized.lowest]
            parts.append(localized.spanned(downs) if downs else np.empty(0, np.int64))
        kinds = np.repeat(KINDS, [part.size for part in parts]).astype(np.int8)
        return cls(localized, chosen, kinds, np.concatenate(parts))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.kind.size

    def of_kind(self, kind: int) -> slice:
        """The rows of a kind."""
        begin, end = np.searchsorted(self.kind, [kind, kind + 1])
        return slice(int(begin), int(end))

    def rows_of(self, kind: int, configuration: np.ndarray) -> np.ndarray:
        """Rows of given configurations beside one kind of electrons, int64 (n,); −1 for states outside the basis."""
        here = self.of_kind(kind)
        own = self.configuration[here]
        if not own.size:
            return np.full(configuration.shape, -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(own, configuration), own.size - 1)
        return np.where(own[place] == configuration, here.start + place, -1)


def sector_rows(spins: Spins, sector: int) -> int:
    """Number of rows of a sector; C(N, d) + C(N, d−1) + C(N, d−2) for spins 1/2."""
    return sum(spins.multiplicity(sector - kind) for kind in KINDS)
