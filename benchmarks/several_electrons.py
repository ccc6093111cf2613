"""pysv's tDMRG on both backends against TeNPy's TEBD and ITensorMPS's `apply`, on the chain of Fig. 6.

    python benchmarks/several_electrons.py [--electrons 8] [--at 5 10 15 20 25 30 35 40] [--steps 2] [--max-bond 400]

pysv's Python backend evolves from the ground state. At the given times, ħ/γ, every program takes the same few Trotter
steps from the same state, with the same gates, largest bond dimension and allowed discarded weight, one after the
other; read the ratios. The last line adds the steps up over the whole window, each counted for the time since the one
before. Without Julia the programs that need it are left out, and the benchmark says so.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numba
import numpy as np
from report import add_option, figure, judge, kept
from threadpoolctl import threadpool_limits

import pysv
from pysv.mps.backend import FLOOR, TrotterEvolution, Truncation
from pysv.mps.canonical import right_canonical
from pysv.mps.chain import Chain
from pysv.mps.gates import BlockEvolution
from pysv.mps.ground import ground_state
from pysv.mps.state import MatrixProductState
from pysv.mps.tenpy import from_tenpy, tenpy_dmrg, tenpy_model
from pysv.mps.trotter import schedule
from pysv.units import HBAR

STEP = 0.1
"""δt, ħ/γ."""
Result = tuple[float, float, MatrixProductState]
"""Seconds a step, discarded weight, the state."""


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


class Pysv:
    """One of pysv's backends."""

    def __init__(self, name: str, propagator: TrotterEvolution, unit: float) -> None:
        self.name = name
        self._propagator = propagator
        self._unit = unit

    def steps(self, state: MatrixProductState, count: int) -> Result:
        """Take `count` steps."""
        after = state.copy()
        with threadpool_limits(1, "blas"):
            begun = time.perf_counter()
            lost, _ = self._propagator.apply(after, schedule(count * STEP * self._unit, count, 2))
            return (time.perf_counter() - begun) / count, float(lost.sum()), after


class TeNPy:
    """TeNPy's TEBD engine as it comes."""

    name = "TeNPy TEBD"

    def __init__(self, chain: Chain, rules: Truncation, threads: int, hopping: float) -> None:
        self._chain = chain
        self._model = tenpy_model(chain)
        self._threads = threads
        self._options: dict[str, Any] = {
            "order": 2,
            "dt": STEP / hopping,
            "trunc_params": {
                "chi_min": rules.min_bond, "chi_max": rules.max_bond, "svd_min": FLOOR**0.5,
                "trunc_cut": rules.discarded_weight**0.5,
            },
            "max_N_sites_per_ring": None,
        }  # fmt: skip

    def steps(self, state: MatrixProductState, count: int) -> Result:
        """Take `count` steps; the gates are made before the clock starts."""
        from tenpy.algorithms.tebd import TEBDEngine

        peer = to_tenpy(state, self._model.lat.mps_sites())
        engine = TEBDEngine(peer, self._model, self._options | {"N_steps": count})
        engine.calc_U(2, self._options["dt"], type_evo="real")
        with threadpool_limits(self._threads, "blas"):
            begun = time.perf_counter()
            lost = engine.evolve(count, self._options["dt"])
            spent = time.perf_counter() - begun
        return spent / count, float(lost.eps), from_tenpy(self._chain, peer)


class ITensors:
    """ITensorMPS's `apply` as it comes; no smallest bond dimension, which it would fill up with zeros."""

    name = "ITensors apply"

    def __init__(self, chain: Chain, rules: Truncation, threads: int, unit: float) -> None:
        from juliacall import Main

        from pysv.mps.julia import julia_chain

        Main.include(str(Path(__file__).with_name("plain_itensors.jl")))
        self._main = Main
        self._chain, self._julia, self._rules, self._unit = chain, julia_chain(chain), rules, unit
        self._plain = Main.Plain(self._julia)
        self._threads = threads

    def steps(self, state: MatrixProductState, count: int) -> Result:
        """Take `count` steps; the gates are made before the clock starts."""
        from pysv.mps.julia import from_julia, to_julia

        main, rules = self._main, self._rules
        begin = psi = main.PySV.mps(to_julia(self._julia, state))
        layers = schedule(count * STEP * self._unit, count, 2)
        main.seval(f"PySV.BLAS.set_num_threads({self._threads})")
        for clock in (False, True):
            begun, psi = time.perf_counter(), begin
            for layer in layers if clock else layers[:2]:
                psi = main.layer(
                    self._plain, psi, layer.parity, layer.duration / HBAR, rules.discarded_weight, rules.max_bond
                )
        spent = time.perf_counter() - begun
        found = from_julia(self._chain, main.PySV.train(self._julia, psi))
        kept = Truncation(1, 10**6, 0.0)
        norm = float(np.linalg.norm(found.tensors[-1]))
        return spent / count, max(0.0, 1 - norm**2), right_canonical(found, kept)[0]


