"""Correlators of every engine that offers them: equal times are the recorded covariance, and the matrix is hermitian."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import pysv
from pysv.engines import methods

OFFERED = sorted(name for name, method in methods().items() if method.correlators and "python" in method.backends)
EXACT = {"states": 1e-12, "columns": 1e-12, "trajectories": 1e-12, "matrix product": 1e-9}
"""Allowed difference by the way that companions are evolved; a companion of matrix products is compressed."""


def asked(name: str) -> tuple[pysv.Experiment, object]:
    """A small experiment that an engine serves, and the engine."""
    own = pysv.Experiment(
        device=pysv.SpinValve(sites=8, polarizer=(4, 4), analyzer=(6, 6)),
        source=pysv.WavePacket(center=2, momentum_spread=2.0, spin="up"),
        times=pysv.times(stop=2, step=1), record=pysv.Record(density_matrix=True),
    )  # fmt: skip
    method = methods()[name]()
    if not method.closed:
        own = dataclasses.replace(own, bath=pysv.BosonicBath(temperature=300.0, strength=0.005))
    if method.refused(own) is not None:
        own = dataclasses.replace(own, source=pysv.ConfinedElectrons(confined_sites=2, well=60.0))
    return own, dataclasses.replace(method, ntraj=8) if hasattr(method, "ntraj") and not method.closed else method


@pytest.mark.parametrize("name", OFFERED)
def test_equal_times(name):
    own, method = asked(name)
    tolerance = EXACT[type(method).correlators]
    found = pysv.correlator(own, engine=method, operators=("z", "plus", "minus"), momenta=(0.7,), progress=False)
    rho = pysv.solve(own, engine=method, progress=False).density_matrix.values
    z, plus = np.diag([0.5, -0.5]), np.array([[0.0, 1.0], [0.0, 0.0]])
    one = {"z": z, "plus": plus, "minus": plus.T}
    of = {f"{kind}1": np.kron(one[kind], np.eye(2)) for kind in one}
    of |= {f"{kind}2": np.kron(np.eye(2), one[kind]) for kind in one}
    of["k=0.7"] = np.exp(0.7j * 4) * of["z1"] + np.exp(0.7j * 6) * of["z2"]
    labels = found.operator.values.tolist()
    assert set(labels) == set(of)
    table = found.operator_correlation.values
    for index, density in enumerate(rho):
        expected = np.array([[np.trace(density @ of[a].conj().T @ of[b]) for b in labels] for a in labels])
        np.testing.assert_allclose(table[index, index], expected, rtol=0, atol=tolerance)
        mean = np.array([np.trace(density @ of[a]) for a in labels])
        np.testing.assert_allclose(found.operator_mean[index], mean, rtol=0, atol=tolerance)
    np.testing.assert_allclose(table, table.transpose(1, 0, 3, 2).conj(), rtol=0, atol=tolerance)


def test_all_ways_are_seen():
    assert {methods()[name].correlators for name in OFFERED} == set(EXACT)
