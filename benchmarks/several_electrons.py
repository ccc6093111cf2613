"""pysv's tDMRG against TeNPy's TEBD: the same start, gates, truncation and sweeps, on the chain of Fig. 6.

    python benchmarks/several_electrons.py [--electrons 8] [--stop 40] [--max-bond 400] [--threads 2]

Both states advance in turn, one ħ/γ each, so that a busy machine disturbs them alike; read the ratio. `--from T` lets
pysv alone evolve to T ħ/γ, to compare where the bonds are large without waiting for TeNPy to get there.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numba
import numpy as np
from threadpoolctl import threadpool_limits

import pysv
from pysv.mps.chain import Chain
from pysv.mps.evolve import BlockPropagator, energy
from pysv.mps.ground import from_tenpy, ground_state, tenpy_model
from pysv.mps.propagator import FLOOR, Truncation
from pysv.mps.state import MatrixProductState
from pysv.mps.trotter import schedule
from pysv.units import HBAR

STEPS, STEP = 10, 0.1
"""Trotter steps of 0.1 ħ/γ in a turn."""


def to_tenpy(state: MatrixProductState, sites: list[Any]) -> Any:
    """The state as a TeNPy MPS."""
    import tenpy.linalg.np_conserved as npc
    from tenpy.networks.mps import MPS

    info = sites[0].leg.chinfo
    legs = []
    for leg in state.legs:
        electrons = np.round(leg.charges / (1 << 20)).astype(int)
        flat = np.repeat(np.stack([electrons, leg.charges - (electrons << 20)], axis=1), leg.sizes, axis=0)
        legs.append(npc.LegCharge.from_qflat(info, flat))
    tensors = []
    for site in range(state.sites):
        left, right = state.legs[site], state.legs[site + 1]
        rows, columns = (np.concatenate(([0], np.cumsum(leg.sizes))) for leg in (left, right))
        dense = np.zeros((left.dimension, state.spaces[site].dim, right.dimension), dtype=complex)
        for a, p, b, block in state.blocks(site):
            dense[rows[a] : rows[a + 1], p, columns[b] : columns[b + 1]] = block
        labels = ["vL", "p", "vR"]
        tensors.append(
            npc.Array.from_ndarray(dense, [legs[site], sites[site].leg, legs[site + 1].conj()], labels=labels)
        )
    return MPS(sites, tensors, [leg.schmidt for leg in state.legs], bc="finite", form="B", unit_cell_width=state.sites)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--electrons", type=int, default=8)
    parser.add_argument("--from", type=int, default=0, dest="begin", help="ħ/γ that pysv evolves alone first")
    parser.add_argument("--stop", type=int, default=40, help="last time, ħ/γ")
    parser.add_argument("--max-bond", type=int, default=400)
    parser.add_argument("--min-bond", type=int, default=100)
    parser.add_argument("--discarded-weight", type=float, default=1e-7)
    parser.add_argument("--sites", type=int, default=112)
    parser.add_argument("--threads", type=int, default=numba.get_num_threads(), help="of BLAS under TeNPy")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    device = pysv.SpinValve.for_several_electrons(sites=options.sites)
    source = pysv.ConfinedElectrons(electrons=options.electrons)
    unit = HBAR / device.hopping
    chain = Chain.of_device(device)
    state, known = ground_state(device, source, options.max_bond)
    found = f"ground state {known.energy:.6f} eV (variance {known.variance:.0e})"
    print(f"N_e = {options.electrons}, {device.sites} sites, {found}")
    propagator = BlockPropagator(chain, Truncation(options.min_bond, options.max_bond, options.discarded_weight))
    propagator.apply(state, schedule(1e-6, 1, 2))  # compiles
    with threadpool_limits(1, "blas"):
        if options.begin:
            propagator.apply(state, schedule(options.begin * unit, round(options.begin / STEP), 2))

    from tenpy.algorithms.tebd import TEBDEngine

    model = tenpy_model(chain)
    peer = to_tenpy(state, model.lat.mps_sites())
    rules = {
        "chi_min": options.min_bond, "chi_max": options.max_bond, "svd_min": FLOOR**0.5,
        "trunc_cut": options.discarded_weight**0.5,
    }  # fmt: skip
    tebd = TEBDEngine(
        peer,
        model,
        {
            "order": 2,
            "dt": STEP / device.hopping,
            "N_steps": STEPS,
            "trunc_params": rules,
            "max_N_sites_per_ring": None,
        },
    )
    spent = {"pysv": 0.0, "TeNPy": 0.0}
    lost = {"pysv": 0.0, "TeNPy": 0.0}
    print("time (ħ/γ)   bond     pysv (s/step)   TeNPy (s/step)   ratio   discarded: pysv, TeNPy   1 − |overlap|²")
    for turn in range(options.begin, options.stop):
        with threadpool_limits(1, "blas"):
            begun = time.perf_counter()
            weights, _ = propagator.apply(state, schedule(unit, STEPS, 2))
            one = time.perf_counter() - begun
        before = tebd.trunc_err.eps
        with threadpool_limits(options.threads, "blas"):
            begun = time.perf_counter()
            tebd.run()
            other = time.perf_counter() - begun
        spent["pysv"] += one
        spent["TeNPy"] += other
        lost["pysv"] += float(weights.sum())
        lost["TeNPy"] += float(tebd.trunc_err.eps - before)
        apart = 1 - abs(from_tenpy(chain, peer).overlap(state)) ** 2
        row = f"{turn + 1:>10}  {state.dimensions.max():>5}  {one / STEPS:>14.3f}  {other / STEPS:>15.3f}"
        taken = f"{lost['pysv']:.1e}  {lost['TeNPy']:.1e}"
        print(f"{row}  {other / one:>6.1f}   {taken}    {apart:.1e}", flush=True)
    print(
        f"whole: pysv {spent['pysv']:.1f} s, TeNPy {spent['TeNPy']:.1f} s, ratio {spent['TeNPy'] / spent['pysv']:.1f}; "
        f"energy {energy(propagator.bonds, state):.6f} eV; until {options.stop * unit:.2f} fs"
    )


if __name__ == "__main__":
    main()
