"""The state vector of a run, labelled."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

import pysv
from pysv.errors import InvalidInputError, ResumeError

SMALL = pysv.Experiment(
    device=pysv.SpinValve(sites=12, polarizer=(7, 7), analyzer=(9, 9)),
    source=pysv.WavePacket(center=4, momentum_spread=1.2),
    times=pysv.times(3, 1),
)


@pytest.mark.parametrize("engine", ["chebyshev", "rk4", "qutip"])
def test_observables_of_the_labelled_state(tmp_path, engine):
    """⟨S^z⟩ and the electron's spin density, from the words alone."""
    data = pysv.solve(SMALL, engine=engine, progress=False, out=tmp_path / "r.nc")
    found = pysv.state(tmp_path / "r.nc")
    assert found.attrs["time"] == 3.0
    z, electron = np.zeros(2), np.zeros(12)
    for label in ("up", "down"):
        psi = found[f"psi_{label}"]
        square = psi.attrs["weight"] * np.abs(psi.values) ** 2
        words = found[f"spins_{label}"].values
        signs = np.array([[1 if letter == "↑" else -1 for letter in word] for word in words])
        z += square.sum(axis=1) @ signs
        electron += np.where(found[f"electron_{label}"] == "↑", 1, -1) @ square
    np.testing.assert_allclose(z, data.spin_z[-1], atol=1e-12)
    np.testing.assert_allclose(electron, data.electron_spin_density_z[-1], atol=1e-12)
    again = pysv.state(data)
    np.testing.assert_allclose(again.psi_up, found.psi_up, atol=1e-12)


def test_longer_spins_have_their_m_in_words():
    device = pysv.Device(sites=12, layers=[pysv.Layer(name="a", sites=(7, 7), spin=1.0), pysv.Layer(sites=(9, 9))])
    data = pysv.solve(dataclasses.replace(SMALL, device=device), progress=False)
    found = pysv.state(data)
    z = np.zeros(2)
    for label in ("up", "down"):
        m = np.array([[float(Fraction(word)) for word in words.split()] for words in found[f"spins_{label}"].values])
        z += (np.abs(found[f"psi_{label}"].values) ** 2).sum(axis=1) @ m / 2
    np.testing.assert_allclose(z, data.spin_z[-1] * [1, 0.5], atol=1e-12)


def test_two_electrons():
    source = pysv.ConfinedElectrons(confined_sites=4, well=20.0)
    data = pysv.solve(dataclasses.replace(SMALL, source=source), engine="fock", progress=False)
    found = pysv.state(data)
    assert set(found.electrons.values) == {"↑↑", "↑↓", "↓↓"}
    square = np.abs(found.psi.values) ** 2
    np.testing.assert_allclose(square.sum(), 1.0, atol=1e-10)
    density = square.sum(axis=(0, 1)) + square.sum(axis=(0, 2))
    np.testing.assert_allclose(density, data.electron_density[-1], atol=1e-10)


def test_a_matrix_product_state(tmp_path):
    """The tensors, contracted, are the state of chebyshev."""
    up = dataclasses.replace(SMALL, source=dataclasses.replace(SMALL.source, spin="up"), times=pysv.times(1, 0.5))
    data = pysv.solve(up, engine=pysv.TDMRG(time_step=0.05), progress=False, out=tmp_path / "m.nc")
    found = pysv.state(tmp_path / "m.nc")
    assert found.local_7.values.tolist() == ["∅⇑", "∅⇓", "↑⇑", "↑⇓", "↓⇑", "↓⇓", "↑↓⇑", "↑↓⇓"]
    # ⟨n_4⟩: right-canonical tensors need those on the left of site 4 only.
    left = np.ones((1, 1))
    for site in range(1, 5):
        tensor = found[f"tensor_{site}"].values
        weights = np.array([word.count("↑") + word.count("↓") for word in found[f"local_{site}"].values])
        if site == 4:
            number = np.einsum("ab,apc,bpc,p->", left, tensor, tensor.conj(), weights).real
        left = np.einsum("ab,apc,bpd->cd", left, tensor, tensor.conj())
    np.testing.assert_allclose(number, data.electron_density[-1, 3], atol=1e-10)


def test_runs_without_a_state(tmp_path):
    source = pysv.Train(center=4, momentum_spread=1.2, pulses=1, interval=20.0)
    data = pysv.solve(dataclasses.replace(SMALL, source=source, times=pysv.times(20, 20)), progress=False)
    with pytest.raises(InvalidInputError, match="holds no state vector"):
        pysv.state(data)
    pysv.save(data, tmp_path / "t.nc")
    with pytest.raises(ResumeError, match="holds no state"):
        pysv.state(tmp_path / "t.nc")
