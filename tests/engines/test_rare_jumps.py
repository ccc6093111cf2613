"""Baths with few jumps: the state without a jump apart, what error bars cover, and the variance at equal cost."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import chi2
from scipy.stats import t as student

import pysv
from pysv.engines._branches import Branches
from pysv.errors import EngineError, InvalidInputError
from pysv.model.density import SpinDensity
from pysv.run.jackknife import GroupSum, measure_sample
from pysv.snapshot import EXACT, Sample

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
STEP = 0.5
VARIABLES = ("spin_z", "electron_spin_z", "entropy_total", "mutual_information", "log_negativity")
LINEAR = VARIABLES[:2]


def valve(strength: float = 0.0144, coupling: str = "x", **options) -> pysv.Experiment:
    return pysv.Experiment(
        device=pysv.SpinValve(sites=6, polarizer=(2, 3), analyzer=(5, 5)),
        source=pysv.WavePacket(center=2, momentum_spread=2.0),
        bath=pysv.BosonicBath(temperature=100.0, coupling=coupling, strength=strength),
        times=pysv.times(3, 1.5),
        **options,
    )


def trajectories(ntraj: int, **options) -> pysv.Trajectories:
    return pysv.Trajectories(ntraj=ntraj, time_step=STEP, **options)


@lru_cache
def exact(experiment: pysv.Experiment):
    """The same steps, without a sample; see `test_open.py` for these against dense density matrices."""
    return pysv.solve(experiment, engine=pysv.LowRank(tolerance=1e-10, time_step=STEP), progress=False)


def off(experiment: pysv.Experiment, engine, repeats: int, reference=None) -> dict[str, np.ndarray]:
    """(value − true value, standard error) of each variable at the last time, float64 (repeats, 2, …)."""
    true = (reference or exact)(experiment)
    found: dict[str, list[list[np.ndarray]]] = {name: [] for name in VARIABLES}
    for seed in range(repeats):
        data = pysv.solve(experiment, engine=dataclasses.replace(engine, seeds=seed), progress=False)
        for name in VARIABLES:
            found[name].append([data[name][-1].values - true[name][-1].values, data[f"{name}_error"][-1].values])
    return {name: np.array(values).reshape(repeats, 2, -1) for name, values in found.items()}


def covered(found: np.ndarray, level: float, groups: int = 20) -> np.ndarray:
    """Share of the repeats within the interval of a level, with the factor of Student's t for the jackknife groups."""
    factor = student.ppf((1 + level) / 2, groups - 1)
    return np.asarray((np.abs(found[:, 0]) <= factor * found[:, 1]).mean(axis=0))


def test_error_bars_cover_what_they_should():
    repeats = 30
    found = off(valve(), trajectories(40), repeats)
    for name in LINEAR:
        for level in (0.6827, 0.95):
            allowed = 3 * np.sqrt(level * (1 - level) / repeats)
            assert (np.abs(covered(found[name], level) - level) <= allowed).all(), (name, level)


