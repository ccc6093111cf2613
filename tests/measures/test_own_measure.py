"""The measure of docs/extending.md: one file, and everything else knows of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import FACTOR, solve_within
from extending import imported

import pysv
from pysv.errors import InvalidInputError
from pysv.measures import Measure, register, restored, unregister
from pysv.measures.registry import measures
from pysv.results.citations import references
from pysv.results.dataset import PROBED, schema

RHO = pysv.Record(density_matrix=True)
TILTED = pysv.ProductState(polarizer=(0.4, 0.3))


@pytest.fixture
def own(tmp_path, monkeypatch):
    before = measures()
    with restored():
        yield imported("linear_entropy", tmp_path, monkeypatch)
    assert measures() == before


def expected(data) -> np.ndarray:
    return np.array([1 - np.trace(rho @ rho).real for rho in data.density_matrix.values])


@pytest.mark.parametrize("spins", [pysv.Antiparallel(), TILTED], ids=["collinear", "tilted"])
def test_it_is_recorded(own, small, tmp_path, spins):
    short = dataclasses.replace(small, record=RHO, spins=spins, times=pysv.times(stop=3, step=0.5))
    pysv.solve(short, progress=False, out=tmp_path / "run.nc")
    data = pysv.resume(tmp_path / "run.nc", stop=6, progress=False)
    assert list(data.data_vars)[-1] == "linear_entropy"
    np.testing.assert_allclose(data.linear_entropy, expected(data), atol=1e-12)
    assert float(data.linear_entropy[-1]) > 0.01
    assert data.linear_entropy.attrs == {"units": "1", "long_name": "linear entropy 1 − Tr ρ² of FM_p ∪ FM_a"}
    assert data.attrs["left_out"] == ""
    assert references(data)["linear entropy 1 − Tr ρ² of FM_p ∪ FM_a"] == (own.ISLAM,)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_trajectories_give_it_an_error_and_a_bias(own, small):
    bathed = dataclasses.replace(
        small, record=RHO, bath=pysv.BosonicBath(temperature=300, strength=0.1), times=pysv.times(stop=4, step=2)
    )
    data = pysv.solve(bathed, engine=pysv.Trajectories(ntraj=40), progress=False)
    np.testing.assert_allclose(data.linear_entropy, expected(data), atol=1e-12)
    exact = pysv.solve(bathed, engine=pysv.LowRank(time_step=0.5), progress=False).linear_entropy
    off = abs(data.linear_entropy - exact)[-1]
    assert 0 < float(data.linear_entropy_error[-1]) < 0.1
    assert float(data.linear_entropy_bias[-1]) < 0  # too few trajectories miss entropy
    assert float(off) < 4 * float(data.linear_entropy_error[-1]) + abs(float(data.linear_entropy_bias[-1]))
    method = pysv.Trajectories(ntraj=200, target_error=0.02, target_variable="linear_entropy")
    batches = pysv.solve(bathed, engine=method, progress=False)
    np.testing.assert_allclose(batches.linear_entropy, expected(batches), atol=1e-12)
    reached = float(batches.linear_entropy_error.max())
    assert batches.attrs["target_error_reached"] == pytest.approx(reached, rel=1e-5)
    assert reached <= 0.02


def test_large_systems_have_it_of_the_factor_or_say_why_not(own, small):
    usual, large = pysv.solve(small, progress=False), solve_within(FACTOR, small)
    np.testing.assert_allclose(large.linear_entropy, usual.linear_entropy, atol=1e-12)
    tilted = solve_within(FACTOR, dataclasses.replace(small, spins=TILTED))
    assert "linear_entropy" not in tilted
    assert "linear_entropy: needs the density matrix, whose largest block has 32 rows" in tilted.attrs["left_out"]


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_a_measure_of_the_whole_state(small):
    """Linear, it has an error, and its cost is known; not linear, it has a schedule, and trajectories leave it out."""

    def left_of_center(view):
        return view.state.electron_densities()[0][:11].sum()

    def uneven(view):
        return float((view.state.electron_densities()[0] ** 2).sum())

    record = pysv.Record(every={"qfi": 2})
    bathed = dataclasses.replace(small, record=record, bath=pysv.BosonicBath(), times=pysv.times(stop=3, step=1))
    with restored():
        before = pysv.estimate(small).memory
        register(
            Measure(
                name="left", long_name="electron on sites 1 to 11", needs="state", linear=True,
                cost=lambda sizes: (1000 * sizes.spins, 0), function=left_of_center,
            )
        )  # fmt: skip
        register(Measure(name="uneven", long_name="Σ n²", needs="state", schedule="qfi", function=uneven))
        assert pysv.estimate(small).memory == before + 5000
        closed = pysv.solve(dataclasses.replace(bathed, bath=None), progress=False)
        sampled = pysv.solve(bathed, engine=pysv.Trajectories(ntraj=8), progress=False)
        merged = pysv.solve(bathed, engine=pysv.Trajectories(ntraj=40, target_error=0.9), progress=False)
    np.testing.assert_allclose(closed.uneven[::2], (closed.electron_density[::2] ** 2).sum("site"), atol=1e-14)
    assert np.isnan(closed.uneven[1::2]).all()
    for data in (closed, sampled, merged):
        by_hand = data.electron_density.sel(site=slice(1, 11)).sum("site")
        np.testing.assert_allclose(data.left, by_hand, atol=1e-12)
        assert ("left_error" in data, "left_bias" in data) == (data is not closed, False)
        assert ("uneven" in data) == (data is closed)
        assert ("uneven: is not known to be linear in ρ" in data.attrs["left_out"]) == (data is not closed)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "spin_z"}, r"measure 'spin_z' exists already; choose another name, or register\(..., replace=True\)"),
        ({"name": "two words"}, "name = 'two words' must be a Python name"),
        ({"name": "own_error"}, "name = 'own_error' must be a Python name that ends neither in _error nor in _bias"),
        ({"dims": "spin"}, r"dims = 'spin' must be a tuple of names, such as \('spin',\)"),
        ({"needs": "eigenstate"}, "measure 'own': unknown needs 'eigenstate'; did you mean 'eigenstates'"),
        ({"schedule": "qfu"}, "measure 'own': unknown schedule 'qfu'; did you mean 'qfi'"),
        (
            {"schedule": "qfi", "linear": True},
            "measure 'own': schedule = 'qfi' must be None for a linear measure of the state",
        ),
        ({"option": "density_matrxi"}, "measure 'own': unknown option 'density_matrxi'; did you mean 'density_matrix'"),
    ],
)
def test_what_is_refused(options, sentence):
    before = measures()
    with pytest.raises(InvalidInputError, match=sentence):
        register(
            Measure(**{"name": "own", "long_name": "mine", "needs": "state", "function": lambda view: 0.0} | options)
        )
    assert measures() == before
    with pytest.raises(InvalidInputError, match="unknown measure 'spin_zz'; did you mean 'spin_z'"):
        unregister("spin_zz")


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_a_measure_that_asks_for_more_than_it_says_is_told_so(small):
    with restored():
        register(Measure(name="own", long_name="mine", needs="diagonal", function=lambda view: view.rho.eigenvalues[0]))
        with pytest.raises(InvalidInputError, match=r"only the diagonal of ρ is known; .* needs = 'eigenstates'"):
            solve_within(FACTOR, dataclasses.replace(small, spins=TILTED))
        register(
            Measure(name="own", long_name="mine", needs="diagonal", function=lambda view: view.state.extras()),
            replace=True,
        )
        bathed = dataclasses.replace(small, bath=pysv.BosonicBath(coupling="z"))
        with pytest.raises(InvalidInputError, match="only ρ is known; a measure of `state` must have needs = 'state'"):
            pysv.solve(bathed, engine=pysv.Trajectories(ntraj=4), progress=False)


def test_the_schema_follows_the_registry():
    """Measures first, in their order, then errors, then biases."""
    names = list(schema())
    own = [measure.name for measure in measures()]
    assert names[: len(own)] == own
    errors = [name.removesuffix("_error") for name in names if name.endswith("_error") and name not in PROBED]
    assert errors == [measure.name for measure in measures() if measure.sampled]
    assert not {"spin_z_bias", "w_fidelity_bias", "density_matrix_error", "state_deviation_error"} & set(names)
    assert {"entropy_total_bias", "qfi_paper_bias", "log_negativity_error"} <= set(names)
    with restored():
        unregister("qfi")
        assert set(names) - set(schema()) == {"qfi", "qfi_error", "qfi_bias"}
