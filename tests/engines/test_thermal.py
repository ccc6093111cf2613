"""Gibbs states against the density matrix e^{−βH}/Z in the full product space."""

from __future__ import annotations

import dataclasses

import brute
import numpy as np
import pytest
from scipy.linalg import expm
from test_brute_force import brute_device

import pysv
from pysv.errors import InvalidInputError
from pysv.model.initial import dropped_weight, localized_states

KELVIN = 8.617333262e-5  # eV
ENGINES = {  # and how far from the exact state each may be
    "chebyshev": (pysv.Chebyshev(), 1e-9),
    "rk4": (pysv.RK4(time_step=0.02), 1e-7),
    "qutip": (pysv.QuTiP(), 1e-6),
}


def experiment(convention="pauli", pinning=0.0, temperature=300.0, spin="unpolarized"):
    return pysv.Experiment(
        device=pysv.SpinValve(
            sites=6, polarizer=(2, 3), analyzer=(5, 5), exchange=0.03, exchange_z=0.05, convention=convention
        ),
        source=pysv.WavePacket(center=3, momentum_spread=2.5, spin=spin),
        spins=pysv.Gibbs(temperature=temperature, pinning=pinning, tolerance=0.0),
        times=pysv.times(stop=3, step=1.5),
        record=pysv.Record(density_matrix=True),
    )


def gibbs_density(device: brute.BruteDevice, pinning: float, temperature: float) -> np.ndarray:
    """e^{−βH}/Z of the localized spins, with H written out from Eq. 7 and the pinning field of each layer."""
    n_p = len(device.layers[0])
    n, scale = device.spins, brute.SCALES[device.convention][1]
    h = np.zeros((2**n, 2**n), dtype=complex)
    for i in range(n):
        sign = -1 if i < n_p else 1
        h += sign * pinning * scale * brute._local(brute.PAULI["z"], i, n)
    for i in [*range(n_p - 1), *range(n_p, n - 1)]:
        for axis, sigma in brute.PAULI.items():
            j = device.exchange_z if axis == "z" else device.exchange
            h -= j * scale**2 * brute._local(sigma, i, n) @ brute._local(sigma, i + 1, n)
    rho = expm(-h / (KELVIN * temperature))
    return rho / np.trace(rho)


def thermal_run(convention: str, pinning: float, spin: str | tuple[float, float]):
    """An experiment, and ρ of its spins at every snapshot: U ρ_Gibbs ⊗ ρ_electron U†, dense, electron traced out."""
    own = experiment(convention, pinning, spin=spin)
    device = brute_device(own.device)
    packet = brute.packet(6, 3, np.pi / 2, 2.5)
    up, down = np.array([1, 0]), np.array([0, 1])
    electrons = {"unpolarized": [(0.5, up), (0.5, down)], "down": [(1.0, down)]}
    spinors = electrons[spin] if isinstance(spin, str) else [(1.0, brute.bloch(*spin))]
    electron = sum(w * np.outer(np.kron(packet, s), np.kron(packet, s).conj()) for w, s in spinors)
    rho = np.kron(electron, gibbs_density(device, pinning, 300.0))
    step = expm(-1.5j / brute.HBAR * brute.hamiltonian(device).toarray())
    found = []
    for _ in range(3):
        found.append(np.einsum("eset->st", rho.reshape(12, 8, 12, 8)))
        rho = step @ rho @ step.conj().T
    return own, found


@pytest.mark.parametrize(
    ("convention", "pinning", "spin"),
    [("pauli", 0.0, "unpolarized"), ("mixed", 0.02, "down"), ("half", 0.01, (1.0, 0.4))],
)
def test_thermal_runs_against_the_density_matrix(convention, pinning, spin):
    own, expected = thermal_run(convention, pinning, spin)
    for name, (engine, allowed) in ENGINES.items():
        data = pysv.solve(own, engine=engine, progress=False)
        for index, rho in enumerate(expected):
            tolerance = allowed if index else 1e-12
            np.testing.assert_allclose(data.density_matrix[index], rho, atol=tolerance, rtol=0, err_msg=name)
            negativity = brute.log_negativity(rho, 2, 1)
            assert float(data.log_negativity[index]) == pytest.approx(negativity, abs=10 * tolerance)
    assert dropped_weight(own) == 0


