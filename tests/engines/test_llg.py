"""Classical vectors beside electrons: solutions on paper, dense matrices in SciPy, and the quantum engines."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import brute_classical as brute
import numpy as np
import pytest
from conftest import StopAfter
from test_any_device import chain_of, packet_of, random_device

import pysv
from pysv import figures
from pysv.classical.hamiltonian import ClassicalHamiltonian
from pysv.classical.start import directions
from pysv.errors import EngineError, GroundStateError, InvalidInputError
from pysv.model import terms
from pysv.model.operators import Electron, Product, Spin
from pysv.units import HBAR

AXES = ("spin_x", "spin_y", "spin_z")
CAREFUL = pysv.LLG(tolerance=1e-12, measure_error=False)


def solve(experiment, **options):
    return pysv.solve(experiment, engine=pysv.LLG(**options) if options else "llg", progress=False)


def vectors(data) -> np.ndarray:
    """n, (time, spin, 3)."""
    return np.stack([data[name] for name in AXES], axis=2)


def lone(directions, stop=20.0, **layer) -> pysv.Experiment:
    """Vectors on their own: an electron passes far from them, and is not coupled."""
    count = len(directions)
    return pysv.Experiment(
        device=pysv.Device(sites=count + 4, layers=[pysv.Layer(name="A", sites=(1, count), sd_exchange=0.0, **layer)]),
        source=pysv.WavePacket(center=count + 3, momentum_spread=2.0, spin="up"),
        spins=pysv.ProductState(layers={"A": directions}),
        times=pysv.times(stop=stop, step=stop / 8),
    )


def turned(vector, axis, angle) -> np.ndarray:
    """A vector turned about a unit axis (Rodrigues)."""
    along = (vector @ axis) * axis
    return along + math.cos(angle) * (vector - along) + math.sin(angle) * np.cross(axis, vector)


# Solutions on paper


@pytest.mark.parametrize("convention", ["pauli", "half", "mixed"])
def test_a_vector_precesses_about_a_field(convention):
    """dn/dt = n × ω with ω = 2 f_s B/ħ, whatever S: it turns by −ωt about z, as ⟨S⟩ of the quantum spin does."""
    experiment = lone([(1.1, 0.4)], field=0.3, spin=1.5)
    experiment = dataclasses.replace(experiment, device=dataclasses.replace(experiment.device, convention=convention))
    f_s = {"pauli": 1.0, "half": 0.5, "mixed": 0.5}[convention]
    expected = [
        turned(brute.unit(1.1, 0.4), np.array([0, 0, 1.0]), -2 * f_s * 0.3 / HBAR * t) for t in experiment.times.values
    ]
    np.testing.assert_allclose(vectors(solve(experiment))[:, 0], expected, atol=1e-8)
    np.testing.assert_allclose(vectors(pysv.solve(experiment, progress=False))[:, 0], expected, atol=1e-8)


def test_an_exchange_pair_precesses_about_its_sum():
    """For J = J_z the sum m = n₁ + n₂ is kept, and both turn by −(4 f_s² S J/ħ)|m| t about it."""
    experiment = lone([(0.3, 0.0), (1.5, 2.0)], exchange=0.2, exchange_z=0.2, spin=1.0)
    first = np.array([brute.unit(0.3, 0.0), brute.unit(1.5, 2.0)])
    m = first.sum(axis=0)
    rate = 4 * 1.0 * 0.2 / HBAR * np.linalg.norm(m)
    expected = [[turned(n, m / np.linalg.norm(m), -rate * t) for n in first] for t in experiment.times.values]
    np.testing.assert_allclose(vectors(solve(experiment)), expected, atol=1e-8)


def test_anisotropy_turns_a_vector_about_z():
    """E = −K (2S n_z)²: it turns by −(8 K S n_z/ħ) t about z."""
    experiment = lone([(1.0, 0.0)], anisotropy=0.05, spin=2.5)
    rate = 8 * 0.05 * 2.5 * math.cos(1.0) / HBAR
    expected = [turned(brute.unit(1.0, 0.0), np.array([0, 0, 1.0]), -rate * t) for t in experiment.times.values]
    np.testing.assert_allclose(vectors(solve(experiment))[:, 0], expected, atol=1e-8)


def test_damping_aligns_a_vector_with_the_field():
    """n_z = tanh(artanh n_z(0) + αωt/(1 + α²)) about a field, and n turns by −ωt/(1 + α²)."""
    experiment, alpha, omega = lone([(2.5, 0.7)], field=0.3), 0.2, 2 * 0.3 / HBAR
    data, t = solve(experiment, damping=alpha), experiment.times.values
    z = np.tanh(np.arctanh(math.cos(2.5)) + alpha * omega / (1 + alpha**2) * t)
    np.testing.assert_allclose(data.spin_z[:, 0], z, atol=1e-8)
    phase = 0.7 - omega / (1 + alpha**2) * t
    np.testing.assert_allclose(data.spin_x[:, 0], np.sqrt(1 - z**2) * np.cos(phase), atol=1e-8)
    assert z[-1] > 0.9
    assert np.all(np.diff(data.energy) < 0)


def test_an_electron_that_stays_and_a_vector_precess_about_their_sum():
    """On one site m = ⟨σ⟩ + 2S n is kept, and both turn by −(2 f_e f_s J_sd/ħ)|m| t about it; E is kept, too."""
    device = pysv.Device(
        sites=2, hopping=[1e-12], layers=[pysv.Layer(name="A", sites=(1, 1), sd_exchange=0.4, spin=1.5)]
    )
    experiment = pysv.Experiment(
        device=device, source=pysv.Amplitudes(values=[1.0], spin=(2.0, 0.3)),
        spins=pysv.ProductState(layers={"A": (0.4, 1.0)}), times=pysv.times(stop=10, step=1),
        record=pysv.Record(torque=True),
    )  # fmt: skip
    data = solve(experiment)
    s, n = brute.unit(2.0, 0.3), brute.unit(0.4, 1.0)
    m = s + 3 * n
    rate = 2 * 0.4 / HBAR * np.linalg.norm(m)
    axis = m / np.linalg.norm(m)
    for k, t in enumerate(experiment.times.values):
        np.testing.assert_allclose(vectors(data)[k, 0], turned(n, axis, -rate * t), atol=1e-8)
        found = [float(data[f"electron_spin_{a}"][k]) for a in "xyz"]
        np.testing.assert_allclose(found, turned(s, axis, -rate * t), atol=1e-8)
        torque = [float(data[f"torque_{a}"][k, 0]) for a in "xyz"]
        np.testing.assert_allclose(torque, 2 * 0.4 / HBAR * np.cross(vectors(data)[k, 0], found), atol=1e-8)


@pytest.mark.parametrize("spin", ["unpolarized", "up", "down"])
def test_collinear_layers_do_not_move(spin):
    """The conventional torque is zero between collinear layers, though the electron feels them."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=60, polarizer=(24, 26), analyzer=(31, 33)),
        source=pysv.WavePacket(center=12, momentum=1.2, momentum_spread=0.4, spin=spin),
        times=pysv.times(stop=20, step=2), record=pysv.Record(torque=True),
    )  # fmt: skip
    data = solve(experiment)
    assert np.all(vectors(data) == vectors(data)[0])
    assert not any(np.any(data[f"torque_{axis}"]) for axis in "xyz")
    free = solve(dataclasses.replace(experiment, device=dataclasses.replace(experiment.device, sd_exchange=0.0)))
    assert abs(data.electron_density - free.electron_density).max() > 1e-2
    if spin == "unpolarized":  # the layers pass one spin better than the other
        assert abs(data.electron_spin_density_z).max() > 1e-2
        assert abs(free.electron_spin_density_z).max() < 1e-12
    quantum = vectors(pysv.solve(experiment, progress=False))
    assert abs(quantum - quantum[0]).max() > 0.05


