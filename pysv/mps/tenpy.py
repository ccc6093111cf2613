"""The backend ``python``: ground states by TeNPy's DMRG, evolution by compiled gates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pysv.errors import GroundStateError
from pysv.mps.backend import SMALLEST_WEIGHT, SWEEPS, Backend, GroundState
from pysv.mps.chain import Chain
from pysv.mps.gates import BlockEvolution
from pysv.mps.state import MatrixProductState


def tenpy_dmrg(chain: Chain, start: list[int], max_bond: int) -> tuple[MatrixProductState, GroundState]:
    """Ground state by two-site DMRG (J. Hauschild and F. Pollmann, SciPost Phys. Lect. Notes 5 (2018))."""
    from tenpy.algorithms.dmrg import TwoSiteDMRGEngine
    from tenpy.models.model import MPOModel
    from tenpy.networks.mps import MPS
    from tenpy.tools.misc import TenpyInconsistencyError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about options and deprecations inside TeNPy
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
        try:
            energy, psi = engine.run()
        except TenpyInconsistencyError as error:
            raise GroundStateError(
                f"max_bond = {max_bond} is too small for the ground state of the electrons before t = 0; raise it in "
                "[evolution.tdmrg]"
            ) from error
        psi.canonical_form()
        variance = float(np.real(engine.env.H.variance(psi, energy)))
        history = engine.sweep_stats["E"]
    change = abs(history[-1] - history[-2]) if len(history) > 1 else float("inf")
    return from_tenpy(chain, psi), GroundState(float(energy), variance, float(change), len(history))


def tenpy_model(chain: Chain) -> Any:
    """A chain as a TeNPy `NearestNeighborModel`, with the charges and the order of local states of `Chain`."""
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
    """A TeNPy MPS as a `MatrixProductState`."""
    tensors = [psi.get_B(site, form="B") for site in range(chain.sites)]
    legs = [tensor.get_leg("vL") for tensor in tensors] + [tensors[-1].get_leg("vR").conj()]
    charges = [np.asarray(leg.to_qflat() * leg.qconj, dtype=np.int64) for leg in legs]
    values = [np.asarray(psi.get_SL(site)) for site in range(chain.sites)] + [np.asarray(psi.get_SR(chain.sites - 1))]
    dense = [tensor.itranspose(["vL", "p", "vR"]).to_ndarray() for tensor in tensors]
    return MatrixProductState.from_dense(chain.spaces, [charge - charges[0][0] for charge in charges], values, dense)


BACKEND = Backend(tenpy_dmrg, {"tebd": BlockEvolution}, ("Hauschild2018",))
