"""What only large systems use, forced on small ones and held against brute force or the usual way."""

from __future__ import annotations

import dataclasses
import math

import brute
import numpy as np
import pytest
from conftest import FACTOR, NARROW, StopAfter, random_experiment, resume_within, solve_within
from test_brute_force import brute_run

import pysv
from pysv.compute import compiler
from pysv.engines.cost import PROCESS, run_places
from pysv.errors import InvariantError
from pysv.measures import SpinFactor, entropy, layer_entropy, qfi, w_fidelity
from pysv.measures.sizes import LIMITS
from pysv.model.basis import Basis
from pysv.run.loop import evolve
from pysv.run.recorder import Recorder
from pysv.sectors import layout
from pysv.sectors.chebyshev import light_cone
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.layout import CUT, Cut
from pysv.sectors.numba import recursion, sums
from pysv.sectors.pure_run import pure_runs

SEEDS = range(0, 12)


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads share every pass, however small the state."""
    monkeypatch.setattr("pysv.compute.thread_pool.threads_for", lambda amplitudes: 2)


def on_tiles(experiment, engine="auto"):
    """`pysv.solve` on narrow tiles."""
    return solve_within(LIMITS, experiment, engine, cut=NARROW)


@pytest.mark.parametrize("seed", SEEDS)
def test_tiles_and_threads_against_brute_force(seed, two_threads):
    experiment = random_experiment(seed)
    data = on_tiles(experiment)
    device, history = brute_run(experiment)
    for time, runs in zip(experiment.times.values, history, strict=True):
        got = data.sel(time=time)
        rho = brute.reduced_density(device, runs)
        np.testing.assert_allclose(got.density_matrix, rho, atol=1e-9)
        np.testing.assert_allclose(got.electron_density, brute.electron_density(runs, device), atol=1e-9)
        np.testing.assert_allclose(got.electron_spin_density_z, brute.electron_spin_density_z(runs, device), atol=1e-9)
        np.testing.assert_allclose(
            [got[f"electron_spin_{axis}"] for axis in "xyz"], brute.electron_spin(runs, device), atol=1e-9
        )
        np.testing.assert_allclose(got.energy, brute.energy(runs, device), atol=1e-9)
        np.testing.assert_allclose(got.spin_z_total, brute.spin_z_total(runs, device), atol=1e-9)


@pytest.mark.parametrize("engine", [pysv.RK4(time_step=0.01), pysv.QuTiP(method="vern9", atol=1e-12, rtol=1e-12)])
def test_other_engines_on_tiles(small, two_threads, engine):
    reference = on_tiles(small)
    data = on_tiles(small, engine)
    for name in ("spin_z", "log_negativity", "electron_density", "energy"):
        np.testing.assert_allclose(data[name], reference[name], atol=1e-6)


@pytest.mark.parametrize("large", [False, True])
def test_several_outputs_of_one_expansion(small, large, monkeypatch, two_threads):
    """One polarised electron: a large run has memory for three outputs; a small one for many."""
    cut = NARROW if large else CUT
    experiment = dataclasses.replace(
        small,
        source=dataclasses.replace(small.source, spin="up"),
        times=pysv.times(stop=4, step=0.25),
        record=pysv.Record(density_matrix=True),
    )
    several = solve_within(LIMITS, experiment, cut=cut)
    monkeypatch.setattr(pysv.Chebyshev, "outputs", lambda *rest: 1)
    one = solve_within(LIMITS, experiment, cut=cut)
    assert several.attrs["applications_of_h"] < 0.8 * one.attrs["applications_of_h"]
    for name in ("density_matrix", "electron_density", "energy", "log_negativity"):
        np.testing.assert_allclose(several[name], one[name], atol=1e-11)
    monkeypatch.undo()
    device, history = brute_run(experiment)
    for time, runs in zip(experiment.times.values, history, strict=True):
        np.testing.assert_allclose(
            several.density_matrix.sel(time=time), brute.reduced_density(device, runs), atol=1e-9
        )


LONG = pysv.Experiment(
    device=pysv.SpinValve(sites=150, polarizer=(40, 41), analyzer=(45, 46)),
    source=pysv.WavePacket(center=20, momentum_spread=0.5),
    times=pysv.times(stop=16, step=2),
)


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize(("tolerance", "precision"), [(1e-13, "double"), (1e-8, "double"), (1e-8, "single")])
def test_the_light_cone_neglects_no_more_than_it_says(tolerance, precision, narrow, two_threads):
    cut = NARROW if narrow else Cut(small=0)
    runs = pure_runs(LONG, cut)
    cone = pysv.Chebyshev(tolerance=tolerance, precision=precision).start(runs, "python")
    exact = pysv.Chebyshev(light_cone=False).start(runs, "python")
    assert (cone.runs[0].hamiltonian.layout.tiles > 10) == narrow
    for time in LONG.times.values[1:]:
        begin, end = cone._window(0, cone.psi[0], 2.0)[0]
        assert end - begin < 75 + 5 * time  # of 150 sites; the packet moves by 3 a fs, its front faster
        for engine in (cone, exact):
            engine.advance(float(time))
        for number in range(2):
            one, other = (engine.runs[number].hamiltonian.layout.flat(engine.psi[number]) for engine in (cone, exact))
            assert np.linalg.norm(one - other) <= cone.snapshot().deviation
    data = solve_within(LIMITS, LONG, cut=cut)
    assert data.attrs["drift_norm"] < 1e-11


def test_the_light_cone_of_a_tolerance_that_any_state_meets(two_threads):
    engine = pysv.Chebyshev(tolerance=1e-2).start(pure_runs(LONG, NARROW), "python")
    assert engine._window(0, engine.psi[0], 1000.0) == (engine.runs[0].hamiltonian.everywhere, 0.0)


@pytest.mark.parametrize("z", [0.1, 1.0, 3.0, 12.0])
def test_light_cone_distance(z):
    """Nothing beyond d sites after a time z in ħ/2γ on a free chain, and d is not wasteful."""
    sites = 121
    h = -(np.eye(sites, k=1) + np.eye(sites, k=-1)) / 2
    energies, modes = np.linalg.eigh(h)
    amplitude = np.abs(modes @ (np.exp(-1j * z * energies) * modes[60]))
    for tolerance in (1e-6, 1e-12):
        d = light_cone(z, tolerance)
        assert np.linalg.norm(amplitude[60 + d :]) <= tolerance
        assert d <= 3 * z + 30


def test_shared_work_space_of_unequal_runs(two_threads):
    """Unequal layers: the two runs have different sizes and use the same memory."""
    device = pysv.SpinValve(sites=17, polarizer=(5, 5), analyzer=(9, 11))
    experiment = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=4, momentum_spread=1.2), times=pysv.times(stop=6, step=1)
    )
    runs = pure_runs(experiment, NARROW)
    assert runs[0].hamiltonian.shape != runs[1].hamiltonian.shape
    engine = pysv.Chebyshev().start(runs, "python")
    apart = [pysv.Chebyshev().start((run,), "python") for run in runs]
    for time in experiment.times.values[1:]:
        engine.advance(float(time))
        for number, alone in enumerate(apart):
            alone.advance(float(time))
            np.testing.assert_array_equal(engine.psi[number], alone.psi[0])


def test_the_transverse_spin_of_a_large_state_in_single_precision():
    """All spins along x: ⟨σˣ⟩ of the electron is 1 but for the rounding of single amplitudes, not of their sum."""
    along_x = (math.pi / 2, 0.0)
    experiment = pysv.Experiment(
        device=pysv.SpinValve.with_layers(6),
        source=pysv.WavePacket(spin=along_x),
        spins=pysv.ProductState(polarizer=along_x, analyzer=along_x),
        times=pysv.times(stop=0.1, step=0.1),
        record=pysv.Record(every=pysv.Every(entropies=0, log_negativity=0, w_fidelity=0, qfi=0)),
    )
    data = pysv.solve(experiment, engine=pysv.Chebyshev(precision="single"), progress=False)
    np.testing.assert_allclose(data.electron_spin_x, data.norm, atol=2e-6)
    assert float(data.electron_spin_x[0]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("spin", ["up", "unpolarized"])
@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_what_the_memory_held_before_does_not_matter(precision, narrow, spin, two_threads):
    """Unequal runs share it, with windows of their own; nothing is cleared but what lies outside them in a result."""
    device = dataclasses.replace(LONG.device, polarizer=(40, 40), analyzer=(45, 47))
    source = dataclasses.replace(LONG.source, spin=spin)
    runs = pure_runs(pysv.Experiment(device=device, source=source), NARROW if narrow else Cut(small=0))
    clean, dirty = (pysv.Chebyshev(precision=precision).start(runs, "python") for _ in range(2))
    memory = [*dirty.spare[0], *dirty.outputs]
    for time in (0.5, 1.5, 2.5):
        (begin, end), _ = dirty._window(0, dirty.psi[0], 1.0)
        assert end - begin < 120
        present = [psi.copy() for psi in dirty.psi]
        for number, array in enumerate(memory):
            array[...] = 1e3 * (number + 1) * (2 - 1j)
        for psi, kept in zip(dirty.psi, present, strict=True):
            psi[...] = kept
        for engine in (clean, dirty):
            engine.expect((time, time + 0.5))
            engine.advance(time)
            assert len(engine._prepared) == 1  # two states of one expansion
            engine.advance(time + 0.5)
        for one, other in zip(clean.psi, dirty.psi, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("window", [(0, 12), (0, 10), (4, 8), (5, 6), (3, 9), (8, 11)])
def test_weight_and_clearing_of_a_window(window, threads):
    """Ten sites in three tiles of four."""
    psi = np.random.default_rng(2).standard_normal((3, 70, 8))
    place = np.broadcast_to(np.arange(24).reshape(3, 1, 8), psi.shape)
    inside = (place >= 2 * window[0]) & (place < 2 * window[1])
    assert sums.weight(psi, window, threads) == pytest.approx((psi**2)[inside].sum(), rel=1e-13)
    expected = np.where(inside & (place < 20), psi, 0)
    sums.clear_outside(psi, window, 10, threads)
    np.testing.assert_array_equal(psi, expected)


RARELY = pysv.Record(every=pysv.Every(entropies=3, log_negativity=3, w_fidelity=6, qfi=0))
UNEQUAL = pysv.Experiment(
    device=pysv.SpinValve(sites=17, polarizer=(5, 5), analyzer=(9, 11)),
    source=pysv.WavePacket(center=4, momentum_spread=1.2),
    times=pysv.times(stop=4.5, step=0.25),
    record=RARELY,
)


LAYERS = {
    "larger run first": ((5, 5), (9, 11), (10, 5)),
    "larger run last": ((5, 7), (9, 9), (5, 10)),
    "equal runs": ((5, 6), (9, 10), (10, 10)),
}


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize(("polarizer", "analyzer", "rows"), LAYERS.values(), ids=LAYERS.keys())
def test_two_outputs_of_two_large_runs(polarizer, analyzer, rows, precision, two_threads, monkeypatch):
    """An expansion serves two snapshots of each run."""
    device = pysv.SpinValve(sites=17, polarizer=polarizer, analyzer=analyzer)
    experiment, method = dataclasses.replace(UNEQUAL, device=device), pysv.Chebyshev(precision=precision)
    assert tuple(run.hamiltonian.basis.rows for run in pure_runs(experiment)) == rows
    shared = solve_within(FACTOR, experiment, method, cut=NARROW)
    with monkeypatch.context() as patch:
        patch.setattr(pysv.Chebyshev, "outputs", lambda *rest: 1)
        apart = solve_within(FACTOR, experiment, method, cut=NARROW)
    assert shared.attrs["applications_of_h"] < 0.9 * apart.attrs["applications_of_h"]
    for name in apart.data_vars:
        tolerance = 1e-11 if precision == "double" else 1e-4
        np.testing.assert_allclose(shared[name], apart[name], atol=tolerance, rtol=0, err_msg=name)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("spin", ["up", "unpolarized"])
@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("sites", [17, 90, 112, 221])
def test_the_memory_that_is_estimated_is_what_is_taken(large, spin, sites, precision, monkeypatch):
    """Large or small, in one tile or several."""
    layers = {17: ((2, 10), (11, 17)), 221: ((2, 8), (9, 13))}.get(sites, ((2, 9), (10, 15)))  # 4 MB on any chain
    polarizer, analyzer = layers if large else ((5, 5), (9, 11))
    device = pysv.SpinValve(sites=sites, polarizer=polarizer, analyzer=analyzer)
    experiment = pysv.Experiment(device=device, source=pysv.WavePacket(center=4, momentum_spread=1.2, spin=spin))
    runs = pure_runs(experiment)
    assert max(run.hamiltonian.large for run in runs) == large
    taken = []

    def zeros(count, dtype):
        taken.append(count * np.dtype(dtype).itemsize)
        return layout.zeros(count, dtype)

    monkeypatch.setattr("pysv.sectors.host.zeros", zeros)
    method = pysv.Chebyshev(precision=precision)
    started = method.start(runs, "python")
    assert method.memory([math.prod(run.hamiltonian.shape) for run in started.runs]) == sum(taken)
    assert run_places(experiment, method.dtype) == [math.prod(run.hamiltonian.shape) for run in started.runs]
    tables = 60 * sum(run.hamiltonian.basis.rows for run in runs)
    assert method.cost(experiment).memory == sum(taken) + tables + PROCESS


def test_diagonal_measures_against_brute_force(two_threads):
    data = solve_within(FACTOR, UNEQUAL, cut=NARROW)
    device, history = brute_run(UNEQUAL)
    for time, runs in zip(UNEQUAL.times.values, history, strict=True):
        got = data.sel(time=time)
        np.testing.assert_allclose(got.electron_density, brute.electron_density(runs, device), atol=1e-9)
        np.testing.assert_allclose(got.electron_spin_density_z, brute.electron_spin_density_z(runs, device), atol=1e-9)
        np.testing.assert_allclose(got.energy, brute.energy(runs, device), atol=1e-9)
        np.testing.assert_allclose(got.spin_z_total, brute.spin_z_total(runs, device), atol=1e-9)


@pytest.mark.parametrize("count", [2, 3])
def test_a_run_that_is_stopped_between_two_outputs_of_an_expansion(count, two_threads):
    """The engine's state is that of the last snapshot, though the next one has been prepared."""
    runs = pure_runs(UNEQUAL, NARROW)
    engine, usual = (pysv.Chebyshev().start(runs, "python") for _ in range(2))
    times = UNEQUAL.times.values
    assert evolve(engine, times, 0, [], StopAfter(count)) == count
    usual.advance(float(times[count - 1]))
    for run in runs:
        saved = engine.state()[f"psi_{run.label}"]
        assert np.linalg.norm(saved - usual.state()[f"psi_{run.label}"]) < 1e-11


