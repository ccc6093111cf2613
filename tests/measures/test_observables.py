"""Observables of one's own: products of spin operators by name, functions of ρ and of the snapshot."""

from __future__ import annotations

import dataclasses
from functools import reduce

import brute_general as brute
import numpy as np
import pytest
from test_any_device import history, random_experiment

import pysv
from pysv.errors import ExperimentFileError, InvalidInputError, ResumeError

VALVE = pysv.SpinValve(sites=16, polarizer=(7, 8), analyzer=(11, 12))
SMALL = pysv.Experiment(
    device=VALVE, source=pysv.WavePacket(center=4, momentum_spread=1.0, spin="down"), times=pysv.times(4, 1)
)


def recorded(experiment, **changes):
    return dataclasses.replace(experiment, record=dataclasses.replace(experiment.record, **changes))


@pytest.mark.parametrize("seed", range(8))
def test_products_against_kronecker_products(seed):
    """Any operators of spins of any length, in the full product space."""
    experiment = random_experiment(seed)
    dims = [layer.levels for layer in experiment.device.layers for _ in range(layer.count)]
    rng = np.random.default_rng(seed)
    products = {}
    for number in range(4):
        spins = rng.permutation(len(dims))[: rng.integers(1, 4)]
        products[f"own{number}"] = " ".join(f"{'XYZ'[rng.integers(3)]}{spin + 1}" for spin in spins)
    products["zs"] = " ".join(f"Z{n}" for n in range(1, len(dims) + 1))
    data = pysv.solve(recorded(experiment, observables=products), progress=False)
    chain, states = history(experiment)
    for time, runs in enumerate(states):
        rho = brute.reduced_density(chain, runs)
        for name, text in products.items():
            chosen = {int(factor[1:]) - 1: "XYZ".index(factor[0]) for factor in text.split()}
            matrices = [
                brute.spin_matrices((d - 1) / 2)[chosen[n]] / ((d - 1) / 2) if n in chosen else np.eye(d)
                for n, d in enumerate(dims)
            ]
            expected = np.trace(rho @ reduce(np.kron, matrices)).real
            np.testing.assert_allclose(data[name][time], expected, atol=2e-9, err_msg=text)


def test_functions_of_rho_and_of_the_snapshot(tmp_path):
    asked = {
        "peak": lambda rho: rho.eigenvalues.max(),
        "populations": lambda rho: np.sort(rho.eigenvalues)[-2:],
        "passed": lambda snapshot: snapshot.state.electron_densities()[0][12:].sum(),
        "xx": "X1 X2",
    }
    data = pysv.solve(SMALL, observables=asked, progress=False, out=tmp_path / "a.nc")
    assert data.populations.dims == ("time", "populations_0")
    np.testing.assert_allclose(data.peak, data.populations[:, 1], rtol=0)
    np.testing.assert_allclose(data.passed, data.electron_density[:, 12:].sum("site"), atol=1e-14)
    np.testing.assert_array_less(data.populations.sum("populations_0"), 1 + 1e-12)
    assert "xx" in pysv.config.loads(data.attrs["experiment"]).experiment.record.observables[0]
    again = pysv.load(tmp_path / "a.nc")
    np.testing.assert_array_equal(again.populations, data.populations)
    with pytest.raises(ResumeError, match="started with the functions peak populations passed .* not with none"):
        pysv.resume(tmp_path / "a.nc", stop=6, progress=False)
    functions = {name: own for name, own in asked.items() if callable(own)}
    longer = pysv.resume(tmp_path / "a.nc", stop=6, progress=False, observables=functions)
    whole = pysv.solve(dataclasses.replace(SMALL, times=pysv.times(6, 1)), observables=asked, progress=False)
    for name in asked:
        np.testing.assert_allclose(longer[name], whole[name], atol=1e-12)


def test_they_are_gone_after_the_run():
    pysv.solve(SMALL, observables={"peak": lambda rho: 1.0}, progress=False)
    assert "peak" not in pysv.solve(SMALL, progress=False)


