"""The digest behind a result file: what differs by one byte never comes before HDF5."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

import pysv
from pysv.errors import ResultFileError
from pysv.results import files, seal


@pytest.fixture
def run(small, tmp_path):
    path = tmp_path / "run.nc"
    return path, pysv.solve(small, out=path, progress=False)


def test_others_read_the_file(run):
    path, data = run
    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as found:
        np.testing.assert_array_equal(found.spin_z, data.spin_z)


@pytest.mark.parametrize("seed", range(40))
def test_changed_bytes_are_refused_before_hdf5_sees_them(run, tmp_path, monkeypatch, seed):
    rng, path = np.random.default_rng(seed), run[0]
    raw = bytearray(path.read_bytes())
    place = int(rng.integers(len(raw)))
    raw[place] ^= 1 << int(rng.integers(8))
    other = tmp_path / "other.nc"
    other.write_bytes(raw[: -int(rng.integers(1, 40))] if seed % 4 == 0 else raw)
    monkeypatch.setattr(h5py, "File", lambda *arguments: pytest.fail("HDF5 has seen it"))
    for read in (files.load, files.load_state, files.header):
        with pytest.raises(ResultFileError, match="its bytes are not those that were written"):
            read(other)


def test_hdf5_cuts_the_digest_off_when_it_changes_a_file(run, tmp_path):
    """The checks within the file then decide, as for files of earlier versions."""
    path, data = run
    other = tmp_path / "other.nc"
    shutil.copy(path, other)
    with h5py.File(other, "a") as file:
        file.attrs["note"] = "mine"
    assert seal.unbroken(other)
    with pytest.raises(ResultFileError, match="its data and attributes are not those"):
        pysv.load(other)
    other.write_bytes(path.read_bytes()[: -seal._LENGTH])
    np.testing.assert_array_equal(pysv.load(other).spin_z, data.spin_z)


def test_a_file_is_looked_at_again_when_it_changes(run):
    path, _ = run
    assert seal.unbroken(path)
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    assert not seal.unbroken(path)
