"""Electrons and vectors at t = 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh

from pysv.experiment.source import ConfinedElectrons
from pysv.experiment.spins import bloch
from pysv.model.couplings import Couplings
from pysv.model.initial import electron_states, one_electron, packet
from pysv.model.prepared import check_prepared
from pysv.model.terms import preparation_terms

if TYPE_CHECKING:
    from pysv.classical.hamiltonian import ClassicalHamiltonian
    from pysv.experiment import Experiment


@dataclass(frozen=True, eq=False)
class Electrons:
    """States of an electron, and what they stand for.

    Parameters
    ----------
    weights : float64 ndarray (runs,)
        Probability of each state of one electron, or 1 for each of several electrons.
    psi : complex128 ndarray (runs, sites, 2)
        Normalised, ↑ first.
    together : bool
        Whether each state has an electron of its own (a Slater determinant); otherwise one electron is in a mixture.
    """

    weights: np.ndarray
    psi: np.ndarray
    together: bool


def directions(experiment: Experiment) -> np.ndarray:
    """n of each localized spin at t = 0, float64 (N, 3), exact along ±z."""
    up, down = np.array([bloch(own) for own in experiment.spins.directions(experiment.device)]).T
    flip = 2 * up.conj() * down
    return np.stack([flip.real, flip.imag, np.abs(up) ** 2 - np.abs(down) ** 2], axis=1)


def electrons(experiment: Experiment, hamiltonian: ClassicalHamiltonian) -> Electrons:
    """The electrons of an experiment at t = 0.

    One electron is a mixture of the states of its spin, each times the packet. Several electrons fill the lowest
    orbitals of either spin of H_e − V Σ_{x≤N_conf} n_x (Eq. 21) between the vectors in their first directions, whose z
    components count.

    Raises
    ------
    GroundStateError
        If the well does not hold several electrons.
    """
    if not isinstance(experiment.source, ConfinedElectrons):
        orbital = packet(experiment)
        states = electron_states(one_electron(experiment))
        psi = np.array([np.outer(orbital, spinor) for _, _, spinor in states])
        return Electrons(np.array([weight for _, weight, _ in states]), psi, together=False)
    device, source = experiment.device, experiment.source
    well = Couplings.of_terms(preparation_terms(device, source)).orbital(device.sites)
    psi = np.zeros((source.electrons, device.sites, 2), dtype=complex)
    last = 0
    for spin, count in enumerate(source.numbers):
        if count:
            h = hamiltonian.orbital(directions(experiment), spin) + well
            psi[last : last + count, :, spin] = eigh(h, subset_by_index=(0, count - 1))[1].T
            last += count
    check_prepared((np.abs(psi) ** 2).sum(axis=(0, 2)), {}, device, source)
    return Electrons(np.ones(source.electrons), psi, together=True)
