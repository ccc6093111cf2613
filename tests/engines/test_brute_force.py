"""Random small devices against Kronecker products and SciPy in the full product space, with no conservation law."""

from __future__ import annotations

import brute
import numpy as np
import pytest
from conftest import random_experiment

import pysv
from pysv.model.basis import Basis
from pysv.model.initial import collinear_configuration
from pysv.sectors.hamiltonian import Hamiltonian

SEEDS = range(14)


def brute_device(device: pysv.SpinValve) -> brute.BruteDevice:
    return brute.BruteDevice(
        device.sites, device.polarizer, device.analyzer, device.hopping, device.sd_exchange, device.exchange,
        device.exchange_z, device.convention,
    )  # fmt: skip


def brute_run(experiment: pysv.Experiment) -> tuple[brute.BruteDevice, list[list[brute.Run]]]:
    device, source = brute_device(experiment.device), experiment.source
    packet = brute.packet(device.sites, source.center, source.momentum, source.momentum_spread)
    directions = list(experiment.spins.directions(experiment.device))
    runs = brute.pure_runs(device, packet, source.spin, directions)
    return device, brute.evolve(device, runs, list(experiment.times.values))


def test_the_seeds_cover_what_they_should():
    experiments = [random_experiment(seed) for seed in SEEDS]
    assert {e.device.convention for e in experiments} == {"pauli", "half", "mixed"}
    assert any(e.device.n_polarizer != e.device.n_analyzer for e in experiments)
    assert {type(e.spins) for e in experiments} == {pysv.Antiparallel, pysv.ProductState}
    assert {e.source.spin if isinstance(e.source.spin, str) else "tilted" for e in experiments} == {
        "unpolarized", "up", "down", "tilted",
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hamiltonian_is_the_kronecker_product(seed):
    device = random_experiment(seed).device
    n = device.n_spins
    h = Hamiltonian.of_device(device, Basis.of_sectors(n, range(n + 2)))
    rows, sites = h.basis.rows, h.sites
    # Row (σ, c) at site x is the state x ⊗ σ ⊗ c of the product space.
    place = (np.arange(sites) * 2)[None, :] + h.basis.electron[:, None]
    place = (place * 2**n + h.basis.configuration[:, None]).ravel()
    expected = brute.hamiltonian(brute_device(device)).toarray()[np.ix_(place, place)]
    assert rows * sites == len(expected)
    np.testing.assert_allclose(h.sparse().toarray(), expected, atol=1e-14)


METHODS = {
    "chebyshev": pysv.Chebyshev(),
    "rk4": pysv.RK4(time_step=0.002),
    "qutip": pysv.QuTiP(method="vern9", atol=1e-13, rtol=1e-13),
}


def brute_variables(experiment: pysv.Experiment) -> list[dict]:
    """Every variable at every snapshot, by brute force."""
    device, history = brute_run(experiment)
    n = experiment.device.n_spins
    initial = collinear_configuration(experiment.spins.directions(experiment.device))
    bits = None if initial is None else [initial >> (n - 1 - i) & 1 for i in range(n)]
    return [brute.variables(device, runs, experiment.record.momenta, bits) for runs in history]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("engine", METHODS)
def test_every_variable(seed, engine):
    experiment = random_experiment(seed)
    data = pysv.solve(experiment, engine=METHODS[engine], progress=False)
    expected = brute_variables(experiment)
    if "magnon_probability" not in expected[0]:  # of tilted spins: see the rotations in test_analytic.py
        data = data.drop_vars(["magnon_probability", "w_fidelity"])
    assert set(data.data_vars) - {"state_deviation"} == set(expected[0])
    for time, variables in zip(experiment.times.values, expected, strict=True):
        for name, value in variables.items():
            got = data[name].sel(time=time).values
            np.testing.assert_allclose(got, value, atol=1e-9, rtol=0, err_msg=f"{name} at {time} fs")
