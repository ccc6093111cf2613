"""Random small devices against Kronecker products and SciPy in the full product space, with no conservation law."""

from __future__ import annotations

import brute
import numpy as np
import pytest
from conftest import random_experiment

import pysv
from pysv.basis import Basis
from pysv.hamiltonian import Hamiltonian
from pysv.measures.magnons import collinear_configuration

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


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("engine", ["chebyshev", "rk4", "qutip"])
def test_every_variable(seed, engine):
    experiment = random_experiment(seed)
    method = {
        "chebyshev": pysv.Chebyshev(),
        "rk4": pysv.RK4(time_step=0.002),
        "qutip": pysv.QuTiP(method="vern9", atol=1e-13, rtol=1e-13),
    }[engine]
    data = pysv.solve(experiment, engine=method, progress=False)
    device, history = brute_run(experiment)
    n_p, n_a = experiment.device.n_polarizer, experiment.device.n_analyzer
    initial = collinear_configuration(experiment.spins.directions(experiment.device))
    for time, runs in zip(experiment.times.values, history, strict=True):
        got = data.sel(time=time)
        rho = brute.reduced_density(device, runs)
        expected = {
            "density_matrix": rho,
            "entropy_total": brute.entropy(rho),
            "entropy_polarizer": brute.entropy(brute.layer_density(rho, n_p, n_a, "polarizer")),
            "entropy_analyzer": brute.entropy(brute.layer_density(rho, n_p, n_a, "analyzer")),
            "mutual_information": brute.mutual_information(rho, n_p, n_a),
            "log_negativity": brute.log_negativity(rho, n_p, n_a),
            "electron_density": brute.electron_density(runs, device),
            "electron_spin_density_z": brute.electron_spin_density_z(runs, device),
            "norm": brute.norm(runs, device),
            "energy": brute.energy(runs, device),
            "spin_z_total": brute.spin_z_total(runs, device),
            "electron_number": 1.0,
        }
        momenta = experiment.record.momenta
        expected["qfi_paper"] = [brute.qfi_paper(rho, device.positions, k) for k in momenta]
        expected["qfi_variance"] = [brute.qfi_variance(rho, device.positions, k) for k in momenta]
        expected["qfi"] = [brute.qfi_true(rho, device.positions, k) for k in momenta]
        for axis, spins, electron in zip(
            "xyz", brute.spin_expectations(rho).T, brute.electron_spin(runs, device), strict=True
        ):
            expected[f"spin_{axis}"], expected[f"electron_spin_{axis}"] = spins, electron
        if initial is not None:
            bits = [initial >> (n_p + n_a - 1 - i) & 1 for i in range(n_p + n_a)]
            expected["magnon_probability"] = brute.magnon_probability(rho, bits)
            expected["w_fidelity"] = brute.w_fidelity(rho, bits)
        for name, value in expected.items():
            np.testing.assert_allclose(got[name].values, value, atol=1e-9, rtol=0, err_msg=f"{name} at {time} fs")
