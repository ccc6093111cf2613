"""Engine against engine on random devices."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import random_experiment
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pysv
from pysv.engines import automatic, choose, chosen_because, faster_elsewhere, methods, readiness
from pysv.engines.base import Method
from pysv.engines.cost import HEAVY, Cost
from pysv.errors import EngineError, EngineFailureError

CAREFUL: dict[str, Method] = {
    "rk4": pysv.RK4(time_step=0.004),
    "qutip": pysv.QuTiP(method="vern9", atol=1e-13, rtol=1e-13),
}
"""Options of engines that are not exact to 1e-8 by default."""
ROOT = Path(__file__).parents[2]


def compared() -> list[str]:
    """Engines of quantum spins with a Python backend that run one electron without baths."""
    usual = random_experiment(1)
    return [
        name
        for name, method in methods().items()
        if method.quantum
        and "python" in method.backends
        and method().refusal(usual) is None
        and name != automatic(usual)
    ]


def assert_equal_runs(one, other, tolerance):
    assert set(one.data_vars) - {"state_deviation"} == set(other.data_vars) - {"state_deviation"}
    for name in set(one.data_vars) - {"state_deviation"}:
        np.testing.assert_allclose(other[name], one[name], atol=tolerance, rtol=0, err_msg=name)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(compared()))
def test_engines_agree_on_random_devices(seed, name):
    experiment = random_experiment(seed, pysv.times(stop=3, step=1.5))
    engine = CAREFUL.get(name, name)
    assume(choose(random_experiment(1), engine)[0].refusal(experiment) is None)
    reference = pysv.solve(experiment, progress=False)
    assert_equal_runs(reference, pysv.solve(experiment, engine=engine, progress=False), 1e-8)


def test_rk4_reports_the_error_that_it_makes(small):
    """The twin run's distance is the true one to a few per cent, and falls like δt⁴."""
    found = []
    for step in (0.1, 0.05):
        data = pysv.solve(small, engine=pysv.RK4(time_step=step), progress=False)
        engine = pysv.RK4(time_step=step).start(choose_runs(small), "python")
        exact = pysv.Chebyshev().start(choose_runs(small), "python")
        for time in small.times.values[1:]:
            engine.advance(float(time))
            exact.advance(float(time))
        true = max(np.linalg.norm(a - b) for a, b in zip(engine.psi, exact.psi, strict=True))
        assert data.attrs["state_deviation_reached"] == pytest.approx(true, rel=0.05)
        found.append(true)
    assert found[0] / found[1] == pytest.approx(16, rel=0.15)


def test_rk4_without_twin_states_no_error(small):
    data = pysv.solve(small, engine=pysv.RK4(time_step=0.05, measure_error=False), progress=False)
    assert "state_deviation" not in data
    assert "state_deviation_reached" not in data.attrs


def choose_runs(experiment):
    from pysv.sectors.pure_run import pure_runs

    return pure_runs(experiment)


@pytest.mark.parametrize("method", ["adams", "bdf", "dop853", "vern7", "tsit5"])
def test_qutip_methods(small, method):
    reference = pysv.solve(small, progress=False)
    data = pysv.solve(small, engine=pysv.QuTiP(method=method, atol=1e-9, rtol=1e-8), progress=False)
    np.testing.assert_allclose(data.spin_z, reference.spin_z, atol=2e-5)


def test_a_tilted_electron_is_a_superposition_and_an_unpolarized_one_a_mixture(small):
    tilted = dataclasses.replace(small, source=dataclasses.replace(small.source, spin=(np.pi / 2, 0.0)))
    one, other = (pysv.solve(experiment, progress=False) for experiment in (tilted, small))
    assert float(one.electron_spin_x[0]) == pytest.approx(1)
    assert float(other.electron_spin_x[0]) == 0
    np.testing.assert_allclose(one.spin_z, other.spin_z, atol=1e-10)  # diagonal measures cannot tell
    assert abs(one.spin_x.values).max() > 1e-3  # coherent ones can
    assert len(choose_runs(tilted)) == 1
    assert choose_runs(tilted)[0].hamiltonian.basis.sectors == (3, 4)


def test_all_engines_are_listed():
    """`pysv engines` has a line for each engine and backend, and README names them all."""
    rows = readiness()
    assert {(row.engine, row.backend) for row in rows} == {
        (name, backend) for name, method in methods().items() for backend in method.backends
    }
    assert all(row.ready for row in rows if row.backend == "python")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [row.engine for row in rows if f"`{row.engine}`" not in readme] == []


@pytest.mark.parametrize("engine", ["chebyshev", "rk4"])
@pytest.mark.parametrize("verb", [pysv.solve, pysv.estimate])
def test_engines_of_closed_systems_refuse_baths(engine, verb):
    with pytest.raises(EngineError, match=f"engine '{engine}' runs closed systems only; leave .bath. out, or use"):
        verb(pysv.Experiment(bath=pysv.BosonicBath()), engine=engine)


