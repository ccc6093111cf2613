"""What `pysv info` says of a sweep's folder and of a probe's file."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.errors import EngineFailureError, ResultFileError
from pysv.results import files
from pysv.results.points import file_of
from pysv.results.summary import describe, variables_in_words
from pysv.results.survey import MOST_ROWS, PLAN, describe_sweep, survey

GRID = {"device.sd_exchange": [0.2, 0.7], "source.spin": ["up", "down"]}


@pytest.fixture
def short(small):
    return dataclasses.replace(small, times=pysv.times(stop=2, step=1))


def row(text, *cells):
    """The row of the table of points that begins with these cells."""
    return next(line for line in text.splitlines() if line.split()[: len(cells)] == list(cells))


def test_a_complete_sweep(short, tmp_path):
    folder = tmp_path / "many"
    done = pysv.sweep(short, GRID, progress=False, out=folder)
    text = describe_sweep(folder)
    lines = text.splitlines()
    assert lines[0] == f"{folder}: sweep of 4 points, 4 complete"
    assert "  swept        device.sd_exchange = 0.2, 0.7 eV" in lines
    assert '  swept        source.spin = "up", "down"' in lines
    took = sum(point.data.attrs["wall_time"] for point in done.points)
    assert f"  engine       chebyshev (python backend), {took:.2f} s together" in lines
    drift = max(point.data.attrs["drift_norm"] for point in done.points)
    assert f"norm {drift:.1e}," in text
    reached = max(point.data.attrs["state_deviation_reached"] for point in done.points)
    assert f"  state error  at most {reached:.1e} (" in text
    assert "  combined     sweep.nc" in lines
    assert "    (device_sd_exchange 2, source_spin 2, time 3, flips " in text
    head = row(text, "device.sd_exchange", "(eV)")
    assert head.split()[2:] == ["source.spin", "state", "reached", "took", "log_negativity"]
    for point in done.points:
        cells = row(text, str(point.settings["device.sd_exchange"]), point.settings["source.spin"]).split()
        assert cells[2:5] == ["complete", "2", "fs"]
        assert abs(float(cells[-1]) - float(point.data.log_negativity[-1])) <= 5e-7


@pytest.mark.parametrize(
    ("value", "text"), [(-1e-9, "0.000000"), (0.1234567, "0.123457"), (-0.25, "-0.250000"), (np.nan, "")]
)
def test_the_last_negativity_in_words(short, tmp_path, value, text):
    """A rounding error below zero is no negative number."""
    folder = tmp_path / "many"
    (point,) = pysv.sweep(short, {"device.sd_exchange": [0.2]}, progress=False, out=folder).points
    data = point.data.copy(deep=True)
    data["log_negativity"][:] = value
    path = folder / file_of(point.settings)
    path.unlink()
    files.write(data, path)
    assert row(describe_sweep(folder), "0.2", "complete").split()[6:] == ([text] if text else [])


def test_a_point_is_not_read_whole(short, tmp_path, monkeypatch):
    folder = tmp_path / "many"
    pysv.sweep(short, GRID, progress=False, out=folder)
    monkeypatch.setattr(files, "load", lambda path: pytest.fail(f"read {path}"))
    assert [(point.state, point.reached) for point in survey(folder)[2]] == [("complete", 2.0)] * 4


def test_two_engines(short, tmp_path):
    """Each has a line for its drift with its own tolerance, and its own kind of error."""
    folder = tmp_path / "many"
    done = pysv.sweep(short, {"evolution.engine": ["chebyshev", "rk4"]}, progress=False, out=folder)
    lines = describe_sweep(folder).splitlines()
    for point in done.points:
        own = point.data.attrs
        assert (
            f"  drift        {own['engine']}: at most norm {own['drift_norm']:.1e}, energy {own['drift_energy']:.1e} eV, "
            f"S^z {own['drift_spin_z_total']:.1e} (tolerance {own['drift_tolerance']:.0e})"
        ) in lines
        assert (f"  state error  at most {own['state_deviation_reached']:.1e} ({own['state_deviation_kind']})") in lines
    assert len([line for line in lines if line.startswith(("  drift ", "  state error "))]) == 4
    assert done.points[0].data.attrs["state_deviation_kind"] != done.points[1].data.attrs["state_deviation_kind"]


def test_tolerances_that_were_swept(short, tmp_path):
    grid = {"evolution.chebyshev.tolerance": [1e-12, 1e-5]}
    pysv.sweep(short, grid, progress=False, out=tmp_path / "many", engine="chebyshev")
    # 1e-9 and twice the tolerance per fs, of 2 fs.
    assert "(tolerance 1e-09 to 4e-05)" in describe_sweep(tmp_path / "many")


def test_the_combined_dataset_of_another_sweep_goes(short, tmp_path):
    """With other values, and where the points differ in their times, it is none of this sweep."""
    folder, key = tmp_path / "many", "device.sd_exchange"
    pysv.sweep(short, {key: [0.2, 0.7]}, progress=False, out=folder)
    pysv.sweep(short, {key: [0.2, 0.4]}, progress=False, out=folder)
    assert pysv.load(folder)[key.replace(".", "_")].values.tolist() == [0.2, 0.4]
    old = (folder / "sweep.nc").read_bytes()
    pysv.sweep(short, {"evolution.stop": [1, 2]}, progress=False, out=folder)
    assert not (folder / "sweep.nc").exists()
    assert "  combined     none: points are missing, or differ in their times" in describe_sweep(folder).splitlines()
    with pytest.raises(ResultFileError, match=r"holds no sweep\.nc: .* its points differ in their times"):
        pysv.load(folder)
    (folder / "sweep.nc").write_bytes(old)  # as earlier versions left it
    text = describe_sweep(folder)
    assert "  combined     none: points are missing, or differ in their times" in text.splitlines()
    assert "device_sd_exchange" not in text


def test_the_combined_dataset_goes_before_the_first_point(short, tmp_path, monkeypatch):
    """A sweep that is stopped has none of an earlier plan, nor of another experiment; that of its own plan stays."""
    from pysv.run import sweep

    folder, grid = tmp_path / "many", {"device.sd_exchange": [0.2, 0.7]}
    pysv.sweep(short, grid, progress=False, out=folder)
    kept = (folder / "sweep.nc").read_bytes()

    def fails(*_, **__):
        raise EngineFailureError("no")

    monkeypatch.setattr(sweep, "solve", fails)
    longer = dataclasses.replace(short, times=pysv.times(stop=3, step=1))
    for experiment, values in ((short, [0.2, 0.7, 0.9]), (longer, [0.2, 0.7])):
        (folder / "sweep.nc").write_bytes(kept)
        with pytest.raises(EngineFailureError):
            pysv.sweep(
                experiment, {"device.sd_exchange": values}, progress=False, out=folder, overwrite=experiment is longer
            )
        assert not (folder / "sweep.nc").exists()
    (folder / "sweep.nc").write_bytes(kept)
    (folder / file_of({"device.sd_exchange": 0.7})).unlink()
    with pytest.raises(EngineFailureError):
        pysv.sweep(short, grid, progress=False, out=folder)
    assert (folder / "sweep.nc").exists()


def test_points_that_are_missing_interrupted_failed_or_unreadable(short, tmp_path):
    folder = tmp_path / "many"
    pysv.sweep(short, GRID, progress=False, out=folder)
    paths = [
        folder / file_of({"device.sd_exchange": j, "source.spin": spin}) for j in (0.2, 0.7) for spin in ("up", "down")
    ]
    for path, status in ((paths[1], "interrupted"), (paths[2], "stopped: the norm drifts\x1b[2J")):
        data = files.load(path).isel(time=slice(2)).assign_attrs(status=status)
        path.unlink()
        files.write(data, path)
    paths[3].write_bytes(paths[3].read_bytes()[:5000])
    text = describe_sweep(folder)
    assert text.splitlines()[0] == f"{folder}: sweep of 4 points, 1 complete, 1 incomplete, 1 failed, 1 unreadable"
    assert "  combined     none: points are missing, or differ in their times" in text
    assert row(text, "0.2", "down", "incomplete", "1", "fs")
    assert row(text, "0.7", "up", "failed", "1", "fs").endswith("the norm drifts")
    assert "\x1b" not in text
    assert row(text, "0.7", "down", "unreadable")
    paths[3].unlink()
    assert [point.state for point in survey(folder)[2]] == ["complete", "incomplete", "failed", "not begun"]


def test_a_sweep_whose_first_point_fails(short, tmp_path, monkeypatch):
    from pysv.run import sweep

    def fails(*_, **__):
        raise EngineFailureError("no")

    monkeypatch.setattr(sweep, "solve", fails)
    with pytest.raises(EngineFailureError):
        pysv.sweep(short, GRID, progress=False, out=tmp_path / "many")
    text = describe_sweep(tmp_path / "many")
    assert text.splitlines()[0] == f"{tmp_path / 'many'}: sweep of 4 points, 4 failed"
    assert row(text, "0.2", "up", "failed").endswith("failed  no")
    assert "engine" not in text


def test_a_long_table_is_cut(short, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    keys = {"device.sd_exchange": {"values": [n / 100 for n in range(MOST_ROWS + 5)], "units": "eV"}}
    (folder / PLAN).write_text(json.dumps(keys))
    assert describe_sweep(folder).splitlines()[-1] == "    … and 5 more"


HUGE = json.dumps({key: {"values": list(range(1000)), "units": ""} for key in "ab"})


@pytest.mark.parametrize("text", [None, "[]", "{", '{"a": 1}', '{"a": {"values": 3, "units": ""}}'])
def test_folders_without_a_plan(short, tmp_path, text):
    """The combined dataset tells the keys, too; a folder with neither is none of a sweep."""
    folder = tmp_path / "many"
    pysv.sweep(short, {"device.sd_exchange": [0.2]}, progress=False, out=folder)
    (folder / PLAN).unlink() if text is None else (folder / PLAN).write_text(text)
    assert "  swept        device.sd_exchange = 0.2 eV" in describe_sweep(folder).splitlines()
    (folder / "sweep.nc").unlink()
    with pytest.raises(ResultFileError, match=f"holds neither {PLAN} nor sweep.nc: .* or it is no folder of a sweep"):
        describe_sweep(folder)


def test_a_plan_that_no_sweep_can_have(tmp_path):
    (tmp_path / PLAN).write_text(HUGE)
    with pytest.raises(ResultFileError, match="is no folder of a sweep"):
        describe_sweep(tmp_path)


def test_the_combined_dataset(short, tmp_path):
    pysv.sweep(short, GRID, progress=False, out=tmp_path / "many")
    lines = describe(pysv.load(tmp_path / "many"), "many").splitlines()
    assert "  sweep        device.sd_exchange = 0.2, 0.7 eV" in lines
    assert "  experiment of the first point" in lines
    assert "  variables" in lines


def test_a_probe(short, tmp_path, capsys):
    pulse = pysv.Probe(momenta=(0.4,), sigma=0.5, omega=(-2.0, 2.0), points=11, error=0.01)
    experiment = dataclasses.replace(short, times=pysv.times(8, 0.5))
    data = pysv.probe(experiment, pulse, progress=False, out=tmp_path / "probe.nc")
    assert main(["info", str(tmp_path / "probe.nc")]) == 0
    text = capsys.readouterr().out
    assert "  probe        sigma 0.5 fs, momenta 0.4 rad/site, 11 energies -2 … 2 eV" in text
    assert "  correlators  k=0.4; |t1 - t2| up to 4 fs\n  done         from 17 of 17 times\n" in text
    known = data.time.values[np.isfinite(data.structure_factor.values).all(axis=(1, 2))]
    # Four standard deviations to either side, of which the run has nothing before 0 where all is at rest.
    assert known[-1] == 8 - 4 * 0.5
    assert f"  centres      {known.size} times at which the pulse fits into the run, {known[0]:g} … 6 fs" in text
    apart = np.nanmax(np.abs(data.qfi_rebuilt - data.qfi_direct))
    error = np.nanmax(data.qfi_rebuilt_error)
    assert (
        f"  rebuilt QFI  at most {apart:.1e} from the direct one (standard error up to {error:.1e}, left open" in text
    )
    assert "    (time 17, momentum 1, omega 11): structure_factor [1/(fs eV)]" in text


def test_a_probe_that_is_not_complete(short):
    data = pysv.correlator(dataclasses.replace(short, times=pysv.times(3, 1)), progress=False)
    text = describe(data.assign_attrs(status="interrupted", done=1), "probe.nc")
    assert text.startswith("probe.nc: interrupted")
    assert re.search(r"correlators  (S\^z of each spin|z1.*); all times\n", text)
    assert "  done         from 1 of 4 times, 3 left" in text
    assert "centres" not in text


def test_variables_are_grouped_by_dimensions(short):
    data = pysv.solve(short, progress=False)
    words = " ".join(line.strip() for line in variables_in_words(data))
    for name, values in data.data_vars.items():
        dims = ", ".join(f"{dim} {size}" for dim, size in values.sizes.items())
        assert re.search(rf"\({re.escape(dims)}\):[^(]*\b{name}\b", words)
