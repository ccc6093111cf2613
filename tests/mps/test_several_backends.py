"""Several electrons, Python × Julia: H, ground state and evolution of both backends on random devices."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from juliahome import needs_tdmrg

import pysv
from pysv.mps.backend import Truncation
from pysv.mps.chain import Chain
from pysv.mps.ground import ground_state
from pysv.mps.tenpy import tenpy_dmrg
from pysv.mps.trotter import GateLayer, schedule

pytestmark = needs_tdmrg

CAREFUL = pysv.TDMRG(discarded_weight=1e-12)
OF_THE_TRUNCATION = ["bond_dimension", "discarded_weight"]
"""Variables that differ where two singular values are as good as equal."""


def random_several(seed: int, electrons: int | None = None) -> pysv.Experiment:
    rng = np.random.default_rng(seed)
    n_p, n_a, gap = (int(n) for n in rng.integers(1, 3, 3))
    first = 4 + int(rng.integers(0, 2))
    layers = [(first, first + n_p - 1), (first + n_p - 1 + gap, first + n_p + n_a - 2 + gap)]
    polarizer, analyzer = layers if seed % 2 else layers[::-1]
    device = pysv.SpinValve(
        sites=max(layers[1][1], first + 3), polarizer=polarizer, analyzer=analyzer,
        hopping=float(rng.uniform(0.7, 1.3)), sd_exchange=float(rng.uniform(-0.8, 0.8)),
        exchange=float(rng.uniform(-0.3, 0.3)), exchange_z=float(rng.uniform(-0.3, 0.3)),
        convention=("pauli", "half", "mixed")[seed % 3],
    )  # fmt: skip
    source = pysv.ConfinedElectrons(
        electrons=electrons or int(rng.choice([2, 4])), confined_sites=3, well=60.0, field=10.0
    )
    return pysv.Experiment(device=device, source=source, times=pysv.times(stop=2, step=1))


def assert_equal(one, other, tolerance):
    assert set(one.data_vars) == set(other.data_vars)
    for name in set(one.data_vars) - set(OF_THE_TRUNCATION):
        np.testing.assert_allclose(other[name], one[name], atol=tolerance, rtol=0, err_msg=name)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_julia_makes_the_same_hamiltonian_of_its_own_operators(seed):
    from pysv.julia import session
    from pysv.mps.julia import julia_chain

    experiment = random_several(seed)
    for source in (None, experiment.source):
        chain = Chain.of_device(experiment.device, source)
        theirs = julia_chain(chain)
        for left in range(chain.sites - 1):
            expected = chain.bond(left)
            found = np.zeros_like(expected)
            session.call("write_bond!", theirs, left + 1, int(found.ctypes.data))
            np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_backends_agree_on_random_devices(seed):
    """Ground state by TeNPy and by ITensorMPS, gates by numba and by Julia: two programs from beginning to end."""
    experiment = random_several(seed)
    python, julia = (
        pysv.solve(experiment, engine=CAREFUL, backend=backend, progress=False) for backend in ("python", "julia")
    )
    assert (python.attrs["backend"], julia.attrs["backend"]) == ("python", "julia")
    assert_equal(python, julia, 2e-6)
    for key in ("engine_ground_state_energy", "engine_electrons_outside_well"):
        assert julia.attrs[key] == pytest.approx(python.attrs[key], abs=1e-8)
    assert abs(julia.attrs["engine_ground_state_variance"]) < 1e-7


@pytest.fixture(scope="module")
def started():
    experiment = random_several(7, electrons=4)
    state, _ = ground_state(experiment.device, experiment.source, 400, tenpy_dmrg)
    return experiment, Chain.of_device(experiment.device), state


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_gates_agree_from_the_same_state(seed):
    """Same start, gates and truncation: the same state and the same discarded weight."""
    from pysv.mps.gates import BlockEvolution
    from pysv.mps.julia import JuliaEvolution

    experiment = random_several(seed)
    chain = Chain.of_device(experiment.device)
    start, _ = ground_state(experiment.device, experiment.source, 400, tenpy_dmrg)
    for rules in (Truncation(1, 1000, 1e-13), Truncation(4, 20, 1e-7)):
        states, losses = [start.copy(), start.copy()], []
        for state, kind in zip(states, (BlockEvolution, JuliaEvolution), strict=True):
            lost, _ = kind(chain, rules).apply(state, schedule(1.0, 8, 2))
            losses.append(lost)
        assert abs(abs(states[0].overlap(states[1])) - 1) < 1e-9 + losses[0].sum()
        np.testing.assert_allclose(losses[1], losses[0], atol=1e-10, rtol=0.02)


def test_forward_and_backward(started):
    from pysv.mps.julia import JuliaEvolution

    _, chain, first = started
    propagator = JuliaEvolution(chain, Truncation(1, 1000, 1e-14))
    state, layers = first.copy(), schedule(2.0, 15, 2)
    propagator.apply(state, layers)
    assert abs(state.overlap(first)) < 0.9
    propagator.apply(state, [GateLayer(layer.parity, -layer.duration) for layer in layers[::-1]])
    assert abs(abs(state.overlap(first)) - 1) < 1e-9


def test_tdvp_agrees_with_gates():
    experiment = random_several(11, electrons=2)
    gates = pysv.solve(experiment, engine=dataclasses.replace(CAREFUL, trotter_order=4), progress=False)
    method = pysv.TDMRG(method="tdvp", time_step=0.05, discarded_weight=1e-12)
    tdvp = pysv.solve(experiment, engine=method, progress=False)
    assert tdvp.attrs["backend"] == "julia"
    for name in ("spin_z", "electron_density", "entropy_half", "log_negativity", "energy"):
        np.testing.assert_allclose(tdvp[name], gates[name], atol=1e-4, err_msg=name)


@pytest.mark.parametrize(("first", "then"), [("python", "julia"), ("julia", "python"), ("julia", "julia")])
def test_one_backend_goes_on_where_another_stopped(tmp_path, first, then):
    """Interrupted, resumed and extended by the other backend: the run that one backend did whole."""
    experiment = random_several(7, electrons=4)
    whole = pysv.solve(experiment, engine=CAREFUL, backend=first, progress=False)
    short = dataclasses.replace(experiment, times=pysv.times(stop=1, step=1))
    pysv.solve(short, engine=CAREFUL, backend=first, out=tmp_path / "run.nc", progress=False)
    resumed = pysv.resume(tmp_path / "run.nc", stop=2, backend=then, progress=False)
    assert resumed.attrs["backend"] == then
    assert_equal(whole, resumed, 1e-7)


def test_correlators_of_two_electrons():
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=16, polarizer=(6, 7), analyzer=(10, 11)),
        source=pysv.ConfinedElectrons(confined_sites=3, well=60.0), times=pysv.times(stop=2, step=1),
    )  # fmt: skip
    method = pysv.TDMRG(time_step=0.1, discarded_weight=1e-12)
    python, julia = (
        pysv.correlator(experiment, engine=method, backend=backend, progress=False) for backend in ("python", "julia")
    )
    np.testing.assert_allclose(julia.correlation, python.correlation, atol=1e-8)
