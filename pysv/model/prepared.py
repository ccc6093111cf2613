"""Whether the ground state of H + H_{V,B} is where a run of several electrons is meant to start (Eq. 21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import GroundStateError
from pysv.model.layer import LAYERS, lowest_levels
from pysv.model.terms import preparation_terms

if TYPE_CHECKING:
    from pysv.experiment.device import SpinValve
    from pysv.experiment.source import ConfinedElectrons

_ASTRAY = 1e-3
"""Electrons that may reach the layers, and |⟨σᶻ⟩| that the layers may lack, before the run."""
_SMALLEST_GAP = 1e-6
"""Gap of the polarised layers below which their ground state counts as degenerate, in units of γ."""


def check_field(device: SpinValve, source: ConfinedElectrons) -> None:
    """See that the field polarises the layers: their ground state, by exact diagonalisation, is the polarised one.

    Raises
    ------
    GroundStateError
        If a state with as many down spins in all lies as low or lower.
    """
    polarizer, analyzer = (lowest_levels(device, layer, preparation_terms(device, source)) for layer in LAYERS)
    n_a = device.n_analyzer
    sums = {p: polarizer[p] + analyzer[n_a - p] for p in range(min(device.n_polarizer, n_a) + 1)}
    rival = min((p for p in sums if p > 0), key=lambda p: sums[p])
    if sums[rival] < sums[0] + _SMALLEST_GAP * device.hopping:
        raise GroundStateError(
            f"field = {source.field:g} eV does not polarise the layers: with {rival} down spins in FM_p and "
            f"{n_a - rival} in FM_a instead of 0 and {n_a} their energy changes by {sums[rival] - sums[0]:.3g} eV; "
            "raise the field"
        )


def check_prepared(density: np.ndarray, spin_z: dict[int, float], device: SpinValve, source: ConfinedElectrons) -> None:
    """See that the well holds the electrons and the field the layers.

    Parameters
    ----------
    density : float64 ndarray (L_x,)
        Electrons on each site.
    spin_z : dict of int to float
        ⟨σᶻ⟩ of the localized spin on each site that has one.
    device : SpinValve
    source : ConfinedElectrons

    Raises
    ------
    GroundStateError
    """
    astray = float(density[min(device.spin_sites) - 1 :].sum())
    if astray > _ASTRAY:
        raise GroundStateError(
            f"the ground state has {astray:.3g} of its {source.electrons} electrons at the layers or beyond: well = "
            f"{source.well:g} eV on {source.confined_sites} sites does not hold them; raise well or confined_sites, or "
            "take fewer electrons"
        )
    for site, found in spin_z.items():
        wanted = 1.0 if site in device.polarizer_sites else -1.0
        if abs(found - wanted) > _ASTRAY:
            raise GroundStateError(
                f"the ground state has spin z = {found:.3f} on site {site} where {wanted:+.0f} is meant: field = "
                f"{source.field:g} eV does not polarise the layers; raise it"
            )
