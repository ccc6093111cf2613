"""Sweeps: keys, grids, files that are kept, the combined dataset, refusals."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
import signal

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.errors import (
    BathValidityWarning,
    EngineFailureError,
    ExperimentFileError,
    InvalidInputError,
    MemoryLimitError,
    ResultExistsError,
    ResultFileError,
    SweepFailureError,
)
from pysv.results.failures import FAILED, failures
from pysv.results.points import file_of
from pysv.results.survey import survey
from pysv.run import tasks
from pysv.run.sweep_keys import known_keys
from pysv.run.sweep_values import setting


@pytest.fixture
def short(small):
    return dataclasses.replace(small, times=pysv.times(stop=2, step=1))


@pytest.fixture
def computed(monkeypatch):
    """Labels of the tasks that are computed."""
    labels: list[str] = []
    compute = tasks.Task.compute

    def counted(task):
        labels.append(task.label)
        return compute(task)

    monkeypatch.setattr(tasks.Task, "compute", counted)
    return labels


NAMES = [f"device.sd_exchange={j},source.spin={spin}.nc" for j in ("0.2", "0.7") for spin in ("up", "1_0.5", "down")]
GRID = {"device.sd_exchange": [0.2, 0.7], "source.spin": ["up", [1.0, 0.5], "down"]}


def test_every_point_is_the_run_of_its_own_experiment(short):
    done = pysv.sweep(short, GRID, progress=False)
    expected = [(j, spin) for j in (0.2, 0.7) for spin in ("up", [1.0, 0.5], "down")]
    assert [tuple(point.settings.values()) for point in done.points] == expected
    for (j, spin), point in zip(expected, done.points, strict=True):
        own = dataclasses.replace(
            short,
            device=dataclasses.replace(short.device, sd_exchange=j),
            source=dataclasses.replace(short.source, spin=tuple(spin) if isinstance(spin, list) else spin),
        )
        alone = pysv.solve(own, progress=False)
        for name in alone.data_vars:
            np.testing.assert_array_equal(point.data[name], alone[name], err_msg=str(name))


def test_the_combined_dataset_has_a_dimension_for_each_key(short):
    done = pysv.sweep(short, GRID, progress=False)
    whole = done.combined
    assert whole.log_negativity.dims == ("device_sd_exchange", "source_spin", "time")
    assert whole.device_sd_exchange.values.tolist() == [0.2, 0.7]
    assert whole.device_sd_exchange.attrs == {"long_name": "device.sd_exchange", "units": "eV"}
    assert whole.source_spin.values.tolist() == ["up", "[1.0, 0.5]", "down"]
    chosen = whole.sel(device_sd_exchange=0.7, source_spin="[1.0, 0.5]")
    for name in done.points[4].data.data_vars:
        np.testing.assert_array_equal(chosen[name], done.points[4].data[name], err_msg=str(name))
    assert whole.spin_z.attrs == done.points[0].data.spin_z.attrs
    assert whole.layer.values.tolist() == done.points[0].data.layer.values.tolist()
    assert json.loads(whole.attrs["sweep"]) == GRID
    drifts = [point.data.attrs["drift_norm"] for point in done.points]
    assert whole.attrs["drift_norm"] == max(drifts)


def test_variables_whose_shapes_differ_are_left_out(short):
    done = pysv.sweep(short, {"device.analyzer": [[12, 13], [12, 14]]}, progress=False)
    assert "spin_z" not in done.combined
    assert done.combined.electron_density.sizes == {"device_analyzer": 2, "time": 3, "site": 30}
    assert done.combined.device_analyzer.values.tolist() == ["[12, 13]", "[12, 14]"]
    assert done.combined.device_analyzer_last.values.tolist() == [13, 14]
    assert "spin_z: its shape or its coordinates differ from point to point" in done.combined.attrs["left_out"]
    assert pysv.sweep(short, {"evolution.stop": [1, 2]}, progress=False).combined is None
    moved = pysv.sweep(short, {"device.analyzer": [[12, 13], [13, 14]]}, progress=False).combined
    assert moved.spin_z.sizes == {"device_analyzer": 2, "time": 3, "spin": 4}
    assert "spin_site" not in moved.coords  # it differs from point to point
    assert moved.layer.values.tolist() == ["polarizer"] * 2 + ["analyzer"] * 2


def test_an_interrupted_sweep_goes_on(short, tmp_path, computed, monkeypatch):
    folder = tmp_path / "many"
    whole = pysv.sweep(short, GRID, progress=False)
    computed.clear()
    counted = tasks.Task.compute

    def stops(task):
        if len(computed) == 4:
            raise KeyboardInterrupt
        return counted(task)

    monkeypatch.setattr(tasks.Task, "compute", stops)
    with pytest.raises(KeyboardInterrupt):
        pysv.sweep(short, GRID, progress=False, out=folder)
    assert {path.name for path in folder.iterdir()} == {*NAMES[:4], "sweep.json"}
    (folder / NAMES[1]).unlink()
    monkeypatch.setattr(tasks.Task, "compute", counted)
    done = pysv.sweep(short, GRID, progress=False, out=folder)
    assert len(computed) == 4 + 3
    assert {"device.sd_exchange = 0.2, source.spin = [1.0, 0.5]"} < {
        label.partition(" with ")[2] for label in computed[4:]
    }
    for one, other in zip(done.points, whole.points, strict=True):
        np.testing.assert_array_equal(one.data.log_negativity, other.data.log_negativity)
    np.testing.assert_array_equal(pysv.load(folder / "sweep.nc").qfi, whole.combined.qfi)


def test_files_of_other_runs_are_not_replaced(short, tmp_path, computed):
    folder = tmp_path / "many"
    pysv.sweep(short, {"device.exchange": [0.1, 0.2]}, progress=False, out=folder)
    other = dataclasses.replace(short, device=dataclasses.replace(short.device, sd_exchange=0.3))
    with pytest.raises(
        ResultExistsError, match=r"device.exchange=0.1.nc: holds another run than sweep with device.exchange = 0"
    ):
        pysv.sweep(other, {"device.exchange": [0.1, 0.3]}, progress=False, out=folder)
    done = pysv.sweep(other, {"device.exchange": [0.3, 0.1]}, progress=False, out=folder, overwrite=True)
    assert len(computed) == 4
    assert done.combined.device_exchange.values.tolist() == [0.3, 0.1]
    (folder / "device.exchange=0.1.nc").write_bytes(b"no result")
    with pytest.raises(ResultFileError, match=r"device.exchange=0.1.nc: is not a NetCDF4"):
        pysv.sweep(other, {"device.exchange": [0.3, 0.1]}, progress=False, out=folder)


def test_values_may_be_added_in_any_key(short, tmp_path, computed):
    folder = tmp_path / "many"
    pysv.sweep(short, {"device.exchange": [0.1], "source.spin": ["up"]}, progress=False, out=folder)
    pysv.sweep(short, {"device.exchange": [0.1], "source.spin": ["down", "up"]}, progress=False, out=folder)
    assert len(computed) == 2
    done = pysv.sweep(short, {"device.exchange": [0.2, 0.1], "source.spin": ["down", "up"]}, progress=False, out=folder)
    assert len(computed) == 4
    alone = pysv.sweep(short, {"device.exchange": [0.1], "source.spin": ["up"]}, progress=False).points[0]
    np.testing.assert_array_equal(done.points[3].data.log_negativity, alone.data.log_negativity)


def test_folders_of_earlier_versions_go_on(short, tmp_path, computed):
    """Points were named by their numbers."""
    folder = tmp_path / "many"
    grid = {"device.exchange": [0.1, 0.2]}
    pysv.sweep(short, grid, progress=False, out=folder)
    for number, value in enumerate(("0.1", "0.2"), start=1):
        (folder / f"device.exchange={value}.nc").rename(folder / f"point-000{number}.nc")
    (folder / "point-0009.nc").write_bytes(b"no result")
    by_number = pysv.load(folder, at={"device.exchange": 0.2})
    assert "exchange = 0.2\n" in by_number.attrs["experiment"]
    pysv.sweep(short, {"device.exchange": [0.05, 0.1, 0.2]}, progress=False, out=folder)
    assert len(computed) == 3
    assert not (folder / "device.exchange=0.2.nc").exists()


def test_a_point_of_a_folder(short, tmp_path):
    folder = tmp_path / "many"
    grid = {"device.sd_exchange": [0.2, 0.7], "source.spin": ["up", [1.0, 0.5]]}
    done = pysv.sweep(short, grid, progress=False, out=folder)
    for path in (folder, folder / "sweep.nc"):
        np.testing.assert_array_equal(pysv.load(path).log_negativity, done.combined.log_negativity)
        point = pysv.load(path, at={"source.spin": [1, 0.5], "device.sd_exchange": 0.7 * (1 + 1e-12)})
        np.testing.assert_array_equal(point.qfi, done.points[3].data.qfi)
        assert point.attrs["experiment"] == done.points[3].data.attrs["experiment"]
        row = pysv.load(path, at={"source.spin": "up"})
        assert row.log_negativity.dims == ("device_sd_exchange", "time")
        np.testing.assert_array_equal(row.log_negativity[1], done.points[2].data.log_negativity)
        assert json.loads(row.attrs["sweep"]) == {"device.sd_exchange": [0.2, 0.7]}
    (folder / "device.sd_exchange=0.7,source.spin=up.nc").rename(folder / "away.nc")
    for at, error, sentence in [
        ({"source.spn": "up"}, InvalidInputError, "unknown key of the sweep 'source.spn'; did you mean 'source.spin'?"),
        ({"source.spin": "down"}, InvalidInputError, 'source.spin = "down" is not in the sweep; it has "up", [1.0, 0.5]'),
        ({"source.spin": "up", "device.sd_exchange": 0.7}, ResultFileError, "source.spin=up.nc: no such file; run the sweep again"),
    ]:  # fmt: skip
        with pytest.raises(error, match=re.escape(sentence)):
            pysv.load(folder, at=at)
    with pytest.raises(InvalidInputError, match="holds one run and no sweep; leave out the values"):
        pysv.load(folder / "away.nc", at={"source.spin": "up"})
    (folder / "sweep.nc").unlink()
    with pytest.raises(ResultFileError, match="holds no sweep.nc: the sweep is not finished"):
        pysv.load(folder)
    by_name = pysv.load(folder, at={"device.sd_exchange": 0.2, "source.spin": "up"})
    np.testing.assert_array_equal(by_name.qfi, done.points[0].data.qfi)


def test_a_short_repr(short):
    done = pysv.sweep(short, GRID, progress=False)
    assert repr(done.points[1]) == "Point(device.sd_exchange = 0.2, source.spin = [1.0, 0.5]; 3 snapshots)"
    keys = 'device.sd_exchange = 0.2, 0.7; source.spin = "up", [1.0, 0.5], "down"'
    assert repr(done) == f"Sweep(6 points, combined: {keys})"


def test_names_of_points():
    assert file_of({"device.sites": 30.0, "bath.lamb_shift": True}) == "device.sites=30,bath.lamb_shift=true.nc"
    odd = [file_of({"device.layer.a/b.field": 0.1}), file_of({"device.layer.a b.field": 0.1})]
    assert odd[0] != odd[1]
    assert all(re.fullmatch(r"device.layer.a_b.field=0.1~[0-9a-f]{8}.nc", name) for name in odd)
    long = [file_of({"device.potential.1.energy": [0.1] * 60 + [last]}) for last in (1, 2)]
    assert long[0] != long[1]
    assert max(map(len, long)) < 140


def test_a_point_that_fails_is_named(short):
    bath = dataclasses.replace(short, bath=pysv.BosonicBath(strength=0.002))
    sentence = r"sweep with bath.strength = 0.5: the rank grew to"
    with pytest.warns(BathValidityWarning), pytest.raises(EngineFailureError, match=sentence):
        pysv.sweep(bath, {"bath.strength": [0.002, 0.5]}, engine=pysv.LowRank(max_rank=9), progress=False)


FAILING = {"evolution.rk4.time_step": [0.1, 1.0, 0.05]}
LOST = r"norm drifted by .* until t = 1 fs; the limit is .*; take a smaller time_step"


@pytest.mark.parametrize("dask", [None, pytest.param("local:1", marks=pytest.mark.slow)])
def test_a_point_that_fails_does_not_stop_the_others(short, tmp_path, dask, computed):
    folder = tmp_path / "many"
    how = {"engine": "rk4", "progress": False, "out": folder, "dask": dask}
    with pytest.raises(SweepFailureError, match=f"^sweep with evolution.rk4.time_step = 1.0: {LOST}") as failure:
        pysv.sweep(short, FAILING, **how)
    assert len(failure.value.sentences) == 1
    assert [point.settings["evolution.rk4.time_step"] for point in failure.value.points] == [0.1, 0.05]
    assert len(computed) == (3 if dask is None else 0)
    alone = pysv.solve(short, engine=pysv.RK4(time_step=0.05), progress=False)
    for data in (failure.value.points[1].data, pysv.load(folder, at={"evolution.rk4.time_step": 0.05})):
        np.testing.assert_array_equal(data.log_negativity, alone.log_negativity)
    [(name, why)] = failures(folder).items()
    assert name == file_of({"evolution.rk4.time_step": 1.0})
    assert re.match(LOST, why)
    assert not (folder / "sweep.nc").exists()
    named = rf"holds no sweep.nc, because evolution.rk4.time_step=1 failed \({LOST}, or another engine\); run the sweep"
    with pytest.raises(ResultFileError, match=named):
        pysv.load(folder)
    [point] = [point for point in survey(folder)[2] if point.state == "failed"]
    assert point.settings == {"evolution.rk4.time_step": 1.0}
    assert re.match(LOST, point.reason)
    computed.clear()
    with pytest.raises(SweepFailureError):
        pysv.sweep(short, FAILING, **how)
    if dask is None:
        assert [label.rpartition(" = ")[2] for label in computed] == ["1.0"]
    done = pysv.sweep(short, {"evolution.rk4.time_step": [0.1, 0.05]}, **how)
    assert done.combined is not None
    assert not failures(folder)


def test_every_point_may_fail(short, tmp_path, monkeypatch):
    """Also with an error of NumPy, in a point that leaves no file."""
    from pysv.run import sweep

    def fails(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(sweep, "solve", fails)
    with pytest.raises(SweepFailureError) as failure:
        pysv.sweep(short, {"source.spin": ["up", "down"]}, progress=False, out=tmp_path / "many")
    why = "a matrix cannot be diagonalised or inverted (SVD did not converge); look for a value at the end of its range"
    for sentence, spin in zip(failure.value.sentences, ("up", "down"), strict=True):
        assert sentence.startswith(f'sweep with source.spin = "{spin}": {why}')
    again = pickle.loads(pickle.dumps(failure.value))
    assert again.sentences == failure.value.sentences
    assert set(failures(tmp_path / "many")) == {"source.spin=up.nc", "source.spin=down.nc"}
    both = rf"source.spin=up failed \({re.escape(why)}.*\), source.spin=down failed"
    with pytest.raises(ResultFileError, match=both):
        pysv.load(tmp_path / "many")


@pytest.mark.parametrize("text", ["", "no", "[1, 2]", "3", '{"a": 1}', "{"])
def test_a_damaged_list_of_failures(tmp_path, text):
    (tmp_path / FAILED).write_text(text)
    assert failures(tmp_path) == ({"a": "1"} if "a" in text else {})
    (tmp_path / FAILED).write_text(json.dumps({"a.nc": "the norm drifts\x1b[2J\n" + "x" * 9999}))
    assert failures(tmp_path)["a.nc"].startswith("the norm drifts[2Jxxx")
    assert len(failures(tmp_path)["a.nc"]) == 1000


def test_an_interrupt_stops_all_points_and_keeps_what_failed(short, tmp_path, monkeypatch):
    from pysv.run import sweep

    def ends(*_, engine, **__):
        if engine.time_step == 0.05:
            raise KeyboardInterrupt
        raise EngineFailureError("no")

    monkeypatch.setattr(sweep, "solve", ends)
    with pytest.raises(KeyboardInterrupt):
        pysv.sweep(
            short,
            {"evolution.rk4.time_step": [1.0, 0.05, 0.1]},
            engine="rk4",
            progress=False,
            out=tmp_path / "many",
        )
    assert failures(tmp_path / "many") == {"evolution.rk4.time_step=1.nc": "no"}


def test_the_command_names_the_points_that_failed(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--set", "evolution.rk4.time_step=1,0.1,0.9", "--set", "evolution.step=1", "--engine", "rk4", "--quiet"]
    assert main(["sweep", str(experiment_file), *words]) == 1
    shown = capsys.readouterr()
    assert shown.out == "small-sweep: 1 of 3 points complete, 2 failed\n"
    kept = [line for line in shown.err.splitlines() if "before the failure" in line]
    assert len(kept) == 2
    assert all(line.startswith("pysv: the snapshot before the failure is in small-sweep/") for line in kept)
    said = [line for line in shown.err.splitlines() if line not in kept]
    assert len(said) == 2
    for line, step in zip(said, ("1", "0.9"), strict=True):
        assert re.match(rf"pysv: .*small.toml with evolution.rk4.time_step = {step}, evolution.step = 1: {LOST}", line)


TWO = pysv.Device(
    sites=24,
    layers=[pysv.Layer(name="FM_p", sites=[9, 10]), pysv.Layer(sites=[14, 14], spin=1.0)],
    potential=[pysv.Potential(sites=[5, 6], energy=0.3), pysv.Potential(sites=[18, 18])],
)
PLAIN = pysv.Experiment(
    device=TWO,
    source=pysv.WavePacket(center=5, momentum_spread=0.9, spin="down"),
    times=pysv.times(stop=2, step=1),
)


def test_layers_and_potentials(tmp_path):
    """Each point is the run of a device that is made without a sweep."""
    grid = {
        "device.layer.FM_p.sd_exchange": [0.2, [0.4, -0.3]],
        "device.layer.L2.spin": [0.5, 1.5],
        "device.potential.2.energy": np.array([0.0, 0.7]),
    }
    done = pysv.sweep(PLAIN, grid, progress=False, out=tmp_path / "many")
    expected = [(j, s, e) for j in (0.2, [0.4, -0.3]) for s in (0.5, 1.5) for e in (0.0, 0.7)]
    assert [tuple(point.settings.values()) for point in done.points] == expected
    for (j, s, e), point in zip(expected, done.points, strict=True):
        layers = (dataclasses.replace(TWO.layers[0], sd_exchange=j), dataclasses.replace(TWO.layers[1], spin=s))
        potential = (TWO.potential[0], pysv.Potential(sites=[18, 18], energy=e))
        device = dataclasses.replace(TWO, layers=layers, potential=potential)
        alone = pysv.solve(dataclasses.replace(PLAIN, device=device), progress=False)
        for name in alone.data_vars:
            np.testing.assert_array_equal(point.data[name], alone[name], err_msg=str(name))
    spread = np.ptp([float(point.data.electron_spin_z[-1]) for point in done.points])
    assert spread > 0.01
    whole = pysv.load(tmp_path / "many" / "sweep.nc")
    assert whole.electron_density.dims == (
        "device_layer_FM_p_sd_exchange",
        "device_layer_L2_spin",
        "device_potential_2_energy",
        "time",
        "site",
    )
    assert whole.device_layer_FM_p_sd_exchange.values.tolist() == ["0.2", "[0.4, -0.3]"]
    assert "magnon_probability" in whole.attrs["left_out"]  # other spins, other numbers of flips
    chosen = whole.sel(device_layer_L2_spin=1.5, device_potential_2_energy=0.7).isel(device_layer_FM_p_sd_exchange=1)
    np.testing.assert_array_equal(chosen.spin_z, done.points[-1].data.spin_z)


def test_names_of_layers_may_have_any_sign(tmp_path):
    """A dot is part of the name, and a slash, which NetCDF takes for a group, is none of the dimension."""
    layers = (dataclasses.replace(TWO.layers[0], name="a.b/c"), dataclasses.replace(TWO.layers[1], name="a"))
    odd = dataclasses.replace(PLAIN, device=dataclasses.replace(TWO, layers=layers))
    grid = {"device.layer.a.b/c.field": [0.1], "device.layer.a.field": [0.0, np.float64(0.2)]}
    done = pysv.sweep(odd, grid, progress=False, out=tmp_path / "many")
    assert pysv.load(tmp_path / "many" / "sweep.nc").spin_z.dims[:2] == (
        "device_layer_a_b_c_field",
        "device_layer_a_field",
    )
    expected = dataclasses.replace(layers[0], field=0.1), dataclasses.replace(layers[1], field=0.2)
    own = dataclasses.replace(odd, device=dataclasses.replace(TWO, layers=expected))
    np.testing.assert_array_equal(done.points[1].data.spin_z, pysv.solve(own, progress=False).spin_z)
    alike = dataclasses.replace(layers[1], name="a_b/c")
    odd = dataclasses.replace(odd, device=dataclasses.replace(TWO, layers=(layers[0], alike)))
    twice = {"device.layer.a.b/c.field": [0.1], "device.layer.a_b/c.field": [0.1]}
    with pytest.raises(InvalidInputError, match=r"a_b/c.field would be one dimension; rename a layer"):
        pysv.sweep(odd, twice, progress=False)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("device.layer.FM_q.spin", "'device.layer.FM_q.spin' is not a key of this experiment; did you mean 'device.layer.FM_p.spin'?"),
        ("device.layer.L2.spinn", "'device.layer.L2.spinn' is not a key of this experiment; did you mean 'device.layer.L2.spin'?"),
        ("device.layer.L2.name", "'device.layer.L2.name' is not a key of this experiment; did you mean 'device.layer.L2."),
        ("device.layer.spin", "'device.layer.spin' is not a key of this experiment; did you mean 'device.layer.L2.spin'?"),
        ("device.potential.3.energy", "'device.potential.3.energy' is not a key of this experiment; did you mean 'device.potential."),
        ("device.potential.0.seed", "'device.potential.0.seed' is not a key of this experiment; did you mean 'device.potential."),
        ("device.layr.L2.spin", "'device.layr.L2.spin' is not a key of an experiment file; did you mean 'device.layer.L2.spin'?"),
    ],
)  # fmt: skip
def test_layers_and_potentials_that_are_not_there(key, sentence):
    with pytest.raises(ExperimentFileError, match=re.escape(sentence)):
        pysv.sweep(PLAIN, {key: [1, 2]}, progress=False)


def test_a_device_without_layers_of_its_own(short):
    for key, array in (("layer.polarizer.exchange", "layer"), ("potential.1.energy", "potential")):
        sentence = f"sweep: 'device.{key}' is not a key of this experiment, which has no [[device.{array}]]"
        with pytest.raises(ExperimentFileError, match=re.escape(sentence)):
            pysv.sweep(short, {f"device.{key}": [0.1]}, progress=False)


def test_values_on_the_command_line():
    assert setting("bath.temperature=10,30,1e2") == ("bath.temperature", [10, 30, 100.0])
    assert setting("bath.coupling=x, xyz") == ("bath.coupling", ["x", "xyz"])
    assert setting("device.polarizer=[1,2],[3, 4]") == ("device.polarizer", [[1, 2], [3, 4]])
    assert setting('source.spin="a,b",[0.1, 2]') == ("source.spin", ["a,b", [0.1, 2]])
    assert setting("bath.lamb_shift=true,false") == ("bath.lamb_shift", [True, False])
    assert setting("device.exchange=0.1:0.5:0.1") == ("device.exchange", [0.1, 0.2, 0.3, 0.4, 0.5])
    assert setting("device.exchange=1:-1:-0.75,2") == ("device.exchange", [1.0, 0.25, -0.5, 2])
    assert setting("device.sites=30:36:2") == ("device.sites", [30, 32, 34, 36])
    assert setting("bath.strength=1e-3:2e-3:5e-4") == ("bath.strength", [0.001, 0.0015, 0.002])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("device.sites=1:9:0", "a range START:STOP:STEP must lead from START to STOP"),
        ("device.sites=1:9:-1", "a range START:STOP:STEP must lead from START to STOP"),
        ("device.exchange=0:1:1e-9", "has 1000000001 values; the limit is 100000; take a larger STEP"),
    ],
)
def test_ranges_that_are_refused(text, sentence):
    with pytest.raises(InvalidInputError, match=re.escape(sentence)):
        setting(text)


def test_known_keys_are_those_of_the_file():
    keys = known_keys({})
    for key in ("device.sites", "source.kind", "source.electrons", "spins.pinning", "bath.coupling", "evolution.engine",
                "evolution.low-rank.max_rank", "record.every.qfi", "record.momenta"):  # fmt: skip
        assert key in keys
    for key in ("record.every", "device.layer", "device.layers", "device.potential", "spins.layers"):
        assert key not in keys
    assert not [key for key in keys if key.startswith(("device.layer.", "device.potential."))]


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ({"bath.temprature": [1]}, "sweep: 'bath.temprature' is not a key of an experiment file; did you mean 'bath.temperature'?"),
        ({"sites": [1]}, "sweep: 'sites' is not a key of an experiment file; did you mean 'device.sites'?"),
        ({"qqq": [1]}, "sweep: 'qqq' is not a key of an experiment file"),
        ({}, "a sweep needs at least one key with its values"),
        ({"device.sites": 30}, "sweep: device.sites = 30 must be a list of values"),
        ({"device.sites": []}, "sweep: device.sites = [] must be a list of values"),
        ({"device.exchange": [1, 1.0]}, "sweep: device.exchange names a value twice; leave one out"),
        ({"device.sites": [30, 30]}, "sweep: device.sites names a value twice; leave one out"),
        ({"device.sites": range(1000), "device.hopping": range(1000)}, "the grid has 1000000 points; the limit is 100000"),
    ],
)  # fmt: skip
def test_grids_that_are_refused(short, grid, sentence):
    with pytest.raises(InvalidInputError, match=re.escape(sentence)):
        pysv.sweep(short, grid, progress=False)


def test_every_point_is_checked_before_anything_runs(short, computed):
    for grid, error, sentence in [
        ({"device.exchange": [0.1, float("inf")]}, ExperimentFileError, "sweep with device.exchange = Infinity: [device] exchange = inf must"),
        ({"device.polarizer": [[8, 9], [1, 11]], "device.analyzer": [[12, 30]]}, MemoryLimitError, "sweep with device.polarizer = [1, 11], device.analyzer = [12, 30]: the run needs"),
    ]:  # fmt: skip
        with pytest.raises(error, match=re.escape(sentence)):
            pysv.sweep(short, grid, progress=False)
    assert computed == []


def test_the_command(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [
        "sweep",
        str(experiment_file),
        "--set",
        "evolution.step=2",
        "--set",
        "device.sd_exchange=0.1,0.4",
        "--quiet",
    ]
    assert main(words) == 0
    assert capsys.readouterr().out == "small-sweep: complete, 2 points\n"
    assert pysv.load("small-sweep/sweep.nc").log_negativity.sizes == {
        "evolution_step": 1,
        "device_sd_exchange": 2,
        "time": 4,
    }
    assert main(["info", "small-sweep/sweep.nc"]) == 0
    assert "device.sd_exchange = 0.1, 0.4" in capsys.readouterr().out
    assert main(["sweep", str(experiment_file), "--set", "evolution.stop=2,4", "--out", "times", "--quiet"]) == 0
    assert "no sweep.nc: the points differ in their times" in capsys.readouterr().out
    assert main(["movie", "small-sweep"]) == 2
    assert "is of a sweep along evolution_step, device_sd_exchange; choose a point" in capsys.readouterr().err
    for words, sentence in [
        (["--set", "device.sd_exchange"], "--set 'device.sd_exchange' must be KEY=V1,V2,…"),
        (["--set", "device.sd_exchange=1,,2"], "has an empty value; write KEY=V1,V2,…"),
        (["--set", "device.sites=30", "--set", "device.sites=31"], "--set device.sites is given twice"),
        (["--set", "device.sites=three"], "small.toml with device.sites = \"three\": [device] sites = 'three' must be a whole number"),
        (["--set", "device.sites=30", "--engine", "low-rank"], "small.toml with device.sites = 30: engine 'low-rank' runs open"),
        (["--set", "device.sites=30", "--out", "a/b"], "the folder a does not exist; make it first"),
        (["--set", "device.sites=30", "--out", "small.toml"], "small.toml: is not a folder"),
        (["--set", "device.sites=30", "--dask", "local:no"], "the number of local workers must be between 1 and 1000"),
    ]:  # fmt: skip
        assert main(["sweep", str(experiment_file), "--quiet", *words]) == 2
        shown = capsys.readouterr().err.splitlines()
        assert sentence in shown[-1]


LAYERS = """
[device]
sites = 20
[[device.layer]]
sites = [8, 8]
[[device.layer]]
name = "FM_a"
sites = [11, 12]
[source]
center = 5
momentum_spread = 0.9
[evolution]
stop = 2
"""


def test_the_command_with_a_layer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers.toml").write_text(LAYERS)
    words = ["sweep", "layers.toml", "--set", "device.layer.L1.spin=0.5,1", "--set", "device.layer.FM_a.exchange=-0.1"]
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == "layers-sweep: complete, 2 points\n"
    whole = pysv.load("layers-sweep/sweep.nc")
    assert whole.spin_z.sizes == {"device_layer_L1_spin": 2, "device_layer_FM_a_exchange": 1, "time": 3, "spin": 3}
    point = pysv.load("layers-sweep", at={"device.layer.L1.spin": 1, "device.layer.FM_a.exchange": -0.1})
    assert point.spin_length.values.tolist() == [1.0, 0.5, 0.5]
    for text, words, sentence in [
        (LAYERS, ["device.layer.L1.spin=0.5,3"], "layers.toml with device.layer.L1.spin = 3: [device] Layer 1: spin = 3 must be 0.5, 1, 1.5, 2 or 2.5"),
        (LAYERS, ["device.layer.FM_a.sites=[8,9]"], "'FM_a' overlaps layer 'L1' on site 8"),
        ("device = 3", ["device.sites=30"], "layers.toml with device.sites = 30: device = 3 must be a table [device]"),
        ("[device]\nlayer = 3", ["device.layer.L1.spin=1"], "sweep: 'device.layer.L1.spin' is not a key of this experiment, which has no [[device.layer]]"),
        ("[device]\nlayer = [3]", ["device.sites=30"], "layers.toml with device.sites = 30: [device] Layer 1: 3 is not a pysv.Layer"),
    ]:  # fmt: skip
        (tmp_path / "layers.toml").write_text(text)
        assert main(["sweep", "layers.toml", "--quiet", "--out", "other", "--set", *words]) == 2
        assert sentence in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def stops(task):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks.Task, "compute", stops)
    assert main(["sweep", str(experiment_file), "--set", "device.sites=30,31", "--quiet"]) == 130
    assert "stopped; run the same command again to compute the missing points" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("engine", [pysv.Trajectories(ntraj=4), pysv.LowRank()], ids=lambda engine: engine.name)
def test_a_point_goes_on_from_its_checkpoint(small, tmp_path, monkeypatch, engine):
    """A sweep that ends in the middle of a point takes the same bits from there, and does not repeat the beginning."""
    own = dataclasses.replace(small, bath=pysv.BosonicBath(temperature=300.0), times=pysv.times(stop=4, step=1))
    grid = {"bath.strength": [0.001, 0.002]}
    whole = pysv.sweep(own, grid, engine=engine, progress=False)
    begun = type(engine).begin

    def fragile(self, experiment, backend):
        made = begun(self, experiment, backend)
        usual = made.advance

        def advance(time):
            if time > 2.5 and experiment.bath.strength == 0.002:
                os.kill(os.getpid(), signal.SIGTERM)
            usual(time)

        made.advance = advance
        return made

    monkeypatch.setattr(type(engine), "begin", fragile)
    with pytest.raises(KeyboardInterrupt):
        pysv.sweep(own, grid, engine=engine, progress=False, out=tmp_path / "s")
    stopped = pysv.load(tmp_path / "s" / "bath.strength=0.002.nc")
    assert stopped.attrs["status"] == "interrupted"
    assert 2 < stopped.time.size < 5
    seen = []

    def counted(self, experiment, backend):
        made = begun(self, experiment, backend)
        usual = made.advance
        made.advance = lambda time: (seen.append(time), usual(time))[1]
        return made

    monkeypatch.setattr(type(engine), "begin", counted)
    again = pysv.sweep(own, grid, engine=engine, progress=False, out=tmp_path / "s")
    assert 0 < len(seen) < 4
    for one, other in zip(whole.points, again.points, strict=True):
        for name in one.data.data_vars:
            np.testing.assert_array_equal(other.data[name], one.data[name], err_msg=str(name))
