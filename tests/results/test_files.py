"""Result files: whole or absent, and clear about what they are not."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr

import pysv
from pysv import config
from pysv.errors import ResultExistsError, ResultFileError
from pysv.measures.registry import measures
from pysv.measures.ways import left_out
from pysv.results import files
from pysv.results.dataset import schema
from pysv.results.stream import Stream

OF_CHAINS = {"entropy_half", "entropy_bond", "bond_dimension", "discarded_weight"}
"""Variables of matrix-product states only."""
OF_FACTORS = {"discarded_weight_factor"}
"""Variables of large systems only, which are measured from the factor of ρ."""
OF_SAMPLES = {name for name in schema() if name.endswith(("_error", "_bias"))}
"""Variables of runs with something sampled only."""
OF_PAIRS = {"mutual_information_pairs", "log_negativity_pairs"}
"""Variables of three layers or more."""
PROBED = ("correlation", "moment", "operator_correlation", "operator_mean")
SPECTRA = ("structure_factor", "structure_integral", "smoothed_variance")
REBUILT = ("qfi_direct", "qfi_rebuilt", "qfi_rebuilt_error", "qfi_rebuilt_open")
OF_PROBES = {name + ending for name in PROBED for ending in ("", "_error")} | {*SPECTRA, *REBUILT}
"""Variables of probes only."""
OF_TRAINS = {"electron_transmission", "change_of_state"}
"""Variables of trains only."""
OPTIONAL = {measure.name for measure in measures() if measure.option}
"""Variables that a run has to be asked for."""


@pytest.fixture(scope="module")
def data():
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=20, polarizer=(8, 9), analyzer=(12, 12)),
        source=pysv.WavePacket(center=5, momentum_spread=1.0, spin=(0.3, 0.4)),
        times=pysv.times(stop=2, step=0.5),
        record=pysv.Record(
            density_matrix=True,
            currents=True,
            torque=True,
            purity=True,
            electron_negativity=True,
            correlations=True,
            momenta=(0.1, 0.2, 0.3),
        ),
    )
    return pysv.solve(experiment, progress=False)


def test_round_trip(data, tmp_path):
    loaded = pysv.load(pysv.save(data, tmp_path / "run.nc"))
    xr.testing.assert_identical(loaded, data)
    assert loaded.density_matrix.dtype == complex


def test_the_file_is_netcdf_that_others_can_read(data, tmp_path):
    pysv.save(data, tmp_path / "run.nc")
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as plain:
        np.testing.assert_array_equal(plain.time, data.time)
        assert plain.time.attrs["units"] == "fs"
        assert set(plain.density_matrix_real.dims) == {"time", "ket", "bra"}


def test_the_contract_of_the_dataset(data):
    """Names, dimensions and units of every variable, and coordinates that start at 1."""
    for name, values in data.data_vars.items():
        assert values.dims == ("time", *schema()[name].dims)
        assert values.attrs == {"units": schema()[name].units, "long_name": schema()[name].long_name}
    expected = set(schema()) - OF_CHAINS - OF_FACTORS - OF_SAMPLES - OF_PAIRS - OF_TRAINS - OF_PROBES
    assert set(data.data_vars) == expected | {"log_negativity_electron_error"}
    assert data.site.values.tolist() == list(range(1, 21))
    assert data.spin.values.tolist() == [1, 2, 3]
    assert data.layer.values.tolist() == ["polarizer", "polarizer", "analyzer"]
    assert data.spin_site.values.tolist() == [8, 9, 12]
    assert data.flips.values.tolist() == [0, 1, 2, 3]
    assert data.momentum.values.tolist() == [0.1, 0.2, 0.3]
    assert data.ket.values[:3].tolist() == ["↑↑↑", "↑↑↓", "↑↓↑"]
    assert data.time.values.tolist() == [0, 0.5, 1, 1.5, 2]
    assert {"engine", "backend", "versions", "seeds", "wall_time", "warnings", "left_out"} <= set(data.attrs)


def test_a_run_repeats_from_its_own_attributes(data):
    asked = config.loads(data.attrs["experiment"])
    again = pysv.solve(asked.experiment, engine=asked.engine, backend=asked.backend, progress=False)
    for name in data.data_vars:
        np.testing.assert_array_equal(again[name], data[name])


def test_an_existing_file_is_not_replaced_unasked(data, tmp_path):
    path = tmp_path / "run.nc"
    path.write_text("precious")
    with pytest.raises(ResultExistsError, match=r"run\.nc: exists already; use --force \(overwrite=True\)"):
        pysv.save(data, path)
    assert path.read_text() == "precious"
    pysv.save(data, path, overwrite=True)
    assert pysv.load(path).time.size == 5


def test_destinations_that_cannot_be(data, tmp_path):
    with pytest.raises(ResultFileError, match=r"the folder .*absent does not exist; make it first"):
        pysv.save(data, tmp_path / "absent" / "run.nc")
    with pytest.raises(ResultFileError, match="is a folder; name a file in it"):
        pysv.save(data, tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_litter(data, tmp_path, monkeypatch):
    path = pysv.save(data, tmp_path / "run.nc")
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Stream, "_put", full)
    with pytest.raises(ResultFileError, match=r"run\.nc: cannot be written \(No space left on device\)"):
        pysv.save(data, path, overwrite=True)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.nc"]


def test_the_old_file_is_whole_while_the_new_one_is_written(data, tmp_path, monkeypatch):
    path = pysv.save(data, tmp_path / "run.nc")
    before, usual, seen = path.read_bytes(), Stream.finish, []

    def watched(self):
        usual(self)
        seen.append(path.read_bytes() == before)

    monkeypatch.setattr(Stream, "finish", watched)
    pysv.save(data.isel(time=slice(2)), path, overwrite=True)
    assert seen == [True]
    assert pysv.load(path).time.size == 2


def test_a_link_is_followed(data, tmp_path):
    (tmp_path / "link.nc").symlink_to(tmp_path / "real.nc")
    pysv.save(data, tmp_path / "link.nc")
    assert (tmp_path / "link.nc").is_symlink()
    assert pysv.load(tmp_path / "real.nc").time.size == 5
    with pytest.raises(ResultExistsError):
        pysv.save(data, tmp_path / "link.nc")


def test_damage_is_noticed_anywhere(data, tmp_path):
    """A byte changed in any of many places gives a dataset or one clear error."""
    whole = bytearray(pysv.save(data, tmp_path / "run.nc").read_bytes())
    rng = np.random.default_rng(3)
    for place in rng.integers(0, len(whole), 60):
        spoiled = whole.copy()
        spoiled[place] ^= 0xFF
        (tmp_path / "bad.nc").write_bytes(spoiled)
        with contextlib.suppress(ResultFileError):
            pysv.load(tmp_path / "bad.nc")


def test_permissions_follow_the_umask(data, tmp_path):
    mask = os.umask(0o027)
    try:
        assert pysv.save(data, tmp_path / "run.nc").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(mask)


def test_files_that_are_not_results(data, tmp_path):
    path = pysv.save(data, tmp_path / "run.nc")
    whole = path.read_bytes()
    cut = tmp_path / "cut.nc"
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(ResultFileError, match=r"cut\.nc: is (not a NetCDF4/HDF5 file, or is truncated|damaged)"):
            pysv.load(cut)
    (tmp_path / "notes.nc").write_text("not a result")
    with pytest.raises(ResultFileError, match=r"notes\.nc: is not a NetCDF4/HDF5 file"):
        pysv.load(tmp_path / "notes.nc")
    with pytest.raises(ResultFileError, match=r"absent\.nc: no such file"):
        pysv.load(tmp_path / "absent.nc")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    with pytest.raises(ResultFileError, match=r"foreign\.nc: was not written by pysv"):
        pysv.load(tmp_path / "foreign.nc")
    with h5py.File(path, "a") as file:
        file.attrs["pysv_format"] = "pysv-99"
    with pytest.raises(
        ResultFileError, match=re.escape("has the format 'pysv-99'; this version of pysv reads 'pysv-1'")
    ):
        pysv.load(path)


def test_measures_that_do_not_fit_are_left_out_with_a_reason():
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=20, polarizer=(5, 11), analyzer=(13, 18)),
        source=pysv.WavePacket(center=9, momentum_spread=1.5, spin="up"),
        times=pysv.times(stop=0.5, step=0.5),
    )
    data = pysv.solve(experiment, progress=False)
    assert set(schema()) - set(data.data_vars) == (
        OPTIONAL | OF_CHAINS | OF_PAIRS | OF_TRAINS | OF_PROBES | OF_SAMPLES - {"log_negativity_error"}
    )
    assert data.attrs["left_out"] == ""
    large = dataclasses.replace(experiment, record=pysv.Record(density_matrix=True))
    omitted = left_out(large)
    assert set(omitted) == {"density_matrix"}
    assert "whose largest block has 1716 rows, this version forms up to 1024" in omitted["density_matrix"]
    assert any("left out: density_matrix" in remark for remark in pysv.estimate(large).remarks)


def test_an_unfinished_variable_is_never_in_the_file(data, tmp_path):
    """Every recorded number is finite."""
    for values in pysv.load(pysv.save(data, tmp_path / "a.nc")).data_vars.values():
        assert np.isfinite(values).all()


def test_dimensions_of_a_saved_state_have_names(small, tmp_path):
    """Programs that follow NetCDF would make up names, such as phony_dim_0, for others."""
    path = tmp_path / "run.nc"
    short = dataclasses.replace(small, times=pysv.times(stop=1, step=0.5))
    pysv.solve(short, progress=False, out=path)
    state = files.load_state(path)
    assert state is not None
    with h5netcdf.File(path, "r", phony_dims=None) as file:  # refuses dimensions without names
        group = file["checkpoint"]
        assert set(group.variables) == set(state.arrays)
        for name, stored in group.variables.items():
            assert stored.shape == state.arrays[name].shape
            assert stored.dimensions == tuple(f"length_{size}" for size in stored.shape)


def test_the_table_of_the_documentation_is_in_the_order_of_the_dataset():
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    table = text.split("| variable |")[1].split("\n\n")[0]
    places = {measure.name: measure.place for measure in measures()}
    named = [
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split(" | ")[0]) if name in places
    ]
    assert sorted(named) == sorted(places)
    assert [places[name] for name in named] == sorted(places.values())
