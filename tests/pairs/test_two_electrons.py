"""Two electrons in `fock` on any device: tilted and long spins, couplings one by one, currents, against brute force."""

from __future__ import annotations

import dataclasses
import math
from functools import reduce

import brute_general
import numpy as np
import pytest
from brute_pairs import Pair
from scipy.integrate import simpson
from test_any_device import chain_of

import pysv
from pysv.errors import EngineError, InvalidInputError
from pysv.units import HBAR

DOWN = (math.pi, 0.0)
EVERYTHING = pysv.Record(density_matrix=True, currents=True, torque=True, purity=True)


def random_device(seed: int) -> pysv.Device:
    """One or two layers behind two sites, with couplings one by one; small enough for the full product space."""
    rng = np.random.default_rng(seed)

    def some(count: int):
        return rng.normal(0, 0.4, count).tolist() if seed % 3 and count else float(rng.normal(0, 0.4))

    lengths = [(0.5, 2), (0.5, 1)], [(1.0, 2), (0.5, 1)], [(1.5, 1), (1.0, 1)], [(2.5, 1)], [(0.5, 1), (0.5, 2)]
    layers, site = [], 3
    for number, (length, count) in enumerate(lengths[seed % 5]):
        layers.append(
            pysv.Layer(
                name=f"M{number}", sites=(site, site + count - 1), spin=length, sd_exchange=some(count),
                exchange=some(count - 1), exchange_z=some(count - 1), anisotropy=some(count), field=some(count),
            )
        )  # fmt: skip
        site += count
    return pysv.Device(
        sites=site, layers=layers, convention=("pauli", "half", "mixed")[seed % 3],
        potential=[pysv.Potential(disorder=0.8, seed=seed)] if seed % 2 else [],
        hopping=[1.0, [1.0, -0.6]][seed % 2],
    )  # fmt: skip


def tilted(seed: int) -> pysv.Experiment:
    rng = np.random.default_rng(50 + seed)
    device = random_device(seed)
    directions = {layer.name: (float(rng.uniform(0.2, 2.9)), float(rng.uniform(-3, 3))) for layer in device.layers}
    if seed % 2 and len(device.layers) > 1:
        directions[device.layers[-1].name] = DOWN
    return pysv.Experiment(
        device=device,
        source=pysv.ConfinedElectrons(
            confined_sites=2, well=3.0, spin=("unpolarized", "up", "down")[seed % 3], allow_leak=True
        ),
        spins=pysv.ProductState(layers=directions),
        times=pysv.times(stop=2.0, step=1.0),
        record=EVERYTHING,
    )


def compare(experiment: pysv.Experiment, pair: Pair, psi: np.ndarray, tolerance: float = 2e-9) -> None:
    """All variables of a run with those of the full product space, from the state at t = 0."""
    data = pysv.solve(experiment, engine="fock", progress=False)
    sides = experiment.record.sides(experiment.device)
    for index, time in enumerate(experiment.times.values):
        expected = pair.variables(pair.evolve(psi, time), *(map(list, sides) if sides else ([0], [])))
        if sides is None:
            for name in ("entropy_polarizer", "entropy_analyzer", "mutual_information", "log_negativity"):
                del expected[name]
                assert name not in data
        for name, value in expected.items():
            got = data[name][index].values
            np.testing.assert_allclose(got, value, atol=tolerance, err_msg=f"{name} at snapshot {index}")


@pytest.mark.parametrize("seed", range(10))
def test_tilted_spins(seed):
    own = tilted(seed)
    pair = Pair(chain_of(own.device))
    angles = [dict(own.spins.layers)[layer.name] for layer in own.device.layers for _ in range(layer.count)]
    states = (brute_general.coherent((d - 1) / 2, *pair_) for d, pair_ in zip(pair.chain.dims, angles, strict=True))
    psi = pair.orbitals_filled(2, 3.0, own.source.numbers[0], reduce(np.kron, states))
    compare(own, pair, psi)