def test_an_unpolarized_electron_at_the_band_centre_exerts_no_torque(small):
    """ψ_x → (−1)^x iσʸ ψ_x* takes H_e to −H_e, hence a solution to one, and the ↑ packet of k = π/2 to the ↓ one.

    The two runs have opposite ⟨σ⟩ on each site, in whatever directions the vectors are.
    """
    tilted = pysv.ProductState(polarizer=((0.5, 0.0), (1.0, 2.0)), analyzer=((2.0, 1.0), (1.5, 0.0), (0.2, 3.0)))
    experiment = dataclasses.replace(small, spins=tilted, record=pysv.Record(torque=True))

    def torque(**changes):
        source = dataclasses.replace(small.source, **changes)
        data = solve(dataclasses.replace(experiment, source=source))
        return max(float(abs(data[f"torque_{axis}"]).max()) for axis in "xyz")

    assert torque(momentum=math.pi / 2) < 1e-13
    assert torque(momentum=1.2) > 1e-3
    assert torque(momentum=math.pi / 2, spin="up") > 1e-2


# Brute force and invariants


def random_run(seed: int) -> pysv.Experiment:
    """A random device whose spins are all tilted, and an electron of one of the kinds in turn."""
    rng = np.random.default_rng(200 + seed)
    device = random_device(seed)
    spin, polarization = [("unpolarized", 0.0), ("up", 0.0), ((0.7, 1.1), 0.0), ("unpolarized", -0.4)][seed % 4]
    tilts = {
        layer.name: tuple((float(rng.uniform(0, math.pi)), float(rng.uniform(-3, 3))) for _ in range(layer.count))
        for layer in device.layers
    }
    return pysv.Experiment(
        device=device,
        source=pysv.WavePacket(
            center=device.sites / 2, momentum=1.2, momentum_spread=2.5, spin=spin, polarization=polarization
        ),
        spins=pysv.ProductState(layers=tilts),
        times=pysv.times(stop=3.0, step=1.0),
        record=pysv.Record(currents=True, torque=True),
    )  # fmt: skip


