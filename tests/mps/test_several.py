"""Several electrons: the exact two-electron engine and tDMRG against brute force, free fermions and each other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from brute_several import HBAR, Several
from hypothesis import given, settings
from hypothesis import strategies as st

import pysv
from pysv.mps.backend import Truncation
from pysv.mps.canonical import right_canonical
from pysv.mps.chain import Chain
from pysv.mps.gates import BlockEvolution
from pysv.mps.ground import ground_state
from pysv.mps.state import Leg, MatrixProductState
from pysv.mps.tenpy import tenpy_dmrg, tenpy_model
from pysv.mps.trotter import GateLayer, schedule

COUPLINGS = {"hopping": 0.9, "sd_exchange": 0.6, "exchange": 0.13, "exchange_z": 0.2}
CASES = {  # electrons, confined sites, device
    "two electrons, 2+2 spins": (2, 2, {"sites": 6, "polarizer": (3, 4), "analyzer": (5, 6), "convention": "mixed"}),
    "two electrons, FM_a first": (2, 1, {"sites": 5, "polarizer": (4, 5), "analyzer": (2, 2), "convention": "half"}),
    "two electrons, a longer chain": (
        2,
        3,
        {"sites": 8, "polarizer": (4, 5), "analyzer": (7, 8), "convention": "pauli"},
    ),
    "four electrons, 2+2 spins": (4, 3, {"sites": 7, "polarizer": (4, 5), "analyzer": (6, 7), "convention": "pauli"}),
    "four electrons, 1+2 spins": (4, 3, {"sites": 6, "polarizer": (4, 4), "analyzer": (5, 6), "convention": "pauli"}),
}
WELL, FIELD = 60.0, 10.0  # deep: the layers are next to the well
TIMES = pysv.times(stop=3, step=1.5)
CAREFUL = pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0)


def experiment_of(name: str) -> pysv.Experiment:
    electrons, confined, device = CASES[name]
    return pysv.Experiment(
        device=pysv.SpinValve(**device, **COUPLINGS),
        source=pysv.ConfinedElectrons(electrons=electrons, confined_sites=confined, well=WELL, field=FIELD),
        times=TIMES,
        record=pysv.Record(density_matrix=True),
    )


def brute_states(name: str) -> tuple[Several, float, list[np.ndarray]]:
    """Brute-force chain, ground-state energy, and the state at every snapshot."""
    electrons, confined, device = CASES[name]
    chain = Several(**device, **COUPLINGS, electrons=electrons)
    energy, psi = chain.ground_state(confined, WELL, FIELD)
    return chain, energy, [chain.evolve(psi, t) for t in TIMES.values]


@pytest.fixture(scope="module", params=sorted(CASES))
def exact(request):
    """Experiment, and what brute force makes of it."""
    return experiment_of(request.param), *brute_states(request.param)


def assert_equal_to_brute_force(data, chain, states, tolerance):
    for k, psi in enumerate(states):
        for name, value in chain.variables(psi).items():
            np.testing.assert_allclose(data[name][k].values, value, atol=tolerance, rtol=0, err_msg=f"{name} at {k}")
    assert float(data.log_negativity[-1]) > 10 * tolerance  # there is entanglement to compare


def test_two_electrons_are_exact(exact):
    experiment, chain, energy, states = exact
    if experiment.source.electrons != 2:
        with pytest.raises(pysv.errors.EngineError, match="serves .* with electrons = 2, not 4; use 'auto'"):
            pysv.solve(experiment, engine="fock", progress=False)
        return
    data = pysv.solve(experiment, engine="fock", progress=False)
    assert data.attrs["engine_ground_state_energy"] == pytest.approx(energy, abs=1e-10)
    assert abs(data.attrs["engine_ground_state_variance"]) < 1e-9
    assert_equal_to_brute_force(data, chain, states, 1e-9)


def test_tdmrg_is_right(exact):
    experiment, chain, energy, states = exact
    data = pysv.solve(experiment, engine=CAREFUL, progress=False)
    assert data.attrs["engine_ground_state_energy"] == pytest.approx(energy, abs=1e-9)
    assert abs(data.attrs["engine_ground_state_variance"]) < 1e-8
    assert_equal_to_brute_force(data, chain, states, 2e-5)


@settings(max_examples=4)
@given(st.integers(0, 10**6))
def test_one_electron_in_the_chain(seed):
    """N_e = 1 in a matrix-product state is the one-electron engine, for random couplings and collinear spins."""
    rng = np.random.default_rng(seed)
    up, down = (0.0, 0.0), (np.pi, 0.0)
    device = pysv.SpinValve(
        sites=9, polarizer=(4, 5), analyzer=(7, 8), hopping=float(rng.uniform(0.5, 1.5)),
        sd_exchange=float(rng.uniform(-0.8, 0.8)), exchange=float(rng.uniform(-0.3, 0.3)),
        exchange_z=float(rng.uniform(-0.3, 0.3)), convention=("pauli", "half", "mixed")[seed % 3],
    )  # fmt: skip
    directions = [(up, down)[int(n)] for n in rng.integers(0, 2, 4)]
    experiment = pysv.Experiment(
        device=device,
        source=pysv.WavePacket(center=4, momentum_spread=1.5, spin=("up", "down")[seed % 2]),
        spins=pysv.ProductState(polarizer=tuple(directions[:2]), analyzer=tuple(directions[2:])),
        times=pysv.times(stop=2, step=1),
    )
    reference = pysv.solve(experiment, progress=False)
    data = pysv.solve(experiment, engine=CAREFUL, progress=False)
    assert set(reference.data_vars) - set(data.data_vars) == {"state_deviation"}
    for name in set(reference.data_vars) - {"state_deviation"}:
        np.testing.assert_allclose(data[name], reference[name], atol=1e-5, rtol=0, err_msg=name)
    np.testing.assert_allclose(data.spin_z[0], reference.spin_z[0], atol=1e-12)  # the packet itself is exact


def free_fermions(electrons: int) -> tuple[pysv.Experiment, np.ndarray]:
    """J_sd = 0: the density of a Slater determinant at every snapshot."""
    device = pysv.SpinValve(sites=14, polarizer=(10, 11), analyzer=(13, 14), sd_exchange=0.0)
    experiment = pysv.Experiment(
        device=device, source=pysv.ConfinedElectrons(electrons=electrons, confined_sites=5, well=20.0),
        times=pysv.times(stop=2, step=1),
    )  # fmt: skip
    hopping = -np.eye(14, k=1) - np.eye(14, k=-1)
    _, levels = np.linalg.eigh(hopping - np.diag(20.0 * (np.arange(14) < 5)))
    energies, modes = np.linalg.eigh(hopping)
    phases = np.exp(-1j * energies * experiment.times.values[:, None, None] / HBAR)
    orbitals = (modes * phases) @ modes.T @ levels[:, : electrons // 2]
    return experiment, 2 * (np.abs(orbitals) ** 2).sum(axis=2)


def test_without_coupling_the_electrons_are_free():
    """J_sd = 0, N_e = 8: the densities are those of a Slater determinant; what truncation may change is known."""
    experiment, densities = free_fermions(8)
    method = pysv.TDMRG(discarded_weight=1e-9, max_bond=300, time_step=0.15, trotter_order=4)
    data = pysv.solve(experiment, engine=method, progress=False)
    np.testing.assert_allclose(data.electron_density, densities, atol=1e-4)
    assert data.attrs["engine_discarded_weight"] < 1e-6
    np.testing.assert_allclose(data.spin_z, [[1, 1, -1, -1]] * 3, atol=1e-10)


@pytest.fixture(scope="module")
def started():
    experiment = experiment_of("four electrons, 1+2 spins")
    state, _ = ground_state(experiment.device, experiment.source, 400, tenpy_dmrg)
    return Chain.of_device(experiment.device), state


def test_forward_and_backward(started):
    chain, first = started
    propagator = BlockEvolution(chain, Truncation(1, 1000, 1e-14))
    state = first.copy()
    layers = schedule(2.0, 15, 2)
    propagator.apply(state, layers)
    assert abs(state.overlap(first)) < 0.9
    propagator.apply(state, [GateLayer(layer.parity, -layer.duration) for layer in layers[::-1]])
    assert abs(abs(state.overlap(first)) - 1) < 1e-9
    assert abs(state.overlap(state) - 1) < 1e-9


def test_the_trotter_error_falls_with_its_order(started):
    """Halving δt divides the distance from the exact state by 4 (order 2) and by 16 (order 4)."""
    chain, first = started
    propagator = BlockEvolution(chain, Truncation(1, 1000, 0.0))

    def evolved(count, order):
        state = first.copy()
        propagator.apply(state, schedule(1.0, count, order))
        return state

    exact = evolved(40, 4)
    for order, count, ratio in ((2, 10, 4), (4, 3, 16)):
        found = [np.sqrt(2 - 2 * abs(exact.overlap(evolved(n, order)))) for n in (count, 2 * count)]
        assert found[0] / found[1] == pytest.approx(ratio, rel=0.2)


def test_truncation_reports_what_it_takes(started):
    """The overlap with an untruncated state is lost as the discarded weight says, and the state stays canonical."""
    chain, first = started
    layers = schedule(1.5, 10, 2)
    exact, rough = first.copy(), first.copy()
    BlockEvolution(chain, Truncation(1, 1000, 0.0)).apply(exact, layers)
    lost, limited = BlockEvolution(chain, Truncation(1, 12, 1e-12)).apply(rough, layers)
    assert limited
    assert rough.dimensions.max() == 12
    assert 1e-6 < lost.sum() < 0.1
    assert 1 - abs(rough.overlap(exact)) ** 2 < 4 * lost.sum()
    assert abs(rough.overlap(rough) - 1) < 4 * lost.sum()
    fine = first.copy()
    lost, limited = BlockEvolution(chain, Truncation(1, 1000, 1e-5)).apply(fine, layers)
    assert not limited
    assert lost.max() <= 1e-5 * len(layers)
    assert exact.dimensions.max() > fine.dimensions.max()


def left_canonical(state):
    """The same state with its centre at the last site, by QR decompositions; no Schmidt values; norm 3."""
    legs, tensors = list(state.legs), list(state.tensors)
    for site in range(state.sites - 1):
        here = MatrixProductState(state.spaces, legs, tensors).blocks(site)
        factors, placed = {}, {}
        for b in range(legs[site + 1].charges.size):
            held = [(a, p, matrix) for a, p, right, matrix in here if right == b]
            q, factors[b] = np.linalg.qr(np.vstack([matrix for _, _, matrix in held]))
            rows = np.cumsum([0] + [len(matrix) for _, _, matrix in held])
            placed |= {(a, p): q[rows[n] : rows[n + 1]] for n, (a, p, _) in enumerate(held)}
        tensors[site] = np.concatenate([placed[a, p].ravel() for a, p, _, _ in here])
        after = MatrixProductState(state.spaces, legs, tensors).blocks(site + 1)
        tensors[site + 1] = np.concatenate([(factors[a] @ matrix).ravel() for a, _, _, matrix in after])
        sizes = np.array([len(factors[b]) for b in range(len(factors))])
        legs[site + 1] = Leg(legs[site + 1].charges, sizes, np.full(sizes.sum(), np.nan))
    tensors[-1] = 3 * tensors[-1]
    return MatrixProductState(state.spaces, legs, tensors)


def test_a_left_canonical_state_is_brought_into_form(started):
    """Nothing is lost, Schmidt values are those there were, and the tensors are right-canonical; truncation counts."""
    chain, first = started
    state = first.copy()
    BlockEvolution(chain, Truncation(1, 1000, 1e-13)).apply(state, schedule(1.0, 5, 2))
    found, lost, limited = right_canonical(left_canonical(state), Truncation(1, 1000, 1e-13))
    assert abs(abs(found.overlap(state)) - 1) < 1e-9
    assert lost.max() < 1e-12
    assert not limited.any()
    for one, other in zip(found.legs, state.legs, strict=True):
        np.testing.assert_allclose(np.sort(one.schmidt)[::-1][:8], np.sort(other.schmidt)[::-1][:8], atol=1e-9)
    for site in range(found.sites):
        for a, size in enumerate(found.legs[site].sizes):
            rows = np.hstack([matrix for left, _, _, matrix in found.blocks(site) if left == a])
            np.testing.assert_allclose(rows @ rows.conj().T, np.eye(size), atol=1e-10)
    rough, lost, limited = right_canonical(left_canonical(state), Truncation(1, 6, 1e-9))
    assert rough.dimensions.max() == 6
    assert limited.any()
    assert lost.sum() / 4 < 1 - abs(rough.overlap(state)) ** 2 < 4 * lost.sum()
    assert abs(rough.overlap(rough) - 1) < 1e-9


def test_the_product_state_is_kept_exactly():
    """Bonds on which nothing happens are left out; the vacuum beside polarised layers stays as it is."""
    chain = Chain.of_device(pysv.SpinValve(sites=12, polarizer=(4, 5), analyzer=(8, 9)))
    states = [2 * 0 + (0 if site < 6 else 1) if space.has_spin else 0 for site, space in enumerate(chain.spaces)]
    state = MatrixProductState.product(chain.spaces, states)
    lost, _ = BlockEvolution(chain, Truncation(1, 10, 0.0)).apply(state, schedule(1.0, 10, 2))
    assert lost.sum() == 0
    assert state.dimensions.tolist() == [1] * 11


def test_against_tenpy(started):
    """The same gates applied by TeNPy's own TEBD, in its own format, to a product state."""
    from tenpy.algorithms.tebd import TEBDEngine
    from tenpy.networks.mps import MPS

    chain, _ = started
    places = [3, 1, 0, 2, 1, 1]  # ↑↓, ↑, ∅, and on the spins' sites ↑⊗↑, ∅⊗↓, ∅⊗↓
    state = MatrixProductState.product(chain.spaces, places)
    BlockEvolution(chain, Truncation(1, 1000, 0.0)).apply(state, schedule(1.0, 10, 2))
    model = tenpy_model(chain)
    psi = MPS.from_product_state(model.lat.mps_sites(), places, unit_cell_width=chain.sites)
    options = {"order": 2, "dt": 0.1 / HBAR, "N_steps": 10, "trunc_params": {"chi_max": 1000, "svd_min": 1e-12}}
    TEBDEngine(psi, model, options).run()
    np.testing.assert_allclose(state.entropies, psi.entanglement_entropy(), atol=1e-3)
    from pysv.mps.tenpy import from_tenpy

    assert abs(from_tenpy(chain, psi).overlap(state)) == pytest.approx(1, abs=1e-4)


