"""Entanglement of the electron with the spins, and birth and death of that between the layers."""

from __future__ import annotations

import dataclasses

import brute_general as brute
import numpy as np
import pytest
from test_any_device import history, random_experiment

import pysv
from pysv.errors import LeftOutWarning
from pysv.measures.electron_negativity import ElectronAndSpins
from pysv.measures.lifetime import birth_and_death
from pysv.run.one_run import Run

ASKED = pysv.Record(electron_negativity=True)


def solve(experiment, **options):
    return pysv.solve(dataclasses.replace(experiment, record=ASKED), progress=False, **options)


@pytest.mark.parametrize("seed", range(9))
def test_any_device_against_the_full_product_space(seed):
    experiment = random_experiment(seed)
    found = solve(experiment).log_negativity_electron
    chain, runs = history(experiment)
    assert found["with"].values.tolist() == [*(layer.name for layer in experiment.device.layers), "all"]
    for time, now in enumerate(runs):
        groups = [*chain.members, list(range(chain.spins))]
        expected = [brute.electron_negativity(now, chain, group) for group in groups]
        np.testing.assert_allclose(found[time], expected, atol=1e-6)


@pytest.fixture(scope="module")
def entangled():
    """The paper's packet beside 3+3 spins."""
    device = pysv.SpinValve.with_layers(3, 3)
    run = Run.prepare(pysv.Experiment(device=device, times=pysv.times(20, 20)), "chebyshev", "python")
    engine = run.begin()
    engine.advance(20.0)
    return engine.snapshot().state


def test_a_product_state_is_not_entangled():
    found = solve(pysv.Experiment(device=pysv.SpinValve.with_layers(2, 2), times=pysv.times(1, 1)))
    np.testing.assert_allclose(found.log_negativity_electron[0], 0.0, atol=1e-12)


def test_the_electron_is_less_entangled_with_a_part_than_with_all(entangled):
    """Tracing out spins cannot raise the negativity."""
    found = [ElectronAndSpins.of_mixture(entangled, some).log_negativity()[0] for some in ((0,), (0, 1, 2), range(6))]
    assert 0 < found[0] < found[1] < found[2]


def test_traces_of_a_block(entangled):
    state = ElectronAndSpins.of_mixture(entangled, (0, 1, 2))
    total = 0.0
    for label, rows in state.blocks():
        block = state.dense(label)
        assert block.shape == (rows, rows)
        np.testing.assert_allclose(block, block.conj().T, atol=1e-15)
        np.testing.assert_allclose(state.trace(label), np.trace(block).real, atol=1e-13)
        np.testing.assert_allclose(state.square(label), np.linalg.norm(block) ** 2, atol=1e-13)
        total += state.trace(label)
    np.testing.assert_allclose(total, 1.0, atol=1e-12)


def test_a_sampled_block_agrees_within_its_error(entangled):
    state = ElectronAndSpins.of_mixture(entangled, tuple(range(6)))
    exact, none = state.log_negativity(largest_dense=10**6)
    sampled, error = state.log_negativity(largest_dense=0)
    assert none == 0.0 < error < 0.05
    assert abs(sampled - exact) < 4 * error
    assert np.log(state.bound) >= exact


def test_what_has_no_amplitudes_says_so():
    record = dataclasses.replace(ASKED)
    valve = pysv.SpinValve(sites=14, polarizer=(7, 7), analyzer=(9, 9))
    several = pysv.Experiment(
        device=valve, source=pysv.ConfinedElectrons(confined_sites=4, well=20.0), times=pysv.times(1, 1), record=record
    )
    with pytest.warns(LeftOutWarning, match="electron_negativity = true: log_negativity_electron is left out"):
        found = pysv.solve(several, engine="fock", progress=False)
    assert "log_negativity_electron: needs the amplitudes" in found.left_out
    packet = {"center": 3, "momentum_spread": 1.5}
    train = pysv.Experiment(device=valve, source=pysv.Train(**packet, pulses=1, interval=20.0), record=record)
    with pytest.warns(LeftOutWarning):
        assert "log_negativity_electron: needs the" in pysv.solve(train, progress=False).left_out
    single = pysv.Experiment(device=valve, source=pysv.WavePacket(**packet), times=pysv.times(1, 1), record=record)
    with pytest.warns(LeftOutWarning):
        assert "log_negativity_electron: needs" in pysv.solve(single, engine="llg", progress=False).left_out


