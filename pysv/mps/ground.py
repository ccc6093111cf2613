"""The state that starts a run: a ground state by DMRG, electrons beside any spins, or one electron's packet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pysv.experiment.spins import bloch
from pysv.model.basis import DOWN, UP
from pysv.model.conservation import conserves
from pysv.model.initial import electron_states, one_electron, packet
from pysv.model.prepared import check_field, check_prepared
from pysv.model.terms import Ups, held_up
from pysv.mps.chain import Chain, Space
from pysv.mps.observables import local_probabilities
from pysv.mps.state import MatrixProductState, electron_count

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.source import ConfinedElectrons
    from pysv.mps.backend import GroundState, Search
    from pysv.mps.spins import SpinTrain

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


def electrons_beside(
    device: ChainDevice, source: ConfinedElectrons, max_bond: int, search: Search, spins: SpinTrain
) -> tuple[MatrixProductState, GroundState]:
    """Ground state of the electrons alone in the well, times any pure state of the localized spins.

    Parameters
    ----------
    device : ChainDevice
    source : ConfinedElectrons
    max_bond : int
        Largest bond dimension.
    search : callable
        See `ground_state`.
    spins : SpinTrain

    Returns
    -------
    MatrixProductState
        With the number of electrons as its only charge.
    GroundState
        Of the electrons.

    Raises
    ------
    GroundStateError
        If electrons are at the layers or beyond.
    """
    alone, spread = Chain.of_electrons(device, source), _electrons_spread(device, source)
    sites = max(2, min(_reached(alone, max(source.numbers)), device.sites))
    near, known = search(alone.part(sites), spread[:sites], max_bond)
    electrons = near.extended(alone.spaces, [0] * (device.sites - sites))
    spaces = tuple(Space(tensor is not None, keeps_spin=False) for tensor in spins.tensors)
    tensors = [spins.beside(electrons.dense(site), site) for site in range(device.sites)]
    charges, schmidt = [], []
    for leg, values in zip(electrons.legs, spins.schmidt, strict=True):
        own = np.repeat(electron_count(np.repeat(leg.charges, leg.sizes)), values.size)
        charges.append(np.stack([own, np.zeros_like(own)], axis=1))
        schmidt.append(np.outer(leg.schmidt, values).ravel())
    state = MatrixProductState.from_dense(spaces, charges, schmidt, tensors)
    check_electrons(state, device, source)
    return state, known


def _with_spin(tensor: np.ndarray, spinor: np.ndarray | None) -> np.ndarray:
    """A tensor (left, 4, right) of the electrons beside a localized spin, (left, 8, right); itself without one."""
    if spinor is None:
        return tensor
    left, electrons, right = tensor.shape
    beside = tensor[:, :, None, :] * spinor[None, None, :, None]
    return np.asarray(beside.reshape(left, 2 * electrons, right))


def _reached(chain: Chain, occupied: int) -> int:
    """Sites that the electrons reach, from the occupied levels of the well without layers."""
    _, levels = np.linalg.eigh(chain.couplings.orbital(chain.sites))
    density = (levels[:, :occupied] ** 2).sum(axis=1)
    beyond = np.cumsum(density[::-1])[::-1]
    return int((beyond > _NOTHING).sum()) + 2


def _reach(chain: Chain, occupied: int) -> int:
    """The same; all sites where the electrons come close to the layers."""
    reached = _reached(chain, occupied)
    return reached if reached < min(chain.spin_sites) - 2 else chain.sites


def _electrons_spread(device: ChainDevice, source: ConfinedElectrons) -> list[int]:
    """Electrons on each site of a product: those of either spin evenly in the well, ↑ and ↓ in turn."""
    electrons = [0] * device.sites
    for spin, count in enumerate(source.numbers):
        for number in range(count):
            electrons[(2 * number + spin) * source.confined_sites // (2 * count)] |= 1 + spin
    return electrons


def _spread(device: ChainDevice, source: ConfinedElectrons, ups: Ups = None) -> list[int]:
    """Local states of a product: the electrons spread over the well, and the layers."""
    electrons = _electrons_spread(device, source)
    localized = {site: UP if up else DOWN for site, up in zip(device.spin_sites, held_up(device, ups), strict=True)}
    found = []
    for site, electron in enumerate(electrons, start=1):
        found.append(2 * electron + localized[site] if site in localized else electron)
    return found


def packet_state(experiment: Experiment) -> MatrixProductState:
    """One electron in its packet (Eq. 11) beside a product of localized spins, exactly, with bond dimension 2.

    Parameters
    ----------
    experiment : Experiment
        With one electron in a pure state. Where S^z is not definite the number of electrons is the only charge.
    """
    device, keeps_spin = experiment.device, conserves(experiment)
    spaces = Chain.of_device(device, keeps_spin=keeps_spin).spaces
    orbital, ((_, _, electron),) = packet(experiment), electron_states(one_electron(experiment))
    before = np.sqrt(np.concatenate(([0.0], np.cumsum(np.abs(orbital) ** 2))))  # norm of the part left of each bond
    after = np.sqrt(np.concatenate((np.cumsum(np.abs(orbital[::-1]) ** 2)[::-1], [0.0])))
    directions = experiment.spins.directions(device)
    spinors = {site - 1: bloch(direction) for site, direction in zip(device.spin_sites, directions, strict=True)}
    empty, carried = np.eye(4)[0], np.concatenate(([0], electron, [0]))  # ∅, ↑, ↓, ↑↓
    own = _spin_z(electron) if keeps_spin else 0
    polarised, charges, values, tensors = 0, [], [], []
    for site in range(device.sites + 1):
        # Left of this leg there is the electron or there is not; where a part has no norm it is left out.
        here = [(n, weight) for n, weight in ((0, after[site]), (1, before[site])) if weight > 0]
        charges.append(np.array([[n, polarised + n * own] for n, _ in here]))
        values.append(np.array([weight for _, weight in here]))
        if site == device.sites:
            break
        next_ones = [n for n, weight in ((0, after[site + 1]), (1, before[site + 1])) if weight > 0]
        spinor = spinors.get(site)
        polarised += _spin_z(spinor) if keeps_spin and spinor is not None else 0
        tensor = np.zeros((len(here), 4, len(next_ones)), dtype=complex)
        for a, (n, _) in enumerate(here):
            for b, m in enumerate(next_ones):
                if m < n:
                    continue
                # Right-canonical: the part of the packet right of the bond has norm 1.
                amplitude = 1.0 if n == 1 else (orbital[site] if m == 1 else after[site + 1]) / after[site]
                tensor[a, :, b] = amplitude * (carried if m > n else empty)
        tensors.append(_with_spin(tensor, spinor))
    return MatrixProductState.from_dense(spaces, charges, values, tensors)


def _spin_z(spinor: np.ndarray) -> int:
    """σᶻ of a spin along ±z."""
    return 1 if spinor[0] else -1


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
    spin_z = {
        site: float(probability @ space.spin_z)
        for site, (space, probability) in enumerate(zip(state.spaces, local_probabilities(state), strict=True), start=1)
        if space.has_spin
    }
    return check_electrons(state, device, source, spin_z, ups)


def check_electrons(
    state: MatrixProductState,
    device: ChainDevice,
    source: ConfinedElectrons,
    spin_z: dict[int, float] | None = None,
    ups: Ups = None,
) -> float:
    """See that the well holds the electrons; otherwise as `check_sector`."""
    pairs = zip(state.spaces, local_probabilities(state), strict=True)
    density = np.array([probability @ (space.up + space.down) for space, probability in pairs])
    check_prepared(density, spin_z or {}, device, source, ups)
    return float(density[source.confined_sites :].sum())
