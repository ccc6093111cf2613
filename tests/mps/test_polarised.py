"""Polarised and odd electrons, other layers and other starts, by `fock` and `tdmrg`."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

import pysv
from pysv import config
from pysv.errors import EngineError, GroundStateError, InvalidInputError
from pysv.mps.chain import Chain
from pysv.mps.gates import Bonds
from pysv.mps.state import codes
from pysv.units import HBAR

DOWN = (math.pi, 0.0)
CAREFUL = pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0)


def chain(*layers: pysv.Layer, **changes) -> pysv.Device:
    return pysv.Device(**({"sites": 12, "convention": "half", "layers": layers} | changes))


TWO = chain(pysv.Layer(name="A", sites=(5, 5)), pysv.Layer(name="B", sites=(7, 8), exchange=-0.3))
THREE = chain(*(pysv.Layer(name=name, sites=(site, site)) for name, site in (("A", 5), ("B", 7), ("C", 9))))
CASES = {
    "up, all down": (TWO, "up", {"A": DOWN, "B": DOWN}),
    "down, all up": (TWO, "down", {}),
    "unpolarized, spin by spin": (TWO, "unpolarized", {"A": DOWN, "B": ((0.0, 0.0), DOWN)}),
    "up, three layers": (THREE, "up", {"B": DOWN, "C": DOWN}),
}


@pytest.mark.parametrize("name", CASES)
def test_two_engines_agree(name):
    device, spin, directions = CASES[name]
    own = pysv.Experiment(
        device=device, source=pysv.ConfinedElectrons(confined_sites=3, well=60.0, spin=spin),
        spins=pysv.ProductState(layers=directions), times=pysv.times(stop=4, step=1),
    )  # fmt: skip
    exact = pysv.solve(own, engine="fock", progress=False)
    data = pysv.solve(own, engine=CAREFUL, progress=False)
    assert abs(exact.spin_z[-1] - exact.spin_z[0]).max() > 1e-3
    for variable in (
        "spin_z",
        "electron_density",
        "electron_spin_density_z",
        "log_negativity",
        "energy",
        "entropy_half",
    ):
        np.testing.assert_allclose(data[variable], exact[variable], atol=2e-6, err_msg=variable)
    assert float(exact.electron_spin_z[0]) == pytest.approx({"up": 2, "down": -2, "unpolarized": 0}[spin], abs=1e-3)


def test_gates_have_no_elements_between_charges():
    """Degenerate states of different charges would be mixed by a diagonalisation of the whole term."""
    layer = pysv.Layer(name="A", sites=(4, 7), sd_exchange=0.5, exchange=0.1, exchange_z=0.1005)
    bonds = Bonds(Chain.of_device(chain(layer)))
    for left, duration in itertools.product(range(11), np.linspace(0.01, 0.3, 60)):
        gate = bonds.gate(left, float(duration))
        one, other = (codes(bonds.chain.spaces[site].charges) for site in (left, left + 1))
        initial = np.repeat(np.add.outer(one, other).ravel(), np.diff(gate.first))
        np.testing.assert_array_equal(one[gate.final_left] + other[gate.final_right], initial)


def test_five_polarised_electrons_on_a_layer():
    """github.com/cpbunker/transport, PRX/fig4b (arXiv:2602.21322), TDVP with χ = 400; a field deepens their well."""
    layer = pysv.Layer(name="M", sites=(36, 40), sd_exchange=0.5, exchange=0.1, exchange_z=0.1005)
    own = pysv.Experiment(
        device=pysv.Device(sites=75, convention="half", layers=[layer]),
        source=pysv.ConfinedElectrons(electrons=5, confined_sites=10, well=60.0, spin="up"),
        spins=pysv.ProductState(layers={"M": DOWN}),
        times=pysv.times(stop=20 * HBAR, step=10 * HBAR),
    )
    method = pysv.TDMRG(trotter_order=4, discarded_weight=1e-10, min_bond=50, max_bond=150)
    data = pysv.solve(own, engine=method, progress=False)
    theirs = {0: (-0.5,) * 5, 10: (-0.4999999, *(-0.5,) * 4),
              20: (-0.4555462, -0.4601818, -0.4658745, -0.4703411, -0.4763784)}  # fmt: skip
    for time, spins in theirs.items():
        np.testing.assert_allclose(data.spin_z.sel(time=time * HBAR, method="nearest") / 2, spins, atol=2e-6)
    density = data.electron_density.sel(time=10 * HBAR, method="nearest")[:5]
    np.testing.assert_allclose(density, (0.0396285, 0.0964366, 0.2087417, 0.216625, 0.2027934), atol=2e-5)


def test_two_polarised_electrons_on_a_singlet():
    """github.com/cpbunker/transport, singlet_Ne2 (arXiv:2602.21322), good to about 1e-4; a field deepens their well."""
    layers = [pysv.Layer(name=name, sites=(site, site), sd_exchange=0.5) for name, site in (("A", 8), ("B", 9))]
    own = pysv.Experiment(
        device=chain(*layers, sites=39),
        source=pysv.ConfinedElectrons(confined_sites=2, well=80.0, spin="up"),
        spins=pysv.Bell(),
        times=pysv.times(stop=20 * HBAR, step=4 * HBAR),
    )
    data = pysv.solve(own, engine="fock", progress=False)
    for time, found in ((8, (0.0479943, 0.0023639)), (20, (0.0498016, 0.0053598))):
        at = data.sel(time=time * HBAR, method="nearest")
        np.testing.assert_allclose(at.spin_z / 2, found, atol=2e-4)
    occupied = (0.0195469, 0.0080714, 0.0343466, 0.024063, 0.0687956, 0.0582259, 0.0425406, 0.1364094)
    np.testing.assert_allclose(data.electron_density.sel(time=8 * HBAR, method="nearest")[:8], occupied, atol=2e-4)


@pytest.mark.parametrize("numbers", [(3, 0), (2, 1), (0, 3)])
def test_odd_electrons_without_magnets_are_free(numbers):
    """J_sd = 0: the density is that of the occupied orbitals, each evolved alone."""
    device = chain(pysv.Layer(name="A", sites=(9, 9), sd_exchange=0.0), sites=11)
    own = pysv.Experiment(
        device=device, source=pysv.ConfinedElectrons(electrons=3, confined_sites=4, well=50.0, spin=numbers),
        spins=pysv.Parallel(), times=pysv.times(stop=3, step=1),
    )  # fmt: skip
    data = pysv.solve(own, engine=CAREFUL, progress=False)
    h = -np.eye(11, k=1) - np.eye(11, k=-1)
    orbitals = np.linalg.eigh(h - np.diag([50.0] * 4 + [0.0] * 7))[1]
    levels, modes = np.linalg.eigh(h)
    for index, time in enumerate((0.0, 1.0, 2.0, 3.0)):
        evolved = modes @ np.diag(np.exp(-1j * levels * time / HBAR)) @ modes.T @ orbitals
        up, down = (np.sum(np.abs(evolved[:, :count]) ** 2, axis=1) for count in numbers)
        np.testing.assert_allclose(data.electron_density[index], up + down, atol=1e-5)
        np.testing.assert_allclose(data.electron_spin_density_z[index], up - down, atol=1e-5)


def test_a_leak_may_be_allowed():
    source = pysv.ConfinedElectrons(confined_sites=3, well=2.0, spin="up")
    own = pysv.Experiment(device=TWO, source=source, spins=pysv.Parallel(), times=pysv.times(stop=1, step=1))
    for engine in ("fock", "tdmrg"):
        with pytest.raises(GroundStateError, match=r"at the layers or beyond.* or set allow_leak = true$"):
            pysv.solve(own, engine=engine, progress=False)
    allowed = dataclasses.replace(own, source=dataclasses.replace(source, allow_leak=True))
    data = pysv.solve(allowed, engine="fock", progress=False)
    assert 0.001 < data.attrs["engine_electrons_outside_well"] < 1


def test_sentences():
    with pytest.raises(InvalidInputError, match=r"spin = \[2, 2\] makes 4 electrons, not 3; change one"):
        pysv.ConfinedElectrons(electrons=3, spin=(2, 2))
    with pytest.raises(InvalidInputError, match="3 electrons of one spin exceed confined_sites = 2, one on each site"):
        pysv.ConfinedElectrons(electrons=3, spin="up", confined_sites=2)
    base = pysv.Experiment(
        device=TWO, source=pysv.ConfinedElectrons(confined_sites=3, well=60.0), times=pysv.times(1, 1)
    )
    large = dataclasses.replace(base, device=chain(pysv.Layer(sites=(7, 7), spin=1.0)), spins=pysv.Parallel())
    with pytest.raises(
        EngineError, match="engine 'tdmrg' serves localized spins 1/2 only; use .* 'fock' with two, or 'll"
    ):
        pysv.solve(large, engine="tdmrg", progress=False)
    apart = chain(pysv.Layer(sites=(6, 8, 10)))
    with pytest.raises(EngineError, match="joins sites 6 and 8"):
        pysv.solve(dataclasses.replace(base, device=apart, spins=pysv.Parallel()), engine="tdmrg", progress=False)
    text = config.dumps(
        dataclasses.replace(base, source=pysv.ConfinedElectrons(electrons=3, spin=(2, 1), confined_sites=3))
    )
    assert config.loads(text).experiment.source.numbers == (2, 1)
    assert json.dumps(text)
