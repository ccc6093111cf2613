"""Correlators at t₁ = t₂ against the recorded density matrix, on every engine that offers them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from juliahome import needs_julia

import pysv
from pysv.engines import methods

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")

CLOSED = pysv.Experiment(
    device=pysv.SpinValve(sites=7, polarizer=(3, 4), analyzer=(6, 6)),
    source=pysv.WavePacket(center=2, momentum_spread=2.0, spin="up", allow_truncation=True),
    times=pysv.times(1.0, 0.5),
    record=pysv.Record(density_matrix=True),
)
TWO = pysv.ConfinedElectrons(electrons=2, confined_sites=2, well=30.0, allow_leak=True)
KINDS = {
    "one electron": CLOSED,
    "two electrons": dataclasses.replace(CLOSED, source=TWO),
    "baths": dataclasses.replace(CLOSED, bath=pysv.BosonicBath(temperature=300.0)),
}
OFFERED = [
    pytest.param(method, kind, marks=() if "python" in method.backends else needs_julia, id=f"{name}-{kind}")
    for name, method in methods().items()
    for kind, experiment in KINDS.items()
    if method.correlators
    and method().refused(experiment) is None
    and not (experiment.bath is not None and method.correlators == "states")  # its ρ is no mixture of pure runs
]
OPTIONS = {"tdmrg": {"min_bond": 1, "discarded_weight": 0.0}, "trajectories": {"ntraj": 8}}
MOMENTUM = 0.7


def of_spins(sites: tuple[int, ...]) -> list[np.ndarray]:
    """S^z, S⁺ and S⁻ of every spin 1/2, and O_k, over the configurations ↑↑…, …, ↓↓…."""
    alone = [np.diag([0.5, -0.5]), np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]])]
    found = []
    for own in alone:
        for n in range(len(sites)):
            found.append(np.kron(np.eye(2**n), np.kron(own, np.eye(2 ** (len(sites) - 1 - n)))))
    waves = [np.exp(1j * MOMENTUM * site) * found[n] for n, site in enumerate(sites)]
    return [*found, sum(waves)]


def test_every_engine_is_there():
    assert {own.values[0].name for own in OFFERED} == {name for name, own in methods().items() if own.correlators}


@pytest.mark.parametrize(("method", "kind"), OFFERED)
def test_equal_times(method, kind):
    """⟨A†B⟩ = Tr[A†B ρ] and ⟨A⟩ = Tr[A ρ], and C_AB(t₁, t₂) = C_BA(t₂, t₁)*."""
    experiment, engine = KINDS[kind], method(**OPTIONS.get(method.name, {}))
    options = {"operators": ("z", "plus", "minus"), "momenta": (MOMENTUM,)}
    found = pysv.correlator(experiment, engine=engine, progress=False, **options)
    recorded = pysv.solve(experiment, engine=engine, progress=False)
    rho, each = recorded.density_matrix.values, np.array(of_spins(experiment.device.spin_sites))
    products = each.conj().transpose(0, 2, 1)[:, None] @ each[None]
    values = found.operator_correlation.values
    np.testing.assert_allclose(np.einsum("aaij->aij", values), np.einsum("ijab,tba->tij", products, rho), atol=1e-12)
    np.testing.assert_allclose(found.operator_mean, np.einsum("iab,tba->ti", each, rho), atol=1e-12)
    np.testing.assert_allclose(values, values.conj().transpose(1, 0, 3, 2), atol=1e-15)
