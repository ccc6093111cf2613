"""The state that starts a run: the ground state of H + H_{V,B} by DMRG (TeNPy), or one electron's packet exactly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.model.basis import DOWN, UP
from pysv.model.prepared import check_field, check_prepared
from pysv.mps.chain import Chain
from pysv.mps.observables import local_probabilities
from pysv.mps.state import MatrixProductState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pysv.experiment import Experiment
    from pysv.experiment.device import SpinValve
    from pysv.experiment.source import ConfinedElectrons

SWEEPS = 30
"""Sweeps of DMRG at most."""
SMALLEST_WEIGHT = 1e-16
"""Squares of Schmidt values below this are not kept by DMRG."""
_NOTHING = 1e-18
"""Electrons beyond a site that do not count."""


@dataclass(frozen=True)
class GroundState:
    """How well the ground state is known.

    Parameters
    ----------
    energy : float
        ⟨H + H_{V,B}⟩, eV.
    variance : float
        ⟨(H + H_{V,B})²⟩ − energy², eV².
    change : float
        Change of the energy in the last sweep, eV; 0 for an exact method.
    sweeps : int
    """

    energy: float
    variance: float
    change: float
    sweeps: int


Search = Callable[["Chain", list[int], int], "tuple[MatrixProductState, GroundState]"]
"""Finds the ground state of a chain from a product of local states, with a largest bond dimension."""


def ground_state(
    device: SpinValve, source: ConfinedElectrons, max_bond: int, search: Search | None = None
) -> tuple[MatrixProductState, GroundState]:
    """Ground state of H + H_{V,B} (Eq. 21) with N_e electrons and the total S^z of unpolarised electrons and layers.

    Two-site DMRG, by default that of TeNPy (J. Hauschild and F. Pollmann, SciPost Phys. Lect. Notes 5 (2018)), from a
    product state with the electrons spread over the well. Where the electrons end well before the layers, it is done on
    the sites that they reach; the rest is an exact product, empty sites and polarised layers.

    Parameters
    ----------
    device : SpinValve
    source : ConfinedElectrons
    max_bond : int
        Largest bond dimension.
    search : callable, optional
        What finds the ground state.

    Returns
    -------
    MatrixProductState
    GroundState

    Raises
    ------
    GroundStateError
        If it is not the state that is meant to start the run; see `check_field` and `check_prepared`.
    """
    check_field(device, source)
    chain = Chain.of_device(device, source)
    sites = _reach(device, source)
    near, known = (search or tenpy_dmrg)(chain.part(sites), _spread(device, source)[:sites], max_bond)
    state = near.extended(chain.spaces, _spread(device, source)[sites:])
    if sites < device.sites:
        known = replace(known, energy=known.energy + chain.diagonal(_spread(device, source), sites))
    check_sector(state, device, source)
    return state, known


def tenpy_dmrg(chain: Chain, start: list[int], max_bond: int) -> tuple[MatrixProductState, GroundState]:
    """Ground state by TeNPy's two-site DMRG; see `ground_state`."""
    from tenpy.algorithms.dmrg import TwoSiteDMRGEngine
    from tenpy.models.model import MPOModel
    from tenpy.networks.mps import MPS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of options and deprecations inside TeNPy
        model = tenpy_model(chain)
        psi = MPS.from_product_state(model.lat.mps_sites(), start, unit_cell_width=chain.sites)
        options: dict[str, Any] = {
            "mixer": True,
            "mixer_params": {"amplitude": 1e-4, "decay": 2.0, "disable_after": 4},
            "max_E_err": 1e-12,
            "max_S_err": 1e-8,
            "max_sweeps": SWEEPS,
            "min_sweeps": 4,
            "N_sweeps_check": 1,
            "max_N_sites_per_ring": None,
            "trunc_params": {"chi_max": max_bond, "svd_min": SMALLEST_WEIGHT**0.5},
        }
        engine = TwoSiteDMRGEngine(psi, MPOModel(model.lat, model.calc_H_MPO_from_bond()), options)
        energy, psi = engine.run()
        psi.canonical_form()
        variance = float(np.real(engine.env.H.variance(psi, energy)))
        history = engine.sweep_stats["E"]
    change = abs(history[-1] - history[-2]) if len(history) > 1 else float("inf")
    return from_tenpy(chain, psi), GroundState(float(energy), variance, float(change), len(history))


