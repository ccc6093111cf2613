"""The stated error of `low-rank` against the dense density matrix of the whole system, and its time steps."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import brute
import brute_open
import numpy as np
import pytest
from scipy.linalg import expm
from test_brute_force import brute_device

import pysv
from pysv.engines._columns import Columns, trace_distance
from pysv.engines._open_system import OpenSystem
from pysv.errors import InvalidInputError
from pysv.model.baths.jumps import layer_baths
from pysv.model.channel import LayerChannel, relaxation

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
STOP = 3.0
DEVICES = {
    "1+1": pysv.SpinValve(sites=10, polarizer=(5, 5), analyzer=(7, 7)),
    "2+1": pysv.SpinValve(sites=8, polarizer=(4, 5), analyzer=(7, 7)),
}
QUICK = [("1+1", "x", 300.0), ("2+1", "z", 300.0)]
CASES = [
    pytest.param(*case, marks=[] if case in QUICK else pytest.mark.slow)
    for case in (
        (spins, coupling, kelvin) for spins in DEVICES for coupling in ("x", "z", "xyz") for kelvin in (10.0, 300.0)
    )
]


def experiment(spins: str, coupling: str, temperature: float, stop: float = STOP) -> pysv.Experiment:
    return pysv.Experiment(
        device=DEVICES[spins],
        source=pysv.WavePacket(center=3, momentum_spread=1.5),
        bath=pysv.BosonicBath(temperature=temperature, coupling=coupling),
        times=pysv.times(stop, 0.75),
    )


@lru_cache
def reference(spins: str, coupling: str, temperature: float) -> np.ndarray:
    """Density matrix of the whole system at the end."""
    own = experiment(spins, coupling, temperature)
    device = brute_device(own.device)
    packet = brute.packet(device.sites, 3, np.pi / 2, 1.5)
    start = brute_open.initial_density(brute.pure_runs(device, packet, "unpolarized", brute.antiparallel(device)))
    jumps = brute_open.jump_operators(device, brute_open.BruteBath(temperature, coupling))
    return brute_open.evolve(device, start, jumps, [0.0, STOP])[-1]


def whole(snapshot, device: brute.BruteDevice) -> np.ndarray:
    """ρ of the electron and the spins, over site ⊗ spin ⊗ configuration."""
    size = 2**device.spins
    rho = np.zeros((2 * device.sites * size,) * 2, complex)
    for part in snapshot.state.parts:
        psi = np.zeros((device.sites, 2, size), complex)
        basis = part.hamiltonian.basis
        psi[:, basis.electron, basis.configuration] = part.hamiltonian.layout.flat(part.psi).T
        rho += part.weight * np.outer(psi, psi.conj())
    return rho


def run(own: pysv.Experiment, method: pysv.LowRank):
    engine = method.begin(own, "python")
    for time in own.times.values:
        engine.advance(float(time))
    return engine


def distance(engine, spins: str, coupling: str, temperature: float) -> float:
    device = brute_device(DEVICES[spins])
    off = whole(engine.snapshot(), device) - reference(spins, coupling, temperature)
    return float(np.abs(np.linalg.eigvalsh(off)).sum())


@pytest.mark.parametrize(("spins", "coupling", "temperature"), CASES)
def test_the_error_is_what_is_asked_for(spins, coupling, temperature):
    """‖ρ − ρ_exact‖₁ ≤ state_deviation ≤ 4 · tolerance per fs, with 1e-6 in all."""
    asked = 1e-6
    engine = run(experiment(spins, coupling, temperature), pysv.LowRank(tolerance=asked / (4 * STOP)))
    stated = engine.snapshot().deviation
    assert distance(engine, spins, coupling, temperature) <= stated <= 1.02 * asked
    assert engine.splitting > 0.01 * asked


@pytest.mark.parametrize("order", [2, 4])
def test_the_error_of_given_steps_is_measured(order):
    """It bounds the true one and falls with the order."""
    case = QUICK[0]
    stated = []
    for step in (0.375, 0.1875):
        engine = run(experiment(*case), pysv.LowRank(tolerance=1e-9, time_step=step, order=order))
        stated.append(engine.splitting)
        assert engine.shortest == step
        assert distance(engine, *case) <= engine.snapshot().deviation
    assert stated[0] / stated[1] > 0.7 * 2**order


def test_a_distant_electron_asks_for_no_short_steps():
    """There the layers relax by themselves, which one step of 1 fs does exactly."""
    own = experiment("2+1", "x", 300.0)
    far = pysv.SpinValve(sites=60, polarizer=(40, 41), analyzer=(44, 44))
    own = dataclasses.replace(own, device=far, source=pysv.WavePacket(center=6, momentum_spread=0.6))
    engine = run(dataclasses.replace(own, times=pysv.times(3, 1)), pysv.LowRank(tolerance=1e-7))
    assert engine.shortest == 1.0
    assert engine.splitting < 1e-7


def test_only_sites_that_the_electron_can_reach_are_stored():
    """On a long chain: fewer sites than there are, and the same state as with all of them."""
    own = dataclasses.replace(
        experiment("1+1", "x", 300.0),
        device=pysv.SpinValve(sites=150, polarizer=(70, 70), analyzer=(74, 74)),
        source=pysv.WavePacket(center=60, momentum_spread=1.0),
    )
    engine = run(own, pysv.LowRank(tolerance=1e-6))
    begin, end = engine.columns.window
    assert 20 < begin < end < 110
    dense = [psi for basis in engine.columns.states() for psi in basis]
    assert all(not psi[..., :begin].any() and not psi[..., end:].any() for psi in dense)

    moved = own.device.lengthened(0, 30)
    longer = run(dataclasses.replace(own, device=moved), pysv.LowRank(tolerance=1e-6))
    kept = longer.columns
    assert kept.window == (begin, end)
    assert kept.applications == engine.columns.applications

    one = Columns.of_states(engine.system, engine.columns.states())
    assert one.window == (0, 150)
    one.evolve(0.5)
    engine.columns.evolve(0.5)
    assert trace_distance(one, engine.columns) < 1e-9
    assert one.window[0] > 0


def test_an_error_that_grows_between_measurements_counts():
    """The stated splitting error against one that is measured at every step."""
    own = experiment("2+1", "x", 300.0)
    far = pysv.SpinValve(sites=60, polarizer=(30, 31), analyzer=(34, 34))
    source = pysv.WavePacket(center=16, momentum_spread=0.6)
    own = dataclasses.replace(own, device=far, source=source, times=pysv.times(8, 1))
    seldom = run(own, pysv.LowRank(tolerance=1e-6, time_step=0.25))
    always = pysv.LowRank(tolerance=1e-6, time_step=0.25).begin(own, "python")
    for time in own.times.values:
        always.control.held = 0.0
        for quarter in np.arange(time - 0.75, time + 0.1, 0.25) if time else [0.0]:
            always.control.held = 0.0
            always.control.since = 0.0
            always.advance(float(quarter))
    assert 0.8 < seldom.splitting / always.splitting < 1.5


def test_a_run_in_two_parts_takes_the_same_steps():
    own = experiment("1+1", "xyz", 300.0)
    method = pysv.LowRank(tolerance=1e-6)
    once = run(own, method)
    begun = run(dataclasses.replace(own, times=pysv.times(1.5, 0.75)), method)
    again = method.begin(own, "python")
    again.restore(1.5, {name: array.copy() for name, array in begun.state().items()})
    for time in (2.25, 3.0):
        again.advance(time)
    for name, array in once.state().items():
        np.testing.assert_array_equal(again.state()[name], array, err_msg=name)


def test_earlier_files_go_on_with_the_level_of_their_steps():
    own, method = experiment("1+1", "x", 300.0), pysv.LowRank(tolerance=1e-6)
    begun = run(dataclasses.replace(own, times=pysv.times(1.5, 0.75)), method)
    saved = {name: array.copy() for name, array in begun.state().items() if name != "window"}
    again = method.begin(own, "python")
    again.restore(1.5, saved | {"control": np.array([3.0, 0.2, 0.0])})
    assert again.control.level == 3
    for time in (2.25, 3.0):
        again.advance(time)
    assert distance(again, "1+1", "x", 300.0) <= again.snapshot().deviation < 4e-6 * STOP


def test_the_trace_distance_of_columns():
    """Against dense matrices, for a difference far below the square root of the machine's precision."""
    system = OpenSystem(experiment("1+1", "x", 300.0))
    rng = np.random.default_rng(1)
    shapes = [hamiltonian.shape for hamiltonian in system.hamiltonians]
    parts = [rng.normal(size=(3, *shape)) + 1j * rng.normal(size=(3, *shape)) for shape in shapes]
    one = Columns(system, [part / np.linalg.norm(part) for part in parts])
    unit = np.zeros((1, *shapes[0]), complex)
    unit.reshape(-1)[0] = 1
    other = Columns(system, [np.concatenate([one.parts[0], 1e-5 * unit]), *one.parts[1:]])
    assert trace_distance(one, other) == pytest.approx(1e-10, rel=1e-4)
    dense = 0.0
    turned = Columns(system, [part[::-1] * np.array([1.0, 2.0, 1j])[:, None, None, None] for part in one.parts])
    for left, right in zip(one.parts, turned.parts, strict=True):
        left, right = left.reshape(3, -1).T, right.reshape(3, -1).T
        dense += np.abs(np.linalg.eigvalsh(left @ left.conj().T - right @ right.conj().T)).sum()
    assert trace_distance(one, turned) == pytest.approx(dense, rel=1e-12)


