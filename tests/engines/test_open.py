"""Open systems against the dense density matrix of the whole system."""

from __future__ import annotations

import dataclasses
import itertools
import json
from functools import lru_cache

import brute
import brute_open
import numpy as np
import pytest
from test_brute_force import brute_device

import pysv
from pysv.errors import BathValidityWarning, EngineError, EngineFailureError, InvalidInputError
from pysv.model.baths.jumps import layer_baths

QUICK = [("x", 300.0), ("z", 100.0), ("xyz", 100.0)]
CASES = [
    pytest.param(coupling, temperature, marks=[] if (coupling, temperature) in QUICK else pytest.mark.slow)
    for coupling in ("x", "z", "xyz")
    for temperature in (10.0, 100.0, 300.0)
]
TINY = pysv.SpinValve(sites=40, polarizer=(20, 20), analyzer=(30, 30))
STRENGTH = 0.0144
STOP = 1.0


def experiment(coupling: str, temperature: float, strength=STRENGTH, times=(STOP, 0.5), **options) -> pysv.Experiment:
    return pysv.Experiment(
        device=pysv.SpinValve(sites=4, polarizer=(1, 2), analyzer=(4, 4)),
        source=pysv.WavePacket(center=2, momentum_spread=2.5),
        bath=pysv.BosonicBath(temperature=temperature, coupling=coupling, strength=strength, **options),
        times=pysv.times(*times),
        record=pysv.Record(density_matrix=True),
    )


