"""Baths that spins share, layers of two temperatures, and dephasing of the electron, against dense density matrices."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import brute
import brute_open
import numpy as np
import pytest
from scipy.linalg import expm
from test_brute_force import brute_device

import pysv
from pysv import config
from pysv.errors import EngineError, ExperimentFileError, InvalidInputError
from pysv.experiment.layer import Layer
from pysv.model import spin_map
from pysv.model.alone import SpinsAlone
from pysv.model.baths.jumps import layer_baths, report
from pysv.model.channel import relaxation

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")

TWO = pysv.SpinValve(sites=4, polarizer=(1, 1), analyzer=(4, 4))
THREE = pysv.SpinValve(sites=4, polarizer=(1, 2), analyzer=(4, 4))
RATES = {2: 0.3, 3: 0.1, 4: 0.0}
STRONG = 0.2
KINDS = {
    "layer": {"shared": "layer"},
    "all": {"shared": "all"},
    "gradient": {"temperature": (100.0, 300.0)},
    "shared gradient": {"shared": "layer", "temperature": (300.0, 100.0)},
    "dephasing": {"strength": 0.0, "dephasing_sites": (2, 4), "dephasing_rate": tuple(RATES.values())},
    "everything": {"shared": "all", "dephasing_sites": (2, 4), "dephasing_rate": tuple(RATES.values())},
}
QUICK = [
    ("layer", "xyz"),
    ("all", "x"),
    ("gradient", "x"),
    ("shared gradient", "z"),
    ("dephasing", "x"),
    ("everything", "z"),
]
CASES = [
    pytest.param(device, kind, coupling, id=f"{device.n_spins} spins, {kind}, {coupling}",
                 marks=[] if device is THREE and (kind, coupling) in QUICK else pytest.mark.slow)
    for device in (TWO, THREE)
    for kind in KINDS
    for coupling in ("x", "z", "xyz")
]  # fmt: skip


def experiment(device, kind: str, coupling: str, strength=0.0144, times=(1.0, 0.5), **changes) -> pysv.Experiment:
    bath = {"temperature": 300.0, "coupling": coupling, "strength": strength} | KINDS[kind]
    own = {
        "device": device,
        "source": pysv.WavePacket(center=2, momentum_spread=2.5),
        "bath": pysv.BosonicBath(**bath),
        "times": pysv.times(*times),
        "record": pysv.Record(density_matrix=True),
    }
    return pysv.Experiment(**(own | changes))


@lru_cache
def reference(device, kind: str, coupling: str, strength: float, times: tuple[float, ...]):
    """Density matrices of the whole system and of the localized spins."""
    own = brute_device(device)
    runs = brute.pure_runs(own, brute.packet(4, 2, np.pi / 2, 2.5), "unpolarized", brute.antiparallel(own))
    keys = KINDS[kind]
    one, other = np.broadcast_to(keys.get("temperature", 300.0), 2).tolist()
    bath = brute_open.BruteBath(one, coupling, strength, shared=keys.get("shared", "spin"), other=other)
    jumps = brute_open.jump_operators(own, bath) if "strength" not in keys else []
    rates = RATES if "dephasing_rate" in keys else None
    rho = brute_open.evolve(own, brute_open.initial_density(runs), jumps, list(times), dephasing=rates)
    return rho, [brute_open.reduced(own, matrix) for matrix in rho]


def densities(device, rho) -> np.ndarray:
    """Probability of the electron on each site."""
    return np.array([np.diag(matrix).real.reshape(device.sites, -1).sum(axis=1) for matrix in rho])


def check_conserved(data, kind: str, coupling: str) -> None:
    for matrix in data.density_matrix.values:
        assert np.trace(matrix).real == pytest.approx(1, abs=1e-8)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-12
    np.testing.assert_allclose(data.electron_density.sum("site"), 1, atol=1e-8)
    change = float(np.abs(data.spin_z_total - data.spin_z_total[0]).max())
    if coupling == "z" or kind == "dephasing":
        assert change < 1e-8
    else:
        assert change > 1e-5  # far above what is conserved


@pytest.mark.parametrize(("device", "kind", "coupling"), CASES)
def test_low_rank(device, kind, coupling):
    engine = pysv.LowRank(tolerance=1e-9, time_step=0.05, order=4)
    data = pysv.solve(experiment(device, kind, coupling), engine=engine, progress=False)
    whole, reduced = reference(device, kind, coupling, 0.0144, (0.0, 0.5, 1.0))
    np.testing.assert_allclose(data.density_matrix, reduced, atol=2e-6, rtol=0)
    np.testing.assert_allclose(data.electron_density, densities(device, whole), atol=1e-5, rtol=0)
    distance = [
        np.abs(np.linalg.eigvalsh(a - b)).sum() for a, b in zip(data.density_matrix.values, reduced, strict=True)
    ]
    assert (distance <= data.state_deviation + 1e-8).all()
    check_conserved(data, kind, coupling)


@pytest.mark.parametrize("kind", ["dephasing", "everything"])
def test_low_rank_chooses_its_own_steps(kind):
    """The error that is stated holds, and is no larger than was asked for."""
    own = experiment(THREE, kind, "x", STRONG, (2.0, 1.0))
    data = pysv.solve(own, engine=pysv.LowRank(tolerance=1e-5), progress=False)
    _, reduced = reference(THREE, kind, "x", STRONG, (0.0, 1.0, 2.0))
    distance = np.abs(np.linalg.eigvalsh(data.density_matrix.values[-1] - reduced[-1])).sum()
    assert 1e-7 < distance < float(data.state_deviation[-1]) < 8e-5


@pytest.mark.parametrize(("device", "kind", "coupling"), CASES)
def test_mesolve(device, kind, coupling):
    own = experiment(device, kind, coupling)
    data = pysv.solve(own, engine=pysv.QuTiP(atol=1e-12, rtol=1e-9), progress=False)
    whole, reduced = reference(device, kind, coupling, 0.0144, (0.0, 0.5, 1.0))
    np.testing.assert_allclose(data.density_matrix, reduced, atol=1e-6, rtol=0)
    np.testing.assert_allclose(data.electron_density, densities(device, whole), atol=1e-6, rtol=0)
    check_conserved(data, kind, coupling)


@pytest.mark.parametrize("sampling", ["no-jump apart", "plain"])
@pytest.mark.parametrize(("device", "kind", "coupling"), CASES)
def test_trajectories(device, kind, coupling, sampling):
    """At the end of the run, within five standard errors and the splitting error of these steps, below 1e-3.

    These are 800 numbers, in 72 cases. Student's t of 20 groups is beyond 4 once in 1300, beyond 5 once in 13000.
    """
    own = experiment(device, kind, coupling, STRONG, (4.0, 2.0))
    engine = pysv.Trajectories(ntraj=400, seeds=1, time_step=0.1, sampling=sampling)
    data = pysv.solve(own, engine=engine, progress=False)
    whole, reduced = reference(device, kind, coupling, STRONG, (0.0, 2.0, 4.0))
    for axis, values in zip("xyz", brute.spin_expectations(reduced[-1]).T, strict=True):
        off = np.abs(data[f"spin_{axis}"][-1].values - values)
        assert (off <= 5 * data[f"spin_{axis}_error"][-1].values + 1e-3).all(), axis
    off = np.abs(data.electron_density[-1].values - densities(device, whole)[-1])
    assert (off <= 5 * data.electron_density_error[-1].values + 1e-3).all()
    assert data.attrs["engine_jumps_per_trajectory"] > 0.05
    check_conserved(data, kind, coupling)


@pytest.mark.parametrize("kind", ["all", "shared gradient", "dephasing", "everything"])
def test_mcsolve(kind):
    own = experiment(THREE, kind, "x", STRONG, (4.0, 2.0))
    engine = pysv.QuTiP(solver="mcsolve", ntraj=40, seeds=2, atol=1e-9, rtol=1e-7)
    data = pysv.solve(own, engine=engine, progress=False)
    whole, reduced = reference(THREE, kind, "x", STRONG, (0.0, 2.0, 4.0))
    off = np.abs(data.spin_z[-1].values - brute.spin_expectations(reduced[-1])[:, 2])
    assert (off <= 4 * data.spin_z_error[-1].values).all()
    off = np.abs(data.electron_density[-1].values - densities(THREE, whole)[-1])
    assert (off <= 4 * data.electron_density_error[-1].values + 1e-6).all()


@pytest.mark.parametrize("kind", ["gradient", "shared gradient"])
def test_mixed_jumps_are_the_same_equation(kind):
    own = experiment(TWO, kind, "x", STRONG, (4.0, 2.0))
    own = dataclasses.replace(own, bath=dataclasses.replace(own.bath, dephasing_rate=0.05))
    engine = pysv.Trajectories(ntraj=400, seeds=3, time_step=0.1, unravelling="mixed")
    data = pysv.solve(own, engine=engine, progress=False)
    exact = pysv.solve(own, engine=pysv.QuTiP(atol=1e-12, rtol=1e-9), progress=False)
    for name in ("spin_z", "electron_density"):
        off = np.abs(data[name][-1] - exact[name][-1])
        assert (off <= 4 * data[f"{name}_error"][-1] + 2e-3).all(), name


@pytest.mark.parametrize(("kind", "coupling"), [("all", "xyz"), ("gradient", "x"), ("everything", "x")])
def test_the_jump_operators_for_qutip(kind, coupling):
    """The generator in the full product space, on a random matrix, against that of the definition."""
    own = experiment(TWO, kind, coupling)
    found = pysv.to_qutip(own)
    device, keys = brute_device(TWO), KINDS[kind]
    one, other = np.broadcast_to(keys.get("temperature", 300.0), 2).tolist()
    bath = brute_open.BruteBath(one, coupling, shared=keys.get("shared", "spin"), other=other)
    full = [np.kron(np.eye(8), jump) / brute.HBAR**0.5 for jump in brute_open.jump_operators(device, bath)]
    for site, rate in RATES.items() if "dephasing_rate" in keys else ():
        here = np.diag([rate**0.5 * (n == site) for n in range(1, 5)])
        full.append(np.kron(here, np.eye(8)))
    rho = np.random.default_rng(5).normal(size=(32, 32))

    def dissipated(jumps):
        return sum(a @ rho @ a.conj().T - (a.conj().T @ a @ rho + rho @ a.conj().T @ a) / 2 for a in jumps)

    np.testing.assert_allclose(dissipated([jump.full() for jump in found.jumps]), dissipated(full), atol=1e-9)
    assert np.abs(dissipated(full)).max() > 1e-3


@pytest.mark.parametrize("engine", [pysv.LowRank(tolerance=1e-4), pysv.Trajectories(ntraj=8)], ids=lambda own: own.name)
@pytest.mark.parametrize("kind", ["everything", "dephasing"])
def test_runs_are_resumed(tmp_path, engine, kind):
    own = experiment(THREE, kind, "x", STRONG, (2.0, 0.5))
    whole = pysv.solve(own, engine=engine, progress=False)
    path = tmp_path / "run.nc"
    pysv.solve(dataclasses.replace(own, times=pysv.times(1, 0.5)), engine=engine, progress=False, out=path)
    resumed = pysv.resume(path, stop=2, progress=False)
    for name in whole.data_vars:
        np.testing.assert_allclose(resumed[name], whole[name], atol=1e-10, rtol=0, err_msg=str(name))


@pytest.mark.parametrize("engine", ["low-rank", "qutip", "trajectories"])
def test_no_dephasing_is_the_closed_system(engine):
    own = experiment(THREE, "dephasing", "x")
    own = dataclasses.replace(own, bath=pysv.BosonicBath(strength=0.0, dephasing_rate=0.0))
    exact = pysv.QuTiP(atol=1e-12, rtol=1e-9) if engine == "qutip" else engine
    one = pysv.solve(own, engine=exact, progress=False)
    other = pysv.solve(dataclasses.replace(own, bath=None), progress=False)
    for name in ("spin_z", "electron_density", "log_negativity", "energy"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-6, rtol=0, err_msg=name)


def test_dephasing_turns_a_packet_into_a_random_walk():
    """Far above the hopping, the electron hops between neighbours with the rate (2γ/ħ)²/(Γ_x + Γ_y)."""
    gamma, rate = 0.05, 1.0
    device = pysv.SpinValve(sites=5, polarizer=(1, 1), analyzer=(5, 5), hopping=gamma, sd_exchange=0.0)
    source = pysv.Amplitudes(values=(0, 0, 1), spin="up")
    bath = pysv.BosonicBath(strength=0.0, dephasing_rate=rate)
    own = pysv.Experiment(device=device, source=source, bath=bath, times=pysv.times(100, 50))
    data = pysv.solve(own, engine=pysv.LowRank(tolerance=1e-4), progress=False)
    walk = 2 * (gamma / 0.6582119569) ** 2 / rate * (np.eye(5, k=1) + np.eye(5, k=-1))
    walk -= np.diag(walk.sum(axis=0))
    for time in (50.0, 100.0):
        expected = expm(walk * time)[2]
        np.testing.assert_allclose(data.electron_density.sel(time=time), expected, atol=0.01)
    assert expected[2] < 0.5


def spins_alone(kind: str, **options):
    """Layers of two isotropic spins and of one in a field, and their baths."""
    device = pysv.Device(sites=6, layers=(
        Layer(sites=(1, 2), field=0.02, exchange=0.03, exchange_z=0.03), Layer(sites=(5, 5), field=0.01),
    ))  # fmt: skip
    return layer_baths(device, pysv.BosonicBath(**options, **KINDS[kind]))


def gibbs(h: np.ndarray, temperature: float) -> np.ndarray:
    found = expm(-h / (brute_open.KELVIN * temperature))
    return found / np.trace(found)


PAIR = [np.kron(s, np.eye(2)) + np.kron(np.eye(2), s) for s in brute.PAULI.values()]
"""2 Sˣ, 2 Sʸ, 2 Sᶻ of two spins."""


def test_a_shared_bath_thermalises_each_multiplet_by_itself():
    """It conserves the total spin of two isotropic spins: the triplet comes to its Gibbs state, the singlet stays."""
    own = spins_alone("layer", temperature=300.0, coupling="xyz", strength=1e-3)[0]
    h = -0.02 * PAIR[2] - 0.03 * sum(np.kron(s, s) for s in brute.PAULI.values())
    singlet = np.array([0, 1, -1, 0]) / np.sqrt(2)
    mixed = 0.3 * np.outer(singlet, singlet) + 0.7 * np.diag([0, 0, 0, 1.0])
    after = (relaxation(own, 1e6) @ mixed.ravel().astype(complex)).reshape(4, 4)
    triplet = np.eye(4) - np.outer(singlet, singlet)
    expected = triplet @ gibbs(h, 300.0) @ triplet
    expected = 0.7 * expected / np.trace(expected) + 0.3 * np.outer(singlet, singlet)
    np.testing.assert_allclose(after, expected, atol=1e-3)
    apart = spins_alone("gradient", coupling="xyz", strength=1e-3)[0]
    relaxed = (relaxation(apart, 1e6) @ mixed.ravel().astype(complex)).reshape(4, 4)
    np.testing.assert_allclose(relaxed, gibbs(h, 100.0), atol=1e-3)


@pytest.mark.parametrize("kind", ["gradient", "shared gradient"])
def test_each_layer_settles_at_its_own_temperature(kind):
    one, other = KINDS[kind]["temperature"]
    _, single = spins_alone(kind, coupling="xyz", strength=1e-2)
    after = (relaxation(single, 1e6) @ np.diag([0, 1.0]).ravel().astype(complex)).reshape(2, 2)
    np.testing.assert_allclose(after, gibbs(-0.01 * brute.PAULI["z"], other), atol=1e-4)
    device = pysv.Device(sites=4, layers=(
        Layer(name="cold", sites=(1, 1), sd_exchange=0.0, field=0.05),
        Layer(name="hot", sites=(4, 4), sd_exchange=0.0, field=0.05),
    ))  # fmt: skip
    own = experiment(device, kind, "x", strength=1.0, times=(60.0, 60.0))
    data = pysv.solve(own, engine="qutip", progress=False)
    polarised = np.tanh(0.05 / (brute_open.KELVIN * np.array([one, other])))
    np.testing.assert_allclose(data.spin_z[-1], polarised, atol=1e-4)


def test_a_shared_bath_entangles_what_no_electron_couples():
    """Baths of each spin do not: two spins without sd exchange stay a product."""
    device = pysv.SpinValve(sites=4, polarizer=(1, 1), analyzer=(4, 4), sd_exchange=0.0)
    spins = pysv.ProductState(polarizer=(0.0, 0.0), analyzer=(np.pi, 0.0))
    found = {}
    for kind in ("all", "layer"):
        own = experiment(device, kind, "xyz", STRONG, (6.0, 6.0), spins=spins)
        data = pysv.solve(own, engine="qutip", progress=False)
        found[kind] = float(data.mutual_information[-1])
    assert found["all"] > 1e-2
    assert abs(found["layer"]) < 1e-6


def test_the_lamb_shift_of_a_shared_bath_couples_the_layers():
    """Pairs of spins: with X = X_p + X_a it has the terms of either layer and those that mix them."""
    options = {"coupling": "x", "lamb_shift": True}
    device = dataclasses.replace(TWO)
    (joined,) = layer_baths(device, pysv.BosonicBath(shared="all", **options))
    apart = layer_baths(device, pysv.BosonicBath(**options))
    rest = joined.lamb_shift - np.kron(apart[0].lamb_shift, np.eye(2)) - np.kron(np.eye(2), apart[1].lamb_shift)
    # Single spins have no energy of their own: g(ω)² is even in the principal value but for detailed balance, and
    # the pair term is twice that of one spin, times σˣσˣ.
    own = float(apart[0].lamb_shift[0, 0])
    np.testing.assert_allclose(rest, 2 * own * np.kron(brute.PAULI["x"], brute.PAULI["x"]).real, atol=1e-9)
    assert abs(own) > 1e-4


def test_the_validity_measure_follows():
    """Γ_NR of a bath of n spins is n² that of one; of two temperatures the worse one is reported."""

    def product(**options):
        return report(THREE, pysv.BosonicBath(temperature=options.pop("temperature", 300.0), **options))[0][
            "bath_validity"
        ]

    assert product(shared="layer") == pytest.approx(4 * product())
    assert product(shared="all") == pytest.approx(9 * product())
    assert product(temperature=(10.0, 300.0)) == pytest.approx(product(temperature=10.0))
    assert product(strength=0.0, dephasing_rate=0.1) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"shared": "all", "temperature": [100, 300]}, r"temperature = \[100.0, 300.0\] with shared = 'all': one bath has one"),
        ({"dephasing_sites": [2, 3]}, r"dephasing_sites = \[2, 3\] would be ignored without a dephasing_rate; give one"),
        ({"dephasing_rate": -1}, r"dephasing_rate = -1 must be at least 0 \(1/fs\)"),
        ({"dephasing_rate": 1e4}, r"dephasing_rate = 10000 must be at most 1000 \(1/fs\)"),
        ({"temperature": []}, "temperature is an empty list"),
        ({"temperature": [100, 0]}, r"temperature\[1\] = 0 must be at least 0.001 \(K\)"),
        ({"shared": "layers"}, "shared: unknown value 'layers'; did you mean 'layer'"),
    ],
)  # fmt: skip
def test_baths_that_are_refused(options, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        pysv.BosonicBath(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperature": [1, 2, 3]}, "temperature has length 3; it must be one number or a list of length 2, one for each layer"),
        ({"dephasing_rate": [0.1, 0.2]}, "dephasing_rate has length 2; it must be one number or a list of length 4"),
        ({"dephasing_rate": 0.1, "dephasing_sites": [3, 5]}, "dephasing_sites reach outside the chain at 5; its sites are 1 to 4"),
    ],
)  # fmt: skip
def test_baths_that_do_not_fit_the_device(options, sentence):
    bath = pysv.BosonicBath(**options)
    with pytest.raises(InvalidInputError, match=sentence):
        dataclasses.replace(experiment(TWO, "layer", "x"), bath=bath)


MANY = pysv.SpinValve.with_layers(4, 4)
HUGE = pysv.SpinValve.with_layers(7, 6)


@pytest.mark.parametrize(
    ("device", "options", "engine", "sentence"),
    [
        (MANY, {"shared": "all"}, "low-rank", "a bath that all 8 spins share is too large for engine 'low-rank', .* at most 6 spins 1/2, or 64 states, or shared = 'layer'"),
        (MANY, {"shared": "all"}, "trajectories", "a bath that all 8 spins share is too large for engine 'trajectories'"),
        (MANY, {"shared": "all"}, pysv.Trajectories(unravelling="mixed"), "a bath that all 8 spins share"),
        (TWO, {"shared": "all"}, pysv.Trajectories(unravelling="mixed"), "unravelling = 'mixed' superposes the jumps of several baths, which shared = 'all' does not have"),
        (TWO, {"strength": 0.0, "dephasing_rate": 0.1}, pysv.QuTiP(solver="mcsolve", unravelling="mixed"), "which strength = 0 does not have"),
        (HUGE, {"shared": "all"}, "qutip", "the 13 spins that share a bath have 8,192 states; its jump operator is found for at most 12 spins"),
        (TWO, {"dephasing_rate": 0.1}, "chebyshev", "engine 'chebyshev' runs closed systems only"),
    ],
)  # fmt: skip
def test_what_cannot_run(device, options, engine, sentence):
    own = pysv.Experiment(
        device=device,
        source=pysv.WavePacket(center=2, momentum_spread=2.5, allow_truncation=True),
        bath=pysv.BosonicBath(**options),
    )
    with pytest.raises((EngineError, InvalidInputError), match=sentence):
        pysv.estimate(own, engine)


def test_trains_do_not_dephase():
    train = pysv.Train(center=10, momentum_spread=1.2, pulses=2, interval=50)
    device = pysv.SpinValve(sites=60, polarizer=(30, 30), analyzer=(33, 33))
    own = pysv.Experiment(device=device, source=train, bath=pysv.BosonicBath(dephasing_rate=0.1))
    with pytest.raises(EngineError, match="engine 'train' does not serve dephasing_rate: its electrons pass the spins"):
        pysv.estimate(own, "train")


def test_echo_free_moves_the_sites():
    own = pysv.Experiment(bath=pysv.BosonicBath(dephasing_sites=(44, 47), dephasing_rate=0.1))
    longer = own.echo_free(stop=60)
    shift = longer.device.spin_sites[0] - 44
    assert shift > 0
    assert longer.bath.dephasing_sites == (44 + shift, 47 + shift)
    everywhere = dataclasses.replace(own, bath=pysv.BosonicBath(dephasing_rate=0.1)).echo_free(stop=60)
    assert len(everywhere.bath.dephasing(everywhere.device.sites)) == everywhere.device.sites


@pytest.mark.parametrize(("kind", "coupling"), [("all", "x"), ("gradient", "xyz"), ("shared gradient", "z")])
def test_spins_alone_between_two_pulses(kind, coupling):
    """E_t of a train against the exponential of the dense generator, from a random state."""
    alone = SpinsAlone(experiment(THREE, kind, coupling))
    random = np.random.default_rng(7).normal(size=(2, 8, 8))
    factor = random[0] + 1j * random[1]
    rho = factor @ factor.conj().T / np.linalg.norm(factor) ** 2
    spins = alone.spins
    blocks = {(a, b): rho[np.ix_(spins.configurations(a), spins.configurations(b))] for a in range(4) for b in range(4)}
    after = spin_map.to_dense(alone.evolve(blocks, 20.0, alone.maps(20.0)), spins)
    device, keys = brute_device(THREE), KINDS[kind]
    one, other = np.broadcast_to(keys.get("temperature", 300.0), 2).tolist()
    bath = brute_open.BruteBath(one, coupling, shared=keys.get("shared", "spin"), other=other)
    jumps = brute_open.jump_operators(device, bath)
    generator = brute_open.liouvillian(brute_open.layer_hamiltonian(device), jumps) / brute.HBAR
    np.testing.assert_allclose(after, (expm(20.0 * generator) @ rho.ravel()).reshape(8, 8), atol=1e-8)


def test_a_train_with_shared_baths_runs():
    """Its S^z and trace are kept where the coupling keeps them."""
    device = pysv.SpinValve(sites=60, polarizer=(30, 30), analyzer=(33, 33))
    source = pysv.Train(center=10, momentum_spread=1.2, pulses=2, interval=60, spin="up")
    bath = pysv.BosonicBath(shared="layer", temperature=(100.0, 300.0), coupling="x", strength=0.1)
    data = pysv.solve(pysv.Experiment(device=device, source=source, bath=bath), progress=False)
    np.testing.assert_allclose(data.norm, 1, atol=1e-9)
    apart = dataclasses.replace(bath, shared="spin")  # the same for layers of one spin
    same = pysv.solve(pysv.Experiment(device=device, source=source, bath=apart), progress=False)
    np.testing.assert_allclose(data.spin_z, same.spin_z, atol=1e-12)
    one = pysv.solve(
        pysv.Experiment(device=device, source=source, bath=dataclasses.replace(bath, shared="all", temperature=300.0)),
        progress=False,
    )
    assert float(np.abs(one.mutual_information - same.mutual_information).max()) > 1e-3


FILE = """
[device]
sites = 12
polarizer = [7, 7]
analyzer = [10, 10]
[source]
center = 5
momentum_spread = 1.5
[bath]
temperature = [100.0, 300.0]
shared = "layer"
dephasing_rate = 0.1
dephasing_sites = [7, 10]
[evolution]
stop = 1.0
"""


def test_files_and_their_fingerprints():
    """A file comes back from its own text; new keys at their defaults leave no trace in it."""
    found = config.loads(FILE)
    assert found.experiment.bath == pysv.BosonicBath(
        temperature=(100, 300), shared="layer", dephasing_rate=0.1, dephasing_sites=(7, 10)
    )
    assert config.loads(config.dumps(found.experiment)).experiment == found.experiment
    plain = config.dumps(dataclasses.replace(found.experiment, bath=pysv.BosonicBath()))
    assert "temperature = 100.0\n" in plain
    assert not any(key in plain for key in ("shared", "dephasing"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[100.0, 300.0]", "[100.0]", r"experiment: \[bath\] temperature has length 1; it must be one number or a list of length 2"),
        ("[7, 10]\n[evolution]", "[7, 13]\n[evolution]", r"experiment: \[bath\] dephasing_sites reach outside the chain at 13"),
        ("shared", "share", r"experiment: \[bath\] unknown key 'share'; did you mean 'shared'"),
    ],
)  # fmt: skip
def test_files_that_are_refused(old, new, sentence):
    with pytest.raises(ExperimentFileError, match=sentence):
        config.loads(FILE.replace(old, new))


def test_sweeps_over_the_new_keys():
    own = config.loads(FILE).experiment
    grid = {"bath.shared": ["spin", "all"], "bath.dephasing_rate": [0.0, 0.2]}
    own = dataclasses.replace(
        own, bath=pysv.BosonicBath(temperature=300, strength=0.1, dephasing_sites=(7, 10), dephasing_rate=0.1)
    )
    engine = pysv.LowRank(tolerance=1e-3)
    data = pysv.sweep(own, grid, engine=engine, progress=False).combined
    assert data.spin_z.sizes["bath_shared"] == data.spin_z.sizes["bath_dephasing_rate"] == 2
    point = dataclasses.replace(own, bath=dataclasses.replace(own.bath, shared="all", dephasing_rate=0.2))
    alone = pysv.solve(point, engine=engine, progress=False)
    chosen = data.spin_z.sel(bath_shared="all", bath_dephasing_rate=0.2)
    np.testing.assert_array_equal(chosen.values, alone.spin_z.values)
    assert np.abs(data.electron_density.diff("bath_dephasing_rate")).max() > 1e-4