@pytest.mark.parametrize("stop", [1.0, 1.25, 1.5, 1.75])
def test_resume_of_runs_with_two_outputs(stop, two_threads, tmp_path):
    short = dataclasses.replace(UNEQUAL, times=pysv.times(stop=stop, step=0.25))
    solve_within(FACTOR, short, out=tmp_path / "run.nc", cut=NARROW)
    data = resume_within(FACTOR, tmp_path / "run.nc", stop=4.5, cut=NARROW)
    whole = solve_within(FACTOR, UNEQUAL, cut=NARROW)
    for name in whole.data_vars:
        np.testing.assert_allclose(data[name], whole[name], atol=1e-11, rtol=0)


@pytest.mark.parametrize("broken", range(2, 8))
def test_a_failure_between_two_outputs(broken, two_threads, tmp_path, monkeypatch):
    """With a checkpoint at every chance, a run that fails at any snapshot goes on from the last one before it."""
    path = tmp_path / "run.nc"
    usual = Recorder.heard

    def heard(self, index, snapshot):
        if index == broken:
            raise InvariantError("broken on purpose")
        usual(self, index, snapshot)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "heard", heard)
        patch.setattr("pysv.run.checkpoint.SHARE", 1e9)
        with pytest.raises(InvariantError, match="broken on purpose"):
            solve_within(FACTOR, UNEQUAL, out=path, checkpoint_every=0, cut=NARROW)
    data = resume_within(FACTOR, path, cut=NARROW)
    whole = solve_within(FACTOR, UNEQUAL, cut=NARROW)
    assert data.attrs["status"] == "complete"
    for name in whole.data_vars:
        np.testing.assert_allclose(data[name], whole[name], atol=1e-11, rtol=0)


