"""The time steps of `trajectories`: the mean over all of them against the dense density matrix of the whole system.

The mean is that of the steps which the engine takes, composed here from dense matrices without pysv.
"""

from __future__ import annotations

import dataclasses

import brute
import brute_open
import numpy as np
import pytest
from scipy.linalg import expm
from test_brute_force import brute_device
from test_splitting import CASES, DEVICES, QUICK, STOP, experiment, reference

import pysv
from pysv.engines._companion import Companion
from pysv.errors import InvalidInputError

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")


def steps_of(own: pysv.Experiment, method: pysv.Trajectories, monkeypatch):
    """The engine at the end, and the steps that it took."""
    taken = []
    usual = Companion.take

    def seen(self, step, pending):
        taken.append(step)
        return usual(self, step, pending)

    monkeypatch.setattr(Companion, "take", seen)
    engine = method.begin(own, "python")
    for time in own.times.values:
        engine.advance(float(time))
    return engine, taken


def composed(taken, spins: str, coupling: str, temperature: float) -> np.ndarray:
    """ρ after the steps: U between nodes, at each node e^{𝒟τ} or e^{ℒτ} with half a step of H_l taken back."""
    device = brute_device(DEVICES[spins])
    packet = brute.packet(device.sites, 3, np.pi / 2, 1.5)
    rho = brute_open.initial_density(brute.pure_runs(device, packet, "unpolarized", brute.antiparallel(device)))
    jumps = brute_open.jump_operators(device, brute_open.BruteBath(temperature, coupling))
    h, layers = brute.hamiltonian(device).toarray(), brute_open.layer_hamiltonian(device)
    electron, size = 2 * device.sites, 2**device.spins
    maps = {}
    for step in taken:
        own = step.rule.bathing(step.length)
        if own.form == "instant":
            after = expm(brute_open.liouvillian(0 * layers, jumps) * own.length / brute.HBAR)
        else:
            assert own.form == "alone"
            half = expm(0.5j * layers * own.length / brute.HBAR)
            back = np.kron(half, half.conj())
            after = back @ expm(brute_open.liouvillian(layers, jumps) * own.length / brute.HBAR) @ back
        for node, gap in enumerate(step.rule.gaps(step.length)):
            if gap not in maps:
                maps[gap] = expm(-1j * h * gap / brute.HBAR)
            rho = maps[gap] @ rho @ maps[gap].conj().T
            if node < len(step.rule.nodes):
                apart = rho.reshape(electron, size, electron, size).transpose(1, 3, 0, 2).reshape(size**2, -1)
                rho = (after @ apart).reshape(size, size, electron, electron).transpose(2, 0, 3, 1)
                rho = rho.reshape(electron * size, -1)
    return rho


@pytest.mark.parametrize(("spins", "coupling", "temperature"), CASES)
def test_the_error_is_what_is_asked_for(spins, coupling, temperature, monkeypatch):
    """‖ρ − ρ_exact‖₁ ≤ state_deviation ≤ what is asked for: 1e-4 in all. Warm baths ask for steps below 0.75 fs."""
    asked = 1e-4
    own = experiment(spins, coupling, temperature)
    engine, taken = steps_of(own, pysv.Trajectories(ntraj=4, tolerance=asked / STOP), monkeypatch)
    off = composed(taken, spins, coupling, temperature) - reference(spins, coupling, temperature)
    distance = float(np.abs(np.linalg.eigvalsh(off)).sum())
    assert 0.005 * asked < distance <= engine.snapshot().deviation <= 1.02 * asked
    if temperature == 300.0:
        assert engine.shortest < 0.75
        engine, _ = steps_of(own, pysv.Trajectories(ntraj=4, time_step=0.75), monkeypatch)
        assert engine.snapshot().deviation > asked