@pytest.mark.parametrize("lamb_shift", [False, True])
def test_forms_of_a_channel(lamb_shift):
    """Kraus maps against e^{𝒟τ}, and against e^{ℒ_l τ} with half a step of H_l taken back on either side."""
    bath = pysv.BosonicBath(temperature=300, lamb_shift=lamb_shift)
    layer = layer_baths(pysv.SpinValve(sites=8, polarizer=(1, 2), analyzer=(4, 4)), bath)[0]
    step = 1.3
    h = layer.spectrum.vectors @ np.diag(layer.spectrum.energies) @ layer.spectrum.vectors.T
    back = expm(0.5j * h * step / brute.HBAR)
    turn = np.kron(back, back.conj())
    instant = expm(brute_open.liouvillian(layer.lamb_shift, list(layer.jumps)) * step / brute.HBAR)
    alone = expm(brute_open.liouvillian(h + layer.lamb_shift, list(layer.jumps)) * step / brute.HBAR)
    for form, map_ in (("instant", instant), ("alone", turn @ alone @ turn)):
        kraus = LayerChannel.of_bath(layer, step, form).kraus
        np.testing.assert_allclose(sum(np.kron(k, k.conj()) for k in kraus), map_, atol=1e-12)
        np.testing.assert_allclose(sum(k.conj().T @ k for k in kraus), np.eye(4), atol=1e-12)
    np.testing.assert_allclose(relaxation(layer, step), alone, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"order": 3}, "order = 3 must be 2 or 4"),
        ({"order": True}, "order = True must be 2 or 4"),
        ({"time_step": 0.0}, r"time_step = 0 must be at least 1e-06 \(fs\)"),
    ],
)
def test_bad_options(options, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        pysv.LowRank(**options)
