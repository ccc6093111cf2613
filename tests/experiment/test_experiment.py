"""Every value that is not allowed, and the sentence that it gets."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import re

import numpy as np
import pytest

import pysv
from pysv.errors import InvalidInputError, LeftOutWarning, PacketDirectionWarning, PacketTruncationWarning
from pysv.run.remarks import warn

NAN, INF = float("nan"), float("inf")

BAD = [
    (pysv.SpinValve, {"sites": 0}, "sites = 0 must be between 2 and 1000000"),
    (pysv.SpinValve, {"sites": 201.0}, "sites = 201.0 must be a whole number"),
    (pysv.SpinValve, {"sites": True}, "sites = True must be a whole number"),
    (pysv.SpinValve, {"sites": 50}, "analyzer = [52, 55] reaches outside the chain; its sites are 1 to 50"),
    (pysv.SpinValve, {"polarizer": (0, 4)}, "polarizer = [0, 4] reaches outside the chain; its sites are 1 to 201"),
    (pysv.SpinValve, {"polarizer": (47, 44)}, "polarizer = [47, 44] is reversed; write [44, 47]"),
    (pysv.SpinValve, {"polarizer": ()}, "polarizer = () must be two numbers [first site, last site]; a layer has at least one site"),
    (pysv.SpinValve, {"polarizer": (44, 52)}, "analyzer = [52, 55] overlaps polarizer = [44, 52] on site 52; move one"),
    (pysv.SpinValve, {"polarizer": (44.5, 47)}, "polarizer[0] = 44.5 must be a whole number"),
    (pysv.SpinValve, {"hopping": 0.0}, "hopping = 0 must be at least 1e-15 (eV)"),
    (pysv.SpinValve, {"hopping": NAN}, "hopping = nan must be finite (eV)"),
    (pysv.SpinValve, {"sd_exchange": INF}, "sd_exchange = inf must be finite (eV)"),
    (pysv.SpinValve, {"exchange": "strong"}, "exchange = 'strong' must be a number (eV)"),
    (pysv.SpinValve, {"convention": "paulli"}, "unknown value 'paulli'; did you mean 'pauli'? known: half, mixed, pauli"),
    (pysv.WavePacket, {"center": NAN}, "center = nan must be finite (site)"),
    (pysv.WavePacket, {"momentum_spread": 0}, "momentum_spread = 0 must be at least 1e-09 (rad per site)"),
    (pysv.WavePacket, {"spin": "sideways"}, "unknown value 'sideways'; known: down, unpolarized, up"),
    (pysv.WavePacket, {"spin": "Up"}, "unknown value 'Up'; did you mean 'up'? known: down, unpolarized, up"),
    (pysv.WavePacket, {"spin": "UNPOLARISED"}, "unknown value 'UNPOLARISED'; did you mean 'unpolarized'?"),
    (pysv.WavePacket, {"spin": (90, 180)}, "must be at most pi = 3.141593 rad; if these are degrees, write [1.570796, 3.141593]"),
    (pysv.ProductState, {"polarizer": (45, 0)}, "if these are degrees, write [0.785398, 0.000000]"),
    (pysv.WavePacket, {"spin": (4.0, 0.0)}, "spin[0] (theta) = 4 must be at most pi = 3.141593 rad"),
    (pysv.WavePacket, {"spin": (-0.1, 0.0)}, "spin[0] (theta) = -0.1 must be at least 0 (rad)"),
    (pysv.WavePacket, {"spin": (1.0,)}, "spin = (1.0,) must be a pair [theta, phi] in rad"),
    (pysv.WavePacket, {"spin": 3}, "spin = 3 must be one of unpolarized, up, down or [theta, phi] in rad"),
    (pysv.ConfinedElectrons, {"electrons": 3}, "electrons = 3 must be even (half up, half down)"),
    (pysv.ConfinedElectrons, {"electrons": 1}, "electrons = 1 must be even (half up, half down); or say spin = 'up', 'down' or [n_up, n_down]"),
    (pysv.ConfinedElectrons, {"electrons": 12, "confined_sites": 5},
     "electrons = 12 exceeds the 10 that confined_sites = 5 can hold, two on each site; take fewer"),
    (pysv.ProductState, {"polarizer": []}, "polarizer = [] must be a pair [theta, phi] in rad, or one pair per spin"),
    (pysv.ProductState, {"analyzer": ((0, INF),)}, "analyzer[0][1] (phi) = inf must be finite (rad)"),
    (pysv.Gibbs, {"temperature": 0}, "temperature = 0 must be at least 0.001 (K)"),
    (pysv.Gibbs, {"pinning": -1.0}, "pinning = -1 must be at least 0 (eV)"),
    (pysv.BosonicBath, {"temperature": -3.0}, "temperature = -3 must be at least 0.001 (K)"),
    (pysv.BosonicBath, {"coupling": "w"}, "unknown value 'w'; known: x, xyz, y, z"),
    (pysv.BosonicBath, {"lamb_shift": 1}, "lamb_shift = 1 must be true or false"),
    (pysv.Times, {"step": 0.0}, "step = 0 must be at least 1e-06 (fs)"),
    (pysv.Times, {"step": -1.0}, "step = -1 must be at least 1e-06 (fs)"),
    (pysv.Times, {"stop": 1.0, "step": 2.0}, "step = 2 fs is larger than stop = 1 fs; take a smaller step"),
    (pysv.Times, {"stop": 5.5, "step": 1.0}, "stop = 5.5 fs is not a whole number of steps of 1 fs; take 5 or 6 fs"),
    (pysv.Times, {"stop": 1e9, "step": 1e-3}, "step = 0.001 fs makes 1e+12 snapshots until stop = 1e+09 fs; the limit is 1e+07; take a larger step"),
    (pysv.WavePacket, {"center": 10**400}, "center = inf must be finite"),
    (pysv.SpinValve, {"sites": 10**400}, "must be between 2 and 1000000"),
    (pysv.SpinValve, {"polarizer": (100, 10**5), "sites": 10**6}, "the limit is 60"),
    (pysv.Experiment, {"source": pysv.WavePacket(center=100, momentum_spread=1e-9)}, "the limit is 0.01"),
    (pysv.Times, {"stop": INF}, "stop = inf must be finite (fs)"),
    (pysv.Record, {"momenta": ()}, "momenta = () must be a list of at least one number"),
    (pysv.Record, {"momenta": (1.0, 1.0)}, "momenta = [1.0, 1.0] names a momentum twice"),
    (pysv.Record, {"largest_dense": -1}, "largest_dense = -1 must be between 0 and 100000 (rows)"),
    (pysv.Record, {"density_matrix": "yes"}, "density_matrix = 'yes' must be true or false"),
    (pysv.Record, {"every": 5}, "every = 5 must be a table of measures and whole numbers"),
    (pysv.Record, {"every": {"negativity": 5}}, "every: unknown measure 'negativity'"),
    (pysv.Record, {"every": {"qfi": -1}}, "every: qfi = -1 must be between 0 and 1000000000 (snapshots, 0 for never)"),
    (pysv.Experiment, {"device": 3}, "device = 3 must be a pysv.SpinValve"),
    (pysv.Experiment, {"bath": 100}, "bath = 100 must be a pysv.BosonicBath or None"),
    (pysv.Experiment, {"source": pysv.WavePacket(center=300)}, "center = 300 lies outside the chain; its sites are 1 to 201"),
    (pysv.Experiment, {"source": pysv.WavePacket(center=8)},
     "center = 8: 6.6e-02 (left end) of the packet lies beyond the chain, where the limit is 0.01; move the centre"),
    (pysv.Experiment, {"spins": pysv.ProductState(polarizer=((0, 0), (1, 0)))},
     "polarizer has 2 pairs [theta, phi], the layer has 4 spins; give one pair, or one for each spin"),
    (pysv.Experiment, {"source": pysv.ConfinedElectrons(confined_sites=500)},
     "confined_sites = 500 exceeds the 112 sites of the chain"),
    (pysv.Experiment, {"source": pysv.ConfinedElectrons(confined_sites=51)},
     "confined_sites = 51: a localized spin sits on site 51, inside the confined region; confine at most 50 sites"),
    (pysv.Chebyshev, {"tolerance": 0}, "tolerance = 0 must be at least 1e-15 (per fs)"),
    (pysv.Chebyshev, {"bound_margin": -0.1}, "bound_margin = -0.1 must be at least 0"),
    (pysv.RK4, {"time_step": 0}, "time_step = 0 must be at least 1e-06 (fs)"),
    (pysv.QuTiP, {"method": "euler"}, "unknown value 'euler'"),
    (pysv.QuTiP, {"nsteps": 0}, "nsteps = 0 must be between 1 and 2147483647"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changes", "sentence"), BAD, ids=lambda value: str(value)[:40])
def test_bad_values(kind, changes, sentence):
    with pytest.raises(InvalidInputError, match=re.escape(sentence)):
        kind(**changes)


def test_numpy_arrays_are_lists():
    assert pysv.Record(momenta=np.linspace(0.0, 1.0, 3)).momenta == (0.0, 0.5, 1.0)
    assert pysv.WavePacket(spin=np.array([0.1, 0.2])).spin == (0.1, 0.2)
    assert pysv.ProductState(polarizer=np.zeros((2, 2))).polarizer == ((0.0, 0.0), (0.0, 0.0))
    assert pysv.SpinValve(polarizer=np.array([44, 47])) == pysv.SpinValve()


def test_a_narrow_packet_between_two_sites():
    amplitude = pysv.WavePacket(center=20.5, momentum_spread=300.0).amplitudes(60)
    np.testing.assert_allclose(np.abs(amplitude[[19, 20]]) ** 2, 0.5)
    assert pysv.Experiment(source=pysv.WavePacket(center=20.5, momentum_spread=300.0)).truncated == 0


def test_times_are_round():
    assert 0.3 in pysv.times(stop=1, step=0.1).values


def test_numpy_numbers_are_numbers():
    device = pysv.SpinValve(sites=np.int64(100), hopping=np.float64(1.0))
    assert type(device.sites) is int
    assert type(device.hopping) is float


def test_experiments_are_values():
    one, other = pysv.Experiment(), pysv.Experiment(device=pysv.SpinValve(polarizer=[44, 47]))
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.device = None


def test_the_default_is_the_papers_device():
    device = pysv.Experiment().device
    assert device == pysv.SpinValve.with_layers(4)
    assert device.spin_sites == (44, 45, 46, 47, 52, 53, 54, 55)
    large = pysv.SpinValve.with_layers(10)
    assert (large.polarizer, large.analyzer) == ((44, 53), (58, 67))
    assert pysv.SpinValve.with_layers(2, 3, first=10, spacer=0, sites=20).analyzer == (12, 14)


def test_the_packet():
    """|Φ|² has σ = 1/δ_k and moves with 2γ sin k/ħ = 3.04 sites/fs at k = π/2."""
    packet = pysv.WavePacket(center=100)
    weight = np.abs(packet.amplitudes(201)) ** 2
    x = np.arange(1, 202)
    assert weight.sum() == pytest.approx(1)
    assert weight @ x == pytest.approx(100)
    assert math.sqrt(weight @ (x - 100) ** 2) == pytest.approx(5, rel=1e-6)
    assert packet.velocity(1.0) == pytest.approx(3.0385, abs=1e-4)


def test_truncation_is_the_gaussian_tail():
    left, right = pysv.WavePacket(center=20).beyond_ends(201)
    assert left == pytest.approx(0.5 * math.erfc(19.5 / 5 / math.sqrt(2)), rel=0.05)
    assert right < 1e-100
    assert pysv.Experiment().truncated == left + right


def test_truncation_is_reported_and_small_one_is_silent(recwarn):
    lost = 0.5 * math.erfc(17.5 / 5 / math.sqrt(2))
    assert 2e-4 < lost < 3e-4
    with pytest.warns(PacketTruncationWarning, match=r"2\.\de-04 \(left end\) of the packet lies beyond the chain"):
        warn(pysv.Experiment(source=pysv.WavePacket(center=18)))
    warn(pysv.Experiment())  # the packet of the paper
    inside = pysv.Experiment(source=pysv.WavePacket(center=30))
    warn(inside)
    assert not recwarn.list
    assert inside.remarks() == ()


@pytest.mark.parametrize(
    ("center", "momentum", "side"),
    [
        (30, -math.pi / 2, "left"),
        (100, math.pi / 2, "right"),
        (30, 3 * math.pi / 2, "left"),
        (30, math.pi / 2, None),
        (100, -1.0, None),
        (49, -1.0, None),  # between the layers
        (30, -0.1, None),  # a part of it runs to the right
        (30, 0.0, None),
    ],
)
def test_a_packet_that_runs_away_is_reported(center, momentum, side):
    experiment = pysv.Experiment(source=pysv.WavePacket(center=center, momentum=momentum))
    if side is None:
        assert experiment.direction_remarks() == ()
        return
    sentence = f"the packet starts on the {side} of the localized spins and runs away from them"
    with pytest.warns(PacketDirectionWarning, match=sentence):
        warn(experiment)
    assert any(sentence in remark for remark in experiment.remarks())


FOUR = pysv.Device(sites=201, layers=pysv.SpinValve().layers)


def test_hopping_turns_the_packet_round():
    backwards = pysv.Experiment(device=dataclasses.replace(FOUR, hopping=[-1.0]), source=pysv.WavePacket(center=30))
    assert "change the sign of momentum" in backwards.direction_remarks()[0]


@pytest.mark.parametrize(
    ("kind", "keyword", "meant"),
    [
        (pysv.SpinValve, "J_sd", "sd_exchange"),
        (pysv.SpinValve, "J", "exchange"),
        (pysv.SpinValve, "J_z", "exchange_z"),
        (pysv.SpinValve, "gamma", "hopping"),
        (pysv.SpinValve, "sits", "sites"),
        (pysv.WavePacket, "x0", "center"),
        (pysv.WavePacket, "centre", "center"),
        (pysv.WavePacket, "k", "momentum"),
        (pysv.WavePacket, "momentumSpread", "momentum_spread"),
        (pysv.BosonicBath, "T", "temperature"),
        (pysv.Chebyshev, "tol", None),
        (pysv.Experiment, "sorce", "source"),
        (pysv.Layer, "J_sd", "sd_exchange"),
    ],
)
def test_an_unknown_keyword_names_the_nearest(kind, keyword, meant):
    hint = f" did you mean '{meant}'?" if meant else ""
    sentence = f"pysv.{kind.__name__}: unknown keyword '{keyword}';{hint} known: "
    for error in (InvalidInputError, TypeError):
        with pytest.raises(error, match=re.escape(sentence)):
            kind(**{keyword: 1})


def test_objects_are_still_copied_and_pickled():
    for thing in (pysv.Experiment(), pysv.WavePacket(spin="up"), pysv.SpinValve()):
        assert pickle.loads(pickle.dumps(thing)) == copy.deepcopy(thing) == dataclasses.replace(thing) == thing


def test_wall_echoes():
    """x₀ = 20 → 44 → wall at 0 → 44 takes 112/3.04 fs = 36.9 fs: the specification's 36–40 fs."""
    (left, name), (right, other) = pysv.Experiment().wall_echoes
    assert (name, other) == ("left wall", "right wall")
    assert left == pytest.approx((24 + 88) / 3.0385, rel=1e-4)
    assert 36 <= left <= 40
    assert right == pytest.approx((202 - 20 + 202 - 55) / 3.0385, rel=1e-4)
    assert pysv.Experiment(source=pysv.WavePacket(momentum=0.0)).wall_echoes == ()
    device = pysv.SpinValve()
    beyond = pysv.WavePacket(center=150).wall_echoes(device)  # runs away from the layers: only the right wall answers
    assert [name for _, name in beyond] == ["right wall"]
    assert beyond[0][0] == pytest.approx((52 + 147) / 3.0385, rel=1e-4)
    mirrored = pysv.WavePacket(center=182, momentum=-math.pi / 2).wall_echoes(
        pysv.SpinValve(polarizer=(147, 150), analyzer=(155, 158))
    )
    other = {"left wall": "right wall", "right wall": "left wall"}
    assert mirrored == tuple((time, other[name]) for time, name in pysv.Experiment().wall_echoes)
    backward = pysv.Experiment(source=pysv.WavePacket(momentum=-math.pi / 2)).wall_echoes
    assert backward[0][0] == pytest.approx((20 + 44) / 3.0385, rel=1e-4)


def test_a_measure_that_is_asked_for_and_left_out_is_announced(recwarn):
    large = pysv.Experiment(device=pysv.SpinValve.with_layers(7), record=pysv.Record(density_matrix=True))
    sentence = (
        r"\[record\] density_matrix = true: density_matrix is left out, because it needs the density matrix, whose "
        r"largest block has 3432 rows, this version forms up to 1024"
    )
    assert math.comb(14, 7) == 3432
    with pytest.warns(LeftOutWarning, match=sentence):
        warn(large, pysv.Chebyshev())
    warn(dataclasses.replace(large, record=pysv.Record()), pysv.Chebyshev())  # nobody asked
    warn(dataclasses.replace(large, device=pysv.SpinValve()), pysv.Chebyshev())  # it fits
    assert not recwarn.list