def programs(chain: Chain, rules: Truncation, threads: int, hopping: float) -> list[Any]:
    """All that can be had here, pysv's Python backend first."""
    unit = HBAR / hopping
    found: list[Any] = [Pysv("pysv python", BlockEvolution(chain, rules), unit)]
    try:
        from pysv.julia import session
        from pysv.mps.julia import JuliaEvolution

        session.start()
        found.append(Pysv("pysv julia", JuliaEvolution(chain, rules), unit))
    except pysv.errors.JuliaUnavailableError as error:
        print(f"without Julia: {error}")
    found.append(TeNPy(chain, rules, threads, hopping))
    if len(found) == 3:
        found.append(ITensors(chain, rules, threads, unit))
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--electrons", type=int, default=8)
    parser.add_argument("--at", type=int, nargs="+", default=[5, 10, 15, 20, 25, 30, 35, 40], help="times, ħ/γ")
    parser.add_argument("--steps", type=int, default=2, help="Trotter steps of 0.1 ħ/γ at each time")
    parser.add_argument("--max-bond", type=int, default=400)
    parser.add_argument("--min-bond", type=int, default=1, help="1: the rule that all programs have in common")
    parser.add_argument("--discarded-weight", type=float, default=1e-7)
    parser.add_argument("--sites", type=int, default=112)
    parser.add_argument("--threads", type=int, default=numba.get_num_threads(), help="of BLAS under the peers")
    add_option(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with kept(options.keep):
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """All programs in turn from the same states, a line for each time."""
    device = pysv.SpinValve.for_several_electrons(sites=options.sites)
    chain = Chain.of_device(device)
    rules = Truncation(options.min_bond, options.max_bond, options.discarded_weight)
    contestants = programs(chain, rules, options.threads, device.hopping)
    state, known = ground_state(
        device, pysv.ConfinedElectrons(electrons=options.electrons), options.max_bond, tenpy_dmrg
    )
    found = f"ground state {known.energy:.6f} eV (variance {known.variance:.0e})"
    print(f"N_e = {options.electrons}, {device.sites} sites, {found}, {options.threads} threads")
    for contestant in contestants:
        contestant.steps(state, 1)  # compiles
    names = [contestant.name for contestant in contestants]
    print("t (ħ/γ)  bond  " + "  ".join(f"{name:>14}" for name in names) + "   s/step; then discarded, 1 − |overlap|²")
    own, now, whole = BlockEvolution(chain, rules), 0, np.zeros(len(names))
    for instant in sorted(options.at):
        with threadpool_limits(1, "blas"):
            own.apply(state, schedule((instant - now) * HBAR / device.hopping, round((instant - now) / STEP), 2))
        results = [contestant.steps(state, options.steps) for contestant in contestants]
        seconds = np.array([result[0] for result in results])
        whole += seconds * (instant - now) / STEP
        now = instant
        apart = [1 - abs(results[0][2].overlap(result[2])) ** 2 for result in results]
        row = "  ".join(f"{value:>14.3f}" for value in seconds)
        rest = "  ".join(f"{lost:.0e}/{gap:.0e}" for (_, lost, _), gap in zip(results, apart, strict=True))
        print(f"{instant:>7}  {state.dimensions.max():>4}  {row}   {rest}", flush=True)
    print("whole window, s: " + ", ".join(f"{name} {total:.0f}" for name, total in zip(names, whole, strict=True)))
    ratios = dict(zip(names, whole[names.index(TeNPy.name)] / whole, strict=True))
    print("TeNPy's time over theirs: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    figure("ratio: TeNPy", ratios["pysv python"])
    own_ratios = [ratio for name, ratio in ratios.items() if name.startswith("pysv")]
    judge(
        "the faster backend against plain TeNPy", f"{max(own_ratios):.2f} times as fast", ">= 2", max(own_ratios) >= 2
    )
    if len(own_ratios) == 2:
        slower = min(own_ratios)
        judge("the slower backend against plain TeNPy", f"{slower:.2f} times as fast", ">= 1", slower >= 1)


if __name__ == "__main__":
    main()