def test_names_that_do_not_exist():
    with pytest.raises(EngineError, match="unknown engine 'chebychev'; did you mean 'chebyshev'"):
        choose(pysv.Experiment(), "chebychev")
    with pytest.raises(EngineError, match="unknown backend 'pyton'; did you mean 'python'"):
        choose(pysv.Experiment(), backend="pyton")
    with pytest.raises(EngineError, match="must be a name or an options object"):
        choose(pysv.Experiment(), 3)
    with pytest.raises(EngineError, match="engine 'rk4' has no backend 'julia'; use backend 'python'"):
        choose(pysv.Experiment(), "rk4", backend="julia")
    with pytest.raises(EngineError, match="engine 'krylov' has no backend 'python'; use backend 'julia'"):
        choose(pysv.Experiment(), "krylov", backend="python")


def test_an_integrator_that_gives_up_says_so(small):
    with pytest.raises(
        EngineFailureError, match=r"QuTiP's adams failed between 0 and 0.5 fs: .*raise nsteps = 2 or loosen"
    ):
        pysv.solve(small, engine=pysv.QuTiP(nsteps=2), progress=False)


def test_itensors_are_lacking_to_tdmrg_alone(monkeypatch):
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: "no ITensors here" if tdmrg else None)
    assert pysv.TDMRG.lacking("julia") == "no ITensors here"
    assert pysv.TDMRG.lacking("python") is None
    assert pysv.Chebyshev.lacking("julia") is None


@pytest.mark.parametrize("pays", [True, False])
@pytest.mark.parametrize("ready", [True, False])
def test_julia_by_itself_where_it_is_ready_and_pays(monkeypatch, pays, ready):
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: None if ready else "Julia is not set up")
    monkeypatch.setattr(pysv.Chebyshev, "pays", lambda method, backend, cost: pays)
    experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(9))
    assert choose(experiment)[1] == ("julia" if pays and ready else "python")
    assert choose(experiment, backend="python")[1] == "python"
    assert choose(experiment, engine="rk4")[1] == "python"
    with ThreadPoolExecutor(1) as other:  # where Julia cannot be started
        assert other.submit(choose, experiment).result()[1] == "python"


def test_python_by_itself_for_small_runs_and_julia_for_heavy_ones(monkeypatch):
    """By size and estimated time: 8+8 spins and a minute for one electron; several electrons stay in Python."""
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: None)
    for spins, stop, expected in ((4, 60, "python"), (7, 6000, "python"), (9, 2, "python"), (9, 60, "julia")):
        experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(spins), times=pysv.times(stop=stop, step=1))
        method, backend = choose(experiment)
        assert backend == expected, (spins, stop)
        assert (method.cost(experiment).seconds >= 60) == (expected == "julia" or spins == 7)
    heavy = several(8)
    assert [choose(one)[1] for one in (heavy, several(2, sites=30))] == ["python", "python"]
    monkeypatch.setattr(pysv.TDMRG, "pays", heavy_in_julia)
    assert [choose(one)[1] for one in (heavy, several(2, sites=30))] == ["julia", "python"]
    assert choose(heavy, backend="python")[1] == "python"
    tilted = dataclasses.replace(heavy, spins=pysv.ProductState(polarizer=(0.3, 0.0), analyzer=(2.0, 0.0)))
    assert choose(tilted)[1] == "python"  # Julia conserves S^z
    assert choose(heavy, engine="llg")[1] == "python"


def heavy_in_julia(method: Method, backend: str, cost: Cost) -> bool:
    """What `pays` says where Julia is the faster one."""
    return backend == "julia" and cost.seconds >= HEAVY


def several(electrons: int, sites: int = 112) -> pysv.Experiment:
    device = pysv.SpinValve(sites=sites, polarizer=(14, 15), analyzer=(18, 19))
    source = pysv.ConfinedElectrons(electrons=electrons, confined_sites=10)
    return pysv.Experiment(device=device, source=source, times=pysv.times(stop=200 if electrons > 2 else 1, step=1))


def test_what_is_said_of_the_backend(monkeypatch):
    heavy, light = several(8), several(2, sites=30)
    method = pysv.TDMRG()
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: "Julia is not set up")
    assert faster_elsewhere(heavy, method, "python", "auto") is None  # no slower in Python
    monkeypatch.setattr(pysv.TDMRG, "pays", heavy_in_julia)
    monkeypatch.setattr(pysv.TDMRG, "gain", 0.5)
    said = faster_elsewhere(heavy, method, "python", "auto")
    assert said.startswith("this run is estimated at ")
    assert "with backend 'julia' it takes about 0.5 times as long; `pysv julia setup --tdmrg` installs that" in said
    assert faster_elsewhere(light, method, "python", "auto") is None
    assert faster_elsewhere(heavy, method, "python", "python") is None
    large = pysv.Experiment(device=pysv.SpinValve.with_layers(9))
    assert faster_elsewhere(large, pysv.Chebyshev(), "python", "auto") is None  # no gain worth a set-up
    assert chosen_because(heavy, method, "python", "auto") == "the engine's first backend"
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: None)
    assert faster_elsewhere(heavy, method, "julia", "auto") is None
    because = chosen_because(heavy, method, "julia", "auto")
    assert because.startswith("Julia is ready, and the run is estimated at ")
    assert because.endswith("backend = 'python' keeps it from Julia")
    assert chosen_because(heavy, method, "julia", "julia") == "asked for"
