"""Every number at both ends of its range: a result, or one sentence; never a traceback, a NaN, or a wait."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import pysv
from pysv import engines, keys
from pysv.errors import BathValidityWarning, EngineFailureError, InvalidInputError, PysvError
from pysv.experiment.device import Device
from pysv.experiment.ranges import ENERGY

VALVE = {"sites": 8, "polarizer": (3, 3), "analyzer": (5, 6)}
LAYERS = (pysv.Layer(name="one", sites=(3, 3)), pysv.Layer(name="two", sites=(5, 6)))
PACKET = {"center": 3.0, "momentum_spread": 1.2, "allow_truncation": True}
LONG = pysv.SpinValve(sites=60, polarizer=(30, 30), analyzer=(33, 33))
TINY = 5e-324
"""The smallest positive number."""
CHEAP = 0.8
"""Estimated seconds up to which a run is made."""
SCHEDULED = {"entropies": "entropy_total", "log_negativity": "log_negativity"}


def experiment(**parts):
    own = {
        "device": pysv.SpinValve(**VALVE),
        "source": pysv.WavePacket(**PACKET),
        "times": pysv.times(stop=1.0, step=1.0),
    }
    return pysv.Experiment(**(own | parts))


def with_part(made, changes):
    """A small experiment of which one part is a class with some fields."""
    match made:
        case pysv.SpinValve:
            return experiment(device=made(**(VALVE | changes)))
        case pysv.Device:
            return experiment(device=made(**({"sites": 8, "layers": LAYERS} | changes)))
        case pysv.Layer:
            return experiment(device=Device(sites=8, layers=(LAYERS[0], dataclasses.replace(LAYERS[1], **changes))))
        case pysv.Potential:
            own = {"disorder": 0.5} if "seed" in changes else {}
            return experiment(device=Device(sites=8, layers=LAYERS, potential=(made(**own, **changes),)))
        case pysv.WavePacket:
            return experiment(source=made(**(PACKET | changes)))
        case pysv.Train:
            own = {"center": 10.0, "momentum_spread": 1.2, "pulses": 2, "interval": 50.0}
            return experiment(source=made(**(own | changes)), device=LONG, times=None)
        case pysv.Orbital:
            return experiment(source=made(**({"confined_sites": 2} | changes)))
        case pysv.ConfinedElectrons:
            return experiment(source=made(**({"confined_sites": 2, "allow_leak": True} | changes)))
        case pysv.Gibbs | pysv.Ground:
            return experiment(spins=made(**changes))
        case pysv.Bell:
            return experiment(spins=made(pair=(1, 2), **changes))
        case pysv.BosonicBath:
            return experiment(bath=made(**changes))
        case pysv.Times:
            value = max(changes.values())
            return experiment(times=made(stop=value, step=value))
        case pysv.Record:
            return experiment(record=made(**changes))
        case pysv.Every:
            return experiment(record=pysv.Record(every=made(**changes)))
    raise AssertionError(made)


def ends(field):
    """Both ends of the range of a field, and the smallest number beside 0."""
    low, high = field.metadata["low"], field.metadata["high"]
    return [low, high] + [TINY] * (isinstance(low, float) and low <= 0)


def run(asked, engine="auto", unknown=()):
    """Estimate an experiment, and run it where that is cheap. What is finite must be finite."""
    needed = pysv.estimate(asked, engine)
    assert math.isfinite(needed.seconds)
    assert 0 < needed.memory < math.inf
    assert str(needed)
    if needed.seconds > CHEAP or not needed.fits:
        return
    data = pysv.solve(asked, engine=engine, progress=False)
    for name in {"norm", "energy", "spin_z", "electron_density", "entropy_total", "log_negativity"} - set(unknown):
        assert name not in data or np.isfinite(data[name].values).all(), name


def sentence(call):
    """The error of pysv that a call raises; empty if it raises none."""
    try:
        call()
    except PysvError as error:
        return str(error)
    return ""


PARTS = [
    pysv.SpinValve, pysv.Device, pysv.Layer, pysv.Potential, pysv.WavePacket, pysv.Train, pysv.Orbital,
    pysv.ConfinedElectrons, pysv.Gibbs, pysv.Ground, pysv.Bell, pysv.BosonicBath, pysv.Times, pysv.Record, pysv.Every,
]  # fmt: skip
ENDS = [
    pytest.param(made, field.name, value, id=f"{made.__name__} {field.name} {value}")
    for made in PARTS
    for field in dataclasses.fields(made)
    if "low" in field.metadata
    for value in ends(field)
]
OPTIONS = [
    pytest.param(made, field.name, value, id=f"{name} {field.name} {value}")
    for name, made in engines.methods().items()
    for field in dataclasses.fields(made)
    if "low" in field.metadata
    for value in ends(field)
]


def test_every_number_has_two_ends():
    numbers = {
        (table.made, key.name): key.range
        for table in keys.tables()
        for key in table.keys
        if key.takes in ("A whole number", "A real number", "A real number, or a list of them")
    }
    assert len(numbers) > 60
    for (made, name), shown in numbers.items():
        assert " … " in shown, (made.__name__, name)
    assert {made for made, _ in numbers} - {*PARTS, *engines.methods().values()} == {pysv.Amplitudes, pysv.Probe}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("made", "name", "value"), ENDS)
def test_a_number_at_the_end_of_its_range(made, name, value):
    unknown = [SCHEDULED[name]] if made is pysv.Every and name in SCHEDULED else []
    assert "\n" not in sentence(lambda: run(with_part(made, {name: value}), unknown=unknown))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("made", "name", "value"), OPTIONS)
def test_an_option_of_an_engine_at_the_end_of_its_range(made, name, value):
    if made.name == "train":
        asked = with_part(pysv.Train, {})
    elif made.name in ("tdmrg", "fock"):
        asked = with_part(pysv.ConfinedElectrons, {})
    else:
        asked = experiment(bath=pysv.BosonicBath() if made.open else None)
    beside = {"min_bond": 1} if name == "max_bond" else {}
    assert "\n" not in sentence(lambda: run(asked, made(**beside, **{name: value})))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("shape", ["gaussian", "exponential", "hard"])
@pytest.mark.parametrize(
    "bath",
    [
        {"temperature": 1e6, "cutoff": 1e-5},
        {"temperature": 1e-3, "cutoff": 1e3},
        {"temperature": 1e6, "cutoff": 1e-5, "strength": 1e3},
        {"temperature": 1e-3, "cutoff": 1e3, "strength": TINY},
    ],
    ids=str,
)
def test_baths_at_several_ends_at_once(bath, shape):
    run(experiment(bath=pysv.BosonicBath(cutoff_shape=shape, lamb_shift=True, **bath)), pysv.LowRank(time_step=1.0))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "engine",
    [pysv.LowRank(time_step=1.0), pysv.Trajectories(ntraj=4), pysv.QuTiP(solver="mesolve")],
    ids=lambda engine: engine.name,
)
@pytest.mark.parametrize(
    "bath",
    [
        {"shared": "all", "temperature": 1e-3, "strength": 1e3},
        {"shared": "all", "temperature": 1e6, "lamb_shift": True},
        {"shared": "layer", "temperature": (1e-3, 1e6)},
        {"shared": "layer", "temperature": (1e6, 1e-3), "strength": TINY, "dephasing_rate": TINY},
        {"strength": 0.0, "dephasing_rate": (0.0, 1e3), "dephasing_sites": (1, 2)},
        {"strength": 0.0, "dephasing_rate": 1e3},
        {"strength": 1e3, "dephasing_rate": 1e3, "dephasing_sites": (8, 8)},
    ],
    ids=str,
)
def test_shared_baths_temperatures_and_dephasing_at_their_ends(bath, engine):
    assert "\n" not in sentence(lambda: run(experiment(bath=pysv.BosonicBath(**bath)), engine))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("value", [1e-3, 1e6])
def test_gibbs_states_of_the_largest_energies(value):
    device = pysv.SpinValve(**(VALVE | {"exchange": ENERGY["low"], "exchange_z": ENERGY["high"]}))
    run(experiment(device=device, spins=pysv.Gibbs(temperature=value, pinning=1e6)))


@pytest.mark.parametrize("values", [((1e100, 0), (0, -1e100)), ((1e-100, 0), (0, TINY))])
def test_amplitudes_far_from_1(values):
    run(experiment(source=pysv.Amplitudes(values=values)))


REFUSED = [
    (lambda: pysv.Amplitudes(values=((TINY, 0),)), "values lists zeros only, or numbers below 1e-100"),
    (lambda: pysv.SpinVector(values=((1e308, 0),)), r"values\[0\] = 1e\+308 must be at most 1e\+100"),
    (lambda: pysv.Record(momenta=(1e308,)), r"momenta\[0\] = 1e\+308 must be at most 1e\+06 \(rad per site\)"),
    (lambda: pysv.ProductState(polarizer=(0, 1e308)), r"\(phi\) = 1e\+308 must be at most 1e\+06 \(rad\)"),
    (lambda: pysv.Times(at=(1e-320, 1)), r"at\[0\] = 9.99989e-321 fs must be 0, or at least 1e-06 fs"),
    (lambda: pysv.Times(at=(1.0, 1.0000001)), "at least 1e-06 fs later than the time before"),
    (lambda: pysv.Times(at=(1, 1e300)), r"at\[1\] = 1e\+300 must be at most 1e\+12 \(fs\)"),
    (lambda: pysv.Device(sites=8, layers=LAYERS, hopping=(TINY, 0.0)), "leaves every electron where it is"),
    (lambda: pysv.ConfinedElectrons(well=1e300), r"well = 1e\+300 must be at most 1e\+06 \(eV\)"),
    (lambda: pysv.ConfinedElectrons(field=1e300), r"field = 1e\+300 must be at most 1e\+06 \(eV\)"),
    (lambda: pysv.BosonicBath(strength=1e308), r"strength = 1e\+308 must be at most 1000"),
    (lambda: pysv.BosonicBath(temperature=1e7), r"temperature = 1e\+07 must be at most 1e\+06 \(K\)"),
    (lambda: pysv.BosonicBath(temperature=TINY), r"temperature = 4.94066e-324 must be at least 0.001 \(K\)"),
    (lambda: pysv.LowRank(time_step=1e300), r"time_step = 1e\+300 must be at most 1e\+06 \(fs\)"),
    (lambda: pysv.Trajectories(time_step=1e-320), r"time_step = 9.99989e-321 must be at least 1e-06 \(fs\)"),
    (lambda: pysv.QuTiP(nsteps=2**63), "nsteps = 9223372036854775808 must be between 1 and 2147483647"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), REFUSED)
def test_lists_and_what_used_to_break(make, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        make()


def test_numerical_limits_are_said():
    strong = pysv.BosonicBath(series_terms=60)
    with (
        pytest.warns(BathValidityWarning),
        pytest.raises(EngineFailureError, match=r"the baths act .* times in one step of 1 fs"),
    ):
        pysv.solve(experiment(bath=strong), engine="low-rank", progress=False)
    wide = pysv.SpinValve(**(VALVE | {"exchange_z": 1e6}))
    shifted = experiment(device=wide, bath=pysv.BosonicBath(lamb_shift=True))
    with pytest.raises(InvalidInputError, match=r"lamb_shift = true needs .* frequencies"):  # alone, without a warning
        pysv.solve(shifted, engine="low-rank", progress=False)
    several = with_part(pysv.ConfinedElectrons, {})
    with pytest.raises(PysvError, match="max_bond = 1 is too small for the ground state"):
        pysv.solve(several, engine=pysv.TDMRG(min_bond=1, max_bond=1), progress=False)
    with pytest.raises(PysvError, match="Trotter steps between two snapshots"):
        pysv.estimate(several, pysv.TDMRG(time_step=1e-6))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (field.name, value)
        for field in dataclasses.fields(pysv.Probe)
        if "low" in field.metadata
        for value in ends(field)
    ],
)
def test_a_number_of_a_probe_at_the_end_of_its_range(name, value):
    assert "\n" not in sentence(lambda: pysv.Probe(**{name: value}).check_times(pysv.times(stop=40, step=1)))