def _reach(device: SpinValve, source: ConfinedElectrons) -> int:
    """Sites that the electrons reach, from the occupied levels of the well without layers; all where that is many."""
    hopping = -device.hopping * np.eye(device.sites, k=1)
    well = -source.well * (np.arange(device.sites) < source.confined_sites)
    _, levels = np.linalg.eigh(hopping + hopping.T + np.diag(well))
    density = (levels[:, : source.electrons // 2] ** 2).sum(axis=1)
    beyond = np.cumsum(density[::-1])[::-1]
    reached = int((beyond > _NOTHING).sum()) + 2
    return reached if reached < min(device.spin_sites) - 2 else device.sites


def tenpy_model(chain: Chain) -> Any:
    """A chain as a TeNPy `NearestNeighborModel`, charges and order of the local states as in `Chain`."""
    import tenpy.linalg.np_conserved as npc
    from tenpy.models.lattice import TrivialLattice
    from tenpy.models.model import NearestNeighborModel
    from tenpy.networks.site import Site

    info = npc.ChargeInfo([1, 1], ["N", "2Sz"])
    kinds = {
        has_spin: Site(npc.LegCharge.from_qflat(info, space.charges), sort_charge=False)
        for has_spin, space in {space.has_spin: space for space in chain.spaces}.items()
    }
    sites = [kinds[space.has_spin] for space in chain.spaces]
    terms: list[Any] = [None]
    for left in range(chain.sites - 1):
        one, other = sites[left], sites[left + 1]
        matrix = chain.bond(left).reshape(one.dim, other.dim, one.dim, other.dim)
        legs = [one.leg, other.leg, one.leg.conj(), other.leg.conj()]
        terms.append(npc.Array.from_ndarray(matrix, legs, labels=["p0", "p1", "p0*", "p1*"]))
    return NearestNeighborModel(TrivialLattice(sites), terms)


def from_tenpy(chain: Chain, psi: Any) -> MatrixProductState:
    """A TeNPy MPS in pysv's form."""
    tensors = [psi.get_B(site, form="B") for site in range(chain.sites)]
    legs = [tensor.get_leg("vL") for tensor in tensors] + [tensors[-1].get_leg("vR").conj()]
    charges = [np.asarray(leg.to_qflat() * leg.qconj, dtype=np.int64) for leg in legs]
    values = [np.asarray(psi.get_SL(site)) for site in range(chain.sites)] + [np.asarray(psi.get_SR(chain.sites - 1))]
    dense = [tensor.itranspose(["vL", "p", "vR"]).to_ndarray() for tensor in tensors]
    return MatrixProductState.from_dense(chain.spaces, [charge - charges[0][0] for charge in charges], values, dense)


def _spread(device: SpinValve, source: ConfinedElectrons) -> list[int]:
    """Local states of a product: electrons ↑ and ↓ in turn, evenly over the well; layers polarised."""
    electrons = [0] * device.sites
    for number in range(source.electrons):
        site = number * source.confined_sites // source.electrons
        electrons[site] |= 1 if number % 2 == 0 else 2
    found = []
    for site, electron in enumerate(electrons, start=1):
        if site in device.polarizer_sites:
            found.append(2 * electron + UP)
        elif site in device.analyzer_sites:
            found.append(2 * electron + DOWN)
        else:
            found.append(electron)
    return found


def packet_state(experiment: Experiment, spins: Sequence[int], spin: int) -> MatrixProductState:
    """One electron in its packet (Eq. 11) beside collinear localized spins, exactly, with bond dimension 2.

    Parameters
    ----------
    experiment : Experiment
        With a wave packet.
    spins : sequence of int
        0 (↑) or 1 (↓) of each localized spin.
    spin : int
        0 (↑) or 1 (↓) of the electron.
    """
    device = experiment.device
    spaces = Chain.of_device(device).spaces
    packet = experiment.source.amplitudes(device.sites)  # type: ignore[union-attr]
    before = np.sqrt(np.concatenate(([0.0], np.cumsum(np.abs(packet) ** 2))))  # norm of the part left of each bond
    after = np.sqrt(np.concatenate((np.cumsum(np.abs(packet[::-1]) ** 2)[::-1], [0.0])))
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
                    tensor[a, place, b] = (packet[site] if m == 1 else after[site + 1]) / after[site]
        tensors.append(tensor)
    return MatrixProductState.from_dense(spaces, charges, values, tensors)


def check_sector(state: MatrixProductState, device: SpinValve, source: ConfinedElectrons) -> float:
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
    check_prepared(np.array(density), spin_z, device, source)
    return float(sum(density[source.confined_sites :]))
