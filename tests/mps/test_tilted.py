"""Tilted localized spins in `tdmrg`: the number of electrons is the only charge."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import pysv
from pysv.errors import EngineError, GroundStateError

CAREFUL = pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0)
DEVICE = pysv.Device(
    sites=11, convention="half", hopping=[1.0, 0.9],
    layers=[
        pysv.Layer(name="A", sites=(5, 6), sd_exchange=(1.0, 0.7), exchange=-0.3, exchange_z=0.2),
        pysv.Layer(name="B", sites=(8, 8), field=0.3),
    ],
)  # fmt: skip
SPINS = pysv.ProductState(layers={"A": ((0.7, 0.4), (2.0, -1.1)), "B": (1.5, 2.2)})
WELL = {"confined_sites": 3, "well": 60.0}
EXACT = {
    "one electron, up": pysv.Orbital(**WELL, spin="up"),
    "a packet, tilted": pysv.WavePacket(center=4, momentum_spread=1.5, spin=(1.1, 0.6)),
    "two electrons": pysv.ConfinedElectrons(**WELL),
    "two electrons, down": pysv.ConfinedElectrons(**WELL, spin="down"),
}


@pytest.mark.parametrize("name", EXACT)
def test_tilted_spins_are_those_of_the_exact_engines(name):
    source = EXACT[name]
    own = pysv.Experiment(
        device=DEVICE, source=source, spins=SPINS, times=pysv.times(stop=3, step=1.5),
        record=pysv.Record(density_matrix=True, purity=True),
    )  # fmt: skip
    reference = pysv.solve(own, progress=False)
    assert reference.attrs["engine"] == ("fock" if name.startswith("two") else "chebyshev")
    data = pysv.solve(own, engine=CAREFUL, progress=False)
    assert abs(reference.spin_x[-1] - reference.spin_x[0]).max() > 1e-2
    assert abs(reference.electron_spin_x[-1]) > 1e-4
    for variable in set(reference.data_vars) - {"state_deviation"}:
        np.testing.assert_allclose(data[variable], reference[variable], atol=2e-5, err_msg=variable)


def test_one_confined_electron_is_an_orbital():
    own = pysv.Experiment(device=DEVICE, source=EXACT["one electron, up"], spins=SPINS, times=pysv.times(2, 2))
    several = dataclasses.replace(own, source=pysv.ConfinedElectrons(**WELL, electrons=1, spin="up"))
    reference, data = pysv.solve(own, progress=False), pysv.solve(several, engine=CAREFUL, progress=False)
    for variable in ("spin_x", "spin_y", "spin_z", "electron_density", "electron_spin_y", "log_negativity"):
        np.testing.assert_allclose(data[variable], reference[variable], atol=1e-5, err_msg=variable)


def test_turning_all_spins_changes_nothing_but_their_direction():
    """Four unpolarized electrons form a singlet: with J_z = J every axis serves as well as z.

    Beside collinear layers they start in the ground state of Eq. 21, whose tail reaches the layers: about (γ/V)².
    """
    layers = [pysv.Layer(name=n, sites=(s, s + 1), exchange=0.1, exchange_z=0.1) for n, s in (("A", 5), ("B", 8))]
    device = pysv.Device(sites=10, convention="half", layers=layers)
    source = pysv.ConfinedElectrons(electrons=4, confined_sites=3, well=60.0)
    method = pysv.TDMRG(time_step=0.1, trotter_order=4, discarded_weight=1e-12)
    theta, phi = 0.8, 0.5
    along, against = (theta, phi), (np.pi - theta, phi - np.pi)
    runs = [
        pysv.solve(
            pysv.Experiment(
                device=device, source=source, spins=pysv.ProductState(layers={"A": one, "B": other}),
                times=pysv.times(stop=2, step=2),
            ), engine=method, progress=False,
        )
        for one, other in (((0.0, 0.0), (np.pi, 0.0)), (along, against))
    ]  # fmt: skip
    plain, turned = runs
    axis = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    assert abs(plain.spin_z[-1] - plain.spin_z[0]).max() > 1e-3
    for name, part in zip("xyz", axis, strict=True):
        np.testing.assert_allclose(turned[f"spin_{name}"], part * plain.spin_z, atol=2e-4)
    for name in ("electron_density", "log_negativity", "entropy_total", "entropy_half"):
        np.testing.assert_allclose(turned[name], plain[name], atol=2e-4, err_msg=name)


def test_interrupted_and_extended(tmp_path):
    own = pysv.Experiment(
        device=DEVICE, source=pysv.ConfinedElectrons(**WELL), spins=SPINS, times=pysv.times(stop=2, step=1)
    )
    whole = pysv.solve(own, engine="tdmrg", progress=False)
    short = dataclasses.replace(own, times=pysv.times(stop=1, step=1))
    pysv.solve(short, engine="tdmrg", progress=False, out=tmp_path / "run.nc")
    resumed = pysv.resume(tmp_path / "run.nc", stop=2, progress=False)
    for name in ("spin_x", "electron_spin_y", "log_negativity", "bond_dimension"):
        np.testing.assert_allclose(resumed[name], whole[name], atol=1e-12, err_msg=name)


def test_sentences():
    own = pysv.Experiment(
        device=DEVICE, source=pysv.ConfinedElectrons(**WELL), spins=SPINS, times=pysv.times(stop=1, step=1)
    )
    with pytest.raises(
        EngineError,
        match=r"^method = 'tdvp' runs in Julia and needs S\^z as a charge, which tilted .*; use method = 'te",
    ):
        pysv.solve(own, engine=pysv.TDMRG(method="tdvp"), progress=False)
    with pytest.raises(
        EngineError, match="^backend = 'julia' needs S\\^z as a charge, which tilted or entangled spins do not"
    ):
        pysv.TDMRG().begin(own, "julia")
    shallow = dataclasses.replace(own, source=pysv.ConfinedElectrons(confined_sites=3, well=2.0))
    with pytest.raises(GroundStateError, match=r"at the layers or beyond.* or set allow_leak = true$"):
        pysv.solve(shallow, engine="tdmrg", progress=False)
    device = pysv.SpinValve.for_several_electrons(polarizer=(51, 56), analyzer=(61, 66))
    many = pysv.Experiment(
        device=device, source=pysv.ConfinedElectrons(electrons=4), spins=pysv.ProductState(polarizer=(0.3, 0.0))
    )
    along_z = dataclasses.replace(many, spins=pysv.Antiparallel())
    tilted, collinear = (pysv.estimate(one, engine=pysv.TDMRG(max_bond=1000)).memory for one in (many, along_z))
    assert tilted > 32 * 4**6 * 1000**2 > collinear