def test_never_taken_is_left_out_with_a_reason():
    asked = pysv.Record(electron_negativity=True, every={"log_negativity": 0})
    valve = pysv.SpinValve(sites=14, polarizer=(7, 7), analyzer=(9, 9))
    packet = pysv.WavePacket(center=3, momentum_spread=1.5)
    found = pysv.solve(
        pysv.Experiment(device=valve, source=packet, times=pysv.times(1, 1), record=asked), progress=False
    )
    assert "log_negativity_electron: not asked for: every = { log_negativity = 0 }" in found.left_out


def test_the_estimate_follows_the_sizes():
    """Seconds a snapshot: none for two spins, some for 4+4 beside an unpolarized electron, whose block is sampled."""
    seconds = []
    for n in (1, 2, 4):
        experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(n, n), times=pysv.times(1, 1))
        plain = pysv.estimate(experiment).seconds
        seconds.append((pysv.estimate(dataclasses.replace(experiment, record=ASKED)).seconds - plain) / 2)
    assert seconds[0] < 0.05
    assert seconds[1] < 1.0
    assert 3 < seconds[2] < 60


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_entanglement_that_dies():
    """A Bell pair in a hot bath: the dataset says when the negativity is gone."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=6, polarizer=(3, 3), analyzer=(5, 5), sd_exchange=0.0),
        source=pysv.WavePacket(center=3, momentum_spread=2.5, spin="up"),
        spins=pysv.Bell(),
        bath=pysv.BosonicBath(temperature=1000.0, coupling="xyz", strength=0.01),
        times=pysv.times(200, 20),
    )
    found = pysv.solve(experiment, engine="low-rank", progress=False)
    values = found.log_negativity.values
    assert found.attrs["entanglement_birth"] == 0.0
    death = float(found.attrs["entanglement_death"])
    assert (values[found.time < death] > 1e-6).all()
    assert (values[found.time >= death] <= 1e-6).all()


def test_birth_and_death():
    times, none = np.arange(6.0), np.zeros(6)
    assert birth_and_death(times, none) == (None, None)
    assert birth_and_death(times, np.array([0, 0, 1, 0, 1, 1e-7])) == (2.0, 5.0)
    assert birth_and_death(times, np.array([0, np.nan, 1, 2, 3, np.nan])) == (2.0, None)
    values = np.array([0, 0.2, 0.5, 0.2, 0.2, 0.0])
    assert birth_and_death(times, values, np.full(6, 0.1)) == (2.0, 3.0)
    assert birth_and_death(times, values, np.full(6, np.nan)) == (1.0, 5.0)


def test_a_dataset_says_when_entanglement_begins_and_ends():
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=60, polarizer=(30, 30), analyzer=(34, 34)),
        source=pysv.WavePacket(center=12, momentum_spread=0.4, spin="down"),
        times=pysv.times(14, 0.5),
    )
    found = pysv.solve(experiment, progress=False)
    alive = found.log_negativity > 1e-6
    assert found.attrs["entanglement_birth"] == float(found.time[alive][0])
    assert found.attrs["entanglement_death"] == "none"
    apart = dataclasses.replace(experiment, device=dataclasses.replace(experiment.device, sd_exchange=0.0))
    quiet = pysv.solve(apart, progress=False)
    assert (quiet.attrs["entanglement_birth"], quiet.attrs["entanglement_death"]) == ("none", "none")
