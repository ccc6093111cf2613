"""Open systems against the dense density matrix of the whole system."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import brute
import brute_open
import numpy as np
import pytest
from test_brute_force import brute_device

import pysv

CASES = [("x", 10.0), ("x", 100.0), ("x", 300.0), ("z", 100.0), ("xyz", 10.0), ("xyz", 300.0)]
STRENGTH = 0.05
STOP = 4.0


def experiment(coupling: str, temperature: float, **options) -> pysv.Experiment:
    return pysv.Experiment(
        device=pysv.SpinValve(sites=5, polarizer=(2, 3), analyzer=(5, 5)),
        source=pysv.WavePacket(center=2, momentum_spread=2.5),
        bath=pysv.BosonicBath(temperature=temperature, coupling=coupling, strength=STRENGTH, **options),
        times=pysv.times(stop=STOP, step=2.0),
        record=pysv.Record(density_matrix=True),
    )


@lru_cache
def reference(coupling: str, temperature: float, strength: float = STRENGTH) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Density matrices of the whole system and of the localized spins at 0, 2 and 4 fs."""
    device = brute_device(experiment(coupling, temperature).device)
    runs = brute.pure_runs(device, brute.packet(5, 2, np.pi / 2, 2.5), "unpolarized", brute.antiparallel(device))
    bath = brute_open.BruteBath(temperature, coupling, strength)
    jumps = brute_open.jump_operators(device, bath) if strength else []
    rho = brute_open.evolve(device, brute_open.initial_density(runs), jumps, [0.0, 2.0, 4.0])
    return rho, [brute_open.reduced(device, matrix) for matrix in rho]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(("coupling", "temperature"), CASES)
def test_low_rank_against_the_density_matrix(coupling, temperature):
    engine = pysv.LowRank(tolerance=0.0, time_step=0.02)
    data = pysv.solve(experiment(coupling, temperature), engine=engine, progress=False)
    whole, reduced = reference(coupling, temperature)
    np.testing.assert_allclose(data.density_matrix, reduced, atol=1e-6, rtol=0)
    for index, matrix in enumerate(reduced):
        assert float(data.log_negativity[index]) == pytest.approx(brute.log_negativity(matrix, 2, 1), abs=5e-6)
        assert np.linalg.eigvalsh(data.density_matrix[index]).min() >= -1e-12
    np.testing.assert_allclose(data.norm, 1, atol=1e-9)
    device = brute_device(experiment(coupling, temperature).device)
    energy = [np.trace(brute.hamiltonian(device).toarray() @ matrix).real for matrix in whole]
    np.testing.assert_allclose(data.energy, energy, atol=1e-5)
    assert abs(energy[-1] - energy[0]) > 1e-5 or coupling == "z"
