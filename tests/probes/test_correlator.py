"""Correlators at two times and the structure factor, against dense matrices and against what is known."""

from __future__ import annotations

import dataclasses
import math

import brute_general as brute
import brute_open
import numpy as np
import pytest
from brute_pairs import Pair
from scipy.linalg import expm
from test_any_device import chain_of, history, random_experiment
from test_brute_force import brute_device

import pysv
from pysv.engines import methods
from pysv.errors import EngineError, InvalidInputError, ResultExistsError, ResumeError
from pysv.probes import rebuild_qfi, smoothed_qfi, structure_factor
from pysv.probes.rebuild import low_pass
from pysv.units import HBAR

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")

SMALL = pysv.Experiment(
    device=pysv.SpinValve(sites=14, polarizer=(7, 7), analyzer=(9, 9)),
    source=pysv.WavePacket(center=4, momentum_spread=1.2),
    times=pysv.times(3, 0.5),
)


def correlator(experiment, **options):
    return pysv.correlator(experiment, progress=False, **options)


def spin_operators(chain: brute.BruteChain) -> list[np.ndarray]:
    """S^z of each spin in the full product space of one electron."""
    return [brute._kron(chain, {n: brute.spin_matrices((d - 1) / 2)[2]}).toarray() for n, d in enumerate(chain.dims)]


@pytest.mark.parametrize("engine", [pysv.Chebyshev(), pysv.RK4(time_step=0.001), pysv.QuTiP(rtol=1e-11, atol=1e-12)])
@pytest.mark.parametrize("seed", [0, 3, 7])
def test_one_electron_against_the_full_product_space(seed, engine):
    experiment = dataclasses.replace(random_experiment(seed), record=pysv.Record())
    found = correlator(experiment, engine=engine)
    chain, states = history(experiment)
    h, operators = brute.hamiltonian(chain).toarray(), spin_operators(chain)
    times = experiment.times.values
    for a, one in enumerate(times):
        for b, other in enumerate(times):
            u = expm(-1j * h * (one - other) / brute.HBAR)
            for i, first in enumerate(operators):
                for j, second in enumerate(operators):
                    pairs = zip(states[a], states[b], strict=True)
                    exact = sum(weight * np.vdot(bra, first @ u @ second @ ket) for (weight, bra), (_, ket) in pairs)
                    np.testing.assert_allclose(found.correlation[a, b, i, j], exact, atol=1e-7)


@pytest.mark.parametrize("spins", [pysv.Antiparallel(), pysv.Gibbs(temperature=300.0)])
def test_equal_times_and_hermiticity(spins):
    """At t₁ = t₂ it is the covariance that ρ gives, and f_Q that of the dataset."""
    experiment = dataclasses.replace(SMALL, spins=spins)
    found = correlator(experiment)
    data = pysv.solve(experiment, progress=False)
    np.testing.assert_allclose(found.moment, data.spin_z / 2, atol=1e-12)
    c = found.correlation.values
    np.testing.assert_allclose(c, c.conj().transpose(1, 0, 3, 2), atol=1e-15)
    momenta = data.momentum.values
    np.testing.assert_allclose(smoothed_qfi(found, momenta).direct, data.qfi_variance, atol=1e-10)