def test_a_long_step_is_off_by_more_than_chance_and_by_less_than_it_says():
    """⟨σᶻ⟩ of the electron, whose statistical error is small; a tolerance makes the difference go."""
    case = QUICK[0]
    own = dataclasses.replace(experiment(*case), times=pysv.times(STOP, STOP))
    populations = np.diag(reference(*case)).real.reshape(own.device.sites, 2, -1).sum(axis=(0, 2))
    true = populations[0] - populations[1]
    offs, errors = {}, {}
    for name, options in {"long": {"time_step": STOP}, "short": {"tolerance": 1e-4 / STOP}}.items():
        data = pysv.solve(own, engine=pysv.Trajectories(ntraj=800, seeds=3, **options), progress=False)
        offs[name] = abs(float(data.electron_spin_z[-1]) - true)
        errors[name] = float(data.electron_spin_z_error[-1])
        assert offs[name] < 4 * errors[name] + float(data.state_deviation[-1])
    assert offs["long"] > 4.5 * errors["long"]
    assert offs["short"] < 4 * errors["short"] + 1e-4


def test_a_run_in_two_parts_takes_the_same_steps():
    own = experiment("1+1", "xyz", 300.0)
    for sampling in ("no-jump apart", "plain"):
        method = pysv.Trajectories(ntraj=6, tolerance=1e-5, sampling=sampling)
        engines = [method.begin(own, "python") for _ in range(3)]
        for time in own.times.values[:3]:
            engines[0].advance(float(time))
            engines[1].advance(float(time))
        engines[2].restore(1.5, {name: array.copy() for name, array in engines[1].state().items()})
        for time in own.times.values[3:]:
            engines[0].advance(float(time))
            engines[2].advance(float(time))
        once, again = engines[0].state(), engines[2].state()
        assert set(once) == set(again)
        once["counts"], again["counts"] = once["counts"][:2], again["counts"][:2]  # some steps are measured once only
        for name, array in once.items():
            np.testing.assert_array_equal(again[name], array, err_msg=name)


def test_steps_do_not_depend_on_the_trajectories():
    """Few or many of them, drawn in either way, see the same companion."""
    own = experiment("2+1", "x", 300.0)
    found = [
        pysv.solve(own, engine=pysv.Trajectories(ntraj=ntraj, sampling=sampling), progress=False)
        for ntraj, sampling in ((4, "plain"), (8, "no-jump apart"))
    ]
    np.testing.assert_array_equal(found[0].state_deviation, found[1].state_deviation)
    assert found[0].state_deviation[-1] == found[0].attrs["state_deviation_reached"] > 1e-6


def test_an_earlier_state_goes_on_without_a_stated_error():
    """It was not measured from the beginning."""
    own = experiment("1+1", "x", 300.0)
    method = pysv.Trajectories(ntraj=4, time_step=0.375)
    begun = method.begin(own, "python")
    begun.advance(1.5)
    new = {"steps", "control", *(name for name in begun.state() if name.startswith("companion"))}
    earlier = {name: array for name, array in begun.state().items() if name not in new}
    again = method.begin(own, "python")
    again.restore(1.5, earlier)
    for engine in (begun, again):
        engine.advance(3.0)
    for name in earlier:
        np.testing.assert_array_equal(again.state()[name][..., :2], begun.state()[name][..., :2], err_msg=name)
    assert begun.snapshot().deviation > 0
    assert again.snapshot().deviation is None
    assert "did not measure the splitting error until 1.5 fs" in again.work().warnings[0]


def test_a_tolerance_that_would_be_ignored_is_refused():
    with pytest.raises(InvalidInputError, match="tolerance = 0.001 would be ignored beside time_step = 0.5; leave one"):
        pysv.Trajectories(tolerance=1e-3, time_step=0.5)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("engine", [pysv.Trajectories(ntraj=4), pysv.LowRank()], ids=lambda engine: engine.name)
def test_no_step_is_short_enough_for_a_very_strong_dephasing(engine):
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=6, polarizer=(3, 3), analyzer=(5, 5)),
        source=pysv.WavePacket(center=2, momentum_spread=1.5),
        bath=pysv.BosonicBath(strength=0.0, dephasing_rate=1000.0),
        times=pysv.times(stop=1, step=1),
    )
    with pytest.raises(pysv.errors.EngineFailureError, match="still have a splitting error of .* larger tolerance"):
        pysv.solve(experiment, engine=engine, progress=False)
