"""Systems with a solution on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pysv
from pysv.units import HBAR


def test_a_free_packet_is_the_one_particle_solution():
    """J_sd = 0: ψ(x, t) = Σ_q ⟨x|q⟩ e^{2iγ cos(q)t/ħ} ⟨q|Φ⟩, q = πm/(L+1), ⟨x|q⟩ = √(2/(L+1)) sin qx."""
    sites, hopping = 60, 0.8
    source = pysv.WavePacket(center=20, momentum_spread=0.5)
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=sites, polarizer=(30, 31), analyzer=(35, 36), hopping=hopping, sd_exchange=0),
        source=source,
        times=pysv.times(stop=12, step=3),
    )
    data = pysv.solve(experiment, progress=False)
    x = np.arange(1, sites + 1)
    q = np.pi * x / (sites + 1)
    modes = np.sqrt(2 / (sites + 1)) * np.sin(np.outer(x, q))
    for time in experiment.times.values:
        psi = modes @ (np.exp(2j * hopping * np.cos(q) * time / HBAR) * (modes.T @ source.amplitudes(sites)))
        np.testing.assert_allclose(data.electron_density.sel(time=time), np.abs(psi) ** 2, atol=1e-12)
    for name in ("entropy_total", "log_negativity", "qfi", "w_fidelity", "electron_spin_z"):
        np.testing.assert_allclose(data[name], 0, atol=1e-10)
    np.testing.assert_allclose(data.spin_z, np.broadcast_to([1, 1, -1, -1], data.spin_z.shape), atol=1e-12)


@pytest.mark.parametrize(("convention", "factor"), [("pauli", 1.0), ("half", 0.25), ("mixed", 0.5)])
def test_one_electron_on_one_spin(convention, factor):
    """Without hopping, |↓⟩_e|↑⟩ oscillates between triplet (−J) and singlet (+3J): P_flip = sin²(2 f J_sd t/ħ)."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(
            sites=9, polarizer=(3, 3), analyzer=(7, 7), hopping=1e-12, sd_exchange=0.3, convention=convention
        ),
        source=pysv.WavePacket(center=3, momentum_spread=20.0, spin="down"),
        times=pysv.times(stop=3, step=0.25),
    )
    data = pysv.solve(experiment, progress=False)
    flipped = np.sin(2 * factor * 0.3 * experiment.times.values / HBAR) ** 2
    np.testing.assert_allclose(data.spin_z[:, 0], 1 - 2 * flipped, atol=1e-9)
    np.testing.assert_allclose(data.electron_spin_z, -1 + 2 * flipped, atol=1e-9)
    np.testing.assert_allclose(data.magnon_probability[:, 1], flipped, atol=1e-9)
    np.testing.assert_allclose(data.spin_z[:, 1], -1, atol=1e-12)
    entropy = [-sum(p * math.log(p) for p in (f, 1 - f) if p > 1e-15) for f in flipped]
    np.testing.assert_allclose(data.entropy_total, entropy, atol=1e-8)


@pytest.mark.parametrize(("convention", "square"), [("pauli", 1.0), ("half", 0.25), ("mixed", 0.25)])
def test_one_magnon_in_a_layer(convention, square):
    """One flipped spin in a ferromagnetic layer hops with −2f_s²J; a bond with it costs 2f_s²J_z; dense 5×5 solution."""
    n, j, j_z = 5, 0.21, 0.34
    up, down = (0.0, 0.0), (math.pi, 0.0)
    experiment = pysv.Experiment(
        device=pysv.SpinValve(
            sites=20, polarizer=(5, 9), analyzer=(12, 13), sd_exchange=0, exchange=j, exchange_z=j_z,
            convention=convention,
        ),
        source=pysv.WavePacket(center=15, momentum_spread=1.5, spin="up"),
        spins=pysv.ProductState(polarizer=(up, down, up, up, up), analyzer=up),
        times=pysv.times(stop=8, step=1),
    )  # fmt: skip
    data = pysv.solve(experiment, progress=False)
    ends = np.array([1, 2, 2, 2, 1])
    h = np.diag(2 * square * j_z * ends) - 2 * square * j * (np.eye(n, k=1) + np.eye(n, k=-1))
    energies, states = np.linalg.eigh(h)
    for time in experiment.times.values:
        amplitude = states @ (np.exp(-1j * energies * time / HBAR) * states[1])
        np.testing.assert_allclose(data.spin_z.sel(time=time)[:n], 1 - 2 * np.abs(amplitude) ** 2, atol=1e-10)
    np.testing.assert_allclose(data.entropy_total, 0, atol=1e-9)


