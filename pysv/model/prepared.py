"""Whether the ground state of H + H_{V,B} is where a run of several electrons is meant to start (Eq. 21)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import GroundStateError
from pysv.experiment.spins import Antiparallel, bloch
from pysv.model.basis import Spins
from pysv.model.layer import lowest_levels
from pysv.model.terms import Ups, held_up, preparation_terms

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.source import ConfinedElectrons

_ASTRAY = 1e-3
"""Electrons that may reach the layers, and |⟨Sᶻ⟩|/S that the layers may lack, before the run."""
_SMALLEST_GAP = 1e-6
"""Gap of the polarised layers below which their ground state counts as degenerate, in units of γ."""


def ups_of(experiment: Experiment) -> Ups:
    """Which localized spins a collinear start holds up; None for the antiparallel one."""
    if isinstance(experiment.spins, Antiparallel):
        return None
    return tuple(bool(bloch(own)[1] == 0) for own in experiment.spins.directions(experiment.device))


def check_field(device: ChainDevice, source: ConfinedElectrons, ups: Ups = None) -> None:
    """See that the field polarises the layers: their ground state, by exact diagonalisation, is the polarised one.

    Raises
    ------
    GroundStateError
        If a state with as many down spins in all lies as low or lower.
    """
    levels = [
        lowest_levels(device, layer, preparation_terms(device, source, ups)) for layer in range(len(device.layers))
    ]
    up = held_up(device, ups)
    meant = tuple(sum(0 if up[n - 1] else device.levels[n - 1] - 1 for n in spins) for spins in device.layer_spins)
    sums = {
        downs: sum(own[down] for own, down in zip(levels, downs, strict=True))
        for downs in product(*(range(len(own)) for own in levels))
        if sum(downs) == sum(meant)
    }
    rivals = [downs for downs in sums if downs != meant]
    if not rivals:
        return
    rival = min(rivals, key=lambda downs: sums[downs])
    if sums[rival] < sums[meant] + _SMALLEST_GAP * device.largest_hopping:
        first, *others = (f"{n} in {layer.name}" for n, layer in zip(rival, device.layers, strict=True))
        what = "down spins" if Spins(device.levels).halves else "units of spin lowered"
        first = first.replace(" in ", f" {what} in ", 1)
        raise GroundStateError(
            f"field = {source.field:g} eV does not polarise the layers: with {' and '.join([first, *others])} instead "
            f"of {' and '.join(map(str, meant))} their energy changes by {sums[rival] - sums[meant]:.3g} eV; raise the "
            "field"
        )


def check_prepared(
    density: np.ndarray, spin_z: dict[int, float], device: ChainDevice, source: ConfinedElectrons, ups: Ups = None
) -> None:
    """See that the well holds the electrons and the field the layers.

    Parameters
    ----------
    density : float64 ndarray (L_x,)
        Electrons on each site.
    spin_z : dict of int to float
        ⟨Sᶻ⟩/S of the localized spin on each site that has one.
    device : ChainDevice
    source : ConfinedElectrons

    Raises
    ------
    GroundStateError
    """
    astray = float(density[min(device.spin_sites) - 1 :].sum())
    if astray > _ASTRAY and not source.allow_leak:
        raise GroundStateError(
            f"the ground state has {astray:.3g} of its {source.electrons} electrons at the layers or beyond: well = "
            f"{source.well:g} eV on {source.confined_sites} sites does not hold them; raise well or confined_sites, or "
            "take fewer electrons, or set allow_leak = true"
        )
    up = dict(zip(device.spin_sites, held_up(device, ups), strict=True))
    for site, found in spin_z.items():
        wanted = 1.0 if up[site] else -1.0
        if abs(found - wanted) > _ASTRAY:
            raise GroundStateError(
                f"the ground state has spin z = {found:.3f} on site {site} where {wanted:+.0f} is meant: field = "
                f"{source.field:g} eV does not polarise the layers; raise it"
            )
