"""Four master equations of one layer: against QuTiP, the Gibbs state, each other, and the jump operators of the runs."""

from __future__ import annotations

import dataclasses

import brute
import brute_open
import numpy as np
import pytest
from test_brute_force import brute_device

import pysv
from pysv.errors import InvalidInputError
from pysv.model.baths.equations import EQUATIONS, evolution, generator, gibbs_state, long_time_limit
from pysv.model.baths.jumps import layer_baths, spin_operator
from pysv.model.channel import relaxation
from pysv.model.layer import layer_spectrum, layer_spins
from pysv.units import BOLTZMANN

PAIR = pysv.SpinValve(sites=12, polarizer=(4, 5), analyzer=(8, 9), exchange=0.02, exchange_z=0.03)
THREE = pysv.SpinValve(sites=12, polarizer=(4, 6), analyzer=(9, 9), exchange=0.02, exchange_z=0.03)
FIELD = pysv.Device(sites=8, layers=(pysv.Layer(name="A", sites=(3, 3), field=0.06),))
"""One spin with two levels 0.12 eV apart."""
BATH = pysv.BosonicBath(temperature=300.0)


def hamiltonian(device) -> np.ndarray:
    spectrum = layer_spectrum(device, 0)
    return spectrum.vectors @ np.diag(spectrum.energies) @ spectrum.vectors.T


@pytest.mark.parametrize("device", [FIELD, PAIR], ids=["1", "2"])
@pytest.mark.parametrize(("equation", "cutoff"), [("redfield", -1), ("davies", 1e-6)])
def test_against_qutip(device, equation, cutoff):
    """Its tensor without and with the secular approximation, turned from columns to rows."""
    import qutip

    bath = brute_open.BruteBath(300.0)

    def spectrum(w):  # QuTiP looks for this name
        if abs(w) < 1e-12:
            return 2 * np.pi * bath.strength * BOLTZMANN * bath.temperature
        return 2 * np.pi * float(bath.spectral_density(np.array([w]))[0])

    spins = layer_spins(device, 0)
    couplings = [[qutip.Qobj(spin_operator(spins, spin, "x")), spectrum] for spin in range(spins.count)]
    tensor = qutip.bloch_redfield_tensor(qutip.Qobj(hamiltonian(device)), couplings, sec_cutoff=cutoff, fock_basis=True)
    size = spins.size
    columns = np.asarray(tensor.full())
    rows = columns.reshape((size,) * 4).transpose(1, 0, 3, 2).reshape(size**2, size**2)
    np.testing.assert_allclose(generator(device, 0, BATH, equation), rows, atol=1e-9)


def test_the_universal_equation_is_that_of_the_runs():
    """The exact jump operators and those of the series, as the engines use them."""
    for terms, equation in ((0, "universal"), (8, "series")):
        bath = dataclasses.replace(BATH, series_terms=terms)
        expected = relaxation(layer_baths(PAIR, bath)[0], 7.0)
        np.testing.assert_allclose(evolution(generator(PAIR, 0, bath, equation), 7.0), expected, atol=1e-12)


