"""Spectra of a layer at rest: exact magnon energies and weights, and the sum rule, constant in time."""

from __future__ import annotations

import math

import numpy as np

import pysv
from pysv.probes.structure import smoothed_qfi, structure_factor
from pysv.units import HBAR

J, J_Z, SITES = 0.1, 0.1005, np.array([3, 4, 5, 6])


def one_magnon():
    """Levels (eV) and states of one flipped spin among four, −J(σˣσˣ + σʸσʸ) − J_z σᶻσᶻ on paper."""
    bonds_cut = np.array([1, 2, 2, 1])  # bonds of the flipped spin
    h = np.diag(-J_Z * (3 - 2.0 * bonds_cut)) - 2 * J * (np.eye(4, k=1) + np.eye(4, k=-1))
    return np.linalg.eigh(h)


def test_magnons_of_four_spins():
    """An eigenstate of one magnon: lines at E_n − E_0 with the weights |⟨n|O_k|0⟩|²/N."""
    device = pysv.Device(
        sites=8, layers=[pysv.Layer(name="FM", sites=[3, 6], sd_exchange=0.0, exchange=J, exchange_z=J_Z)]
    )
    source = pysv.WavePacket(center=2, momentum_spread=2.0, spin="up", allow_truncation=True)
    experiment = pysv.Experiment(
        device=device, source=source, spins=pysv.Ground(spin_z=1.0), times=pysv.times(160.0, 1.0)
    )
    sigma, omega = 15.0, np.linspace(-math.pi * HBAR, math.pi * HBAR, 601)
    momenta = [math.pi / 6, math.pi / 2]
    correlators = pysv.correlator(experiment, progress=False)
    found = structure_factor(correlators, momenta, omega, sigma, [70.0, 80.0, 90.0])
    energies, states = one_magnon()
    width = HBAR / (math.sqrt(2) * sigma)
    for number, k in enumerate(momenta):
        operator = np.exp(1j * k * SITES).sum() / 2 - np.exp(1j * k * SITES)  # Σ e^{ikr}/2, but for the flipped spin
        elements = np.abs(states.T @ (operator * states[:, 0])) ** 2 / 4
        elements[0] -= abs(states[:, 0] @ (operator * states[:, 0])) ** 2 / 4  # connected: no elastic line
        lines = np.exp(-(((omega[:, None] - energies + energies[0]) / width) ** 2) / 2)
        exact = lines @ elements / (math.sqrt(2 * math.pi) * width * 2 * math.sqrt(math.pi) * sigma)
        assert exact.max() > 1e-3
        for spectrum in found.values[:, number]:
            np.testing.assert_allclose(spectrum, exact, atol=2e-4 * exact.max())
        total = np.trapezoid(found.values[:, number], omega, axis=1)
        np.testing.assert_allclose(total, elements.sum() / (2 * math.sqrt(math.pi) * sigma), rtol=1e-4)
    direct = smoothed_qfi(correlators, momenta, sigma).direct
    np.testing.assert_allclose(direct, np.broadcast_to(direct[0], direct.shape), atol=1e-9)