def mesolve(experiment: pysv.Experiment):
    return pysv.solve(experiment, engine=pysv.QuTiP(solver="mesolve", atol=1e-12, rtol=1e-10), progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("coupling", ["x", "z"])
@pytest.mark.parametrize(
    ("engine", "reference"),
    [(trajectories(100), exact), (pysv.QuTiP(solver="mcsolve", ntraj=100), mesolve)],
    ids=["trajectories", "mcsolve"],
)
def test_coverage_of_200_repeated_runs(engine, reference, coupling):
    """68 % and 95 %, to within three standard deviations of a share of 200; the shares are printed."""
    found = off(valve(coupling=coupling), engine, 200, reference)
    for name, values in found.items():
        if values[:, 1].max() < 1e-12:
            continue
        for level in (0.6827, 0.95):
            share = covered(values, level)
            print(f"{engine.name}, {coupling}, {name}: {level:.0%} intervals cover {np.round(share, 3)}")
            assert (np.abs(share - level) <= 3 * np.sqrt(level * (1 - level) / 200)).all(), (name, level, share)


def efficiency(experiment: pysv.Experiment, ntraj: int, repeats: int) -> dict[str, float]:
    """Variance times applications of H, plain sampling over no-jump apart."""
    work, variance = {}, {}
    for sampling in ("plain", "no-jump apart"):
        engine = trajectories(ntraj, sampling=sampling)
        work[sampling] = pysv.solve(experiment, engine=engine, progress=False).attrs["applications_of_h"]
        found = off(experiment, engine, repeats)
        variance[sampling] = {name: float((found[name][:, 0] ** 2).mean()) for name in VARIABLES}
    plain, apart = work
    return {n: variance[plain][n] * work[plain] / (variance[apart][n] * work[apart]) for n in VARIABLES}


def test_the_variance_at_equal_cost_is_smaller():
    """With a jump in one of 20 trajectories, plain sampling needs more than five times the work."""
    found = efficiency(valve(strength=0.1), 40, 12)
    assert all(found[name] > 5 for name in (*LINEAR, "entropy_total")), found


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0144, 0.1, 1.0])
def test_the_variance_at_equal_cost(strength):
    own = valve(strength=strength)
    never = pysv.solve(own, engine=trajectories(4), progress=False).attrs["engine_no_jump_weight"]
    found = efficiency(own, 100, 60)
    print(f"jump probability {1 - never:.3f}: " + ", ".join(f"{name} {ratio:.1f}" for name, ratio in found.items()))
    assert all(found[name] > 1 for name in (*LINEAR, "entropy_total"))


def test_few_trajectories_know_of_jumps_that_plain_ones_have_not_seen():
    own = valve()
    plain, apart = (
        pysv.solve(own, engine=trajectories(20, seeds=1, sampling=sampling), progress=False)
        for sampling in ("plain", "no-jump apart")
    )
    assert plain.attrs["engine_jumps_per_trajectory"] == 0
    assert float(plain.spin_z_error.max()) < 1e-12
    true = exact(own)
    assert np.abs(plain.spin_z - true.spin_z).max() > 1e-3
    error = apart.spin_z_error[-1].values
    assert (np.abs(apart.spin_z[-1].values - true.spin_z[-1].values) < 4 * error).all()
    assert (error < 1e-3).all()


def test_a_target_error_is_the_true_one():
    own = valve()
    engine = trajectories(400, target_error=5e-4)
    data = pysv.solve(own, engine=engine, progress=False)
    assert data.attrs["target_error_reached"] <= 5e-4
    for name in LINEAR:
        assert np.abs(data[name] - exact(own)[name]).max() < 4 * 5e-4


def test_the_first_jump_has_the_right_time():
    """Rates q₁ and q₂ of two states: after n steps the last beginnings are distributed like first jumps before n."""
    rates, steps, count = np.array([[0.02, 0.03], [0.1, 0.0]]), 12, 20000
    random = np.random.default_rng(3)
    branches = Branches([0.6, 0.4], [0, 0], np.zeros(count, dtype=int), lambda number: 0)
    begun = np.full((count, 2), -1)
    for step in range(steps):
        chosen = branches.leave(rates, random.random(count))
        begun[chosen >= 0] = np.stack([np.full(count, step), chosen], axis=1)[chosen >= 0]
    weight, total = np.array([0.6, 0.4]), rates.sum(axis=1)
    expected = np.array([(weight * (1 - total) ** step)[:, None] * rates for step in range(steps)]).reshape(steps, 4)
    np.testing.assert_allclose(branches.no_jump, weight * (1 - total) ** steps, rtol=1e-13)
    np.testing.assert_allclose(branches.jumped, expected.sum(), rtol=1e-13)
    seen = np.zeros((steps, 4))
    np.add.at(seen, (begun[:, 0], begun[:, 1]), 1)
    expected *= count / expected.sum()
    possible = expected > 0
    assert not seen[~possible].any()
    statistic = ((seen - expected)[possible] ** 2 / expected[possible]).sum()
    assert 0.001 < chi2.sf(statistic, possible.sum() - 1) < 0.999