def test_the_estimate_knows_of_several_outputs():
    large = dataclasses.replace(
        UNEQUAL,
        device=pysv.SpinValve(sites=221, polarizer=(2, 8), analyzer=(9, 13)),
        record=pysv.Record(every=dict.fromkeys(("entropies", "log_negativity", "w_fidelity", "qfi"), 0)),
    )
    assert pure_runs(large)[0].hamiltonian.large
    data, needed = pysv.solve(large, progress=False), pysv.estimate(large)
    assert data.attrs["applications_of_h"] == pytest.approx(needed.applications, rel=0.3)


@pytest.mark.parametrize("count", [1, 3, 8, 1000])
def test_shares_are_all_of_the_blocks_once(count):
    table = pure_runs(UNEQUAL)[0].hamiltonian.table()
    for layer in (table.one, table.other):
        shares = recursion.share_blocks(layer.first, count)
        assert len(shares) <= count
        found = [block for begin, end in shares for block in range(begin, end)]
        np.testing.assert_array_equal(found, np.arange(layer.kind.size))


def test_single_precision_is_as_good_as_it_can_be(small, two_threads):
    reference = on_tiles(small)
    data = on_tiles(small, pysv.Chebyshev(precision="single", tolerance=1e-8))
    for name in ("spin_z", "log_negativity", "electron_density", "entropy_total"):
        np.testing.assert_allclose(data[name], reference[name], atol=2e-5)
    assert data.attrs["drift_norm"] > 1e-9  # it is single precision


