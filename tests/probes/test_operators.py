"""Correlators of S^z, S⁺, S⁻ and O_k, against the full product space and among engines."""

from __future__ import annotations

import dataclasses
import math

import brute_general as brute
import numpy as np
import pytest
from scipy.linalg import expm
from test_any_device import chain_of, history, random_experiment

import pysv
from pysv.errors import InvalidInputError, ResumeError
from pysv.probes.structure import connected

MOMENTA = (math.pi / 6, -1.1)
ALL = {"operators": ("z", "plus", "minus"), "momenta": MOMENTA}


def correlator(experiment, **options):
    return pysv.correlator(experiment, progress=False, **options)


def dense_operators(chain: brute.BruteChain) -> dict[str, np.ndarray]:
    """The operators in the full product space of one electron, by their names."""
    found: dict[str, np.ndarray] = {}
    for kind in ("z", "plus", "minus"):
        for n, d in enumerate(chain.dims):
            x, y, z = brute.spin_matrices((d - 1) / 2)
            own = {"z": z, "plus": x + 1j * y, "minus": x - 1j * y}[kind]
            found[f"{kind}{n + 1}"] = brute._kron(chain, {n: own}).toarray()
    for k in MOMENTA:
        waves = (np.exp(1j * k * x) * found[f"z{n + 1}"] for n, x in enumerate(chain.positions))
        found[f"k={k:.12g}"] = sum(waves)
    return found


