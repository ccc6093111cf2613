"""Entangled localized spins in `tdmrg`, against two electrons in first quantisation and four in the product space."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from brute_several import Several

import pysv
from pysv.errors import EngineError
from pysv.model.initial import localized_states
from pysv.mps.spins import SpinTrain

CAREFUL = pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0)
LAYERS = [
    pysv.Layer(name="right", sites=(8, 9), sd_exchange=(1.0, 0.7), exchange=-0.3, exchange_z=0.2),
    pysv.Layer(name="left", sites=(5, 6), field=0.3),
]  # the spins are not counted from the left
DEVICE = pysv.Device(sites=11, convention="half", hopping=[1.0, 0.9], layers=LAYERS)
VECTOR = (np.random.default_rng(5).normal(size=(16, 2)) @ [1, 1j]).tolist()
STARTS = {
    "singlet": pysv.Bell(pair=(2, 3)),
    "triplet": pysv.Bell(pair=(1, 4), phase=0.3),
    "w": pysv.WState(),
    "ghz": pysv.GHZ(),
    "ground": pysv.Ground(),
    "vector": pysv.SpinVector(values=VECTOR),
}


@pytest.mark.parametrize("name", STARTS)
def test_two_electrons(name):
    own = pysv.Experiment(
        device=DEVICE, source=pysv.ConfinedElectrons(confined_sites=3, well=60.0, spin="up" if name == "w" else (1, 1)),
        spins=STARTS[name], times=pysv.times(stop=3, step=1.5), record=pysv.Record(density_matrix=True, purity=True),
    )  # fmt: skip
    reference = pysv.solve(own, progress=False)
    assert reference.attrs["engine"] == "fock"
    data = pysv.solve(own, engine=CAREFUL, progress=False)
    np.testing.assert_allclose(data.density_matrix[0], reference.density_matrix[0], atol=1e-12)
    assert abs(reference.density_matrix[-1] - reference.density_matrix[0]).max() > 1e-2
    for variable in set(reference.data_vars) - {"state_deviation"}:
        np.testing.assert_allclose(data[variable], reference[variable], atol=2e-5, err_msg=variable)


@pytest.mark.parametrize("start", ["singlet", "triplet", "vector"])
def test_four_electrons_in_the_full_product_space(start):
    """The lowest orbitals of the well filled by hand, beside two spins in any state with S^z = 0."""
    chain = Several(
        sites=6, polarizer=(4, 4), analyzer=(6, 6), hopping=1.0, sd_exchange=0.8, exchange=0.0, exchange_z=0.0,
        convention="half", electrons=4,
    )  # fmt: skip
    amplitudes = {"singlet": (1, -1), "triplet": (1, 1), "vector": (0.6, 0.8j)}[start]
    spins = {
        "singlet": pysv.Bell(),
        "triplet": pysv.Bell(phase=0),
        "vector": pysv.SpinVector(values=[0, *amplitudes, 0]),
    }[start]
    alone = -np.eye(6, k=1) - np.eye(6, k=-1) - np.diag([60.0, 60.0, 60.0, 0, 0, 0])
    orbitals = np.linalg.eigh(alone)[1][:, :2]
    whole = np.zeros(1 << 14, dtype=complex)
    whole[[0b01, 0b10]] = amplitudes / np.linalg.norm(amplitudes)  # no electrons; ↑ is 0
    for spin in (0, 1):
        for orbital in orbitals.T:
            whole = sum(float(c) * (chain.take(site, spin).T @ whole) for site, c in enumerate(orbital, start=1))
    psi = whole[chain.places]
    assert np.linalg.norm(psi) == pytest.approx(1.0)
    own = pysv.Experiment(
        device=pysv.SpinValve(sites=6, polarizer=(4, 4), analyzer=(6, 6), sd_exchange=0.8, convention="half"),
        source=pysv.ConfinedElectrons(electrons=4, confined_sites=3, well=60.0), spins=spins,
        times=pysv.times(stop=3, step=1.5), record=pysv.Record(density_matrix=True),
    )  # fmt: skip
    data = pysv.solve(own, engine=CAREFUL, progress=False)
    for index, time in enumerate(data.time.values):
        for name, value in chain.variables(chain.evolve(psi, time)).items():
            np.testing.assert_allclose(data[name][index], value, atol=2e-5, err_msg=f"{name} at {time} fs")
    assert abs(data.density_matrix[-1] - data.density_matrix[0]).max() > 1e-2


@pytest.mark.parametrize("name", STARTS)
def test_the_tensors_are_the_state(name):
    train = SpinTrain.of_setting(DEVICE, STARTS[name])
    whole = np.ones((1, 1), complex)
    for tensor in train.tensors:
        if tensor is not None:
            whole = np.einsum("...a,asb->...sb", whole, tensor)
            np.testing.assert_allclose(np.einsum("asb,csb->ac", tensor, tensor.conj()), np.eye(len(tensor)), atol=1e-13)
    (state,) = localized_states(DEVICE, STARTS[name])
    expected = (
        state.amplitude(np.arange(16)).reshape(2, 2, 2, 2).transpose(2, 3, 0, 1)
    )  # the right layer is named first
    np.testing.assert_allclose(whole.reshape((2,) * 4), expected, atol=1e-13)
    for values in train.schmidt:
        assert np.sum(values**2) == pytest.approx(1.0, abs=1e-13)


def test_what_entangled_spins_are_not_served_with():
    own = pysv.Experiment(device=DEVICE, source=pysv.Orbital(confined_sites=3, well=60.0, spin="up"), spins=pysv.GHZ())
    with pytest.raises(EngineError, match="beside one electron is not served by engine 'tdmrg'; use 'chebyshev'"):
        pysv.estimate(own, engine="tdmrg")
    several = dataclasses.replace(own, source=pysv.ConfinedElectrons(confined_sites=3, well=60.0))
    with pytest.raises(EngineError, match="tilted or entangled spins do not allow"):
        pysv.solve(several, engine=pysv.TDMRG(method="tdvp"), progress=False)
    held = dataclasses.replace(several, source=dataclasses.replace(several.source, field=5.0))
    with pytest.raises(EngineError, match="field = 5 has no effect"):
        pysv.estimate(held, engine="tdmrg")