def brute_run(experiment, damping=0.0):
    chain, given = chain_of(experiment.device), dict(experiment.spins.layers)
    source = experiment.source
    angles = [pair for layer in experiment.device.layers for pair in given[layer.name]]
    up, down = (1 + source.polarization) / 2, (1 - source.polarization) / 2
    if source.spin == "unpolarized":
        mixture = [(up, [1, 0]), (down, [0, 1])]
    elif source.spin == "up":
        mixture = [(1.0, [1, 0])]
    else:
        theta, phi = source.spin
        mixture = [(1.0, [math.cos(theta / 2), np.exp(1j * phi) * math.sin(theta / 2)])]
    orbital = packet_of(source, chain.sites)
    first = brute.start([w for w, _ in mixture], [np.kron(orbital, chi) for _, chi in mixture], angles)
    return chain, brute.evolve(chain, first, experiment.times.values.tolist(), damping)


@pytest.mark.parametrize("seed", range(12))
def test_random_devices_against_dense_matrices(seed):
    experiment, damping = random_run(seed), 0.15 * (seed % 3 == 2)
    data = pysv.solve(experiment, engine=dataclasses.replace(CAREFUL, damping=damping), progress=False)
    chain, history = brute_run(experiment, damping)
    for k, now in enumerate(history):
        np.testing.assert_allclose(vectors(data)[k], now.n, atol=2e-9)
        spins = brute.electron_spins(now)
        density = np.einsum("r,rxs->x", now.weights, np.abs(now.psi.reshape(len(now.weights), -1, 2)) ** 2)
        np.testing.assert_allclose(data.electron_density[k], density, atol=2e-9)
        np.testing.assert_allclose(data.electron_spin_density_z[k], spins[:, 2], atol=2e-9)
        for axis, total in zip("xyz", spins.sum(axis=0), strict=True):
            assert float(data[f"electron_spin_{axis}"][k]) == pytest.approx(total, abs=2e-9)
        torque = np.cross(now.n, brute.sd_fields(chain, now)) / HBAR
        for axis in range(3):
            np.testing.assert_allclose(data[f"torque_{'xyz'[axis]}"][k], torque[:, axis], atol=1e-8)
        assert float(data.energy[k]) == pytest.approx(brute.energy(chain, now), abs=1e-8)
    if damping:
        assert float(data.energy[-1]) < float(data.energy[0]) - 1e-4
    else:
        assert abs(data.energy - data.energy[0]).max() < 1e-9
        assert abs(data.spin_z_total - data.spin_z_total[0]).max() < 1e-9
    lengths = np.array([(d - 1) / 2 for d in chain.dims])
    expected = float(data.electron_spin_z[0]) + 2 * float(lengths @ history[0].n[:, 2])
    assert float(data.spin_z_total[0]) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(np.linalg.norm(vectors(data), axis=2), 1, atol=1e-10)
    np.testing.assert_allclose(data.norm, 1, atol=1e-10)