def test_two_electrons():
    """Both electrons in the full product space of first quantisation."""
    device = pysv.SpinValve(sites=5, polarizer=(3, 3), analyzer=(5, 5))
    source = pysv.ConfinedElectrons(confined_sites=2, well=30.0, spin="up", allow_leak=True)
    experiment = pysv.Experiment(device=device, source=source, times=pysv.times(2, 1))
    found = correlator(experiment, engine="fock", operators=("z", "plus", "minus"), momenta=(0.7,))
    chain = chain_of(pysv.Device(sites=5, layers=[dataclasses.replace(own, name="") for own in device.layers]))
    pair = Pair(chain)
    h = pair.hamiltonian.toarray()
    operators = [np.kron(np.eye(pair.modes**2), own) for own in of_two_spins((3, 5), 0.7)]
    psi = pair.orbitals_filled(2, 30.0, 2, np.kron([1, 0], [0, 1]))
    at = [expm(-1j * h * time / brute.HBAR) @ psi for time in (0.0, 1.0, 2.0)]
    for a in range(3):
        for b in range(3):
            u = expm(-1j * h * (a - b) / brute.HBAR)
            bras, kets = ([own @ psi for own in operators] for psi in (at[a], at[b]))
            exact = np.array(bras).conj() @ u @ np.array(kets).T
            np.testing.assert_allclose(found.operator_correlation[a, b], exact, atol=1e-8)


def of_two_spins(sites, k) -> list[np.ndarray]:
    """S^z, S⁺ and S⁻ of both spins, and O_k, on the four states of two spins 1/2."""
    own = [np.diag([0.5, -0.5]), np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]])]
    each = [np.kron(*parts) for x in own for parts in ((x, np.eye(2)), (np.eye(2), x))]
    return [*each, np.exp(1j * k * sites[0]) * each[0] + np.exp(1j * k * sites[1]) * each[1]]


@pytest.mark.parametrize("coupling", ["x", "z"])
@pytest.mark.parametrize("spin", ["down", "unpolarized"])
def test_baths_by_the_regression_theorem(coupling, spin):
    """Tr[A† e^{ℒ(t₁ − t₂)}(B ρ(t₂))] with the dense Liouvillian of the whole system, S^z alone and all operators."""
    experiment, exact = one_and_one(coupling, spin)
    engine = pysv.LowRank(tolerance=1e-9, time_step=0.02)
    found = correlator(experiment, engine=engine, operators=("z", "plus", "minus"), momenta=(0.7,))
    np.testing.assert_allclose(found.operator_correlation, exact, atol=2e-6)
    alone = correlator(experiment, engine=engine)
    np.testing.assert_allclose(alone.correlation, exact[:, :, :2, :2], atol=2e-6)


@pytest.mark.parametrize("unravelling", ["local", "mixed"])
def test_trajectories_have_no_bias(unravelling):
    """The mean over independent samples against the dense Liouvillian; its scatter against the jackknife errors."""
    experiment, exact = one_and_one("x", "unpolarized")
    exact = exact[:, :, :4, :4]
    found = [
        correlator(
            experiment,
            engine=pysv.Trajectories(ntraj=40, time_step=0.25, seeds=n, unravelling=unravelling),
            operators=("z", "plus"),
        )
        for n in range(4)
    ]
    for part in (np.real, np.imag):
        values = np.array([part(own.operator_correlation.values) for own in found])
        errors = np.sqrt(np.mean([part(own.operator_correlation_error.values) ** 2 for own in found], axis=0))
        off = np.abs(values.mean(axis=0) - part(exact))
        assert (off <= 4.5 * errors / math.sqrt(len(found)) + 2e-5).all()  # of 144 values, with the splitting error
        assert errors.max() < 0.002
        scatter, large = values.std(axis=0, ddof=1), errors > 1e-4
        if large.any():
            assert 0.6 < np.median(scatter[large] / errors[large]) < 1.6


@pytest.mark.parametrize("unravelling", ["local", "mixed"])
def test_trajectories_that_are_drawn_among_all(unravelling):
    """Baths so strong that every sample has many jumps, against the same splitting by `low-rank`."""
    weak, _ = one_and_one("x", "down")
    experiment = dataclasses.replace(weak, bath=dataclasses.replace(weak.bath, strength=0.3))
    options = {"operators": ("z", "plus")}
    expected = correlator(experiment, engine=pysv.LowRank(tolerance=1e-9, time_step=0.25), **options)
    method = pysv.Trajectories(ntraj=600, time_step=0.25, sampling="plain", unravelling=unravelling)
    found = correlator(experiment, engine=method, **options)
    for part in (np.real, np.imag):
        off = part(found.operator_correlation.values - expected.operator_correlation.values)
        errors = part(found.operator_correlation_error.values)
        assert errors.max() < 0.03
        assert (np.abs(off) < 4.5 * errors + 1e-6).all()


