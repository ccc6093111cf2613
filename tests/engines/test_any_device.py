"""Random devices of any layers, spins, couplings and potentials, against Kronecker products in the full product space."""

from __future__ import annotations

import dataclasses
import json
import math

import brute_general as brute
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import pysv
from pysv.errors import InvalidInputError
from pysv.model.basis import Basis, Spins
from pysv.sectors.hamiltonian import Hamiltonian

SEEDS = range(12)
METHODS = {
    "chebyshev": pysv.Chebyshev(),
    "rk4": pysv.RK4(time_step=0.0002),
    "qutip": pysv.QuTiP(method="vern9", atol=1e-13, rtol=1e-13),
}


def random_device(seed: int) -> pysv.Device:
    """One to three layers of spins 1/2 to 5/2 with couplings one by one; small enough for the full product space."""
    rng = np.random.default_rng(seed)

    def some(count: int):
        return rng.normal(0, 0.5, count).tolist() if rng.random() < 0.5 and count else float(rng.normal(0, 0.5))

    layers, site, states = [], 1 + int(rng.integers(0, 2)), 1
    for number in range(1 + seed % 3):
        count, length = int(rng.integers(1, 3)), float(rng.choice([0.5, 0.5, 1.0, 1.5, 2.5]))
        if states * (2 * length + 1) ** count > 60:
            count, length = 1, 0.5
        states *= round(2 * length + 1) ** count
        layers.append(
            pysv.Layer(
                name=f"M{number}", sites=(site, site + count - 1), spin=length, sd_exchange=some(count),
                exchange=some(count - 1), exchange_z=some(count - 1), anisotropy=some(count), field=some(count),
            )
        )  # fmt: skip
        site += count + int(rng.integers(0, 2))
    sites = max(site + int(rng.integers(0, 2)), 5)
    potential = [pysv.Potential(sites=(1, 2), energy=0.7), pysv.Potential(disorder=1.0, seed=seed)] if seed % 4 else []
    return pysv.Device(
        sites=sites, layers=rng.permutation(np.array(layers, object)).tolist(), potential=potential,
        hopping=[1.0, [1.0, -0.6], rng.normal(1, 0.3, sites - 1).tolist()][(seed // 2) % 3],
        convention=("pauli", "half", "mixed")[seed % 3],
    )  # fmt: skip


def random_experiment(seed: int) -> pysv.Experiment:
    rng = np.random.default_rng(100 + seed)
    device = random_device(seed)
    directions = {
        layer.name: (float(rng.uniform(0, math.pi)), float(rng.uniform(-3, 3))) if seed % 2 else (math.pi, 0.0)
        for layer in device.layers[seed % 2 :]
    }
    return pysv.Experiment(
        device=device,
        source=pysv.WavePacket(
            center=device.sites / 2, momentum=1.2, momentum_spread=2.5,
            spin=("unpolarized", "up", "down", (0.7, 1.1))[int(rng.integers(0, 4))],
        ),
        spins=pysv.ProductState(layers=directions),
        times=pysv.times(stop=3.0, step=1.5),
        record=pysv.Record(density_matrix=True, currents=True, torque=True, purity=True),
    )  # fmt: skip


def chain_of(device: pysv.Device) -> brute.BruteChain:
    potential = [0.0] * device.sites
    for own in device.potential:
        for site, energy in own.on(device.sites).items():
            potential[site - 1] += energy
    bonds = device.hopping if isinstance(device.hopping, tuple) else (device.hopping,)
    layers = [
        brute.BruteLayer(
            tuple(range(layer.sites[0], layer.sites[1] + 1)), layer.spin,
            *(_each(getattr(layer, key), layer.count - (key in ("exchange", "exchange_z")))
              for key in ("sd_exchange", "exchange", "exchange_z", "anisotropy", "field")),
        )
        for layer in device.layers
    ]  # fmt: skip
    hopping = tuple(bonds[bond % len(bonds)] for bond in range(device.sites - 1))
    return brute.BruteChain(device.sites, hopping, tuple(potential), tuple(layers), device.convention)


def _each(value, count):
    return tuple(value) if isinstance(value, tuple) else (value,) * count


def packet_of(source: pysv.WavePacket, sites: int) -> np.ndarray:
    x = np.arange(1, sites + 1)
    found = np.exp(1j * source.momentum * x - source.momentum_spread**2 * (x - source.center) ** 2 / 4)
    return found / np.linalg.norm(found)


def history(experiment: pysv.Experiment) -> tuple[brute.BruteChain, list]:
    chain = chain_of(experiment.device)
    given = dict(experiment.spins.layers)
    angles = [given.get(layer.name, (0.0, 0.0)) for layer in experiment.device.layers for _ in range(layer.count)]
    runs = brute.product_runs(chain, packet_of(experiment.source, chain.sites), experiment.source.spin, angles)
    return chain, brute.evolve(chain, runs, experiment.times.values.tolist())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hamiltonian_is_the_kronecker_product(seed):
    device = random_device(seed)
    spins = Spins(device.levels)
    h = Hamiltonian.of_device(device, Basis.of_sectors(spins, range(spins.lowest + 2)))
    inner = h.basis.electron.astype(int) * spins.size + h.basis.configuration
    place = (inner[:, None] + np.arange(h.sites)[None, :] * 2 * spins.size).ravel()
    expected = brute.hamiltonian(chain_of(device)).toarray()[np.ix_(place, place)]
    np.testing.assert_allclose(h.sparse().toarray(), expected, atol=1e-13)
    levels = np.linalg.eigvalsh(expected)
    assert np.abs(levels).max() <= h.norm_bound()
    psi = np.random.default_rng(seed).standard_normal((h.basis.rows, h.sites)) + 0j
    for dtype, tolerance in ((np.complex128, 1e-13), (np.complex64, 1e-5)):
        laid = h.laid_out(dtype)
        found = laid.layout.flat(laid.apply(laid.layout.tiled(psi.astype(dtype))))
        image = (expected @ psi.ravel()).reshape(psi.shape)
        np.testing.assert_allclose(found, image, atol=tolerance * np.abs(image).max())
        energy = np.vdot(psi, image).real
        assert laid.expectation(laid.layout.tiled(psi.astype(dtype))) == pytest.approx(energy, rel=100 * tolerance)


@pytest.mark.parametrize("engine", METHODS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_variable(seed, engine):
    compare(random_experiment(seed), METHODS[engine])


@hypothesis.settings(max_examples=6)
@hypothesis.given(st.integers(100, 1_000_000), st.sampled_from(sorted(METHODS)))
def test_every_variable_of_any_seed(seed, engine):
    compare(random_experiment(seed), METHODS[engine])


def compare(experiment: pysv.Experiment, method) -> None:
    """All variables of a run with those of the full product space."""
    data = pysv.solve(experiment, engine=method, progress=False)
    chain, runs_at = history(experiment)
    sides = experiment.record.sides(experiment.device)
    for index, runs in enumerate(runs_at):
        expected = brute.variables(chain, runs, *(map(list, sides) if sides else ([0], [])))
        if sides is None:
            for name in ("entropy_polarizer", "entropy_analyzer", "mutual_information", "log_negativity"):
                del expected[name]
                assert name not in data
        for name, value in expected.items():
            got = data[name][index].values
            np.testing.assert_allclose(got, value, atol=2e-9, rtol=2e-9, err_msg=f"{name} at snapshot {index}")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sign_of_the_hopping_moves_the_momentum_by_pi(seed):
    """(−1)^x turns γ into −γ and k into k + π on a chain, and leaves all that is recorded."""
    one = random_experiment(seed)
    bonds = one.device.hopping
    turned = tuple(-bond for bond in bonds) if isinstance(bonds, tuple) else -bonds
    other = dataclasses.replace(
        one,
        device=dataclasses.replace(one.device, hopping=turned),
        source=dataclasses.replace(one.source, momentum=one.source.momentum - math.pi),
    )
    data, expected = (pysv.solve(experiment, progress=False) for experiment in (other, one))
    for name in expected.data_vars:
        np.testing.assert_allclose(data[name], expected[name], atol=1e-11, rtol=1e-11, err_msg=str(name))


@pytest.mark.parametrize("seed", [0, 4, 8])
def test_the_mirrored_device(seed):
    """x → L + 1 − x."""
    one = random_experiment(seed)
    device, sites = one.device, one.device.sites

    def reversed_list(value):
        return value[::-1] if isinstance(value, tuple) else value

    layers = [
        dataclasses.replace(
            layer, sites=(sites + 1 - layer.sites[1], sites + 1 - layer.sites[0]),
            **{key: reversed_list(getattr(layer, key))
               for key in ("sd_exchange", "exchange", "exchange_z", "anisotropy", "field")},
        )
        for layer in device.layers
    ]  # fmt: skip
    hopping = tuple(chain_of(device).hopping[::-1])
    other = dataclasses.replace(
        one,
        device=dataclasses.replace(device, layers=layers, hopping=hopping),
        source=dataclasses.replace(one.source, center=sites + 1 - one.source.center, momentum=-one.source.momentum),
    )
    data, expected = (pysv.solve(experiment, progress=False) for experiment in (other, one))
    for name in ("electron_density", "electron_spin_density_z"):
        np.testing.assert_allclose(data[name][:, ::-1], expected[name], atol=1e-11)
    np.testing.assert_allclose(data.current[:, ::-1], -expected.current, atol=1e-11)
    here, there = data.spin_site.values, expected.spin_site.values
    for name in ("spin_x", "spin_y", "spin_z", "torque_x", "torque_y", "torque_z"):
        np.testing.assert_allclose(
            data[name].values[:, np.argsort(here)[::-1]], expected[name].values[:, np.argsort(there)], atol=1e-11
        )
    for name in {"log_negativity", "mutual_information", "entropy_total", "purity", "energy"} & set(expected.data_vars):
        np.testing.assert_allclose(data[name], expected[name], atol=1e-11)


@pytest.mark.parametrize("seed", [2, 5, 8, 11])
def test_pairs_and_groups_of_three_layers(seed):
    experiment = random_experiment(seed)
    one, two, three = (layer.name for layer in experiment.device.layers)
    own = dataclasses.replace(experiment, record=pysv.Record(between=(two, f"{three}+{one}")))
    data = pysv.solve(own, progress=False)
    chain, runs_at = history(experiment)
    rho = brute.reduced_density(chain, runs_at[-1])
    spins = [[n - 1 for n in layer] for layer in experiment.device.layer_spins]
    for number, (a, b) in enumerate(((0, 1), (0, 2), (1, 2))):
        for name, measure in (
            ("log_negativity_pairs", brute.log_negativity), ("mutual_information_pairs", brute.mutual_information),
        ):  # fmt: skip
            expected = measure(rho, chain.dims, spins[a], spins[b])
            assert float(data[name][-1, number]) == pytest.approx(expected, abs=1e-9)
    for name, measure in (("log_negativity", brute.log_negativity), ("mutual_information", brute.mutual_information)):
        expected = measure(rho, chain.dims, spins[1], spins[2] + spins[0])
        assert float(data[name][-1]) == pytest.approx(expected, abs=1e-9)
    assert data.pair.values.tolist() == [f"{one}|{two}", f"{one}|{three}", f"{two}|{three}"]


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_continuity(seed):
    """d n_x/dt = j_{x−1} − j_x, from snapshots so close that the fourth-order difference is exact to rounding."""
    step = 1e-3
    experiment = dataclasses.replace(random_experiment(seed), times=pysv.times(stop=4 * step, step=step))
    data = pysv.solve(experiment, engine=pysv.Chebyshev(tolerance=1e-15), progress=False)
    n, j = data.electron_density.values, data.current.values[2]
    rate = (n[0] - 8 * n[1] + 8 * n[3] - n[4]) / (12 * step)
    np.testing.assert_allclose(rate, np.append(0, j) - np.append(j, 0), atol=1e-10)
    passed = np.cumsum((n[-1] - n[0])[::-1])[::-1][1:]
    np.testing.assert_allclose(data.charge_transmitted.values[-1], passed, atol=1e-14)


def test_the_whole_packet_passes_an_empty_chain():
    device = pysv.Device(sites=120, layers=[pysv.Layer(sites=(60, 60), sd_exchange=0.0)])
    own = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=25, momentum_spread=0.3), times=pysv.times(stop=18, step=18),
        record=pysv.Record(currents=True),
    )  # fmt: skip
    data = pysv.solve(own, progress=False)
    assert float(data.charge_transmitted.sel(bond_site=60)[-1]) == pytest.approx(1, abs=1e-6)


def test_a_valve_is_the_device_of_two_layers(small):
    valve = small.device
    shared = {"sd_exchange": valve.sd_exchange, "exchange": valve.exchange, "exchange_z": valve.exchange_z}
    device = pysv.Device(
        sites=valve.sites,
        layers=[pysv.Layer(name=name, sites=getattr(valve, name), **shared) for name in ("polarizer", "analyzer")],
    )
    general = dataclasses.replace(small, device=device)
    for engine in ("chebyshev", "qutip"):
        one, other = (pysv.solve(own, engine=engine, progress=False) for own in (small, general))
        assert set(one.data_vars) == set(other.data_vars)
        for name in one.data_vars:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_spin_one_is_two_halves_held_in_the_triplet():
    """Two spins 1/2 on one site each have no common sd exchange; a strong exchange holds a pair of neighbours as one spin 1.

    The sd exchange of either half is switched off but for fields and exchange: a layer of spins S beside the electron
    evolves as 2S spins 1/2 do in their symmetric subspace where every operator is symmetric in them.
    """
    field, coupling = 0.3, 0.17
    whole = pysv.Device(sites=5, layers=[pysv.Layer(name="A", sites=(3, 3), spin=1.0, sd_exchange=0.0, field=field)])
    halves = pysv.Device(
        sites=5,
        layers=[
            pysv.Layer(name="A", sites=(3, 4), sd_exchange=0.0, field=field, exchange=coupling, exchange_z=coupling)
        ],
    )
    found = []
    for device in (whole, halves):
        own = pysv.Experiment(
            device=device, source=pysv.WavePacket(center=2, momentum_spread=2.0, spin="up"),
            spins=pysv.ProductState(layers={"A": (1.1, 0.4)}), times=pysv.times(stop=4, step=1),
        )  # fmt: skip
        found.append(pysv.solve(own, progress=False))
    for axis in "xyz":
        np.testing.assert_allclose(found[0][f"spin_{axis}"][:, 0], found[1][f"spin_{axis}"][:, 0], atol=1e-11)
    np.testing.assert_allclose(found[0].magnon_probability, found[1].magnon_probability, atol=1e-11)


def test_baths_of_any_spins_against_qutip_in_the_product_space():
    import qutip

    device = pysv.Device(
        sites=5,
        layers=[pysv.Layer(name="A", sites=(3, 3), spin=1.0, anisotropy=0.05), pysv.Layer(name="B", sites=(5, 5))],
    )
    own = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=2, momentum_spread=1.5),
        bath=pysv.BosonicBath(temperature=300, strength=0.004, lamb_shift=True), times=pysv.times(stop=2, step=1),
    )  # fmt: skip
    given = pysv.to_qutip(own)
    reference = qutip.mesolve(
        given.hamiltonian, given.rho, [0, 1, 2], given.jumps, e_ops=given.observables,
        options={"atol": 1e-10, "rtol": 1e-9, "nsteps": 100_000},
    )  # fmt: skip
    data = pysv.solve(own, engine=pysv.LowRank(tolerance=1e-8, time_step=0.05), progress=False)
    for spin in (1, 2):
        np.testing.assert_allclose(data.spin_z[:, spin - 1], reference.e_data[f"spin_z_{spin}"], atol=3e-6)
    for site in range(1, 6):
        expected = reference.e_data[f"electron_density_{site}"]
        np.testing.assert_allclose(data.electron_density.sel(site=site), expected, atol=3e-6)