def test_currents_obey_continuity(small):
    """∫ j dt through a bond is the charge that came through it."""
    experiment = dataclasses.replace(
        small, source=dataclasses.replace(small.source, momentum=1.2), record=pysv.Record(currents=True),
        spins=pysv.ProductState(polarizer=(0.5, 0.0), analyzer=(2.0, 1.0)), times=pysv.times(stop=6, step=0.05),
    )  # fmt: skip
    data = solve(experiment)
    j, step = data.current.values, 0.05
    simpson = step / 3 * (j[0] + j[-1] + 4 * j[1:-1:2].sum(axis=0) + 2 * j[2:-1:2].sum(axis=0))
    np.testing.assert_allclose(data.charge_transmitted[-1], simpson, atol=1e-6)
    assert abs(data.spin_current_z).max() > 1e-3


def test_the_measured_error_is_the_true_one(small):
    experiment = dataclasses.replace(small, spins=pysv.ProductState(polarizer=(0.5, 0.0), analyzer=(2.0, 1.0)))
    data, exact = solve(experiment, tolerance=1e-7), pysv.solve(experiment, engine=CAREFUL, progress=False)
    distance = float(np.linalg.norm(vectors(data)[-1] - vectors(exact)[-1], axis=1).max())
    assert distance <= data.attrs["state_deviation_reached"] < 1e-5
    assert data.attrs["state_deviation_reached"] > 1e-12
    assert "state_deviation" not in exact
    assert exact.attrs["state_deviation_kind"] == "not known: measure_error = false"


# Beside the quantum engines


def test_quantum_spins_approach_the_vectors_with_their_length():
    """With J_sd ∝ 1/S the electron sees the same field for every S, and ⟨S⟩/S comes closer to n."""
    found = []
    for length in (0.5, 1.0, 1.5, 2.0, 2.5):
        layers = [
            pysv.Layer(name=name, sites=(site, site), spin=length, sd_exchange=0.2 / length)
            for name, site in (("A", 8), ("B", 11))
        ]
        experiment = pysv.Experiment(
            device=pysv.Device(sites=20, layers=layers),
            source=pysv.WavePacket(center=5, momentum=1.2, momentum_spread=0.9, spin="up"),
            spins=pysv.ProductState(layers={"A": (1.2, 0.0), "B": (2.0, 1.5)}),
            times=pysv.times(stop=4, step=1),
        )
        quantum = pysv.solve(experiment, progress=False)
        moved = abs(vectors(quantum)[-1] - vectors(quantum)[0]).max()
        found.append(abs(vectors(quantum)[-1] - vectors(solve(experiment))[-1]).max() / moved)
    assert np.all(np.diff(found) < 0)
    assert found[-1] < found[0] / 3