def test_isotropic_exchange_sees_no_direction():
    """With J_z = J the model has full spin rotation symmetry: antiparallel along a tilted axis is antiparallel along z."""
    device = pysv.SpinValve(sites=16, polarizer=(6, 7), analyzer=(10, 11), exchange_z=0.1)
    source = pysv.WavePacket(center=4, momentum_spread=1.2)
    times = pysv.times(stop=6, step=3)
    theta = 1.1
    straight = pysv.solve(pysv.Experiment(device=device, source=source, times=times), progress=False)
    tilted_spins = pysv.ProductState(polarizer=(theta, 0.0), analyzer=(math.pi - theta, math.pi))
    tilted = pysv.solve(pysv.Experiment(device=device, source=source, spins=tilted_spins, times=times), progress=False)
    for name in ("entropy_total", "entropy_analyzer", "log_negativity", "magnon_probability", "w_fidelity", "energy",
                 "electron_density"):  # fmt: skip
        np.testing.assert_allclose(tilted[name], straight[name], atol=1e-10, err_msg=name)
    np.testing.assert_allclose(tilted.spin_z, math.cos(theta) * straight.spin_z, atol=1e-10)
    np.testing.assert_allclose(tilted.spin_x, math.sin(theta) * straight.spin_z, atol=1e-10)
    np.testing.assert_allclose(tilted.electron_spin_x, math.sin(theta) * straight.electron_spin_z, atol=1e-10)


def test_the_w_phase_does_not_hang_on_rounding():
    """At θ = π/2 both components of a flipped spin are equally large: a change of 1e-9 in φ must change next to nothing."""
    found = []
    for phi in (0.4, 0.4 + 1e-9, 0.4 - 1e-9):
        experiment = pysv.Experiment(
            device=pysv.SpinValve(sites=14, polarizer=(5, 6), analyzer=(9, 9)),
            source=pysv.WavePacket(center=4, momentum_spread=1.2),
            spins=pysv.ProductState(polarizer=((math.pi / 2, 0.4), (math.pi / 2, phi)), analyzer=(0.3, 0.0)),
            times=pysv.times(stop=4, step=4),
        )
        found.append(float(pysv.solve(experiment, progress=False).w_fidelity[-1]))
    np.testing.assert_allclose(found, found[0], atol=1e-7)


def test_azimuth_does_not_matter_without_coherence():
    """A rotation of everything about z changes no rotation-invariant number, only turns x into y."""
    device = pysv.SpinValve(sites=14, polarizer=(5, 6), analyzer=(9, 9))
    times = pysv.times(stop=4, step=4)

    def run(phi: float):
        return pysv.solve(
            pysv.Experiment(
                device=device, times=times, source=pysv.WavePacket(center=4, momentum_spread=1.2, spin=(0.7, 0.2 + phi)),
                spins=pysv.ProductState(polarizer=(0.4, phi), analyzer=((2.5, phi - 1.0),)),
            ), progress=False,
        ).isel(time=-1)  # fmt: skip

    here, turned = run(0.0), run(math.pi / 2)
    for name in ("entropy_total", "mutual_information", "log_negativity", "magnon_probability", "qfi", "spin_z"):
        np.testing.assert_allclose(turned[name], here[name], atol=1e-10, err_msg=name)
    np.testing.assert_allclose(turned.spin_y, here.spin_x, atol=1e-10)
    np.testing.assert_allclose(turned.spin_x, -here.spin_y, atol=1e-10)