def test_equal_jumps_have_an_error_from_their_probability():
    """n equal outcomes ρ₁ of weight m beside ρ₀ of weight 1 − m: replacing one of n changes ⟨X⟩ by m (X₀ − X₁)/n."""
    up, down = (np.diag([float(up), 1.0 - up, 0.0, 0.0]) for up in (True, False))
    n, jumped = 10, 0.2
    cells = {(0, EXACT): GroupSum(SpinDensity.from_dense((1 - jumped) * up, 1, 1), {})}
    cells |= {(0, g): GroupSum(SpinDensity.from_dense(jumped / n * down, 1, 1), {}) for g in range(n)}
    sample = Sample(np.zeros(n + 1, dtype=int), np.append(np.arange(n), EXACT))
    found = measure_sample(cells, sample, lambda rho: {"spin_z": rho.spin_expectations()[2]})
    np.testing.assert_allclose(found["spin_z"], [1.0, 1 - 2 * jumped], atol=1e-14)
    np.testing.assert_allclose(found["spin_z_error"], [0.0, jumped * 2 / n], atol=1e-14)


@pytest.mark.parametrize("method", [trajectories(12), pysv.QuTiP(solver="mcsolve", ntraj=12)], ids=["pysv", "qutip"])
def test_more_pure_states_than_trajectories(tmp_path, method):
    """Each trajectory then has the state without a jump of a pure state of its own; a run goes on as if never stopped."""
    own = valve(strength=0.1, spins=pysv.Gibbs(temperature=1000.0, pinning=0.02))
    found = [pysv.solve(own, engine=dataclasses.replace(method, seeds=seed), progress=False) for seed in range(6)]
    assert all(0.9 < data.attrs["engine_no_jump_weight"] < 1 for data in found)
    np.testing.assert_allclose(found[0].norm, 1, atol=1e-8)
    true = exact(own)
    mean = np.mean([data.spin_z[-1].values for data in found], axis=0)
    error = np.sqrt(np.mean([data.spin_z_error[-1].values ** 2 for data in found], axis=0) / len(found))
    assert (np.abs(mean - true.spin_z[-1].values) < 4 * error).all()
    assert (error > 0.01).all()
    path = tmp_path / "run.nc"
    short = dataclasses.replace(own, times=pysv.times(1.5, 1.5))
    pysv.solve(short, engine=dataclasses.replace(method, seeds=0), progress=False, out=path)
    longer = pysv.resume(path, stop=3, progress=False)
    for name in (*VARIABLES, "spin_z_error"):
        np.testing.assert_allclose(longer[name], found[0][name], atol=1e-12, rtol=0)


@pytest.mark.parametrize("sampling", ["no-jump apart", "plain"])
def test_a_merged_run_has_the_errors_of_its_parts(sampling):
    own = valve(record=pysv.Record(density_matrix=True))
    parts = [
        pysv.solve(own, engine=trajectories(40, seeds=seed, sampling=sampling), progress=False) for seed in range(3)
    ]
    merged = pysv.merge(*parts)
    np.testing.assert_allclose(merged.spin_z, sum(part.spin_z for part in parts) / 3, atol=1e-14)
    if sampling == "no-jump apart":
        off = np.abs(merged.entropy_total[-1] - exact(own).entropy_total[-1])
        assert float(off) < 4 * float(merged.entropy_total_error[-1]) < 3 * float(parts[0].entropy_total_error[-1])
        assert merged.attrs["engine_no_jump_weight"] == parts[0].attrs["engine_no_jump_weight"]


def test_an_unknown_sampling_is_refused():
    with pytest.raises(InvalidInputError, match="sampling: unknown value 'apart'; known: no-jump apart, plain"):
        trajectories(20, sampling="apart")
    with pytest.raises(EngineError, match="sampling of engine 'qutip' would be ignored by mesolve"):
        pysv.solve(valve(), engine=pysv.QuTiP(solver="mesolve", sampling="plain"), progress=False)