def test_energy_and_electrons_are_conserved():
    experiment = dataclasses.replace(
        experiment_of("four electrons, 1+2 spins"), times=pysv.times(stop=10, step=2), record=pysv.Record()
    )
    data = pysv.solve(experiment, engine=pysv.TDMRG(trotter_order=4, discarded_weight=1e-12), progress=False)
    for name, allowed in {"electron_number": 1e-9, "spin_z_total": 1e-9, "norm": 1e-7, "energy": 1e-4}.items():
        assert data.attrs[f"drift_{name}"] < allowed, name


@pytest.mark.slow
def test_two_engines_on_the_paper_chain():
    """N_e = 2 on 112 sites with 4+4 spins to 20 fs: tDMRG of fourth order equals the exact engine."""
    experiment = pysv.Experiment(source=pysv.ConfinedElectrons(), times=pysv.times(stop=20, step=2))
    reference = pysv.solve(experiment, engine="fock", progress=False)
    data = pysv.solve(experiment, engine=pysv.TDMRG(trotter_order=4, discarded_weight=1e-10), progress=False)
    for name in ("spin_z", "electron_density", "entropy_half", "log_negativity", "mutual_information"):
        np.testing.assert_allclose(data[name], reference[name], atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_what_the_paper_says_of_figure_6():
    """From two to eight electrons the spins shrink more, and S_half grows larger (on the chain of `figure 6 --quick`)."""
    from pysv.figures import catalog
    from pysv.figures.planned import Version

    runs = catalog.runs(6, Version(quick=True)).values()
    found = [pysv.solve(run.experiment, engine=run.engine, progress=False) for run in runs]
    shrunk = [1 - float(abs(data.spin_z).min()) for data in found]
    halves = [float(data.entropy_half.max()) for data in found]
    assert 0.01 < shrunk[0] < shrunk[1] < shrunk[2]
    assert 0.1 < halves[0] < halves[1] < halves[2]
