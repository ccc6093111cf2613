"""Dephasing of the electron on some sites, as an exact map on states.

With the jump operators √Γ_x n_x, n_x = Σ_σ c†_xσ c_xσ, the elements of ρ between two sites x ≠ y decay with the rate
(Γ_x + Γ_y)/2, and those within a site stay. Over a time t this is the map with the Kraus operators

    K_0 = Σ_x e^{−Γ_x t/2} P_x,    K_x = √(1 − e^{−Γ_x t}) P_x,

where P_x projects the one electron on site x. It is exact for any t, and it commutes with the channels of the baths,
which act on the localized spins alone: both have the same place in a time step (see `pysv.model.channel`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pysv.sectors.layout import Layout

_TOGETHER = 8
"""Sites whose jumps are added to the columns of ρ before the next truncation."""
_ALIKE = 0.99
"""Weights with a ratio above this are kept or left out together; see `pysv.engines._columns`."""


class Dephasing:
    """The map above for the states of one run.

    Parameters
    ----------
    rates : mapping of int to float
        Γ_x, 1/fs, by site from 1.
    """

    def __init__(self, rates: Mapping[int, float]) -> None:
        self.sites = np.array(list(rates), dtype=np.int64) - 1
        """From 0, int64 (K,)."""
        self.rates = np.array(list(rates.values()))
        """1/fs, float64 (K,)."""

    @cached_property
    def some_sites(self) -> tuple[Dephasing, ...]:
        """Maps of a few sites each, which make this one together: ρ need not hold the jumps of all sites at once."""
        listed = list(zip((self.sites + 1).tolist(), self.rates.tolist(), strict=True))
        return tuple(Dephasing(dict(listed[n : n + _TOGETHER])) for n in range(0, len(listed), _TOGETHER))

    def jump_probabilities(self, psi: np.ndarray, layout: Layout, step: float) -> np.ndarray:
        """Probability of K_0 and of each K_x in a state, float64 (1 + K,).

        Parameters
        ----------
        psi : complex ndarray (tiles, rows, width)
            Normalised to its weight.
        layout : Layout
        step : float
            t, fs.
        """
        tile, column = self._places(layout)
        density = (np.abs(psi) ** 2).sum(axis=1)
        jumps = -np.expm1(-self.rates * step) * density[tile, column]
        return np.concatenate([[density.sum() - jumps.sum()], jumps])

    def certain(self, step: float) -> float:
        """Smallest probability of K_0, over all states."""
        return float(np.exp(-self.rates.max() * step))

    def apply(self, psi: np.ndarray, layout: Layout, which: int, step: float) -> None:
        """Apply K_0 (`which` = 0) or the operator of a site to states (…, tiles, rows, width), in place."""
        tile, column = self._places(layout)
        factors = np.ones((layout.tiles, 1, layout.width)) if which == 0 else np.zeros((layout.tiles, 1, layout.width))
        if which == 0:
            factors[tile, 0, column] = np.exp(-self.rates * step / 2)
        else:
            own = which - 1
            factors[tile[own], 0, column[own]] = np.sqrt(-np.expm1(-self.rates[own] * step))
        psi *= factors

    def columns(self, parts: Sequence[np.ndarray], begin: int, step: float, budget: float) -> list[np.ndarray]:
        """Columns of the mapped ρ = ΦΦ†, block diagonal in some bases.

        K_0 Φ, and for each site the columns of K_x Φ in the fewest orthogonal ones: at most as many as there are rows.
        The lightest of them are left out, up to a weight.

        Parameters
        ----------
        parts : sequence of complex ndarray (rank, 1, rows, sites)
            Φᵀ on each basis, on some successive sites; changed.
        begin : int
            The first of these sites, counted from 0.
        step : float
            t, fs.
        budget : float
            Weight that may be left out.
        """
        stored = (self.sites >= begin) & (self.sites < begin + parts[0].shape[-1])
        places, rates = self.sites[stored] - begin, self.rates[stored]
        found = []  # basis, site, weights, vectors over the rows
        for basis, part in enumerate(parts):
            for place, probability in zip(places, -np.expm1(-rates * step), strict=True):
                if len(part) and probability > 0:
                    _, values, vectors = np.linalg.svd(part[:, 0, :, place], full_matrices=False)
                    found.append((basis, place, values * probability**0.5, vectors))
        least = _least([values**2 for _, _, values, _ in found], budget)
        after = []
        for basis, part in enumerate(parts):
            part[..., places] *= np.exp(-rates * step / 2)
            own = [one for one in found if one[0] == basis]
            kept = [values**2 >= least for _, _, values, _ in own]
            more = np.zeros((sum(map(np.count_nonzero, kept)), *part.shape[1:]), complex)
            first = 0
            for (_, place, values, vectors), chosen in zip(own, kept, strict=True):
                last = first + int(np.count_nonzero(chosen))
                more[first:last, 0, :, place] = values[chosen, None] * vectors[chosen]
                first = last
            after.append(np.concatenate([part, more]))
        return after

    def _places(self, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
        """Tile and column of each site."""
        tile, column = np.divmod(self.sites, layout.width)
        return tile, column


def _least(weights: Sequence[np.ndarray], budget: float) -> float:
    """Weight from which on weights are kept: the lighter ones add up to at most the budget."""
    rising = np.sort(np.concatenate([np.empty(0), *weights]))
    first = int(np.searchsorted(np.cumsum(rising), budget, side="right"))
    while 0 < first < rising.size and rising[first - 1] > _ALIKE * rising[first]:
        first -= 1
    return float(rising[first]) if first < rising.size else np.inf