def test_thermal_layers_of_any_spins():
    """Each layer in its Gibbs state: the weights of its own levels, from the matrices of its spins."""
    layers = [
        pysv.Layer(name="A", sites=(2, 3), spin=1.0, exchange=0.02, exchange_z=0.03, anisotropy=0.01, field=0.02),
        pysv.Layer(name="B", sites=(5, 5), spin=1.5, field=-0.01),
    ]
    device = pysv.Device(sites=6, layers=layers, convention="half")
    own = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=3, momentum_spread=2.0, spin="up"),
        spins=pysv.Gibbs(temperature=300, tolerance=0.0), times=pysv.times(stop=1, step=1),
    )  # fmt: skip
    data = pysv.solve(own, progress=False)
    chain = chain_of(device)
    still = dataclasses.replace(
        chain,
        hopping=(0.0,) * 5,
        layers=tuple(dataclasses.replace(own, sd_exchange=(0.0,) * len(own.sites)) for own in chain.layers),
    )
    size = math.prod(chain.dims)
    h = brute.hamiltonian(still).toarray()[:size, :size]
    weights = np.exp(-np.linalg.eigvalsh(h) / (8.617333262e-5 * 300))
    p, vectors = weights / weights.sum(), np.linalg.eigh(h)[1]
    rho = (vectors * p) @ vectors.conj().T
    np.testing.assert_allclose(data.spin_z[0], brute.spin_expectations(rho, chain.dims)[:, 2], atol=1e-12)
    assert float(data.entropy_total[0]) == pytest.approx(-(p * np.log(p)).sum(), abs=1e-12)
    assert float(data.mutual_information[0]) == pytest.approx(0, abs=1e-12)
    assert float(data.log_negativity[0]) == pytest.approx(0, abs=1e-12)