@pytest.mark.parametrize("seed", range(5))
def test_long_spins_along_z_start_in_the_ground_state(seed):
    device = random_device(seed)
    held_up = [number % 2 == 0 for number, layer in enumerate(device.layers) for _ in layer.spin_sites]
    own = pysv.Experiment(
        device=device,
        source=pysv.ConfinedElectrons(confined_sites=2, well=60.0, field=12.0),
        times=pysv.times(stop=2.0, step=1.0),
        record=EVERYTHING,
    )
    pair = Pair(chain_of(device))
    energy, psi = pair.ground_state(2, 60.0, 12.0, held_up)
    data = pysv.solve(own, engine="fock", progress=False)
    assert data.attrs["engine_ground_state_energy"] == pytest.approx(energy, abs=1e-9)
    compare(own, pair, psi)


THREE = pysv.Device(
    sites=6, layers=[pysv.Layer(name="A", sites=(4, 6), exchange=-0.2, exchange_z=-0.3)], hopping=[1.0, 0.8]
)
LONG = pysv.Device(
    sites=5, layers=[pysv.Layer(sites=(3, 3), spin=1.0), pysv.Layer(sites=(4, 4), spin=1.5)], convention="half"
)
NUMBERS = np.random.default_rng(3).normal(size=(8, 2))
STATES = {
    "GHZ of three": (THREE, pysv.GHZ(), {0: 1, 7: 1}),
    "GHZ of long spins": (LONG, pysv.GHZ(), {0: 1, 11: 1}),
    "W": (THREE, pysv.WState(), {1: 1, 2: 1, 4: 1}),
    "W of long spins": (LONG, pysv.WState(), {1: 1, 4: 1}),
    "even down counts": (THREE, pysv.SpinVector(values=[1, 0, 0, 0.5j, 0, 2, 0, 0]), {0: 1, 3: 0.5j, 5: 2}),
    "any vector": (THREE, pysv.SpinVector(values=NUMBERS.tolist()), dict(enumerate(NUMBERS @ [1, 1j]))),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("spin", ["unpolarized", "up"])
def test_superposed_spins(name, spin):
    device, spins, amplitudes = STATES[name]
    pair = Pair(chain_of(device))
    vector = np.zeros(pair.chain.dimension, dtype=complex)
    vector[list(amplitudes)] = list(amplitudes.values())
    own = pysv.Experiment(
        device=device,
        source=pysv.ConfinedElectrons(confined_sites=2, well=4.0, spin=spin, allow_leak=True),
        spins=spins,
        times=pysv.times(stop=2.0, step=2.0),
        record=EVERYTHING,
    )
    compare(own, pair, pair.orbitals_filled(2, 4.0, 1 if spin == "unpolarized" else 2, vector / np.linalg.norm(vector)))


def test_a_bound_electron_leaves_the_other_alone():
    """One electron sits on a site that no hop joins to the chain: the other is the one electron of `chebyshev`."""
    device = pysv.Device(
        sites=9, hopping=[0.0, 1.0, 0.9, 1.1, 1.0, 1.0, 0.7, 1.0], potential=[pysv.Potential(sites=(1, 1), energy=-20.0)],
        layers=[
            pysv.Layer(name="A", sites=(5, 5), spin=1.5, sd_exchange=0.4, anisotropy=0.1),
            pysv.Layer(name="B", sites=(7, 8), sd_exchange=(0.3, -0.5), exchange=-0.2, exchange_z=0.1),
        ],
    )  # fmt: skip
    one = pysv.Experiment(
        device=device, source=pysv.Orbital(confined_sites=3, well=8.0, level=1, spin="up"),
        spins=pysv.ProductState(layers={"A": (1.0, 0.4), "B": ((2.5, -1.0), (0.7, 2.0))}),
        times=pysv.times(stop=4.0, step=2.0), record=EVERYTHING,
    )  # fmt: skip
    two = dataclasses.replace(
        one, source=pysv.ConfinedElectrons(confined_sites=3, well=8.0, spin="up", allow_leak=True)
    )
    expected, data = (pysv.solve(own, progress=False) for own in (one, two))
    assert data.attrs["engine"] == "fock"  # taken by itself, where "tdmrg" does not serve
    same = set(expected.data_vars) - {
        "state_deviation", "energy", "norm", "spin_z_total", "electron_number", "electron_density",
        "electron_spin_density_z", "electron_spin_x", "electron_spin_y", "electron_spin_z",
    }  # fmt: skip
    assert {"density_matrix", "current", "spin_current_z", "charge_transmitted", "torque_x"} <= same
    for name in same:
        np.testing.assert_allclose(data[name], expected[name], atol=1e-9, err_msg=name)
    np.testing.assert_allclose(data.electron_density[:, 1:], expected.electron_density[:, 1:], atol=1e-9)
    np.testing.assert_allclose(data.electron_density[:, 0], 1, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_continuity_of_charge_and_spin(seed):
    """d n_x/dt = j_{x−1} − j_x, and for σᶻ the same less what the localized spin on the site gains by the sd exchange."""
    own = tilted(seed)
    engine = pysv.Fock().begin(own, "python")
    engine.advance(1.3)
    state, h = engine.snapshot().state, engine.hamiltonian
    rate = 2 / HBAR * (engine.psi.conj() * h.apply(engine.psi)).imag  # of |ψ|²
    up_or_down = {0: (1, 1), 1: (1, -1), 2: (-1, -1)}
    charge, spin = np.zeros((2, own.device.sites))
    for kind, own_rate in zip(h.basis.kind, rate, strict=True):
        for axis, sign in zip((1, 0), up_or_down[int(kind)], strict=True):
            charge += own_rate.sum(axis=axis)
            spin += sign * own_rate.sum(axis=axis)
    gained = np.zeros(own.device.sites)
    lengths = (np.array(own.device.levels) - 1) / 2
    gained[np.array(own.device.spin_sites) - 1] = 2 * lengths * state.torques()[2]
    current, spin_current = (np.concatenate(([0], flow, [0])) for flow in state.currents())
    assert abs(current).max() > 1e-2
    assert abs(gained).max() > 1e-3
    np.testing.assert_allclose(charge, -np.diff(current), atol=1e-10)
    np.testing.assert_allclose(spin, -np.diff(spin_current) - gained, atol=1e-10)


def test_what_has_passed_a_bond_is_the_integral_of_the_current(tmp_path):
    """Also after a run was interrupted: the density at t = 0 is in its file."""
    own = dataclasses.replace(tilted(0), times=pysv.times(stop=1.0, step=0.05), record=pysv.Record(currents=True))
    whole = pysv.solve(own, engine="fock", progress=False)
    passed = simpson(whole.current, x=whole.time, axis=0)
    np.testing.assert_allclose(whole.charge_transmitted[-1], passed, atol=2e-5)
    assert abs(passed).max() > 0.1
    short = dataclasses.replace(own, times=pysv.times(stop=0.5, step=0.05))
    pysv.solve(short, engine="fock", progress=False, out=tmp_path / "run.nc")
    resumed = pysv.resume(tmp_path / "run.nc", stop=1.0, progress=False)
    for name in ("charge_transmitted", "spin_x", "spin_z", "electron_spin_y"):
        np.testing.assert_allclose(resumed[name], whole[name], atol=1e-12, err_msg=name)


def flips(spin: str, spins: pysv.SpinSetting) -> np.ndarray:
    """Largest probability of m = 0 … 4 flipped spins, of one electron and of two from the same well, (2, 5)."""
    device = pysv.Device(sites=11, layers=[pysv.Layer(name="A", sites=(5, 6)), pysv.Layer(name="B", sites=(8, 9))])
    one = pysv.Experiment(
        device=device, source=pysv.Orbital(confined_sites=3, well=20.0, spin=spin), spins=spins,
        times=pysv.times(stop=8, step=1),
    )  # fmt: skip
    two = dataclasses.replace(one, source=pysv.ConfinedElectrons(confined_sites=3, well=20.0, spin=spin))
    runs = (pysv.solve(own, engine=name, progress=False) for own, name in ((one, "chebyshev"), (two, "fock")))
    return np.array([run.magnon_probability.max("time") for run in runs])


def test_two_electrons_excite_more_magnons():
    """S^z lets each polarised electron flip one spin of layers that are all up; antiparallel layers have no such limit."""
    one, two = flips("down", pysv.Parallel())
    assert one[1] > 0.1
    assert one[2:].max() < 1e-13
    assert two[2] > 1e-2
    assert two[3:].max() < 1e-13
    one, two = flips("unpolarized", pysv.Antiparallel())
    assert two[3:].sum() > 0.01
    assert two[3:].sum() > one[3:].sum()


def test_auto_takes_fock_where_the_chain_does_not_serve():
    plain = pysv.Experiment(device=THREE, source=pysv.ConfinedElectrons(confined_sites=2), spins=pysv.Parallel())
    cases = {
        "tdmrg": [{}, {"spins": pysv.ProductState(layers={"A": DOWN})}],
        "fock": [
            {"spins": pysv.ProductState(layers={"A": (1.0, 0.0)})}, {"spins": pysv.WState()}, {"device": LONG},
            {"record": pysv.Record(currents=True)},
        ],
    }  # fmt: skip
    for name, changes in cases.items():
        for change in changes:
            assert pysv.engines.choose(dataclasses.replace(plain, **change))[0].name == name, change


def test_sentences():
    several = pysv.ConfinedElectrons(confined_sites=3, electrons=4)
    long = pysv.Device(sites=8, layers=[pysv.Layer(sites=(6, 7), spin=1.0)])
    for changes, sentence in (
        (
            {"spins": pysv.Ground(), "device": long},
            "beside longer spins than 1/2 in a ground state of the localized spins: no engine serves this; take two",
        ),
        ({"bath": pysv.BosonicBath()}, r"with a bath: no engine serves this; leave \[bath\] out, or take one electron"),
        ({"spins": pysv.Gibbs()}, "beside thermal spins: no engine serves this; take another state of the spins, or"),
    ):
        with pytest.raises(InvalidInputError, match=f"^electrons = 4 {sentence}"):
            pysv.Experiment(source=several, **changes)
    many = pysv.Experiment(
        device=pysv.Device(sites=20, layers=[pysv.Layer(name="A", sites=(4, 16))]),
        source=pysv.ConfinedElectrons(confined_sites=3), spins=pysv.ProductState(layers={"A": (0.3, 0.0)}),
    )  # fmt: skip
    with pytest.raises(
        EngineError, match=r"one block of 8,192 rows, engine 'fock' forms up to 4,096; take fewer spins"
    ):
        pysv.solve(many, engine="fock", progress=False)
    degenerate = pysv.Experiment(
        device=pysv.Device(sites=9, layers=[pysv.Layer(name="A", sites=(4, 5))]),
        source=pysv.ConfinedElectrons(confined_sites=3), spins=pysv.Ground(),
    )  # fmt: skip
    with pytest.raises(EngineError, match=r"^\[spins\] the ground state of the localized spins is degenerate"):
        pysv.solve(degenerate, engine="fock", progress=False)
    weak = pysv.Experiment(
        device=pysv.Device(sites=9, layers=[pysv.Layer(name=n, sites=(s, s), spin=1.0) for n, s in (("A", 5), ("B", 7))]),
        source=pysv.ConfinedElectrons(confined_sites=3, well=20.0, field=-1.0),
    )  # fmt: skip
    with pytest.raises(pysv.errors.GroundStateError, match="with 2 units of spin lowered in A and 0 in B instead of 0"):
        pysv.solve(weak, engine="fock", progress=False)


@pytest.mark.parametrize(
    ("engine", "changes"),
    [
        ("fock", {"spins": pysv.ProductState(polarizer=(0.5, 0.0))}),
        ("fock", {"source": pysv.ConfinedElectrons(confined_sites=3, well=20.0, field=5.0, spin="up")}),
        ("tdmrg", {"spins": pysv.ProductState(polarizer=(0.5, 0.0))}),
        ("llg", {}),
    ],
)
def test_field_without_effect_is_refused(engine, changes):
    held = pysv.ConfinedElectrons(confined_sites=3, well=20.0, field=5.0)
    device = pysv.SpinValve(sites=10, polarizer=(5, 5), analyzer=(8, 8))
    experiment = dataclasses.replace(pysv.Experiment(device=device, source=held), **changes)
    with pytest.raises(EngineError, match=r"field = 5 has no effect.*leave the field out"):
        pysv.estimate(experiment, engine=engine)
    plain = dataclasses.replace(experiment, source=dataclasses.replace(experiment.source, field=10.0))
    assert pysv.estimate(plain, engine=engine).engine == engine
