"""Spectral densities, jump operators, Lamb shift and channels against their definitions."""

from __future__ import annotations

from functools import reduce

import brute
import brute_open
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm
from test_brute_force import brute_device

import pysv
from pysv.errors import InvalidInputError
from pysv.model.basis import Spins
from pysv.model.baths.jumps import layer_baths, report, spin_operator
from pysv.model.baths.spectral import SpectralDensity, validity
from pysv.model.channel import LayerChannel

DEVICE = pysv.SpinValve(sites=5, polarizer=(1, 2), analyzer=(4, 4))
SHAPES = ("gaussian", "exponential", "hard")


@given(
    st.floats(0.5, 2000), st.floats(-2, 2), st.sampled_from(SHAPES), st.floats(0, 1), st.floats(0.01, 1)
)  # fmt: skip
def test_detailed_balance(temperature, omega, shape, strength, cutoff):
    density = SpectralDensity(temperature, strength, cutoff, shape)
    forward, backward = density(np.array([omega, -omega]))
    ratio = np.exp(-abs(density.beta * omega))
    expected = forward * ratio if omega > 0 else forward / ratio if ratio > 1e-300 else backward
    assert backward == pytest.approx(expected, rel=1e-9)
    assert forward >= 0
    assert float(density(np.array(0.0))) == pytest.approx(strength * 8.617333262e-5 * temperature)


@pytest.mark.parametrize("shape", SHAPES)
def test_spectral_density_is_the_formula(shape):
    omega = np.array([-0.07, -0.003, 0.004, 0.09, 0.15])
    own = SpectralDensity(100.0, 0.0144, 0.1, shape)(omega)
    np.testing.assert_allclose(own, brute_open.BruteBath(100.0, shape=shape).spectral_density(omega), rtol=1e-12)


@pytest.mark.parametrize("temperature", [10.0, 100.0, 300.0])
@pytest.mark.parametrize("coupling", ["x", "z", "xyz"])
def test_jump_operators_are_the_time_integral_of_the_definition(temperature, coupling):
    """Each layer's operator, extended by the identity of the other layer, is ∫ds g(−s) X(s)."""
    polarizer, analyzer = layer_baths(DEVICE, pysv.BosonicBath(temperature=temperature, coupling=coupling))
    own = [np.kron(jump, np.eye(2)) for jump in polarizer.jumps] + [np.kron(np.eye(4), jump) for jump in analyzer.jumps]
    device = brute_device(DEVICE)
    expected = brute_open.jump_operators(device, brute_open.BruteBath(temperature, coupling))
    assert len(own) == 3 * len(coupling)
    np.testing.assert_allclose(own, expected, atol=1e-9)


def test_pauli_matrices():
    for axis, sigma in brute.PAULI.items():
        np.testing.assert_array_equal(
            spin_operator(Spins.of(3), 1, axis), np.kron(np.kron(np.eye(2), sigma), np.eye(2))
        )