PAIR = pysv.Device(sites=6, layers=[pysv.Layer(name="A", sites=(3, 3)), pysv.Layer(name="B", sites=(5, 5))])
STARTS = {
    "singlet": (pysv.Bell(), [0, 1, -1, 0]),
    "triplet": (pysv.Bell(phase=0.0), [0, 1, 1, 0]),
    "bell": (pysv.Bell(phase=0.7), [0, 1, np.exp(0.7j), 0]),
    "w": (pysv.WState(), [0, 1, 1, 0]),
    "ghz": (pysv.GHZ(), [1, 0, 0, 1]),
    "parallel": (pysv.Parallel(), [1, 0, 0, 0]),
    "vector": (pysv.SpinVector(values=[1, 2j, -1, 0.5]), [1, 2j, -1, 0.5]),
}


@pytest.mark.parametrize("name", STARTS)
def test_starts_of_the_spins(name):
    setting, vector = STARTS[name]
    chi = np.array(vector, complex) / np.linalg.norm(vector)
    own = pysv.Experiment(
        device=PAIR, source=pysv.WavePacket(center=2, momentum_spread=2.0, spin=(0.4, 0.2)), spins=setting,
        times=pysv.times(stop=2, step=1), record=pysv.Record(density_matrix=True),
    )  # fmt: skip
    data = pysv.solve(own, progress=False)
    np.testing.assert_allclose(data.density_matrix[0], np.outer(chi, chi.conj()), atol=1e-13)
    chain = chain_of(PAIR)
    runs = brute.runs_of(chain, packet_of(own.source, 6), (0.4, 0.2), chi)
    expected = brute.variables(chain, brute.evolve(chain, runs, [0.0, 1.0, 2.0])[-1], [0], [1])
    for variable in ("density_matrix", "spin_z", "electron_density", "log_negativity", "energy"):
        np.testing.assert_allclose(data[variable][-1], expected[variable], atol=1e-9, err_msg=variable)