@lru_cache
def reference(
    coupling: str, temperature: float, strength: float = STRENGTH, times: tuple[float, ...] = (0.0, 0.5, 1.0)
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Density matrices of the whole system and of the localized spins at some times."""
    device = brute_device(experiment(coupling, temperature).device)
    runs = brute.pure_runs(device, brute.packet(4, 2, np.pi / 2, 2.5), "unpolarized", brute.antiparallel(device))
    bath = brute_open.BruteBath(temperature, coupling, strength)
    jumps = brute_open.jump_operators(device, bath) if strength else []
    rho = brute_open.evolve(device, brute_open.initial_density(runs), jumps, list(times))
    return rho, [brute_open.reduced(device, matrix) for matrix in rho]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(("coupling", "temperature"), CASES)
def test_low_rank_against_the_density_matrix(coupling, temperature):
    engine = pysv.LowRank(tolerance=1e-9, time_step=0.05)
    data = pysv.solve(experiment(coupling, temperature), engine=engine, progress=False)
    whole, reduced = reference(coupling, temperature)
    np.testing.assert_allclose(data.density_matrix, reduced, atol=1e-6, rtol=0)
    for index, matrix in enumerate(reduced):
        assert float(data.log_negativity[index]) == pytest.approx(brute.log_negativity(matrix, 2, 1), abs=5e-6)
        assert np.linalg.eigvalsh(data.density_matrix[index]).min() >= -1e-12
    np.testing.assert_allclose(data.norm, 1, atol=1e-9)
    device = brute_device(experiment(coupling, temperature).device)
    energy = [np.trace(brute.hamiltonian(device).toarray() @ matrix).real for matrix in whole]
    np.testing.assert_allclose(data.energy, energy, atol=1e-5)
    assert abs(energy[-1] - energy[0]) > 1e-6 or coupling == "z"


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(("coupling", "temperature"), CASES)
def test_mesolve_against_the_density_matrix(coupling, temperature):
    data = pysv.solve(experiment(coupling, temperature), engine=pysv.QuTiP(atol=1e-12, rtol=1e-9), progress=False)
    np.testing.assert_allclose(data.density_matrix, reference(coupling, temperature)[1], atol=1e-6, rtol=0)
    assert data.attrs["seeds"] == "none: the run is deterministic"
    for matrix in data.density_matrix.values:
        assert np.trace(matrix).real == pytest.approx(1, abs=1e-8)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-12


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("unravelling", ["local", "mixed"])
def test_mcsolve_against_the_density_matrix(tmp_path, unravelling):
    """QuTiP's trajectories within three standard errors, resumed with the same bits."""
    engine = pysv.QuTiP(solver="mcsolve", ntraj=24, seeds=2, unravelling=unravelling)
    own = experiment("x", 300.0, 0.2, (6.0, 3.0))
    data = pysv.solve(own, engine=engine, progress=False)
    _, reduced = reference("x", 300.0, 0.2, (0.0, 3.0, 6.0))
    off = np.abs(data.spin_z[-1].values - brute.spin_expectations(reduced[-1])[:, 2])
    assert (off <= 3 * data.spin_z_error[-1].values).all()
    path = tmp_path / "run.nc"
    pysv.solve(dataclasses.replace(own, times=pysv.times(3, 3)), engine=engine, progress=False, out=path)
    np.testing.assert_array_equal(pysv.resume(path, stop=6, progress=False).spin_z, data.spin_z)
    assert len(json.loads(data.attrs["seeds"])) == 24


MIXED = [pytest.param("mixed", *case.values, marks=case.marks) for case in CASES]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(
    ("unravelling", "coupling", "temperature"),
    [*(pytest.param("local", *case.values, marks=case.marks) for case in CASES), *MIXED],
)
def test_trajectories_against_the_density_matrix(unravelling, coupling, temperature):
    """At the end of the run, within four standard errors.

    These are 162 numbers, in 18 cases, and Student's t of 20 groups is beyond 3 once in 140; beyond 4 once in 1300.
    """
    engine = pysv.Trajectories(ntraj=400, seeds=1, time_step=0.25, unravelling=unravelling)
    data = pysv.solve(experiment(coupling, temperature, 0.2, (6.0, 3.0)), engine=engine, progress=False)
    _, reduced = reference(coupling, temperature, 0.2, (0.0, 3.0, 6.0))
    for axis, values in zip("xyz", brute.spin_expectations(reduced[-1]).T, strict=True):
        error = data[f"spin_{axis}_error"][-1].values
        off = np.abs(data[f"spin_{axis}"][-1].values - values)
        assert (off <= 4 * error + 1e-12).all(), (axis, off, error)
    for index in range(3):
        density = data.density_matrix[index].values
        assert np.trace(density).real == pytest.approx(1, abs=1e-9)
        assert np.linalg.eigvalsh(density).min() >= -1e-12
    assert 1e-4 < float(data.spin_z_error.max()) < 0.1
    jumps, never = (data.attrs[f"engine_{name}"] for name in ("jumps_per_trajectory", "no_jump_weight"))
    assert jumps >= 1 - never - 1e-12 > 0.005
    np.testing.assert_allclose(data.norm, 1, atol=1e-7)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("spin", ["up", "down"])
def test_low_rank_of_a_polarized_electron(spin):
    """It begins in one sector; the jumps fill the others."""
    own = experiment("x", 300.0)
    own = dataclasses.replace(own, source=dataclasses.replace(own.source, spin=spin))
    device = brute_device(own.device)
    runs = brute.pure_runs(device, brute.packet(4, 2, np.pi / 2, 2.5), spin, brute.antiparallel(device))
    jumps = brute_open.jump_operators(device, brute_open.BruteBath(300.0, "x", STRENGTH))
    rho = brute_open.evolve(device, brute_open.initial_density(runs), jumps, [0.0, 0.5, 1.0])
    data = pysv.solve(own, engine=pysv.LowRank(tolerance=1e-9, time_step=0.05), progress=False)
    for index, matrix in enumerate(rho):
        np.testing.assert_allclose(data.density_matrix[index], brute_open.reduced(device, matrix), atol=1e-6, rtol=0)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_the_lamb_shift_is_a_part_of_the_hamiltonian():
    own = experiment("x", 300.0, lamb_shift=True)
    device = brute_device(own.device)
    runs = brute.pure_runs(device, brute.packet(4, 2, np.pi / 2, 2.5), "unpolarized", brute.antiparallel(device))
    polarizer, analyzer = layer_baths(own.device, own.bath)
    shift = np.kron(polarizer.lamb_shift, np.eye(2)) + np.kron(np.eye(4), analyzer.lamb_shift)
    jumps = brute_open.jump_operators(device, brute_open.BruteBath(300.0, "x", STRENGTH))
    rho = brute_open.evolve(device, brute_open.initial_density(runs), jumps, [0.0, 0.5, 1.0], shift)
    data = pysv.solve(own, engine=pysv.LowRank(tolerance=1e-9, time_step=0.05), progress=False)
    for index, matrix in enumerate(rho):
        np.testing.assert_allclose(data.density_matrix[index], brute_open.reduced(device, matrix), atol=2e-6)
    assert np.abs(brute_open.reduced(device, rho[-1]) - reference("x", 300.0)[1][-1]).max() > 1e-3


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("engine", [pysv.Trajectories(ntraj=4), pysv.LowRank()], ids=lambda engine: engine.name)
def test_no_strength_is_the_closed_system(small, engine):
    open_system = dataclasses.replace(small, bath=pysv.BosonicBath(strength=0.0))
    one, other = pysv.solve(open_system, engine=engine, progress=False), pysv.solve(small, progress=False)
    for name in other.data_vars:
        if name != "state_deviation":
            np.testing.assert_allclose(one[name], other[name], atol=2e-7, rtol=0, err_msg=str(name))


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("solver", ["mesolve", "mcsolve"])
def test_no_strength_is_the_closed_system_for_qutip(solver):
    own = experiment("x", 100.0, strength=0.0)
    engine = pysv.QuTiP(solver=solver, atol=1e-12, rtol=1e-9, **({"ntraj": 4} if solver == "mcsolve" else {}))
    one = pysv.solve(own, engine=engine, progress=False)
    other = pysv.solve(dataclasses.replace(own, bath=None), progress=False)
    for name in other.data_vars:
        if name != "state_deviation":
            np.testing.assert_allclose(one[name], other[name], atol=1e-6, rtol=0, err_msg=str(name))


def bathed(small, **options):
    return dataclasses.replace(small, bath=pysv.BosonicBath(temperature=300, strength=0.1), **options)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_the_same_seeds_give_the_same_bits_in_qutip():
    own = experiment("x", 300.0, 0.2, (6.0, 3.0))
    one, same, other = (
        pysv.solve(own, engine=pysv.QuTiP(solver="mcsolve", ntraj=16, seeds=seeds), progress=False)
        for seeds in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.spin_z, same.spin_z)
    assert not np.array_equal(one.spin_z, other.spin_z)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_the_same_seeds_give_the_same_bits(small):
    runs = [
        pysv.solve(bathed(small), engine=pysv.Trajectories(ntraj=6, seeds=seeds), progress=False) for seeds in (3, 3, 4)
    ]
    for name in runs[0].data_vars:
        np.testing.assert_array_equal(runs[0][name], runs[1][name], err_msg=str(name))
    assert not np.array_equal(runs[0].spin_z, runs[2].spin_z)
    seeds = json.loads(runs[0].attrs["seeds"])
    assert len(set(seeds)) == 6
    listed = pysv.solve(bathed(small), engine=pysv.Trajectories(ntraj=6, seeds=seeds), progress=False)
    np.testing.assert_array_equal(listed.spin_z, runs[0].spin_z)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(
    "engine",
    [pysv.Trajectories(ntraj=6), pysv.Trajectories(ntraj=6, unravelling="mixed"), pysv.LowRank()],
    ids=["local", "mixed", "low-rank"],
)
@pytest.mark.parametrize("spins", [pysv.Antiparallel(), pysv.Gibbs(temperature=300, pinning=0.02)], ids=["T0", "gibbs"])
def test_open_runs_are_resumed(small, tmp_path, engine, spins):
    own = bathed(small, spins=spins, times=pysv.times(stop=2, step=0.5))
    whole = pysv.solve(own, engine=engine, progress=False)
    path = tmp_path / "run.nc"
    pysv.solve(dataclasses.replace(own, times=pysv.times(stop=1, step=0.5)), engine=engine, progress=False, out=path)
    resumed = pysv.resume(path, stop=2, progress=False)
    for name in whole.data_vars:
        np.testing.assert_allclose(resumed[name], whole[name], atol=1e-10, rtol=0, err_msg=str(name))
    assert resumed.attrs["seeds"] == whole.attrs["seeds"]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_truncation_is_bounded_by_what_the_dataset_says(small):
    """‖ρ_spins − exact‖₁ ≤ state_deviation, which a looser tolerance makes larger; the trace is kept."""
    own = bathed(small, record=pysv.Record(density_matrix=True), times=pysv.times(stop=4, step=1))
    exact, loose = (
        pysv.solve(own, engine=pysv.LowRank(tolerance=tolerance, time_step=0.5), progress=False)
        for tolerance in (1e-5, 1e-3)
    )
    off = loose.density_matrix - exact.density_matrix
    distance = [np.abs(np.linalg.eigvalsh(matrix)).sum() for matrix in off.values]
    assert (distance <= loose.state_deviation + exact.state_deviation + 1e-12).all()
    assert distance[-1] > 1e-5
    assert loose.attrs["engine_largest_rank"] < exact.attrs["engine_largest_rank"]
    np.testing.assert_allclose(loose.norm, 1, atol=1e-7)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_jackknife_errors_are_the_spread_of_independent_runs(small):
    """The error of one run is the standard deviation over runs with other seeds, the bias what more trajectories take."""
    own = bathed(small, times=pysv.times(stop=4, step=4))
    runs = [pysv.solve(own, engine=pysv.Trajectories(ntraj=40, seeds=n), progress=False) for n in range(24)]
    for name in ("spin_z", "log_negativity", "entropy_total"):
        values = np.array([run[name][-1].values for run in runs])
        errors = np.array([run[f"{name}_error"][-1].values for run in runs])
        ratio = np.sqrt((errors**2).mean(axis=0)) / values.std(axis=0, ddof=1)
        assert ((ratio > 0.5) & (ratio < 2)).all(), (name, ratio)
    many = pysv.solve(own, engine=pysv.LowRank(time_step=0.5), progress=False)
    bias = np.mean([float(run.entropy_total[-1]) for run in runs]) - float(many.entropy_total[-1])
    estimated = np.mean([float(run.entropy_total_bias[-1]) for run in runs])
    assert bias < 0  # too few trajectories miss entropy
    assert 0.3 * bias > estimated > 3 * bias


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: pysv.Trajectories(ntraj=1), "ntraj = 1 must be between 2 and 1000000"),
        (
            lambda: pysv.Trajectories(ntraj=4, seeds=[1, 2, 3]),
            "seeds lists 3 numbers for ntraj = 4 trajectories; give one",
        ),
        (lambda: pysv.Trajectories(ntraj=3, seeds=[1, 2, 1]), "seeds names a number twice"),
        (lambda: pysv.Trajectories(seeds=-1), "seeds = -1 must be between 0 and"),
        (lambda: pysv.Trajectories(time_step=0), r"time_step = 0 must be at least 1e-06 \(fs\)"),
        (lambda: pysv.Trajectories(unravelling="mixd"), "unravelling: unknown value 'mixd'; did you mean 'mixed'"),
        (lambda: pysv.LowRank(tolerance=1), r"tolerance = 1 must be at most 0.01"),
    ],
)
def test_bad_options(make, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("engine", "changes", "sentence"),
    [
        (
            "chebyshev",
            {"bath": pysv.BosonicBath()},
            "engine 'chebyshev' runs closed systems only; leave .bath. out, or use",
        ),
        ("low-rank", {}, "engine 'low-rank' runs open systems only; add a table .bath., or use 'chebyshev'"),
        (
            pysv.Trajectories(ntraj=3),
            {"bath": pysv.BosonicBath()},
            "ntraj = 3 is too few for an unpolarized electron; take",
        ),
        (
            pysv.QuTiP(solver="mesolve"),
            {"bath": pysv.BosonicBath()},
            "needs a density matrix over at most 1000 amplitudes, this run has 102,912; use engine 'low-rank' or",
        ),
        (
            pysv.QuTiP(solver="mesolve", unravelling="mixed"),
            {
                "bath": pysv.BosonicBath(),
                "device": pysv.SpinValve(sites=10, polarizer=(4, 4), analyzer=(7, 7)),
                "source": pysv.WavePacket(center=5, momentum_spread=2),
            },
            "unravelling of engine 'qutip' would be ignored by mesolve; set solver = 'mcsolve'",
        ),
        (
            "trajectories",
            {"bath": pysv.BosonicBath(), "device": pysv.SpinValve.with_layers(7, 1)},
            "a layer of 7 spins is too large for engine 'trajectories', .* take at most 6 spins 1/2, or 64 states, in a layer",
        ),
    ],
)
def test_what_cannot_run(engine, changes, sentence):
    with pytest.raises(EngineError, match=sentence):
        pysv.estimate(pysv.Experiment(**changes), engine)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_a_rank_that_grows_too_far_stops_the_run(small):
    with pytest.raises(
        EngineFailureError, match=r"the rank grew to \d+ at t = .* above max_rank = 4; raise max_rank or tolerance"
    ):
        pysv.solve(bathed(small), engine=pysv.LowRank(tolerance=1e-7, max_rank=4), progress=False)


