"""Sweeps: keys, grids, files that are kept, the combined dataset, refusals."""

from __future__ import annotations

import dataclasses
import json
import re

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
)
from pysv.run import tasks
from pysv.run.sweep import known_keys, setting


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
    assert "spin_z: its shape or its coordinates differ from point to point" in done.combined.attrs["left_out"]
    assert pysv.sweep(short, {"evolution.stop": [1, 2]}, progress=False).combined is None


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
    assert sorted(path.name for path in folder.iterdir()) == [f"point-000{n}.nc" for n in range(1, 5)]
    (folder / "point-0002.nc").unlink()
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
    with pytest.raises(
        ResultExistsError, match=r"point-0001.nc: holds another run than sweep with device.exchange = 0"
    ):
        pysv.sweep(short, {"device.exchange": [0.3, 0.2]}, progress=False, out=folder)
    done = pysv.sweep(short, {"device.exchange": [0.3, 0.2]}, progress=False, out=folder, overwrite=True)
    assert len(computed) == 3  # the second point was there
    assert done.combined.device_exchange.values.tolist() == [0.3, 0.2]
    (folder / "point-0001.nc").write_bytes(b"no result")
    with pytest.raises(ResultFileError, match="point-0001.nc: is not a NetCDF4"):
        pysv.sweep(short, {"device.exchange": [0.3, 0.2]}, progress=False, out=folder)


def test_a_point_that_fails_is_named(short):
    bath = dataclasses.replace(short, bath=pysv.BosonicBath(strength=0.002))
    sentence = r"sweep with bath.strength = 0.5: the rank grew to"
    with pytest.warns(BathValidityWarning), pytest.raises(EngineFailureError, match=sentence):
        pysv.sweep(bath, {"bath.strength": [0.002, 0.5]}, engine=pysv.LowRank(max_rank=9), progress=False)


def test_values_on_the_command_line():
    assert setting("bath.temperature=10,30,1e2") == ("bath.temperature", [10, 30, 100.0])
    assert setting("bath.coupling=x, xyz") == ("bath.coupling", ["x", "xyz"])
    assert setting("device.polarizer=[1,2],[3, 4]") == ("device.polarizer", [[1, 2], [3, 4]])
    assert setting('source.spin="a,b",[0.1, 2]') == ("source.spin", ["a,b", [0.1, 2]])
    assert setting("bath.lamb_shift=true,false") == ("bath.lamb_shift", [True, False])


def test_known_keys_are_those_of_the_file():
    keys = known_keys()
    for key in ("device.sites", "source.kind", "source.electrons", "spins.pinning", "bath.coupling", "evolution.engine",
                "evolution.low-rank.max_rank", "record.every.qfi", "record.momenta"):  # fmt: skip
        assert key in keys
    assert "record.every" not in keys


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ({"bath.temprature": [1]}, "sweep: 'bath.temprature' is not a key of an experiment file; did you mean 'bath.temperature'?"),
        ({"sites": [1]}, "sweep: 'sites' is not a key of an experiment file; did you mean 'device.sites'?"),
        ({"qqq": [1]}, "sweep: 'qqq' is not a key of an experiment file"),
        ({}, "a sweep needs at least one key with its values"),
        ({"device.sites": 30}, "sweep: device.sites = 30 must be a list of values"),
        ({"device.sites": []}, "sweep: device.sites = [] must be a list of values"),
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
    for verb in ("plot", "movie"):
        assert main([verb, "small-sweep/sweep.nc"]) == 2
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


def test_ctrl_c_says_how_to_go_on(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def stops(task):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks.Task, "compute", stops)
    assert main(["sweep", str(experiment_file), "--set", "device.sites=30,31", "--quiet"]) == 130
    assert "stopped; run the same command again to compute the missing points" in capsys.readouterr().err