def test_ground_states():
    """A Heisenberg antiferromagnet of two spins is a singlet; a ferromagnet is degenerate until a sector is chosen."""

    def pair(**couplings):
        return pysv.Device(sites=5, layers=[pysv.Layer(name="A", sites=(3, 4), **couplings)])

    def start(device, **options):
        return pysv.solve(
            pysv.Experiment(
                device=device, source=pysv.WavePacket(center=2, momentum_spread=2.0, spin="up"),
                spins=pysv.Ground(**options), times=pysv.times(stop=1, step=1), record=pysv.Record(density_matrix=True),
            ),
            progress=False,
        )  # fmt: skip

    singlet = np.array([0, 1, -1, 0]) / np.sqrt(2)
    found = start(pair(exchange=-0.2, exchange_z=-0.2)).density_matrix[0]
    np.testing.assert_allclose(found, np.outer(singlet, singlet), atol=1e-12)
    magnet = pair(exchange=0.2, exchange_z=0.2)
    with pytest.raises(
        InvalidInputError, match="degenerate: several states at -0.2 eV, with S\\^z = 1, 0, -1; add a field"
    ):
        start(magnet)
    triplet = np.array([0, 1, 1, 0]) / np.sqrt(2)
    np.testing.assert_allclose(start(magnet, spin_z=0).density_matrix[0], np.outer(triplet, triplet), atol=1e-12)
    with pytest.raises(InvalidInputError, match="spin_z = 0.5 must be between"):
        start(magnet, spin_z=0.5)
    up = start(pair(exchange=0.2, exchange_z=0.2, field=0.1)).spin_z[0]
    np.testing.assert_allclose(up, 1, atol=1e-12)


