"""Rough law for the bond dimensions of electrons that run into localized spins, for estimates of time.

Fitted to runs of 1, 2, 4 and 8 electrons on the default device of several electrons, until 80 ħ/γ, with 64 to 400
states. Distances count in sites, times in ħ/γ with the largest hopping.

- No bond is in use before the fastest electrons, 2 sites in ħ/γ, have reached it. Behind them it has 2^{N_e} states.
- From the first spins on, which the electrons reach at t₀, it has 2^{N_e} (1 + 0.2 τ)^{N_e + 0.3} states that are not
  negligible, at the time τ after the fastest electrons have come from there.
- Most of these are so light that no more than `min_bond` are kept. The number of those that are needed is
  100 · 2^{N_e² (t − t₀ − d/v)/160 − 2.6}, where d is the distance from these spins and v = 0.2 N_e, at most 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.experiment.source import ConfinedElectrons, Orbital, WavePacket
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment

_SPEED = 2.0
"""Fastest electrons, sites in ħ/γ."""
_LIGHT, _BEYOND = 0.2, 0.3
"""Rate, and exponent beyond N_e, of the law of the states that are not negligible."""
_NEEDED, _DOUBLING, _DELAY = 100.0, 160.0, 2.6
"""States, time and exponent of the law of the states that are needed."""
_SPREAD = 0.2
"""Speed at which these spread for each electron, sites in ħ/γ."""
_MOST = 60.0
"""Largest exponent of two."""
_INSTANTS = 40
"""Instants at which the bonds are looked at."""


def bond_dimensions(experiment: Experiment, min_bond: int, largest: np.ndarray) -> np.ndarray:
    """Rough dimension of each bond at some instants of a run.

    Parameters
    ----------
    experiment : Experiment
    min_bond : int
        Smallest number of states of a bond, unless they have no weight.
    largest : float64 ndarray (L_x − 1,)
        Largest dimension of each bond.

    Returns
    -------
    float64 ndarray (instants, L_x − 1)
        At instants in the middle of equal parts of the run.
    """
    device, source = experiment.device, experiment.source
    electrons = source.count if isinstance(source, ConfinedElectrons) else 1
    bonds, start = np.arange(1, device.sites), _start(experiment)
    spins = min(device.spin_sites, key=lambda site: abs(site - start))
    stop = experiment.times.stop * device.largest_hopping / HBAR
    time = (np.arange(_INSTANTS) + 0.5)[:, None] * stop / _INSTANTS

    away = np.abs(bonds - spins)
    since = time - abs(spins - start) / _SPEED
    free = 2.0**electrons
    light = free * (1 + _LIGHT * np.maximum(since - away / _SPEED, 0)) ** (electrons + _BEYOND)
    doublings = electrons**2 / _DOUBLING * (since - away / min(_SPREAD * electrons, _SPEED)) - _DELAY
    needed = _NEEDED * 2.0 ** np.minimum(doublings, _MOST)
    found = np.minimum(np.maximum(np.minimum(light, min_bond), needed), np.maximum(light, free))
    reached = bonds <= start + _SPEED * time
    return np.where(reached, np.minimum(found, largest), 1.0)


def _start(experiment: Experiment) -> float:
    """Site from which the fastest electrons run to the right; that of the first spin where it is not known."""
    source = experiment.source
    if isinstance(source, ConfinedElectrons | Orbital):
        return float(source.confined_sites)
    return float(source.center) if isinstance(source, WavePacket) else float(min(experiment.device.spin_sites))