def test_trajectories_against_low_rank_of_three_spins():
    device = pysv.SpinValve(sites=8, polarizer=(3, 4), analyzer=(6, 6))
    experiment = pysv.Experiment(
        device=device,
        source=pysv.WavePacket(center=2, momentum_spread=2.0, spin="down", allow_truncation=True),
        bath=pysv.BosonicBath(temperature=300.0),
        times=pysv.times(2.0, 1.0),
    )
    options = {"operators": ("z", "plus"), "momenta": (1.0,)}
    found = correlator(experiment, engine=pysv.Trajectories(ntraj=100, time_step=0.1), **options)
    expected = correlator(experiment, engine=pysv.LowRank(tolerance=1e-7), **options)
    for part in (np.real, np.imag):
        off = part(found.operator_correlation.values - expected.operator_correlation.values)
        assert (np.abs(off) < 5 * part(found.operator_correlation_error.values) + 1e-4).all()
    exact = pysv.solve(experiment, engine=pysv.Trajectories(ntraj=100, time_step=0.1), progress=False)
    means = found.operator_mean.values[:, :3]
    np.testing.assert_allclose(means, exact.spin_z / 2, atol=1e-12)
    np.testing.assert_allclose(found.operator_mean_error.values[:, :3].real, exact.spin_z_error / 2, atol=1e-10)
    again = correlator(experiment, engine=pysv.Trajectories(ntraj=100, time_step=0.1), **options)
    np.testing.assert_array_equal(again.operator_correlation, found.operator_correlation)


def one_and_one(coupling, spin="down"):
    """1+1 spins with strong baths: the experiment, and ⟨A†(t₁) B(t₂)⟩ from the dense Liouvillian."""
    import brute as valve

    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=4, polarizer=(2, 2), analyzer=(4, 4)),
        source=pysv.WavePacket(center=2, momentum_spread=2.5, spin=spin),
        bath=pysv.BosonicBath(temperature=300.0, coupling=coupling),
        times=pysv.times(1.0, 0.5),
    )
    device = brute_device(experiment.device)
    jumps = brute_open.jump_operators(device, brute_open.BruteBath(300.0, coupling, 0.0144))
    electron = np.eye(8)
    full = [np.kron(electron, jump) for jump in jumps]
    operators = [np.kron(electron, own) for own in of_two_spins((2, 4), 0.7)]
    h = valve.hamiltonian(device).toarray()
    step = expm(brute_open.liouvillian(h, full) * 0.5 / brute.HBAR)
    runs = valve.pure_runs(device, valve.packet(4, 2, np.pi / 2, 2.5), spin, valve.antiparallel(device))
    rho = brute_open.initial_density(runs)
    exact = np.zeros((3, 3, len(operators), len(operators)), dtype=complex)
    for b in range(3):
        companions = np.stack([(own @ rho).ravel() for own in operators], axis=1)
        for a in range(b, 3):
            for i, own in enumerate(operators):
                exact[a, b, i] = own.conj().ravel() @ companions
            exact[b, a] = exact[a, b].conj().T
            companions = step @ companions
        rho = (step @ rho.ravel()).reshape(rho.shape)
    return experiment, exact


def stationary(stop=80.0, step=0.5):
    """A pair of spins in an eigenstate of its own H, ↑↓ + ↓↑, with an electron that it does not feel."""
    device = pysv.Device(
        sites=6,
        layers=[pysv.Layer(name="pair", sites=[3, 4], sd_exchange=0.0, exchange=0.1, exchange_z=-0.05)],
        convention="half",
    )
    source = pysv.WavePacket(center=2, momentum_spread=2.0, spin="up", allow_truncation=True)
    return pysv.Experiment(
        device=device, source=source, spins=pysv.Bell(pair=(1, 2), phase=0.0), times=pysv.times(stop, step)
    )