def test_resume_on_tiles(small, two_threads, tmp_path):
    short = dataclasses.replace(small, times=pysv.times(stop=3, step=0.5))
    solve_within(LIMITS, short, out=tmp_path / "run.nc", cut=NARROW)
    data = resume_within(LIMITS, tmp_path / "run.nc", stop=6, cut=NARROW)
    whole = on_tiles(small)
    for name in whole.data_vars:
        np.testing.assert_allclose(data[name], whole[name], atol=1e-12)


@pytest.mark.parametrize("seed", [0, 2, 4, 6, 8, 10])
@pytest.mark.parametrize("shape", ["flat", "tiled"])
def test_the_factor_gives_what_the_density_matrix_gives(seed, shape, two_threads):
    experiment = random_experiment(seed)
    runs = pure_runs(experiment, NARROW if shape == "tiled" else CUT)
    if any(len(run.hamiltonian.basis.sectors) > 1 for run in runs):
        pytest.skip("a tilted electron leaves the single sector")
    engine = pysv.Chebyshev().start(runs, "python")
    engine.advance(4.0)
    layers = experiment.device.n_polarizer, experiment.device.n_analyzer
    snapshot = engine.snapshot()
    rho, phi = snapshot.state.spin_density(), SpinFactor.of_mixture(snapshot.state)
    assert entropy(phi) == pytest.approx(entropy(rho), abs=1e-10)
    for layer in ("polarizer", "analyzer"):
        assert layer_entropy(phi, layer) == pytest.approx(layer_entropy(rho, layer), abs=1e-10)
    positions, momenta = np.array(experiment.device.spin_sites, float), np.array([0.0, 0.4, 1.9])
    np.testing.assert_allclose(qfi(phi, positions, momenta), qfi(rho, positions, momenta), atol=1e-9)
    for initial in range(2 ** sum(layers)):
        assert w_fidelity(phi, initial) == pytest.approx(w_fidelity(rho, initial), abs=1e-12)