def steady_and_gibbs(coupling: str, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Steady state of a layer of three spins under its bath, and e^{−βH}/Z."""
    device = pysv.SpinValve(sites=6, polarizer=(1, 3), analyzer=(5, 5), exchange=0.02, exchange_z=0.05)
    bath = pysv.BosonicBath(temperature=200, coupling=coupling, strength=strength)
    layer = layer_baths(device, bath)[0]
    h = layer.spectrum.vectors @ np.diag(layer.spectrum.energies) @ layer.spectrum.vectors.T
    gibbs = expm(-h / (brute_open.KELVIN * 200))
    gibbs /= np.trace(gibbs)
    # One component alone conserves the parity σ ⊗ σ ⊗ σ: start from the Gibbs weight of both of its sectors.
    start = np.eye(8, dtype=complex) / 8
    if coupling != "xyz":
        parity = reduce(np.kron, [brute.PAULI[coupling]] * 3)
        sectors = [(np.eye(8) + sign * parity) / 2 for sign in (1, -1)]
        start = sum(np.trace(gibbs @ sector) * sector / 4 for sector in sectors)
    values, vectors = np.linalg.eig(brute_open.liouvillian(h, list(layer.jumps)))
    steady = np.abs(values) < 1e-6 * strength
    assert np.count_nonzero(steady) == (1 if coupling == "xyz" else 2)
    rho = vectors[:, steady] @ np.linalg.solve(vectors, start.ravel())[steady]
    return rho.reshape(8, 8), gibbs


@pytest.mark.parametrize("coupling", ["x", "y", "xyz"])
def test_weak_coupling_leads_to_the_gibbs_state(coupling):
    """The steady state of one layer differs from e^{−βH}/Z by an amount that falls with the strength."""
    found = []
    for strength in (1e-2, 1e-3):
        steady, gibbs = steady_and_gibbs(coupling, strength)
        found.append(np.abs(steady - gibbs).max())
    assert found[1] < 1e-4
    if found[0] > 1e-10:  # three components bring this layer to the Gibbs state itself
        assert found[1] == pytest.approx(found[0] / 10, rel=0.01)


def test_lamb_shift_is_the_principal_value():
    """Λ_mn = −2π Σ_l X_ml X_ln P∫dω/ω g(ω + E_m − E_l) g(ω + E_n − E_l), by SciPy's Cauchy weight."""
    device = pysv.SpinValve(sites=5, polarizer=(1, 2), analyzer=(4, 4), exchange=0.03, exchange_z=0.07)
    bath = pysv.BosonicBath(temperature=300, lamb_shift=True)
    layer = layer_baths(device, bath)[0]
    own = brute_open.BruteBath(300.0)
    energies, vectors = layer.spectrum.energies, layer.spectrum.vectors

    def g(omega):
        return float(np.sqrt(own.spectral_density(np.array(omega)) / (2 * np.pi)))

    expected = np.zeros((4, 4), dtype=complex)
    for spin in (0, 1):
        x = vectors.T @ brute._local(brute.PAULI["x"], spin, 2) @ vectors
        for m, n, inner in np.ndindex(4, 4, 4):
            if abs(x[m, inner] * x[inner, n]) > 1e-12:
                a, b = energies[m] - energies[inner], energies[n] - energies[inner]

                def integrand(w, a=a, b=b):
                    return g(w + a + 1e-13) * g(w + b + 1e-13)

                value = quad(integrand, -1.5, 1.5, weight="cauchy", wvar=0.0, limit=400)[0]
                expected[m, n] -= 2 * np.pi * x[m, inner] * x[inner, n] * value
    np.testing.assert_allclose(layer.lamb_shift, (vectors @ expected @ vectors.T).real, atol=1e-8)
    np.testing.assert_allclose(layer.lamb_shift, layer.lamb_shift.T, atol=1e-15)
    assert abs(layer.lamb_shift).max() > 1e-4
    assert not layer_baths(device, pysv.BosonicBath(temperature=300))[0].lamb_shift.any()


def test_validity_is_the_integral_of_the_correlator():
    """Γ_NR = 4(∫|g|)², τ = ∫|tg|/∫|g|, from the brute-force correlator."""
    t, g = brute_open.correlator(brute_open.BruteBath(300.0))
    dt = t[1] - t[0]
    area, first = np.abs(g).sum() * dt, (np.abs(t) * np.abs(g)).sum() * dt
    found = validity(SpectralDensity(300.0, 0.0144, 0.1, "gaussian"))
    assert found.rate * 0.6582119569 == pytest.approx(4 * area**2, rel=2e-3)
    assert found.memory / 0.6582119569 == pytest.approx(first / area, rel=2e-3)
    assert found.product == pytest.approx(4 * area * first, rel=4e-3)


def test_validity_diverges_where_the_correlator_falls_slowly():
    for shape in ("hard", "exponential"):
        density = SpectralDensity(100.0, 0.0144, 0.1, shape)
        assert validity(density).product == np.inf
        numbers, remarks = report(DEVICE, pysv.BosonicBath(cutoff_shape=shape))
        assert numbers["bath_validity"] == np.inf
        assert "doubtful" in remarks[0]
    assert validity(SpectralDensity(100.0, 0.0, 0.1, "hard")).product == 0


def test_the_power_series_converges_where_it_should_and_warns_where_not():
    """At high temperature the layer's energies lie inside the radius 2πk_BT of the series, at 10 K far outside."""
    device = pysv.SpinValve(sites=5, polarizer=(1, 2), analyzer=(4, 4), exchange=0.01, exchange_z=0.012)
    hot = pysv.BosonicBath(temperature=600, series_terms=20)
    series, exact = (layer_baths(device, bath)[0] for bath in (hot, pysv.BosonicBath(temperature=600)))
    np.testing.assert_allclose(series.jumps, exact.jumps, atol=1e-7)
    numbers, remarks = report(device, hot)
    assert numbers["bath_series_distance"] < 1e-4
    assert not any("power series" in remark for remark in remarks)
    numbers, remarks = report(pysv.SpinValve(), pysv.BosonicBath(temperature=10, series_terms=20))
    assert numbers["bath_series_distance"] > 1e6
    assert "the power series with 20 terms is off from the exact jump operators by" in remarks[1]
    assert "converges for energies below 2πk_BT = 0.0054 eV only" in remarks[1]


def test_the_series_is_the_one_of_nested_commutators():
    """Eq. 18 with the term n = 0: Σ a_n (−1)ⁿ ad_Hⁿ[X], a_n by differences of √(2πJ)."""
    bath = pysv.BosonicBath(temperature=300, series_terms=3)
    layer = layer_baths(DEVICE, bath)[0]
    h = layer.spectrum.vectors @ np.diag(layer.spectrum.energies) @ layer.spectrum.vectors.T
    step = 2e-3
    points = np.arange(-4, 5) * step + 1e-12
    values = np.sqrt(2 * np.pi * brute_open.BruteBath(300.0).spectral_density(points))
    a = np.polynomial.polynomial.polyfit(points, values, 8)[:4]
    x = spin_operator(Spins.of(2), 0, "x")
    expected = np.zeros((4, 4), dtype=complex)
    for n in range(4):
        expected += a[n] * (-1) ** n * x
        x = h @ x - x @ h
    np.testing.assert_allclose(layer.jumps[0], expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("coupling", ["x", "z", "xyz"])
@pytest.mark.parametrize("lamb_shift", [False, True])
def test_a_channel_is_the_averaged_generator(coupling, lamb_shift):
    """Kraus operators against exp(∫ds e^{iHs} 𝒟 e^{−iHs}) with the integral done numerically; they keep the trace."""
    bath = pysv.BosonicBath(temperature=300, coupling=coupling, lamb_shift=lamb_shift)
    layer = layer_baths(DEVICE, bath)[0]
    step = 1.3
    h = layer.spectrum.vectors @ np.diag(layer.spectrum.energies) @ layer.spectrum.vectors.T
    nodes, weights = np.polynomial.legendre.leggauss(12)
    generator = np.zeros((16, 16), dtype=complex)
    for node, weight in zip(nodes, weights, strict=True):
        turn = expm(1j * h * node * step / 2 / brute.HBAR)
        turned = [turn @ jump @ turn.conj().T for jump in layer.jumps]
        shift = turn @ layer.lamb_shift @ turn.conj().T
        generator += weight * step / 2 / brute.HBAR * brute_open.liouvillian(shift, turned)
    kraus = LayerChannel.of_bath(layer, step).kraus
    own = sum(np.kron(k, k.conj()) for k in kraus)
    np.testing.assert_allclose(own, expm(generator), atol=1e-12)
    np.testing.assert_allclose(sum(k.conj().T @ k for k in kraus), np.eye(4), atol=1e-13)


def test_no_strength_no_jump():
    layer = layer_baths(DEVICE, pysv.BosonicBath(strength=0.0))[0]
    kraus = LayerChannel.of_bath(layer, 1.0).kraus
    assert kraus.shape == (1, 4, 4)
    np.testing.assert_allclose(np.abs(kraus[0]), np.eye(4), atol=1e-14)


@pytest.mark.parametrize("shape", ["hard", "exponential"])
def test_a_series_without_moments_is_refused(shape):
    with pytest.raises(
        InvalidInputError, match=r"series_terms = 20 .* the moments .* diverge because of (a jump in|a cusp of) √J"
    ):
        pysv.BosonicBath(cutoff_shape=shape, series_terms=20)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperature": 0}, "temperature = 0 must be at least 0.001 (K)"),
        ({"temperature": -3}, "temperature = -3 must be at least 0.001 (K)"),
        ({"temperature": float("inf")}, "temperature = inf must be finite (K)"),
        ({"temperature": float("nan")}, "temperature = nan must be finite (K)"),
        ({"strength": -0.1}, "strength = -0.1 must be at least 0"),
        ({"series_terms": 61}, "series_terms = 61 must be between 0 and 60"),
    ],
)
def test_bad_baths(options, sentence):
    with pytest.raises(InvalidInputError) as error:
        pysv.BosonicBath(**options)
    assert str(error.value) == sentence