def test_lines_of_an_eigenstate():
    """S^z_1 takes the triplet |T₀⟩ to the singlet: one line at their splitting, with its weight, at all times."""
    found = correlator(stationary())
    splitting = 0.1  # −J(SˣSˣ + SʸSʸ) is −J/2 in |T₀⟩ and +J/2 in |s⟩, of spins 1/2
    sigma = 8.0
    omega = np.linspace(-0.4, 0.6, 801)
    s = structure_factor(found, [math.pi], omega, sigma, [35.0, 45.0])
    spectrum = s.values[:, 0]
    np.testing.assert_allclose(spectrum[0], spectrum[1], atol=1e-9)
    assert abs(float(omega[spectrum[0].argmax()]) - splitting) < 2e-3
    # Var(O_π)/N with O_π|T₀⟩ = ∓|s⟩: 1/2; the line is |g(ω)|² of that weight.
    width = HBAR / (math.sqrt(2) * sigma)
    line = np.exp(-(((omega - splitting) / width) ** 2) / 2) / (math.sqrt(2 * math.pi) * width)
    weight = 0.5 / (2 * math.sqrt(math.pi) * sigma)
    np.testing.assert_allclose(spectrum[0], weight * line, atol=2e-4 * weight / width)
    np.testing.assert_allclose(structure_factor(found, [0.0], omega, sigma, [40.0]), 0.0, atol=1e-9)


def test_the_integral_is_the_smoothed_variance():
    """∫ dω S against the equal-time f_Q, while an electron passes."""
    experiment = dataclasses.replace(SMALL, times=pysv.times(30, 0.25))
    found = correlator(experiment, reach=16.5)
    momenta, sigma = [math.pi / 6, math.pi / 2], 2.0
    omega = np.linspace(-7, 7, 1401)
    s = structure_factor(found, momenta, omega, sigma)
    smooth = smoothed_qfi(found, momenta, sigma)
    known = smooth.integral.dropna("time")
    integral = np.trapezoid(s.sel(time=known.time).values, omega, axis=2)
    np.testing.assert_allclose(integral, known, atol=1e-6)


def test_f_q_is_rebuilt():
    """The round trip direct f_Q → S(k, ω, t) → f_Q, away from the ends of the times."""
    device = pysv.SpinValve(sites=50, polarizer=(36, 36), analyzer=(40, 40))
    source = pysv.WavePacket(center=10, momentum_spread=0.6)
    experiment = pysv.Experiment(device=device, source=source, times=pysv.times(40, 0.25)).echo_free()
    found = correlator(experiment, reach=8.5)
    momenta, sigma = [math.pi / 2], 1.0
    s = structure_factor(found, momenta, np.linspace(-8, 8, 801), sigma)
    rebuilt = rebuild_qfi(s, error=1e-4)
    direct = smoothed_qfi(found, momenta, sigma).direct.sel(time=rebuilt.time)
    middle = (rebuilt.time > 8) & (rebuilt.time < 28)  # later the smoothed curve would need f_Q after the end
    assert float(np.ptp(direct.values[middle])) > 0.1
    own = direct.time.values
    smoothed = 0.25 * low_pass(np.subtract.outer(own, own), sigma) @ direct.values  # f_Q is 0 before
    np.testing.assert_allclose(rebuilt.qfi[middle], smoothed[middle], atol=5e-4)
    # A flat spectrum of noise grows by the filter: more than by the scale alone.
    scale = 8 * math.sqrt(math.pi) * sigma * 1e-4
    assert (rebuilt.qfi_error[middle] > scale * math.sqrt(0.1)).all()
    rng = np.random.default_rng(4)
    spread = []
    for _ in range(40):
        noise = rng.normal(0, 1e-4, s.dropna("time").time.size)
        noisy = s.dropna("time") + noise[:, None, None] / 16.0  # ∫ dω over 16 eV
        spread.append((rebuild_qfi(noisy).qfi - rebuilt.qfi).values[middle])
    np.testing.assert_allclose(np.std(spread), float(rebuilt.qfi_error[80, 0]), rtol=0.15)