@pytest.mark.parametrize("polarizer", [(0.0, 0.0), (0.4, 0.3)], ids=["factor", "diagonal"])
def test_large_runs_record_what_they_can(small, polarizer):
    experiment = dataclasses.replace(small, spins=pysv.ProductState(polarizer=polarizer))
    usual = pysv.solve(experiment, progress=False)
    data = solve_within(FACTOR, experiment)
    missing = set(usual.data_vars) - set(data.data_vars)
    if polarizer == (0.0, 0.0):
        assert missing == set()
        assert set(data.data_vars) - set(usual.data_vars) == {"log_negativity_error", "discarded_weight_factor"}
    else:
        assert missing == {
            *("spin_x", "spin_y", "entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information"),
            *("log_negativity", "magnon_probability", "w_fidelity", "qfi"),
        }
    assert missing == {line.split(":")[0] for line in data.attrs["left_out"].splitlines()}
    for name in set(data.data_vars) & set(usual.data_vars):
        np.testing.assert_allclose(data[name], usual[name], atol=1e-9, err_msg=name)


def test_bounds_of_unequal_layers_are_searched_for_each_run():
    engine = pysv.Chebyshev().start(pure_runs(UNEQUAL), "python")
    assert engine.bounds[0] is not engine.bounds[1]
    assert engine.work().applications == engine.bounds[0].steps + engine.bounds[1].steps