@pytest.mark.parametrize("temperature", [10.0, 100.0, 300.0])
def test_davies_keeps_the_gibbs_state(temperature):
    """e^{−βH}/Z, by diagonalisation without pysv."""
    h = brute_open.layer_hamiltonian(brute_device(PAIR)).reshape(4, 4, 4, 4)
    h = (h[:, 0, :, 0] - h[0, 0, 0, 0] * np.eye(4)).real
    energies, vectors = np.linalg.eigh(h)
    weights = np.exp(-(energies - energies.min()) / (brute_open.KELVIN * temperature))
    gibbs = (vectors * weights / weights.sum()) @ vectors.conj().T
    np.testing.assert_allclose(gibbs_state(PAIR, 0, temperature), gibbs, atol=1e-12)
    start = np.diag([1.0, 0, 0, 0])
    for coupling in ("x", "xyz"):
        bath = dataclasses.replace(BATH, temperature=temperature, coupling=coupling)
        davies = generator(PAIR, 0, bath, "davies")
        np.testing.assert_allclose(davies @ gibbs.ravel(), 0, atol=1e-12)
        expected = gibbs
        if coupling == "x":  # σˣσˣ is conserved: ↑↑ has ±1 with equal weights
            flip = np.kron(brute.PAULI["x"], brute.PAULI["x"])
            parts = [(np.eye(4) + sign * flip) / 2 @ gibbs for sign in (1, -1)]
            expected = sum(part / (2 * np.trace(part)) for part in parts)
            assert np.abs(expected - gibbs).max() > 1e-3 or temperature == 10.0
        if temperature > 10.0:  # where the last transitions are not as slow as never
            np.testing.assert_allclose(long_time_limit(davies, start), expected, atol=1e-9)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_trace_and_hermiticity_are_kept(equation):
    found = generator(PAIR, 0, dataclasses.replace(BATH, coupling="xyz"), equation)
    np.testing.assert_allclose(np.eye(4).ravel() @ found, 0, atol=1e-12)
    swapped = found.reshape((4,) * 4).transpose(1, 0, 3, 2).conj().reshape(16, 16)
    np.testing.assert_allclose(swapped, found, atol=1e-12)


def choi_minimum(equation: str, interval: float) -> float:
    """Smallest eigenvalue of the Choi matrix of e^{ℒt}: negative where the map is not completely positive."""
    after = evolution(generator(PAIR, 0, BATH, equation), interval)
    choi = after.reshape((4,) * 4).transpose(0, 2, 1, 3).reshape(16, 16)
    return float(np.linalg.eigvalsh((choi + choi.conj().T) / 2)[0])


def test_only_redfield_is_not_positive():
    for equation in ("universal", "davies", "series"):
        assert choi_minimum(equation, 5.0) > -1e-12, equation
    assert choi_minimum("redfield", 5.0) < -1e-5


def test_the_universal_equation_has_another_steady_state():
    """Of three spins; of two, their symmetries leave no transitions that would interfere."""
    for device, least in ((PAIR, 0.0), (THREE, 1e-5)):
        gibbs = gibbs_state(device, 0, 300.0).ravel()
        off = {name: np.abs(generator(device, 0, BATH, name) @ gibbs).max() for name in ("davies", "universal")}
        assert off["davies"] < 1e-15
        assert least <= off["universal"] < max(1e-15, 2e3 * least)


def populations(equation: str, strength: float) -> np.ndarray:
    """Of the eigenstates, from each of them, when about one transition has happened."""
    found = evolution(generator(THREE, 0, dataclasses.replace(BATH, strength=strength), equation), 4 / strength)
    vectors = layer_spectrum(THREE, 0).vectors
    turn = np.kron(vectors, vectors)
    return np.asarray((turn.T @ found @ turn)[::9, ::9].real)


def test_weak_baths_have_one_equation():
    """Differences of the populations from those of the secular equation fall with the strength."""
    for equation in ("universal", "redfield"):
        strengths = (1e-2, 1e-3, 1e-4)
        off = [np.abs(populations(equation, one) - populations("davies", one)).max() for one in strengths]
        assert off[1] < 0.2 * off[0]
        assert off[2] < 0.2 * off[1] < 1e-3
    assert 0.1 < populations("davies", 1e-3)[0, 0] < 0.9


def test_a_spin_without_levels_has_one_equation():
    """Of a single spin H is zero, and γ(0) is all that acts: Γ for σˣ, σʸ and σᶻ alike."""
    single = pysv.SpinValve(sites=8, polarizer=(3, 3), analyzer=(6, 6))
    gamma = 2 * np.pi * 0.0144 * BOLTZMANN * 300
    expected = gamma * (np.kron(brute.PAULI["x"], brute.PAULI["x"]) - np.eye(4))
    for equation in EQUATIONS:
        np.testing.assert_allclose(generator(single, 0, BATH, equation), expected, atol=1e-12)


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match="equation: unknown value 'davis'; did you mean 'davies'"):
        generator(PAIR, 0, BATH, "davis")
    with pytest.raises(InvalidInputError, match="a layer of 128 states is too large .* at most 64 states"):
        generator(pysv.SpinValve.with_layers(7, 1), 0, BATH, "davies")