def test_reach_leaves_the_rest_out():
    whole, near = correlator(SMALL), correlator(SMALL, reach=1.0)
    apart = np.abs(np.subtract.outer(SMALL.times.values, SMALL.times.values)) > 1.0
    assert np.isnan(near.correlation.values[apart]).all()
    np.testing.assert_allclose(near.correlation.values[~apart], whole.correlation.values[~apart], atol=1e-13)
    with pytest.raises(InvalidInputError, match="must be at least 3.2 fs"):
        structure_factor(correlator(dataclasses.replace(SMALL, times=pysv.times(6, 0.2)), reach=1.0), [1.0], [0.1], 0.4)


def test_a_correlator_goes_on_where_it_stopped(tmp_path, monkeypatch):
    import importlib

    module = importlib.import_module("pysv.probes.correlator")

    path = tmp_path / "c.nc"
    whole = correlator(SMALL)
    usual, calls = module._Correlator._companion, []

    def stopping(self, times, second, number):
        calls.append(second)
        if len(calls) == 6:
            import signal

            signal.raise_signal(signal.SIGINT)
        usual(self, times, second, number)

    monkeypatch.setattr(module._Correlator, "_companion", stopping)
    part = correlator(SMALL, out=path)
    assert part.attrs["status"] == "interrupted"
    assert 0 < part.attrs["done"] < 7
    calls[:] = [0] * 10
    again = correlator(SMALL, out=path)
    assert again.attrs["status"] == "complete"
    np.testing.assert_allclose(again.correlation, whole.correlation, atol=1e-13)
    assert len(calls) < 10 + 14
    with pytest.raises(ResumeError, match="another experiment, engine or reach"):
        correlator(dataclasses.replace(SMALL, times=pysv.times(4, 0.5)), out=path)
    pysv.save(pysv.solve(SMALL, progress=False), tmp_path / "other.nc")
    with pytest.raises(ResultExistsError, match="exists already"):
        correlator(SMALL, out=tmp_path / "other.nc")


def test_engines_say_what_they_offer():
    up = dataclasses.replace(SMALL, source=dataclasses.replace(SMALL.source, spin="up"))
    for name, method in methods().items():
        own = method()
        if "python" not in own.backends or own.refused(up) is not None:
            continue
        if method.correlators:
            assert correlator(up, engine=name).attrs["status"] == "complete"
        else:
            with pytest.raises(EngineError, match=f"engine '{name}' offers no correlators.*chebyshev"):
                correlator(up, engine=name)


def test_what_a_structure_factor_needs():
    found = correlator(SMALL)
    for arguments, sentence in (
        (([1.0], [0.1], 0.1), "sigma = 0.1 fs must be at least the time between snapshots"),
        (([1.0], [30.0], 2.0), "omega reaches 30 eV; snapshots every 0.5 fs resolve up to 4.14 eV"),
        (([1.0], [0.1], 2.0), "sigma = 2 fs must be at most 0.375 fs: a pulse takes 8 sigma, and the run 3 fs"),
        (([], [0.1], 2.0), "momenta must be a list of numbers"),
    ):
        with pytest.raises(InvalidInputError, match=sentence):
            structure_factor(found, *arguments)
    with pytest.raises(InvalidInputError, match="equally spaced"):
        structure_factor(correlator(dataclasses.replace(SMALL, times=pysv.times(at=[0, 1, 3]))), [1.0], [0.1], 2.0)