def exact(experiment) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, ⟨A†(t₁) B(t₂)⟩ and ⟨A⟩ by the exponential of the dense H."""
    chain, states = history(experiment)
    h, operators = brute.hamiltonian(chain).toarray(), dense_operators(chain)
    times, each = experiment.times.values, list(operators.values())
    found = np.zeros((len(times), len(times), len(each), len(each)), dtype=complex)
    for a, one in enumerate(times):
        for b, other in enumerate(times):
            u = expm(-1j * h * (one - other) / brute.HBAR)
            for (weight, bra), (_, ket) in zip(states[a], states[b], strict=True):
                bras, kets = (np.array([own @ psi for own in each]) for psi, each in ((bra, each), (ket, each)))
                found[a, b] += weight * bras.conj() @ u @ kets.T
    means = np.array([[sum(w * np.vdot(psi, own @ psi) for w, psi in now) for own in each] for now in states])
    return list(operators), found, means


def two_and_two(convention: str, spins) -> pysv.Experiment:
    """2+2 spins on six sites beside an unpolarized electron."""
    layers = [
        pysv.Layer(name="FM_p", sites=(2, 3), sd_exchange=0.5, exchange=0.1, exchange_z=0.3),
        pysv.Layer(name="FM_a", sites=(4, 5), sd_exchange=0.4, exchange=0.2, exchange_z=0.1),
    ]
    return pysv.Experiment(
        device=pysv.Device(sites=6, layers=layers, convention=convention),
        source=pysv.WavePacket(center=2, momentum=1.2, momentum_spread=2.0, allow_truncation=True),
        spins=spins,
        times=pysv.times(2.0, 1.0),
    )


TILTED = pysv.ProductState(layers={"FM_p": (0.4, 0.3), "FM_a": (2.1, -1.0)})
ANTIPARALLEL = pysv.ProductState(layers={"FM_a": (math.pi, 0.0)})


@pytest.mark.parametrize("spins", [ANTIPARALLEL, TILTED], ids=["antiparallel", "tilted"])
@pytest.mark.parametrize("convention", ["pauli", "half", "mixed"])
def test_all_pairs_against_the_full_product_space(convention, spins):
    experiment = two_and_two(convention, spins)
    names, expected, means = exact(experiment)
    found = correlator(experiment, **ALL)
    assert found.operator.values.tolist() == found.operator2.values.tolist() == names
    np.testing.assert_allclose(found.operator_correlation, expected, atol=1e-9)
    np.testing.assert_allclose(found.operator_mean, means, atol=1e-9)


@pytest.mark.parametrize("seed", [1, 4, 5])
def test_spins_of_any_length(seed):
    experiment = dataclasses.replace(random_experiment(seed), record=pysv.Record())
    names, expected, _ = exact(experiment)
    found = correlator(experiment, **ALL)
    assert found.operator.values.tolist() == names
    np.testing.assert_allclose(found.operator_correlation, expected, atol=1e-8)


@pytest.mark.parametrize("engine", [pysv.RK4(time_step=0.001), pysv.QuTiP(rtol=1e-12, atol=1e-13, method="vern9")])
def test_other_engines_of_one_electron(engine):
    experiment = two_and_two("pauli", ANTIPARALLEL)
    found, expected = correlator(experiment, engine=engine, **ALL), correlator(experiment, **ALL)
    np.testing.assert_allclose(found.operator_correlation, expected.operator_correlation, atol=1e-8)


def test_mixtures_of_the_electron_and_of_the_spins():
    """A partly polarised electron, and thermal spins, against the mixture of the pure runs in the product space."""
    device = pysv.SpinValve(sites=8, polarizer=(3, 4), analyzer=(6, 6))
    source = pysv.WavePacket(center=2, momentum_spread=2.0, polarization=0.4, allow_truncation=True)
    one = pysv.Experiment(device=device, source=source, times=pysv.times(1.0, 0.5))
    parts = [
        dataclasses.replace(one, source=dataclasses.replace(source, spin=s, polarization=0.0)) for s in ("up", "down")
    ]
    mixed, up, down = (correlator(own, **ALL).operator_correlation.values for own in (one, *parts))
    np.testing.assert_allclose(mixed, 0.7 * up + 0.3 * down, atol=1e-12)
    thermal = dataclasses.replace(one, spins=pysv.Gibbs(temperature=900.0, pinning=0.05, tolerance=0.0))
    chain = chain_of(pysv.Device(sites=8, layers=[dataclasses.replace(own, name="") for own in device.layers]))
    h, operators = brute.hamiltonian(chain).toarray(), dense_operators(chain)
    z = [operators[f"z{n}"] for n in (1, 2, 3)]
    flips = 2 * operators["plus1"] @ operators["minus2"]
    alone = -0.1 * (flips + flips.conj().T) - 4 * 0.1005 * z[0] @ z[1] - 0.05 * 2 * (z[0] + z[1] - z[2])
    rho_spins = expm(-alone / (8.617333262e-5 * 900.0))
    packet = np.exp(1j * math.pi / 2 * np.arange(1, 9) - 4.0 * (np.arange(1, 9) - 2) ** 2 / 4)
    packet /= np.linalg.norm(packet)
    orbital = np.kron(np.outer(packet, packet.conj()), np.kron(np.diag([0.7, 0.3]), np.eye(8)))
    rho = rho_spins @ orbital
    rho /= np.trace(rho)
    found = correlator(thermal, **ALL).operator_correlation.values
    for b, second in enumerate(one.times.values):
        u = expm(-1j * h * second / brute.HBAR)
        for a, first in enumerate(one.times.values):
            v = expm(-1j * h * first / brute.HBAR)
            for i, left in enumerate(operators.values()):
                heisenberg = v.conj().T @ left.conj().T @ v
                for j, right in enumerate(operators.values()):
                    expected = np.trace(rho @ heisenberg @ u.conj().T @ right @ u)
                    assert abs(found[a, b, i, j] - expected) < 1e-9


def test_momenta_follow_from_all_spins():
    """O_k from its own companion and as the sum over the spins; every spin may point up, where S⁺ leaves nothing."""
    experiment = dataclasses.replace(two_and_two("half", pysv.ProductState()), times=pysv.times(3.0, 0.5))
    waves = np.exp(1j * np.outer(MOMENTA, experiment.device.spin_sites))
    of_spins = correlator(experiment).correlation.values
    found = correlator(experiment, momenta=MOMENTA).operator_correlation.values
    expected = np.einsum("ki,abij,qj->abkq", waves.conj(), of_spins, waves)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    ladder = correlator(experiment, operators=("plus",), reach=1.0).operator_correlation.values
    assert np.abs(ladder[0, 0]).max() == 0
    assert np.abs(ladder[-1, -1]).max() > 1e-6


def test_structure_factors_of_any_operators():
    """O_k of companions of their own, of S^z of all spins beside other operators, and of `correlation`."""
    experiment = two_and_two("pauli", ANTIPARALLEL)
    expected = connected(correlator(experiment), MOMENTA)
    collective = correlator(experiment, momenta=MOMENTA)
    for found in (collective, correlator(experiment, operators=("plus", "z"))):
        pairs = connected(found, MOMENTA)
        np.testing.assert_allclose(pairs, expected, atol=1e-12)
        assert pairs.attrs == expected.attrs
        assert pairs.momentum.values.tolist() == list(MOMENTA)
    np.testing.assert_allclose(connected(collective, MOMENTA[1:]), expected[1:], atol=1e-12)
    with pytest.raises(
        InvalidInputError, match=r"momenta = 0.3 is not among the operators k=0.523598775598, k=-1.1 of"
    ):
        connected(collective, [MOMENTA[0], 0.3])
    collective.attrs.pop("experiment")
    with pytest.raises(InvalidInputError, match="must have the attribute 'experiment'"):
        connected(collective, MOMENTA)


def test_names_are_checked(tmp_path):
    experiment = two_and_two("pauli", ANTIPARALLEL)
    for options, sentence in (
        ({"operators": ("x",)}, r"operators\[0\]: unknown value 'x'"),
        ({"operators": ("z", "z")}, r"operators = \['z', 'z'\] names one twice"),
        ({"momenta": (0.3, 0.3)}, r"momenta = \[0.3, 0.3\] names one twice"),
        ({"operators": ()}, "operators must name at least one of z, plus, minus"),
        ({"momenta": (math.nan,)}, r"momenta\[0\]"),
    ):
        with pytest.raises(InvalidInputError, match=sentence):
            correlator(experiment, **options)
    whole = correlator(experiment, momenta=MOMENTA, out=tmp_path / "c.nc")
    read = pysv.load(tmp_path / "c.nc")
    assert read.operator.values.tolist() == whole.operator.values.tolist()
    np.testing.assert_array_equal(read.operator_correlation, whole.operator_correlation)
    with pytest.raises(ResumeError, match="or of other operators; name another file"):
        correlator(experiment, momenta=(0.3, 0.4), out=tmp_path / "c.nc")