def test_an_electron_that_is_not_coupled_is_that_of_the_quantum_engines(small):
    experiment = dataclasses.replace(
        small, device=dataclasses.replace(small.device, sd_exchange=0.0), record=pysv.Record(currents=True)
    )
    one, other = solve(experiment), pysv.solve(experiment, progress=False)
    for name in ("electron_density", "electron_spin_density_z", "current", "spin_current_z", "charge_transmitted"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-8)


def test_a_mixture_acts_on_one_set_of_vectors(small):
    """↑ alone and ↓ alone tilt the vectors differently; the mixture is not the average of the two runs."""
    tilted = dataclasses.replace(small, spins=pysv.ProductState(polarizer=(1.0, 0.0), analyzer=(2.0, 1.0)))

    def run(spin, polarization=0.0):
        source = dataclasses.replace(small.source, spin=spin, polarization=polarization)
        return vectors(solve(dataclasses.replace(tilted, source=source)))

    up, down, half = run("up"), run("down"), run("unpolarized")
    assert abs(half - (up + down) / 2).max() > 1e-5
    np.testing.assert_allclose(run("unpolarized", 1.0), up, atol=1e-12)
    mostly = run("unpolarized", 0.9)
    assert abs(mostly - up).max() < abs(half - up).max() / 3


# Several electrons


def confined(**changes):
    source = {"electrons": 2, "confined_sites": 6, "well": 4.0} | changes.pop("source", {})
    return pysv.Experiment(
        device=pysv.Device(
            sites=20,
            layers=[pysv.Layer(name="A", sites=(10, 11)), pysv.Layer(name="B", sites=(14, 15), spin=changes.pop("S", 0.5))],
        ),
        source=pysv.ConfinedElectrons(**source), times=pysv.times(stop=6, step=1), **changes,
    )  # fmt: skip


@pytest.mark.parametrize("spin", ["unpolarized", "up"])
def test_free_electrons_are_those_of_fock(spin):
    experiment = dataclasses.replace(
        confined(source={"spin": spin}),
        device=pysv.SpinValve(sites=20, polarizer=(10, 11), analyzer=(14, 15), sd_exchange=0.0),
    )
    one, other = solve(experiment), pysv.solve(experiment, engine="fock", progress=False)
    for name in ("electron_density", "electron_spin_density_z", "electron_number", "norm"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-7, err_msg=name)


def test_three_electrons_beside_tilted_vectors_against_dense_matrices():
    tilts = {"A": ((0.6, 0.2), (0.9, -1.0)), "B": ((2.0, 1.0), (1.5, 2.5))}
    experiment = confined(
        source={"electrons": 3, "spin": (2, 1)}, S=1.5, spins=pysv.ProductState(layers=tilts),
        record=pysv.Record(currents=True, torque=True),
    )  # fmt: skip
    data = pysv.solve(experiment, engine=CAREFUL, progress=False)
    chain = chain_of(experiment.device)
    angles = [pair for layer in experiment.device.layers for pair in tilts[layer.name]]
    first = brute.start([], [], angles)
    h = brute.electron_hamiltonian(chain, first.n)
    h -= np.diag(np.kron(np.arange(1, 21) <= 6, [4.0, 4.0]))
    states = []
    for spin, count in ((0, 2), (1, 1)):
        for orbital in np.linalg.eigh(h[spin::2, spin::2])[1].T[:count]:
            states.append(np.kron(orbital, np.eye(2)[spin]))
    history = brute.evolve(chain, brute.start([1, 1, 1], states, angles), experiment.times.values.tolist())
    densities = [(np.abs(now.psi.reshape(3, -1, 2)) ** 2).sum(axis=(0, 2)) for now in history]
    for k, (now, density) in enumerate(zip(history, densities, strict=True)):
        np.testing.assert_allclose(vectors(data)[k], now.n, atol=2e-9)
        np.testing.assert_allclose(data.electron_density[k], density, atol=2e-9)
        right = [(density - densities[0])[bond:].sum() for bond in range(1, density.size)]
        np.testing.assert_allclose(data.charge_transmitted[k], right, atol=4e-8)
    np.testing.assert_allclose(data.electron_number, 3, atol=1e-9)
    np.testing.assert_allclose(data.norm, 1, atol=1e-9)
    assert abs(data.energy - data.energy[0]).max() < 1e-9
    assert "current" in data


