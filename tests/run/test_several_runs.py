"""Runs of several electrons: files, resuming, estimates, refusals, the ground state's checks, convergence."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from conftest import StopAfter

import pysv
from pysv import config
from pysv.cli import main
from pysv.errors import BondLimitError, EngineError, GroundStateError, ResumeError
from pysv.run import one_run

DEVICE = {"sites": 9, "polarizer": (4, 5), "analyzer": (7, 8)}
METHODS = [pysv.Fock(), pysv.TDMRG(discarded_weight=1e-9)]


@pytest.fixture
def short() -> pysv.Experiment:
    return pysv.Experiment(
        device=pysv.SpinValve(**DEVICE),
        source=pysv.ConfinedElectrons(confined_sites=2, well=40.0),
        times=pysv.times(stop=2, step=0.5),
    )


def test_default_device_follows_the_source():
    several = pysv.Experiment(source=pysv.ConfinedElectrons(electrons=4))
    assert (several.device.sites, several.device.polarizer, several.device.analyzer) == (112, (51, 54), (59, 62))
    assert several.device == pysv.SpinValve.for_several_electrons()
    assert pysv.Experiment().device == pysv.SpinValve()
    text = "[device]\nsd_exchange = 0.3\n[source]\nkind = 'confined'\n"
    read = config.loads(text).experiment
    assert read.device == pysv.SpinValve.for_several_electrons(sd_exchange=0.3)
    assert config.loads(config.dumps(read, pysv.TDMRG(max_bond=200), "python")).engine == pysv.TDMRG(max_bond=200)


def test_wall_echoes():
    """Fastest electrons, 2γ/ħ, from site 10: left wall after (51−10) + 51 + 51 sites, right wall after 103 + 51."""
    echoes = {name: time for time, name in pysv.Experiment(source=pysv.ConfinedElectrons()).wall_echoes}
    assert echoes["left wall"] == pytest.approx(143 / 2 * 0.6582119569)
    assert echoes["right wall"] == pytest.approx(154 / 2 * 0.6582119569)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_interrupted_and_extended(short, method, tmp_path, monkeypatch):
    """A run stopped after its second snapshot, resumed, and extended equals one that was not."""
    whole = pysv.solve(dataclasses.replace(short, times=pysv.times(stop=3, step=0.5)), engine=method, progress=False)
    path = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(1))
        first = pysv.solve(short, engine=method, out=path, progress=False)
    assert first.attrs["status"] == "interrupted"
    assert first.time.size == 1
    pysv.resume(path, progress=False)
    data = pysv.resume(path, stop=3.0, progress=False)
    assert data.attrs["status"] == "complete"
    for name in whole.data_vars:
        np.testing.assert_allclose(data[name], whole[name], atol=1e-12, err_msg=name)
    for key in ("engine_ground_state_energy", "engine_electrons_outside_well", "drift_energy"):
        assert data.attrs[key] == pytest.approx(whole.attrs[key], abs=1e-12)
    np.testing.assert_array_equal(pysv.load(path).spin_z, data.spin_z)


def test_a_damaged_state_is_noticed(short):
    engine = pysv.TDMRG().begin(short, "python")
    saved = engine.state()
    for name in ("tensors", "leg_counts", "schmidt"):
        with pytest.raises(ResumeError, match="the saved matrix-product state is damaged"):
            engine.restore(0.0, saved | {name: saved[name][:-1]})
    engine.restore(0.0, saved)


def test_the_dataset_of_a_chain(short):
    data = pysv.solve(short, engine="tdmrg", progress=False)
    assert data.bond.values.tolist() == list(range(1, 9))
    assert data.entropy_bond.dims == data.bond_dimension.dims == data.discarded_weight.dims == ("time", "bond")
    np.testing.assert_array_equal(data.entropy_half, data.entropy_bond.sel(bond=4))
    assert data.bond_dimension.dtype == np.int64
    assert (np.diff(data.discarded_weight, axis=0) >= 0).all()
    assert data.attrs["engine_discarded_weight"] == pytest.approx(float(data.discarded_weight[-1].sum()))
    np.testing.assert_allclose(data.norm, 1 - data.discarded_weight.sum("bond"), atol=1e-8)
    assert "discarded_weight records the truncation" in data.attrs["state_deviation_kind"]
    assert data.electron_number[0] == pytest.approx(2)


@pytest.mark.parametrize("engine", ["fock", "tdmrg"])
def test_estimate(short, engine):
    needed = pysv.estimate(short, engine=engine)
    assert needed.fits
    assert needed.amplitudes > 0
    assert ("gates" if engine == "tdmrg" else "matvecs") in str(needed)
    if engine == "fock":  # ↑↓ beside C(4,2) configurations, ↑↑ and ↓↓ beside C(4,3) and C(4,1)
        assert needed.amplitudes == 81 * (6 + 4 + 4)


def test_fock_at_the_size_of_the_paper():
    needed = pysv.estimate(pysv.Experiment(source=pysv.ConfinedElectrons()), engine="fock")
    assert needed.amplitudes == 112**2 * (70 + 56 + 56)


def test_auto_takes_the_chain(short):
    assert pysv.engines.choose(short) == (pysv.TDMRG(), "python")
    assert pysv.engines.choose(pysv.Experiment())[0].name == "chebyshev"


REFUSED = [
    ({"source": pysv.WavePacket(center=2, momentum_spread=3.0, spin="up"), "bath": pysv.BosonicBath()}, "tdmrg",
     "[bath] (open systems) is not served by engine 'tdmrg'; leave it out, or use 'trajectories'"),
    ({"record": pysv.Record(torque=True)}, "tdmrg", "torque = true is not served by engine 'tdmrg'; use 'chebyshev' w"),
    ({}, "chebyshev", "kind = 'confined' (several electrons) is not served by engine 'chebyshev'; use 'tdmrg'"),
    ({"source": pysv.ConfinedElectrons(electrons=4, confined_sites=2)}, "fock", "with electrons = 2, not 4; use 'auto'"),
    ({"source": pysv.WavePacket(center=2, momentum_spread=3.0)}, "fock", "with electrons = 2, not 1; use 'auto'"),
    ({"source": pysv.WavePacket(center=2, momentum_spread=3.0)}, "tdmrg",
     "[source] spin = 'unpolarized' is not a single matrix-product state; run 'up' and 'down', or use engine 'cheby"),
    ({"source": pysv.WavePacket(center=2, momentum_spread=3.0, spin="up"), "spins": pysv.Gibbs()}, "tdmrg",
     "[spins] kind = 'gibbs' (thermal) is not a single matrix-product state"),
    ({"device": pysv.SpinValve(sites=30, polarizer=(4, 10), analyzer=(12, 18))}, "tdmrg",
     "14 localized spins are too many for engine 'tdmrg', which forms their density matrix; take at most 12 spins"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "engine", "sentence"), REFUSED, ids=lambda value: str(value)[:30])
def test_refusals(short, changes, engine, sentence):
    with pytest.raises(EngineError, match=re.escape(sentence)):
        pysv.solve(dataclasses.replace(short, **changes), engine=engine, progress=False)


ASTRAY = [
    ({"well": 0.0}, "of its 2 electrons at the layers or beyond: well = 0 eV on 2 sites does not hold them; raise well"),
    ({"well": -5.0}, "well = -5 eV on 2 sites does not hold them"),
    ({"field": 0.0}, "field = 0 eV does not polarise the layers: with 2 down spins in polarizer and 0 in analyzer instead of 0 and"
     " 2 their energy changes by 0 eV; raise the field"),
    ({"field": -1.0}, "in analyzer instead of 0 and 2 their energy changes by -"),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize(("changes", "sentence"), ASTRAY)
def test_ground_states_elsewhere(short, changes, sentence, method):
    source = dataclasses.replace(short.source, **changes)
    with pytest.raises(GroundStateError, match=re.escape(sentence)):
        pysv.solve(dataclasses.replace(short, source=source), engine=method, progress=False)


def test_a_weak_field_against_antiferromagnetic_layers(short):
    device = pysv.SpinValve(**DEVICE, exchange=-0.5, exchange_z=-0.5)
    source = dataclasses.replace(short.source, field=0.1)
    with pytest.raises(GroundStateError, match="with 1 down spins in polarizer and 1 in analyzer instead of 0 and 2"):
        pysv.solve(dataclasses.replace(short, device=device, source=source), engine="tdmrg", progress=False)


def test_the_bond_limit(short):
    tight = pysv.TDMRG(min_bond=2, max_bond=6, discarded_weight=1e-9, allowed_loss=1.0)
    data = pysv.solve(short, engine=tight, progress=False)
    assert re.search(
        r"from t = [\d.]+ fs on, max_bond = 6 forced steps to discard more than discarded_weight = 1e-09; raise",
        data.attrs["warnings"],
    )
    assert data.bond_dimension.max() == 6
    with pytest.raises(
        BondLimitError, match=r"reached max_bond = 6 and a step discarded more than discarded_weight = 1e-09; raise"
    ):
        pysv.solve(short, engine=dataclasses.replace(tight, bond_limit="stop"), progress=False)
    with pytest.raises(pysv.errors.InvariantError, match=r"(norm|energy) drifted by .* the limit is"):
        pysv.solve(short, engine=dataclasses.replace(tight, allowed_loss=1e-6), progress=False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"time_step": 0}, "time_step = 0 must be at least 1e-06 (hbar/hopping)"),
        ({"method": "tebt"}, "method: unknown value 'tebt'; did you mean 'tebd'?"),
        ({"trotter_order": 3}, "trotter_order: unknown value '3'"),
        ({"max_bond": 50}, "max_bond = 50 must be at least 100"),
        ({"min_bond": 0}, "min_bond = 0 must be between 1 and 100000"),
        ({"discarded_weight": -1.0}, "discarded_weight = -1 must be at least 0"),
        ({"bond_limit": "halt"}, "bond_limit: unknown value 'halt'"),
        ({"allowed_loss": 0.0}, "allowed_loss = 0 must be at least 1e-16"),
    ],
)
def test_bad_options(options, sentence):
    with pytest.raises(pysv.errors.InvalidInputError, match=re.escape(sentence)):
        pysv.TDMRG(**options)


def test_tdvp_is_julias(short):
    method = pysv.TDMRG(method="tdvp")
    assert pysv.engines.choose(short, method) == (method, "julia")
    with pytest.raises(EngineError, match="'tdmrg' with these options has no backend 'python'; use backend 'julia'"):
        pysv.solve(short, engine=method, backend="python", progress=False)


def test_convergence(short):
    asked = pysv.TDMRG(min_bond=2, max_bond=8, discarded_weight=1e-4)
    found = pysv.convergence(dataclasses.replace(short, times=pysv.times(stop=1, step=0.5)), asked, progress=False)
    assert set(found.changes["spin_z"]) == {
        "half the time step", "twice the bond dimension", "a tenth of the discarded weight"
    }  # fmt: skip
    assert found.changes["log_negativity"]["twice the bond dimension"] == pytest.approx(
        float(abs(found.variants["twice the bond dimension"].log_negativity - found.reference.log_negativity).max())
    )
    assert found.changes["electron_density"]["half the time step"] > 1e-6
    table = str(found).splitlines()
    assert table[0].split("  ")[0] == "largest change"
    assert any(line.startswith("entropy_half") for line in table)
    assert "bond_dimension" not in str(found)


def test_an_interrupted_comparison_keeps_what_there_is(short, monkeypatch):
    asked = dataclasses.replace(short, times=pysv.times(stop=1, step=0.5))  # three snapshots
    method = pysv.TDMRG(min_bond=2, max_bond=8, discarded_weight=1e-4)
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(3 + 3 + 2))
        found = pysv.convergence(asked, method, progress=False)
    assert list(found.variants) == ["half the time step", "twice the bond dimension"]
    assert found.variants["twice the bond dimension"].time.size == 2
    whole = pysv.convergence(asked, method, progress=False)
    assert found.changes["spin_z"]["half the time step"] == whole.changes["spin_z"]["half the time step"]
    until = abs(whole.variants["twice the bond dimension"].spin_z - whole.reference.spin_z)[:2].max()
    assert found.changes["spin_z"]["twice the bond dimension"] == pytest.approx(float(until), abs=1e-14)
    assert "until it was interrupted at 0.5 fs" in str(found)
    monkeypatch.setattr(one_run, "CtrlC", StopAfter(1))
    with pytest.raises(KeyboardInterrupt):
        pysv.convergence(asked, method, progress=False)


def test_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (
        "[device]\nsites = 9\npolarizer = [4, 5]\nanalyzer = [7, 8]\n"
        "[source]\nkind = 'confined'\nconfined_sites = 2\nwell = 40\n[evolution]\nstop = 1\nstep = 0.5\n"
    )
    (tmp_path / "two.toml").write_text(text + "engine = 'tdmrg'\n[evolution.tdmrg]\nmax_bond = 100\n")
    assert main(["estimate", "two.toml"]) == 0
    assert main(["run", "two.toml", "--quiet"]) == 0
    assert main(["info", "two.nc"]) == 0
    assert "tdmrg (python backend)" in capsys.readouterr().out
    assert main(["plot", "two.nc"]) == 0
    assert main(["convergence", "two.toml", "--quiet"]) == 0
    assert "half the time step" in capsys.readouterr().out
    (tmp_path / "odd.toml").write_text(text.replace("kind = 'confined'", "kind = 'confined'\nelectrons = 3"))
    assert main(["run", "odd.toml"]) == 2
    assert (
        capsys.readouterr().err
        == "pysv: odd.toml: [source] electrons = 3 must be even (half up, half down); or say spin = 'up', 'down' or [n_up, n_down]\n"
    )
    (tmp_path / "loose.toml").write_text(text.replace("well = 40", "well = 0"))
    assert main(["run", "loose.toml", "--quiet"]) == 2
    assert "does not hold them" in capsys.readouterr().err
    assert not (tmp_path / "loose.nc").exists()
