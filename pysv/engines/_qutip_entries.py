"""How many elements QuTiP's matrices of an open system hold, from which follow their memory and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pysv.model.basis import Spins
from pysv.model.baths.jumps import bath_spins

if TYPE_CHECKING:
    from pysv.experiment import Experiment


class Entries(NamedTuple):
    """Nonzero matrix elements for each row of the matrices of an open system, not fewer than there are."""

    jumps: float
    """Of all jump operators L together."""
    damping: float
    """Of all L†L together."""
    summed: float
    """Of Σ L†L."""
    superoperator: float
    """Of Σ L ⊗ L*, for each element of ρ."""


def entries(experiment: Experiment, unravelling: str) -> Entries:
    """Count matrix elements; nothing is built.

    H of a layer conserves its S^z. An L of σˣ or σʸ therefore changes the down count by one, L†L by none or two; those
    of σᶻ keep it.

    Parameters
    ----------
    experiment : Experiment
    unravelling : str
        "mixed" for superpositions of the jump operators of all layers.
    """
    device, bath = experiment.device, experiment.bath
    assert bath is not None
    spins, layers = Spins(device.levels), bath_spins(device, bath)
    counts = np.array([1 if bath.shared != "spin" else len(own) for own in layers], dtype=float)
    found = np.zeros(4)
    for axis in bath.coupling:
        rows = [_row_entries(spins.part(own.start - 1, own.stop - 1), axis) for own in layers]
        once, twice = np.array(rows).reshape(-1, 2).T
        cross = (once.sum() ** 2 - (once**2).sum()) / 2
        if unravelling == "mixed":  # every L acts on all layers
            jumps, damping = counts.sum() * once.sum(), counts.sum() * (twice.sum() + cross)
        else:
            cross, jumps, damping = 0.0, counts @ once, counts @ twice
        found += jumps, damping, twice.sum() + cross, (once**2).sum()
    alone = sum(rate > 0 for rate in bath.dephasing(device.sites).values()) / device.sites
    return Entries(*(found + alone).tolist())


def _row_entries(layer: Spins, axis: str) -> tuple[float, float]:
    """Elements in a row of L and of L†L for one axis in a layer: the mean, and the most for σᶻ.

    Baths that couple by σᶻ alone keep the sector, whose rows are not the average ones.
    """
    rows = np.array([layer.multiplicity(down) for down in range(layer.lowest + 1)], dtype=float)
    none, one, two = (float(rows[step:] @ rows[: rows.size - step]) / layer.size for step in range(3))
    return (rows.max(), rows.max()) if axis == "z" else (2 * one, none + 2 * two)