def test_bounds_of_a_mirrored_sector_are_not_searched_twice():
    """Turning over all spins leaves H alone: the sectors of spin-up and spin-down electrons have one spectrum."""
    device = pysv.SpinValve(sites=7, polarizer=(3, 4), analyzer=(5, 6), exchange_z=0.13)
    runs = pure_runs(pysv.Experiment(device=device, source=pysv.WavePacket(center=2, momentum_spread=1.5)))
    up, down = (np.linalg.eigvalsh(run.hamiltonian.sparse().toarray()) for run in runs)
    np.testing.assert_allclose(up, down, atol=1e-12)
    engine = pysv.Chebyshev().start(runs, "python")
    assert engine.bounds[0] is engine.bounds[1]
    assert engine.bounds[0].low < up[0] < up[-1] < engine.bounds[0].high
    assert engine.work().applications == engine.bounds[0].steps


@pytest.mark.slow
def test_ten_and_ten_spins_conserve(tmp_path):
    """The largest system of the paper, 8 GB: norm, energy and S^z to 1e-9, from the first fs to the last."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve.with_layers(10),
        source=pysv.WavePacket(spin="down", center=36),  # reaches the layers at once
        times=pysv.times(stop=6, step=1),
        record=pysv.Record(every=dict.fromkeys(("entropies", "log_negativity", "w_fidelity", "qfi"), 0)),
    )
    data = pysv.solve(experiment, progress=False)
    for name in ("norm", "energy", "spin_z_total", "electron_number"):
        assert np.abs(data[name] - data[name][0]).max() < 1e-9
    assert data.spin_z[-1, :10].min() < 0.95  # and something happened
    assert data.magnon_probability[-1].sum() == pytest.approx(1, abs=1e-9)


@pytest.fixture(scope="module")
def tiles_as_they_are():
    """H of a device that is large without any help, a random state (rows, sites), and Hψ by the sparse matrix."""
    hamiltonian = pure_runs(pysv.Experiment(device=pysv.SpinValve.with_layers(6)))[0].hamiltonian
    assert hamiltonian.layout.width == 104
    assert hamiltonian.layout.tiles > 1
    rng = np.random.default_rng(3)
    flat = rng.standard_normal((hamiltonian.basis.rows, hamiltonian.sites)) * (1 + 2j)
    return hamiltonian, flat, (hamiltonian.sparse() @ flat.reshape(-1)).reshape(flat.shape)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.complex128, 1e-12), (np.complex64, 1e-4)])
def test_layouts_of_either_precision_hold_the_same_hamiltonian(dtype, tolerance, tiles_as_they_are):
    hamiltonian, flat, expected = tiles_as_they_are
    found = hamiltonian.laid_out(dtype)
    assert (found is hamiltonian) == (dtype is np.complex128)
    assert found.basis is hamiltonian.basis
    psi = found.layout.tiled(flat.astype(dtype))
    applied = found.apply(psi)
    np.testing.assert_allclose(found.layout.flat(applied), expected, atol=tolerance * np.abs(expected).max())
    np.testing.assert_array_equal(found.layout.tiled(found.layout.flat(applied)), applied)  # zeros beyond the chain
    assert found.expectation(psi) == pytest.approx(np.vdot(flat, expected).real, rel=10 * tolerance)


STEPS = [(1, np.float64, 72), (2, np.float32, 72), (7, np.float64, 72), (7, np.float64, 104), (7, np.float32, 208)]
"""Steps, precision, and the width of the tiles: three of them, or as they are for this chain."""


@pytest.fixture(params=STEPS, ids=str)
def some_steps(request, tiles_as_they_are):
    """H, its chain and table, and a function that gives the arrays of some steps: psi, previous, totals."""
    (steps, real, width), (hamiltonian, flat, _) = request.param, tiles_as_they_are
    hamiltonian = dataclasses.replace(hamiltonian, layout=layout.Layout(hamiltonian.sites, width))
    chain = hamiltonian.sites, hamiltonian.everywhere, hamiltonian.table(real)
    rng = np.random.default_rng(steps)
    factors = rng.uniform(0.1, 0.9, (steps, 3)).astype(real)
    mixes = rng.standard_normal((steps, 2, 6)).astype(real)
    mixes[:, :, 5] = np.arange(2 * steps).reshape(steps, 2) % 3 == 0

    def begin():
        psi = hamiltonian.layout.tiled(flat.astype(np.result_type(real, np.complex64)))
        return [compiler.as_reals(array) for array in (psi, 0.5 * psi, np.stack([2 * psi, -psi]))]

    return hamiltonian, chain, begin, factors, mixes


def test_steps_together_are_steps_one_by_one(some_steps):
    """A step that is begun in the sweep before, with the layers in the other order, is the same step."""
    _, chain, begin, factors, mixes = some_steps
    psi, previous, totals = begin()
    recursion.take_steps(psi, previous, totals, *chain, factors, mixes)
    old, new, sums = begin()
    for n in range(len(factors)):
        recursion.take_steps(old, new, sums, *chain, factors[n : n + 1], mixes[n : n + 1])
        old, new = new, old
    if len(factors) % 2:
        psi, previous = previous, psi
    for found, expected in ((psi, old), (previous, new), (totals, sums)):
        np.testing.assert_allclose(found, expected, atol=50 * np.finfo(psi.dtype).eps * np.abs(expected).max(), rtol=0)


WINDOWS = [(0, 201), (72, 201), (0, 144), (72, 144), (8, 56), (40, 100), (100, 204), (144, 196), (71, 73)]
"""Of three tiles of 72 sites: at their edges, within one, across two or three; sites of the layers, 93 … 109, cut off."""


@pytest.mark.parametrize("window", WINDOWS)
def test_steps_are_those_of_the_matrix(window, some_steps):
    """On the sites of the window, with H that ends there; nothing else is read or written."""
    hamiltonian, (sites, _, table), begin, factors, mixes = some_steps
    outside = np.ones(sites, bool)
    outside[slice(*window)] = False
    arrays = begin()
    old, new, *sums = (flattened(hamiltonian, array) for array in (*arrays[:2], *arrays[2]))
    for state in (old, new, *sums):
        state[:, outside] = 0
    for (scale, shift, beta), mix in zip(factors, mixes, strict=True):
        applied = (hamiltonian.sparse() @ old.reshape(-1)).reshape(old.shape)
        applied[:, outside] = 0
        new = scale * (applied - shift * old) - beta * new
        for number, (a, b, c, d, keep, add) in enumerate(mix):
            if add:
                sums[number] = keep * sums[number] + (a + 1j * b) * new + (c + 1j * d) * old
        old, new = new, old
    everything = (*arrays[:2], *arrays[2])
    place = np.arange(arrays[0][:, 0].size).reshape(len(arrays[0]), 1, -1)
    untouched = np.broadcast_to((place < 2 * window[0]) | (place >= 2 * window[1]), arrays[0].shape)
    for array, filling in zip(everything, (np.nan, 7.5, 7.5, 7.5), strict=True):  # what is read, what is written
        array[untouched] = filling
    recursion.take_steps(*arrays, sites, window, table, factors, mixes, threads=2, shares=5)
    states = everything if len(factors) % 2 == 0 else (arrays[1], arrays[0], *arrays[2])
    fillings = {True: (np.nan, 7.5, 7.5, 7.5), False: (7.5, np.nan, 7.5, 7.5)}[len(factors) % 2 == 0]
    for array, expected, filling in zip(states, (old, new, *sums), fillings, strict=True):
        np.testing.assert_array_equal(array[untouched], filling)
        array[untouched] = 0
        tolerance = 50 * np.finfo(array.dtype).eps * np.abs(expected).max()
        np.testing.assert_allclose(flattened(hamiltonian, array), expected, atol=tolerance, rtol=0)
        beyond = array[-1, :, 2 * (sites - (len(array) - 1) * hamiltonian.layout.width) :]
        np.testing.assert_array_equal(beyond, 0)


def flattened(hamiltonian, reals):
    """A state given as reals in tiles as (rows, sites), a copy in double precision."""
    return hamiltonian.layout.flat(reals.view(np.result_type(reals, np.complex64))).astype(complex)


@pytest.mark.parametrize("seed", [0, 1])
def test_blocks_need_no_other_block(seed, some_steps, monkeypatch):
    """States are overwritten in place: whatever the order of the blocks, the result is the same to the last bit."""
    hamiltonian, chain, begin, factors, mixes = some_steps
    expected = begin()
    recursion.take_steps(*expected, *chain, factors, mixes)
    rng = np.random.default_rng(seed)

    def deal(function, threads, jobs):
        for job in rng.permutation(len(jobs)):
            function(*jobs[job])

    monkeypatch.setattr("pysv.compute.thread_pool.deal", deal)
    found = begin()
    recursion.take_steps(*found, *chain, factors, mixes, threads=2, shares=len(hamiltonian.groups[1].kind))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.complex128, 1e-13), (np.complex64, 1e-5)])
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("layers", [((2, 11), (13, 13)), ((2, 2), (4, 13))])
@pytest.mark.parametrize("exchange", ["shared", "own"])
def test_rows_join_as_many_others_as_a_layer_of_ten_allows(exchange, layers, narrow, dtype, tolerance, two_threads):
    device = pysv.SpinValve(sites=14, polarizer=layers[0], analyzer=layers[1])
    ten_first = (True, False) if device.n_polarizer == 10 else (False, True)
    if exchange == "own":
        bonds = tuple(0.02 * (n + 1) * (-1) ** (n // 3) for n in range(9))
        own = [
            dataclasses.replace(one, exchange=bonds if ten else 0.1)
            for one, ten in zip(device.layers, ten_first, strict=True)
        ]
        device = pysv.Device(sites=14, layers=tuple(own))
    hamiltonian = Hamiltonian.of_device(device, Basis.of_sectors(11, (5,)), NARROW if narrow else CUT).laid_out(dtype)
    layer = hamiltonian.groups[ten_first.index(True)]
    weights = hamiltonian.table(np.float64)[ten_first.index(True)].exchange_weight
    assert np.ndim(weights) == (exchange == "own")
    counts, kinds = np.diff(layer.exchange_first), zip(layer.kind_first, layer.kind_first[1:], strict=False)
    occurring = [set(counts[slice(*ends)].tolist()) for kind, ends in enumerate(kinds) if kind in layer.kind]
    assert set(range(1, 10)) == set().union(*occurring)  # one pass or two, of two to five partners
    rng = np.random.default_rng(8)
    psi = rng.standard_normal((hamiltonian.basis.rows, 14, 2)).view(np.complex128)[..., 0]
    expected = (hamiltonian.sparse() @ psi.reshape(-1)).reshape(psi.shape)
    tiled = hamiltonian.layout.tiled(psi.astype(dtype))
    assert tiled.shape[0] == (1 if not narrow else 5 if dtype is np.complex128 else 3)
    found = hamiltonian.layout.flat(hamiltonian.apply(tiled))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