def test_a_cold_strongly_pinned_run_is_the_antiparallel_run(small):
    cold = dataclasses.replace(small, spins=pysv.Gibbs(temperature=5, pinning=0.5))
    one, other = (pysv.solve(run, progress=False) for run in (cold, small))
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], atol=1e-10, rtol=0, err_msg=str(name))
    assert one.attrs["initial_spins"].startswith("pinned Gibbs state at 5 K: prepared with a field of 0.5 eV")
    assert one.attrs["dropped_weight"] < 1e-6
    assert other.attrs["initial_spins"] == "product state"


def test_the_literal_state_has_no_magnetisation_and_says_what_it_is(small):
    data = pysv.solve(dataclasses.replace(small, spins=pysv.Gibbs(temperature=100)), progress=False)
    np.testing.assert_allclose(data.spin_z[0], 0, atol=1e-12)
    assert data.attrs["initial_spins"] == "literal Gibbs state of Eq. 12 at 100 K, field-free: no net magnetisation"
    assert 0 < data.attrs["dropped_weight"] <= 1e-6


def test_dropped_weights_leave_a_small_error(small):
    """What is left out changes the state by at most twice its weight, and is scaled away from the norm."""
    runs = {}
    for tolerance in (0.0, 0.02):
        thermal = dataclasses.replace(small, spins=pysv.Gibbs(temperature=400, pinning=0.02, tolerance=tolerance))
        runs[tolerance] = pysv.solve(thermal, progress=False)
        np.testing.assert_allclose(runs[tolerance].norm, 1, atol=1e-10)
    lost = runs[0.02].attrs["dropped_weight"]
    assert 0.001 < lost <= 0.02
    assert runs[0.0].attrs["dropped_weight"] == 0
    assert 1e-5 < abs(runs[0.02].spin_z - runs[0.0].spin_z).max() <= 2 * lost


def test_equal_weights_are_kept_or_dropped_together():
    """The multiplets of both layers are alike, so that no truncation may favour one layer."""
    states = localized_states(pysv.SpinValve(), pysv.Gibbs(temperature=100))
    pairs = {tuple(map(int, state.label.split("_"))) for state in states}
    assert pairs == {(a, p) for p, a in pairs}
    assert sum(state.weight for state in states) == pytest.approx(1, abs=1e-12)


def test_all_up_holds_22_per_cent_of_a_layer_at_100_kelvin():
    """physics.md §2; within the S = 2 multiplet the z exchange favours m = ±2."""
    states = localized_states(pysv.SpinValve(), pysv.Gibbs(temperature=100, tolerance=0.0))

    layer = sum(s.weight * np.abs(s.amplitude(np.arange(256)).reshape(16, 16)) ** 2 for s in states).sum(axis=1)
    assert layer[0] == pytest.approx(0.22, abs=0.005)


def test_estimate_and_sentences():
    thermal = pysv.Experiment(spins=pysv.Gibbs(temperature=100))
    count = 2 * len(localized_states(thermal.device, thermal.spins))
    assert f"pure runs    {count}, of up to 126 rows" in str(pysv.estimate(thermal))
    big = pysv.Experiment(device=pysv.SpinValve.with_layers(13, 2), spins=pysv.Gibbs())
    with pytest.raises(
        InvalidInputError, match="polarizer has 13 spins; thermal states, ground states and baths need .* at most 12"
    ):
        pysv.estimate(big)
    with pytest.raises(InvalidInputError, match=r"tolerance = 0.2 must be at most 0.1"):
        pysv.Gibbs(tolerance=0.2)


@pytest.mark.slow
def test_gibbs_4_plus_4_to_60_fs_takes_less_than_3_minutes():
    for engine in ("chebyshev", "rk4"):
        run = pysv.Experiment(spins=pysv.Gibbs(temperature=100), times=pysv.times(60, 1))
        assert pysv.solve(run, engine=engine, progress=False).attrs["wall_time"] < 180
