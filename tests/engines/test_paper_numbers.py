"""The table of check numbers: brute force in the full product space, 4+4 spins, 201 sites, x₀ = 14, unpolarized."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pysv

TABLE = {
    10: {
        "spin_z": [0.8382, 0.9042, 0.9324, 0.9792, -0.9745, -0.9887, -0.9942, -0.9982], "electron_spin_z": 0.30179,
        "entropy_total": 0.739406, "mutual_information": 0.006472, "log_negativity": 0.003732,
        "magnon_probability": [0.8114, 0.1821, 0.0064], "w_fidelity": 0.03157,
    },
    20: {
        "spin_z": [0.6975, 0.5870, 0.7291, 0.7511, -0.6032, -0.6826, -0.7087, -0.8487], "electron_spin_z": 0.07854,
        "entropy_total": 2.380254, "mutual_information": 0.437211, "log_negativity": 0.099137,
        "magnon_probability": [0.2139, 0.4752, 0.2258], "w_fidelity": 0.09360, "qfi_paper": [1.5615, 2.1380],
    },
    30: {
        "spin_z": [0.8464, 0.7697, 0.5534, 0.5851, -0.8181, -0.7269, -0.6148, -0.6641], "electron_spin_z": 0.06927,
        "entropy_total": 2.427831, "mutual_information": 0.460897, "log_negativity": 0.107625,
        "magnon_probability": [0.2158, 0.4760, 0.2170], "w_fidelity": 0.09372,
    },
}  # fmt: skip
DIGITS = {"spin_z": 4, "electron_spin_z": 5, "magnon_probability": 4, "w_fidelity": 5, "qfi_paper": 4}


@pytest.fixture(scope="module")
def data():
    experiment = pysv.Experiment(source=pysv.WavePacket(center=14), times=pysv.times(stop=30, step=10))
    return pysv.solve(experiment, progress=False)


@pytest.mark.parametrize("time", TABLE)
def test_table(data, time):
    for name, expected in TABLE[time].items():
        got = data[name].sel(time=time).values
        got = got[: len(expected)] if np.ndim(expected) else got
        digits = DIGITS.get(name, 6)
        np.testing.assert_allclose(got, expected, atol=0.5000001 * 10**-digits, rtol=0, err_msg=name)


def test_reachable_configurations():
    """182 of the 256 configurations: C(8,4) + 2·C(8,3)."""
    experiment = pysv.Experiment(
        source=pysv.WavePacket(center=14), times=pysv.times(stop=20, step=20), record=pysv.Record(density_matrix=True)
    )
    rho = pysv.solve(experiment, progress=False).density_matrix.values[-1]
    assert (rho.diagonal().real > 1e-12).sum() == math.comb(8, 4) + 2 * math.comb(8, 3) == 182


@pytest.mark.parametrize(("half", "negativity"), [(1, 0.000), (2, 0.028), (3, 0.060), (4, 0.109), (5, 0.179)])
def test_negativity_grows_with_the_number_of_spins(half, negativity):
    experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(half), times=pysv.times(stop=30, step=30))
    data = pysv.solve(experiment, progress=False)
    assert float(data.log_negativity[-1]) == pytest.approx(negativity, abs=0.00051)


def test_invariants_hold_to_1e_10(data):
    for name in ("norm", "energy", "spin_z_total", "electron_number"):
        assert np.ptp(data[name].values) < 1e-10
        assert data.attrs[f"drift_{name}"] < 1e-10
    assert data.attrs["state_deviation_reached"] < 1e-10