def test_a_well_that_does_not_hold_the_electrons_is_refused():
    with pytest.raises(GroundStateError, match="at the layers or beyond: well = 0.01 eV on 6 sites does not hold them"):
        solve(confined(source={"well": 0.01}))


# Files, refusals, sizes


def test_resume_continues_where_a_run_stopped(small, tmp_path, monkeypatch):
    experiment = dataclasses.replace(small, spins=pysv.ProductState(polarizer=(1.0, 0.0), analyzer=(2.0, 1.0)))
    whole = solve(experiment)
    with monkeypatch.context() as patched:
        patched.setattr("pysv.run.one_run.CtrlC", StopAfter(5))
        part = pysv.solve(experiment, engine="llg", progress=False, out=tmp_path / "run.nc")
    assert part.sizes["time"] == 5
    resumed = pysv.resume(tmp_path / "run.nc", progress=False)
    for name in whole.data_vars:
        np.testing.assert_allclose(resumed[name], whole[name], atol=1e-12, rtol=0, err_msg=name)
    assert resumed.attrs["applications_of_h"] == whole.attrs["applications_of_h"]
    assert "pysv.LLG" not in resumed.attrs["experiment"]


def test_what_needs_a_density_matrix_is_left_out_with_the_reason(small):
    with pytest.warns(pysv.errors.LeftOutWarning, match="is left out, because it needs a density matrix"):
        data = solve(dataclasses.replace(small, record=pysv.Record(purity=True, density_matrix=True)))
    for name in ("log_negativity", "qfi", "purity", "density_matrix", "magnon_probability"):
        assert name not in data
        assert f"{name}: needs a density matrix, and the spins of engine 'llg' are classical" in data.attrs["left_out"]
    assert set(AXES) <= set(data)


@pytest.mark.parametrize(
    ("spins", "name"),
    [
        (pysv.Gibbs(), "kind = 'gibbs'"),
        (pysv.Ground(spin_z=0.5), "ground state"),
        (pysv.Bell(pair=(1, 2)), "Bell state with phase 3.14159 rad"),
        (pysv.WState(), "W state"),
        (pysv.GHZ(), "GHZ state"),
        (pysv.SpinVector(values=[1.0] * 32), "given state"),
    ],
)
def test_states_that_a_vector_cannot_be_are_refused(small, spins, name):
    with pytest.raises(EngineError, match=f"{name}.* is not served by engine 'llg', whose spins are classical vectors"):
        solve(dataclasses.replace(small, spins=spins))


