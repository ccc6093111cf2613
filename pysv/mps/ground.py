"""The state that starts a run: the ground state of H + H_{V,B} by DMRG, or one electron's packet exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import DOWN, UP
from pysv.model.initial import packet
from pysv.model.prepared import check_field, check_prepared
from pysv.model.terms import Ups, held_up
from pysv.mps.chain import Chain
from pysv.mps.observables import local_probabilities
from pysv.mps.state import MatrixProductState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pysv.experiment import Experiment
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.source import ConfinedElectrons
    from pysv.mps.backend import GroundState, Search

_NOTHING = 1e-18
"""Electrons beyond a site that do not count."""


def ground_state(
    device: ChainDevice, source: ConfinedElectrons, max_bond: int, search: Search, ups: Ups = None
) -> tuple[MatrixProductState, GroundState]:
    """Ground state of H + H_{V,B} (Eq. 21) with the numbers of ↑ and ↓ electrons and the polarised layers.

    Two-site DMRG from a product state with the electrons spread over the well. Where the electrons end well before the
    layers, it is done on the sites that they reach; the rest is an exact product, empty sites and polarised layers.

    Parameters
    ----------
    device : ChainDevice
    source : ConfinedElectrons
    max_bond : int
        Largest bond dimension.
    search : callable
        What finds the ground state, see `pysv.mps.backend`.
    ups : tuple of bool, optional
        Which spins the field holds up; by default those of the first layer.

    Returns
    -------
    MatrixProductState
    GroundState

    Raises
    ------
    GroundStateError
        If it is not the state that is meant to start the run; see `check_field` and `check_prepared`.
    """
    check_field(device, source, ups)
    chain, spread = Chain.of_device(device, source, ups), _spread(device, source, ups)
    sites = _reach(chain, max(source.numbers))
    near, known = search(chain.part(sites), spread[:sites], max_bond)
    state = near.extended(chain.spaces, spread[sites:])
    if sites < device.sites:
        known = replace(known, energy=known.energy + chain.diagonal(spread, sites))
    check_sector(state, device, source, ups)
    return state, known


def _reach(chain: Chain, occupied: int) -> int:
    """Sites that the electrons reach, from the occupied levels of the well without layers; all where that is many."""
    _, levels = np.linalg.eigh(chain.couplings.orbital(chain.sites))
    density = (levels[:, :occupied] ** 2).sum(axis=1)
    beyond = np.cumsum(density[::-1])[::-1]
    reached = int((beyond > _NOTHING).sum()) + 2
    return reached if reached < min(chain.spin_sites) - 2 else chain.sites


def _spread(device: ChainDevice, source: ConfinedElectrons, ups: Ups = None) -> list[int]:
    """Local states of a product: the electrons of either spin evenly in the well, ↑ and ↓ in turn, and the layers."""
    electrons = [0] * device.sites
    for spin, count in enumerate(source.numbers):
        for number in range(count):
            electrons[(2 * number + spin) * source.confined_sites // (2 * count)] |= 1 + spin
    localized = {site: UP if up else DOWN for site, up in zip(device.spin_sites, held_up(device, ups), strict=True)}
    found = []
    for site, electron in enumerate(electrons, start=1):
        found.append(2 * electron + localized[site] if site in localized else electron)
    return found


def packet_state(experiment: Experiment, spins: Sequence[int], spin: int) -> MatrixProductState:
    """One electron in its packet (Eq. 11) beside collinear localized spins, exactly, with bond dimension 2.

    Parameters
    ----------
    experiment : Experiment
        With one electron.
    spins : sequence of int
        0 (↑) or 1 (↓) of each localized spin.
    spin : int
        0 (↑) or 1 (↓) of the electron.
    """
    device = experiment.device
    spaces = Chain.of_device(device).spaces
    orbital = packet(experiment)
    before = np.sqrt(np.concatenate(([0.0], np.cumsum(np.abs(orbital) ** 2))))  # norm of the part left of each bond
    after = np.sqrt(np.concatenate((np.cumsum(np.abs(orbital[::-1]) ** 2)[::-1], [0.0])))
    carried = dict(zip(device.spin_sites, spins, strict=True))
    polarised, charges, values, tensors = 0, [], [], []
    for site in range(device.sites + 1):
        # Left of this leg there is the electron or there is not; where a part has no norm it is left out.
        here = [(n, weight) for n, weight in ((0, after[site]), (1, before[site])) if weight > 0]
        charges.append(np.array([[n, polarised + n * (1 - 2 * spin)] for n, _ in here]))
        values.append(np.array([weight for _, weight in here]))
        if site == device.sites:
            break
        next_ones = [n for n, weight in ((0, after[site + 1]), (1, before[site + 1])) if weight > 0]
        localized = carried.get(site + 1)
        polarised += 0 if localized is None else 1 - 2 * localized
        tensor = np.zeros((len(here), spaces[site].dim, len(next_ones)), dtype=complex)
        for a, (n, _) in enumerate(here):
            for b, m in enumerate(next_ones):
                if m < n:
                    continue
                state = (1 + spin) * (m - n)
                place = state if localized is None else 2 * state + localized
                if m == 1 and n == 1:
                    tensor[a, place, b] = 1
                else:  # right-canonical: the part of the packet right of the bond has norm 1
                    tensor[a, place, b] = (orbital[site] if m == 1 else after[site + 1]) / after[site]
        tensors.append(tensor)
    return MatrixProductState.from_dense(spaces, charges, values, tensors)


def check_sector(state: MatrixProductState, device: ChainDevice, source: ConfinedElectrons, ups: Ups = None) -> float:
    """See that the well holds the electrons and the field the layers.

    Returns
    -------
    float
        Electrons outside the confined sites.

    Raises
    ------
    GroundStateError
        If electrons are at the layers or beyond, or a spin of the layers is not polarised; says what was found.
    """
    density, spin_z = [], {}
    for site, (space, probability) in enumerate(zip(state.spaces, local_probabilities(state), strict=True), start=1):
        density.append(float(probability @ (space.up + space.down)))
        if space.has_spin:
            spin_z[site] = float(probability @ space.spin_z)
    check_prepared(np.array(density), spin_z, device, source, ups)
    return float(sum(density[source.confined_sites :]))
