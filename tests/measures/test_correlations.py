"""Correlations of two localized spins at one time: [record] correlations."""

from __future__ import annotations

import dataclasses
import math

import brute_general as brute
import numpy as np
import pytest
from conftest import FACTOR, solve_within
from test_any_device import history, random_experiment

import pysv
from pysv.errors import LeftOutWarning


def recorded(experiment, **changes):
    return dataclasses.replace(experiment, record=dataclasses.replace(experiment.record, correlations=True, **changes))


def at_start(spins, *layers, **options):
    """⟨σ_i·σ_j⟩ and its z part of the first snapshot of a run."""
    experiment = pysv.Experiment(
        device=pysv.Device(sites=9, layers=layers),
        source=pysv.WavePacket(center=2, momentum_spread=2.5),
        spins=spins,
        times=pysv.times(1, 1),
        record=pysv.Record(correlations=True),
        **options,
    )
    data = pysv.solve(experiment, progress=False)
    return data.spin_correlation.values[0], data.spin_correlation_z.values[0]


@pytest.mark.parametrize("seed", range(9))
def test_against_kronecker_products(seed):
    """One to three layers of spins 1/2 to 5/2, tilted or not, in the full product space."""
    experiment = random_experiment(seed)
    data = pysv.solve(recorded(experiment), progress=False)
    chain, states = history(experiment)
    for time, runs in enumerate(states):
        whole, z = brute.spin_correlations(brute.reduced_density(chain, runs), chain.dims)
        np.testing.assert_allclose(data.spin_correlation[time], whole, atol=2e-9)
        np.testing.assert_allclose(data.spin_correlation_z[time], z, atol=2e-9)


def test_two_spins_on_paper():
    one, other = (pysv.Layer(name=name, sites=(site, site)) for name, site in (("A", 5), ("B", 7)))
    pairs = {
        "singlet": (pysv.Bell(phase=math.pi), -3, -1),
        "triplet": (pysv.Bell(phase=0), 1, -1),
        "angle": (pysv.ProductState(layers={"A": (0.4, 0.0), "B": (1.5, 0.0)}), math.cos(1.1), math.cos(0.4) * math.cos(1.5)),
    }  # fmt: skip
    for spins, whole, z in pairs.values():
        found, found_z = at_start(spins, one, other)
        np.testing.assert_allclose(found, [[3, whole], [whole, 3]], atol=1e-12)
        np.testing.assert_allclose(found_z, [[1, z], [z, 1]], atol=1e-12)


def test_the_sum_over_spins_is_the_length_of_the_total_spin():
    """Spins 3/2 and 1 that are parallel have the total spin 5/2: ⟨(S_1 + S_2)²⟩ = 5/2 · 7/2, in any direction."""
    layers = pysv.Layer(name="A", sites=(5, 5), spin=1.5), pysv.Layer(name="B", sites=(7, 7), spin=1.0)
    tilted = pysv.ProductState(layers={"A": (0.7, 0.3), "B": (0.7, 0.3)})
    lengths = np.outer([1.5, 1.0], [1.5, 1.0])
    for spins in (pysv.Parallel(), tilted):
        assert (at_start(spins, *layers)[0] * lengths).sum() == pytest.approx(35 / 4)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_trajectories_give_errors_and_no_bias(small):
    bath = pysv.BosonicBath(temperature=300, strength=0.1)
    bathed = dataclasses.replace(recorded(small, density_matrix=True), bath=bath, times=pysv.times(4, 2))
    data = pysv.solve(bathed, engine=pysv.Trajectories(ntraj=60), progress=False)
    exact = pysv.solve(bathed, engine=pysv.LowRank(), progress=False)
    for name in ("spin_correlation", "spin_correlation_z"):
        assert data[f"{name}_error"].dims == ("time", "spin", "spin2")
        assert f"{name}_bias" not in data
        off, error = (own[-1].values for own in (abs(data[name] - exact[name]), data[f"{name}_error"]))
        upper = np.triu_indices(data.sizes["spin"], 1)
        assert (error[upper] > 0).all()
        assert (off[upper] < 4.5 * error[upper] + 1e-3).all()
    signs = [[1 if label[n] == "↑" else -1 for label in data.ket.values] for n in range(data.sizes["spin"])]
    weights = np.einsum("tcc->tc", data.density_matrix.values).real
    np.testing.assert_allclose(data.spin_correlation_z, np.einsum("tc,ic,jc->tij", weights, signs, signs), atol=1e-12)


def test_large_systems_have_the_z_part_and_say_why_not_the_whole(small):
    usual, large = pysv.solve(recorded(small), progress=False), solve_within(FACTOR, recorded(small))
    np.testing.assert_allclose(large.spin_correlation_z, usual.spin_correlation_z, atol=1e-12)
    assert "spin_correlation" not in large
    assert "spin_correlation: needs the density matrix, whose largest block has" in large.attrs["left_out"]


def test_classical_vectors_have_none(small):
    with pytest.warns(LeftOutWarning) as told:
        data = pysv.solve(recorded(small), engine="llg", progress=False)
    names = ["spin_correlation", "spin_correlation_z"]
    reason = "is left out, because it needs a density matrix, and the spins of engine 'llg' are classical vectors"
    assert [str(one.message) for one in told] == [f"[record] correlations = true: {name} {reason}" for name in names]
    assert not set(names) & set(data.data_vars)


def test_a_file_keeps_them(small, tmp_path):
    short = recorded(dataclasses.replace(small, times=pysv.times(2, 1)))
    pysv.solve(short, progress=False, out=tmp_path / "run.nc")
    data = pysv.resume(tmp_path / "run.nc", stop=3, progress=False)
    whole = pysv.solve(dataclasses.replace(short, times=pysv.times(3, 1)), progress=False)
    again = pysv.load(tmp_path / "run.nc")
    for name in ("spin_correlation", "spin_correlation_z"):
        np.testing.assert_allclose(data[name], whole[name], atol=1e-12)
        np.testing.assert_array_equal(again[name], data[name])
    pair = again.spin_correlation.sel(spin=1, spin2=2)
    np.testing.assert_array_equal(pair, again.spin_correlation.sel(spin=2, spin2=1))
    assert pair.attrs == {"units": "1", "long_name": "correlation ⟨σ_i·σ_j⟩ of two localized spins"}


def test_files_without_the_key_keep_their_text(small):
    assert "correlations" not in pysv.config.dumps(small)
    assert "correlations = true" in pysv.config.dumps(recorded(small))