def test_baths_are_refused(small):
    bathed = dataclasses.replace(small, bath=pysv.BosonicBath())
    with pytest.raises(EngineError, match="engine 'llg' runs closed systems only; leave .bath. out, or use low-rank"):
        solve(bathed)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"damping": -0.1}, "damping = -0.1 must be at least 0"),
        ({"tolerance": 1e-13}, "tolerance = 1e-13 must be at least 1e-12"),
        ({"tolerance": 0.1}, "tolerance = 0.1 must be at most 0.0001"),
        ({"measure_error": 1}, "measure_error = 1 must be true or false"),
    ],
)
def test_options_are_checked(options, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        pysv.LLG(**options)


def test_many_tilted_spins_need_little_memory():
    """No density matrix and no sector is thought of: 2^41 configurations would be."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=100, polarizer=(40, 59), analyzer=(70, 89)),
        spins=pysv.ProductState(polarizer=(1.0, 0.0), analyzer=(2.0, 0.0)),
    )
    needed = pysv.estimate(experiment, engine="llg")
    assert needed.fits
    assert needed.amplitudes == 400
    assert needed.sectors == ()


def test_verbs_that_need_a_mixture_or_a_density_matrix_refuse(small, tmp_path):
    with pytest.raises(EngineError, match="engine 'llg' runs this experiment as a whole; leave --dask out"):
        pysv.solve(small, engine="llg", progress=False, dask="local")
    data = solve(small)
    with pytest.raises(InvalidInputError, match="holds no density_matrix, and cannot: it needs a density matrix, and"):
        figures.animate(data, tmp_path / "movie.gif", progress=False)
    assert figures.plot(data, tmp_path / "run.png").exists()


# Terms of one's own


@dataclass(frozen=True)
class Ring(terms.Term):
    """c (S⁺₁S⁻₂S⁺₃S⁻₄ + h.c.)."""

    coupling: float

    def products(self):
        for signs in ("+-+-", "-+-+"):
            yield Product(self.coupling, (), tuple(Spin(i, sign) for i, sign in enumerate(signs, start=1)))


@dataclass(frozen=True)
class AssistedHop(terms.Term):
    """c (c†_3↑ c_1↓ S⁻₁ + h.c.): an electron hops and trades its spin."""

    coupling: float

    def products(self):
        yield Product(self.coupling, (Electron(3, 1, "+"),), (Spin(1, "-"),))
        yield Product(self.coupling, (Electron(1, 3, "-"),), (Spin(1, "+"),))


@dataclass(frozen=True)
class Repulsion(terms.Term):
    """n₁n₂."""

    def products(self):
        yield Product(0.5, (Electron(1, 1), Electron(2, 2)))


def ring(*own) -> pysv.Experiment:
    terms.register(lambda device: own)
    layer = pysv.Layer(name="A", sites=(2, 5), spin=1.0, sd_exchange=0.3)
    tilts = tuple((0.5 + 0.4 * i, 1.3 * i) for i in range(4))
    return pysv.Experiment(
        device=pysv.Device(sites=8, layers=[layer]), source=pysv.Amplitudes(values=[1, 0.5j, 0.2], spin=(0.7, 0.3)),
        spins=pysv.ProductState(layers={"A": tilts}), times=pysv.times(stop=6, step=1),
    )  # fmt: skip


@pytest.fixture
def own_terms(monkeypatch):
    monkeypatch.setattr(terms, "_registered", {})


def test_the_classical_value_of_any_product(own_terms):
    """2c S⁴ Re(n⁺₁n⁻₂n⁺₃n⁻₄), and 2c S Re(⟨c†_3↑ c_1↓⟩ n⁻₁), beside all else."""
    energies = []
    for own in ((), (Ring(0.05),), (AssistedHop(0.2),)):
        experiment = ring(*own)
        h = ClassicalHamiltonian.of_device(experiment.device)
        n = directions(experiment)
        psi = np.outer(experiment.source.amplitudes(8), [math.cos(0.35), np.exp(0.3j) * math.sin(0.35)])
        energies.append(h.energy(np.ones(1), psi[None], n))
        terms._registered.clear()
    plus = n[:, 0] + 1j * n[:, 1]
    assert energies[1] - energies[0] == pytest.approx(
        0.1 * (plus[0] * plus[2] * (plus[1] * plus[3]).conj()).real, rel=1e-12
    )
    assert energies[2] - energies[0] == pytest.approx(
        0.4 * (psi[2, 0].conj() * psi[0, 1] * plus[0].conj()).real, rel=1e-12
    )


def test_terms_of_ones_own_keep_the_invariants(own_terms):
    """They do so only if the fields are the slopes of the energy."""
    usual = vectors(solve(ring()))
    terms._registered.clear()
    data = solve(ring(Ring(0.05), AssistedHop(0.2)))
    assert abs(vectors(data) - usual).max() > 1e-2
    for name in ("energy", "spin_z_total", "norm"):
        assert abs(data[name] - data[name][0]).max() < 1e-8, name


def test_electrons_that_interact_are_refused(own_terms):
    with pytest.raises(EngineError, match=r"H has the product n\(1\) n\(2\) of 0.5 eV between electrons, and beside"):
        solve(ring(Repulsion()))