def test_a_partly_polarised_electron_is_a_mixture(small):
    def run(**spin):
        source = dataclasses.replace(small.source, **spin)
        return pysv.solve(dataclasses.replace(small, source=source), progress=False).electron_spin_z

    up, down = run(spin="up"), run(spin="down")
    np.testing.assert_allclose(run(polarization=0.5), 0.75 * up + 0.25 * down, atol=1e-12)
    np.testing.assert_allclose(run(polarization=-1.0), down, atol=1e-12)
    with pytest.raises(InvalidInputError, match="polarization = 0.5 would be ignored, because spin = 'up'"):
        run(spin="up", polarization=0.5)


def test_a_packet_that_leaves_the_chain_may_be_allowed(small):
    with pytest.raises(InvalidInputError, match="allow_truncation = true"):
        dataclasses.replace(small, source=pysv.WavePacket(center=1, momentum_spread=0.3))
    with pytest.warns(pysv.errors.PacketTruncationWarning):
        data = pysv.solve(
            dataclasses.replace(small, source=pysv.WavePacket(center=1, momentum_spread=0.3, allow_truncation=True)),
            progress=False,
        )
    assert data.attrs["packet_truncated"] > 0.3
    assert float(data.norm[0]) == pytest.approx(1)


def test_what_a_file_says_of_a_device_is_read_back():
    from pysv import config

    for seed in SEEDS:
        own = random_experiment(seed)
        text = config.dumps(own)
        assert config.loads(text).experiment == own
        assert json.dumps(text)
    short = config.loads(
        "[device]\nsites = 12\npolarizer = [4, 4]\nanalyzer = [7, 8]\nhopping = [1.0, 0.5]\n[source]\ncenter = 5\nmomentum_spread = 1.0\n"
    )
    assert [layer.name for layer in short.experiment.device.layers] == ["polarizer", "analyzer"]
    assert config.loads(config.dumps(short.experiment)).experiment == short.experiment