def test_products_in_a_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        "[device]\nsites = 16\npolarizer = [7, 8]\nanalyzer = [11, 12]\n[source]\ncenter = 4\nmomentum_spread = 1.0\n"
        "[evolution]\nstop = 2\n[record]\nobservables = { zz = 'Z1 Z3', xy = 'X1*Y2' }\n"
    )
    asked = pysv.read(path)
    assert asked.experiment.record.observables == (("zz", "Z1 Z3"), ("xy", "X1*Y2"))
    assert pysv.config.loads(pysv.config.dumps(asked.experiment)).experiment == asked.experiment
    data = pysv.solve(asked.experiment, progress=False)
    assert data.zz.attrs["long_name"] == "expectation value of Z1 Z3"
    np.testing.assert_allclose(data.zz[0], -1.0)
    for wrong, sentence in (
        ("{ zz = 'Z1 Z9' }", r"\[record\] observables.zz = 'Z1 Z9' names spin 9; the device has spins 1 to 4"),
        ("{ zz = 'Z1 W2' }", "observables.zz = 'Z1 W2' must be a product of X, Y and Z"),
        ("{ zz = 'Z1 Z1' }", "names spin 1 twice"),
        ("{ 'a b' = 'Z1' }", "'a b' must be a name"),
        ("3", "must be a table of names and products"),
    ):
        path.write_text(f"[device]\npolarizer = [44, 45]\nanalyzer = [52, 53]\n[record]\nobservables = {wrong}\n")
        with pytest.raises(ExperimentFileError, match=sentence):
            pysv.read(path)


def test_what_an_observable_must_not_be():
    with pytest.raises(InvalidInputError, match="'norm' is a variable or a coordinate of pysv"):
        pysv.solve(SMALL, observables={"norm": lambda rho: 1.0}, progress=False)
    for name in ("time", "site", "with", "spin_length"):
        with pytest.raises(InvalidInputError, match=f"'{name}' is a variable or a coordinate"):
            pysv.solve(SMALL, observables={name: "Z1"}, progress=False)
    with pytest.raises(InvalidInputError, match="must be a function of one argument"):
        pysv.solve(SMALL, observables={"c": lambda: 1.0}, progress=False)
    lengths = iter(range(1, 9))
    with pytest.raises(InvalidInputError, match="it must keep its shape"):
        pysv.solve(SMALL, observables={"c": lambda rho: np.zeros(next(lengths))}, progress=False)
    for wrong in ((1, 2), ("ab", "cd"), [["zz", "Z1"]]):
        with pytest.raises(InvalidInputError, match="must be a table of names and products"):
            pysv.Record(observables=wrong)
    with pytest.raises(InvalidInputError, match="it must give a real number"):
        pysv.solve(SMALL, observables={"c": lambda rho: 1j}, progress=False)
    with pytest.raises(InvalidInputError, match="must be a function, or text"):
        pysv.solve(SMALL, observables={"c": 3}, progress=False)
    with pytest.raises(InvalidInputError, match="cannot call"):
        pysv.solve(SMALL, observables={"c": lambda rho: 1.0}, progress=False, dask="local")


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_errors_of_sampled_observables():
    """A product is linear in ρ, and its mean over trajectories has a standard error; a function has a bias, too."""
    experiment = dataclasses.replace(SMALL, bath=pysv.BosonicBath(temperature=300.0))
    asked = {"zz": "Z1 Z3", "square": lambda rho: float((rho.eigenvalues**2).sum())}
    engine = pysv.Trajectories(ntraj=40, seeds=3)
    data = pysv.solve(experiment, engine=engine, observables=asked, progress=False)
    exact = pysv.solve(experiment, engine=pysv.LowRank(tolerance=1e-8), observables=asked, progress=False)
    assert data.zz_error[-1] > 0
    assert abs(float(data.zz[-1] - exact.zz[-1])) < 5 * float(data.zz_error[-1])
    assert "square_bias" in data
    assert "zz_bias" not in data


def test_large_systems_keep_what_the_diagonal_gives():
    device = pysv.SpinValve.with_layers(7, 7)
    experiment = pysv.Experiment(device=device, record=pysv.Record(observables={"zz": "Z1 Z14", "xx": "X1 X14"}))
    from pysv.measures.observables import own_measures
    from pysv.measures.registry import additional
    from pysv.measures.ways import left_out

    with additional(own_measures(experiment)):
        reasons = left_out(experiment)
    assert "xx" in reasons
    assert "zz" not in reasons
