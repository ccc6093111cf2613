"""Systems with a solution on paper."""

from __future__ import annotations

import math

import analytic
import numpy as np
import pytest

import pysv


def assert_solved(system: analytic.Solved) -> None:
    data = pysv.solve(system.experiment, progress=False)
    for name, expected in system.solution.items():
        np.testing.assert_allclose(data[name], expected, atol=system.tolerance[name], rtol=0, err_msg=name)


def test_a_free_packet_is_the_one_particle_solution():
    assert_solved(analytic.free_packet())
    assert float(abs(pysv.solve(analytic.free_packet().experiment, progress=False).qfi).max()) < 1e-10


@pytest.mark.parametrize("convention", ["pauli", "half", "mixed"])
def test_one_electron_on_one_spin(convention):
    assert_solved(analytic.one_spin(convention))


@pytest.mark.parametrize("convention", ["pauli", "half", "mixed"])
def test_one_magnon_in_a_layer(convention):
    assert_solved(analytic.one_magnon(convention))


def test_isotropic_exchange_sees_no_direction():
    """With J_z = J the model has full spin rotation symmetry: antiparallel along a tilted axis is antiparallel along z."""
    theta = 1.1
    straight, tilted = (pysv.solve(experiment, progress=False) for experiment in analytic.rotated(theta))
    for name in analytic.INVARIANT:
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