BAD = [
    (
        {"layers": [{"sites": [2, 3]}, {"sites": [3, 4]}]},
        "layer 'L2' overlaps layer 'L1' on site 3; move one of the layers",
    ),
    ({"layers": [{"sites": [2, 2], "spin": 0.7}]}, "Layer 1: spin = 0.7 must be 0.5, 1, 1.5, 2 or 2.5"),
    ({"layers": [{"sites": [2, 4, 4]}]}, "sites = [2, 4, 4] must be ascending, each site once"),
    (
        {"layers": [{"sites": [2, 4], "sd_exchange": [0.1, 0.2]}]},
        "sd_exchange has length 2; it must be one number or a list of length 3, one for each spin",
    ),
    (
        {"layers": [{"sites": [2, 4], "exchange": [0.1]}]},
        "exchange has length 1; it must be one number or a list of length 2, one for each bond",
    ),
    (
        {"layers": [{"name": "A", "sites": [2, 2]}, {"name": "A", "sites": [4, 4]}]},
        "two layers are called 'A'; give each a name of its own",
    ),
    (
        {"layers": [{"sites": [2, 2]}], "hopping": 0.0},
        "hopping = 0 leaves every electron where it is; give a number of at least 1e-15 eV",
    ),
    (
        {"layers": [{"sites": [2, 2]}], "potential": [{"sites": [1, 3], "energy": [1.0]}]},
        "energy has length 1; it must be one number or a list of length 3, one for each site of the potential",
    ),
    (
        {"layers": [{"sites": [2, 2]}], "hopping": [1.0] * 8},
        "hopping has length 8; the limit is 7, one for each bond of the chain",
    ),
    (
        {"layers": [{"sites": [2, 2]}], "potential": [{"energy": 1.0, "seed": 5}]},
        "seed = 5 would be ignored, because disorder = 0; give a disorder, or leave seed out",
    ),
    ({"layers": [{"sites": [2, 9]}]}, "layer 'L1': sites reach outside the chain at 9; its sites are 1 to 8"),
]