def test_doubtful_baths_are_said_to_be_so(small):
    with pytest.warns(
        BathValidityWarning, match="the universal Lindblad equation is doubtful here: its validity measure"
    ):
        data = pysv.solve(bathed(small), engine=pysv.Trajectories(ntraj=4), progress=False)
    assert data.attrs["bath_validity"] > 0.1
    assert "doubtful" in data.attrs["warnings"]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(
    ("engine", "share"),
    [(pysv.Trajectories(ntraj=20), 0), (pysv.LowRank(tolerance=1e-5), 0), (pysv.LowRank(tolerance=1e-3), 2e-3)],
    ids=["trajectories", "low-rank", "coarse"],
)
def test_baths_alone_make_no_negativity(small, engine, share):
    """Jumps act on one layer each, so that every trajectory stays a product state: their average is separable.

    A coarse truncation may leave a negativity, far below its own error bound.
    """
    uncoupled = dataclasses.replace(small.device, sd_exchange=0.0)
    own = bathed(small, device=uncoupled, times=pysv.times(stop=6, step=2))
    data = pysv.solve(own, engine=engine, progress=False)
    assert float(data.entropy_total[-1]) > 0.1
    bound = share * data.state_deviation.values if share else 0.0
    assert (np.abs(data.log_negativity) <= bound + 1e-9).all()


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("coupling", ["x", "xyz"])
def test_mixed_jump_operators_are_the_same_equation(coupling):
    """The dissipators of both sets of operators, as matrices over ρ."""
    import qutip

    from pysv.engines._qutip_open import MonteCarlo

    own = dataclasses.replace(
        experiment(coupling, 300.0),
        device=pysv.SpinValve(sites=2, polarizer=(1, 1), analyzer=(2, 2)),
        source=pysv.WavePacket(center=1.5, momentum_spread=4),
    )
    engines = [MonteCarlo(own, pysv.QuTiP(solver="mcsolve", ntraj=4, unravelling=name)) for name in ("local", "mixed")]
    local, mixed = ([jump.full() for jump in engine.jumps] for engine in engines)
    assert len(local) == len(mixed) == 2 * len(coupling)
    one, other = (sum(qutip.lindblad_dissipator(jump).full() for jump in engine.jumps) for engine in engines)
    np.testing.assert_allclose(one, other, atol=1e-13 * abs(one).max())
    overlaps = [[abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b) for b in local] for a in mixed]
    np.testing.assert_allclose(np.max(overlaps, axis=1), 0.5**0.5, atol=1e-12)  # each is of both layers


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("name", ["trajectories", "qutip"])
def test_mixed_jumps_make_a_negativity_that_vanishes_with_more_trajectories(small, name):
    """Spurious: without sd exchange nothing couples the layers, and ρ itself is a product."""
    device = pysv.SpinValve(sites=6, polarizer=(2, 3), analyzer=(5, 5), sd_exchange=0.0)
    own = dataclasses.replace(
        bathed(small), device=device, source=pysv.WavePacket(center=3, momentum_spread=3), times=pysv.times(3, 3)
    )
    found = []
    for ntraj in (20, 80) if name == "qutip" else (20, 80, 1280):
        options = {"ntraj": ntraj, "unravelling": "mixed", "sampling": "plain"}
        engine = pysv.Trajectories(**options)
        if name == "qutip":
            engine = pysv.QuTiP(solver="mcsolve", atol=1e-7, rtol=1e-5, **options)
        data = pysv.solve(own, engine=engine, progress=False)
        found.append((float(data.log_negativity[-1]), float(data.mutual_information[-1])))
    assert found[0][0] > 1e-3
    for one, other in itertools.pairwise(found):
        assert all(after < 0.7 * before for before, after in zip(one, other, strict=True))
    if name == "trajectories":
        assert found[-1][0] < 0.1 * found[0][0]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_merged_runs_are_one_run_of_all_trajectories(small):
    """The same seeds in one run or in two give the same averages and measures of ρ."""
    own = bathed(small, times=pysv.times(stop=4, step=2), record=pysv.Record(density_matrix=True))
    seeds = list(range(1, 25))
    whole, one, other = (
        pysv.solve(own, engine=pysv.Trajectories(ntraj=len(part), seeds=part), progress=False)
        for part in (seeds, seeds[:8], seeds[8:])
    )
    merged = pysv.merge(one, other)
    assert set(merged.data_vars) == set(whole.data_vars)
    for name in whole.data_vars:
        if not name.endswith(("_error", "_bias")):
            np.testing.assert_allclose(merged[name], whole[name], atol=1e-10, err_msg=name)
    ratio = float(merged.spin_z_error[-1].mean() / whole.spin_z_error[-1].mean())
    assert 0.5 < ratio < 2
    assert float(merged.entropy_total_bias[-1]) < 0
    assert json.loads(merged.attrs["seeds"]) == seeds
    lean = pysv.solve(bathed(small), engine=pysv.Trajectories(ntraj=4, seeds=99), progress=False)
    closed = pysv.solve(small, progress=False)
    for runs, sentence in [
        ((one,), "1 run to merge; give at least two"),
        ((one, one), "two of the runs share seeds"),
        ((one, lean), "lacks density_matrix"),
        ((one, closed), "not of random trajectories"),
        ((one, other.isel(time=[0, 1])), "reach different times"),
    ]:
        with pytest.raises(InvalidInputError, match=sentence):
            pysv.merge(*runs)