@pytest.mark.parametrize(("fields", "sentence"), BAD)
def test_bad_devices_are_refused_in_one_sentence(fields, sentence):
    with pytest.raises(InvalidInputError) as caught:
        pysv.Device(sites=8, **fields)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"record": pysv.Record(between=("A", "D"))}, "unknown layer 'D'"),
        ({"record": pysv.Record(between=("A", "A+B"))}, "names layer 'A' twice; the sides must not share spins"),
        ({"spins": pysv.Bell(pair=(1, 5))}, "pair names spin 5; the spins are 1 to 3"),
        ({"spins": pysv.Bell()}, "a Bell state needs two spins, the device has 3; name two of them by pair = [i, j]"),
        ({"spins": pysv.Bell(pair=(1, 3))}, "spin 3 has S = 1; a Bell state needs spins 1/2"),
        (
            {"spins": pysv.SpinVector(values=[1, 0])},
            "values lists 2 amplitudes, the localized spins have 12 configurations",
        ),
        ({"spins": pysv.ProductState(layers={"Q": (0.0, 0.0)})}, "unknown layer 'Q'"),
        ({"source": pysv.Amplitudes(values=[1] * 9)}, "values lists 9 amplitudes, the chain has 8 sites"),
        ({"source": pysv.Orbital(confined_sites=9)}, "confined_sites = 9 exceeds the 8 sites of the chain"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_sentence(changes, sentence):
    layers = [
        pysv.Layer(name="A", sites=(3, 3)),
        pysv.Layer(name="B", sites=(5, 5)),
        pysv.Layer(name="C", sites=(7, 7), spin=1.0),
    ]
    own = pysv.Experiment(
        device=pysv.Device(sites=8, layers=layers), source=pysv.WavePacket(center=4, momentum_spread=2.0)
    )
    with pytest.raises(InvalidInputError) as caught:
        dataclasses.replace(own, **changes)
    assert sentence in str(caught.value)


def test_the_table_of_guests_is_in_the_docs():
    from pathlib import Path

    from pysv.engines.guests import as_markdown, as_text

    page = Path(__file__).parents[2] / "docs" / "engines.md"
    assert as_markdown() in page.read_text("utf-8")
    assert "spins 1 to 5/2" in as_text()
