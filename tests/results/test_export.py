"""Tables of a dataset as CSV files."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.errors import ResultExistsError, ResultFileError
from pysv.results.export import to_csv


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def data(small):
    record = pysv.Record(density_matrix=True, every={"qfi": 3})
    short = dataclasses.replace(small, times=pysv.times(stop=2, step=0.5), record=record)
    return pysv.solve(short, progress=False)


def test_every_number_comes_back(data, tmp_path):
    made = to_csv(data, tmp_path / "tables")
    assert made[-1].name == "columns.csv"
    assert sorted(made) == sorted((tmp_path / "tables").iterdir())
    meanings = {(row["file"], row["column"]): row for row in read(made[-1])}
    seen = set()
    for path in made[:-1]:
        rows = read(path)
        dims = path.stem.split("-")
        for name in rows[0]:
            assert (path.name, name) in meanings
            base = name.removesuffix("_real").removesuffix("_imag")
            if base not in data.data_vars:
                continue
            seen.add(base)
            shape = [data.sizes[dim] for dim in dims]
            own = np.array([float(row[name] or "nan") for row in rows]).reshape(shape)
            values = data[base].values
            part = values.imag if name.endswith("_imag") else values.real
            np.testing.assert_array_equal(np.where(np.isnan(own), np.nan, own), part, err_msg=name)
    assert seen == set(data.data_vars)
    assert meanings["time.csv", "log_negativity"]["units"] == "nat"
    assert meanings["time.csv", "time"]["units"] == "fs"


def test_rows_have_their_places(data, tmp_path):
    to_csv(data, tmp_path)
    row = read(tmp_path / "time-spin.csv")[8]  # the second time, the fourth of five spins
    assert (row["time"], row["spin"], row["layer"], row["spin_site"]) == ("0.5", "4", "analyzer", "13")
    assert float(row["spin_z"]) == float(data.spin_z.sel(time=0.5, spin=4))
    late = read(tmp_path / "time-ket-bra.csv")[-1]
    assert (late["ket"], late["bra"]) == ("↓↓↓↓↓", "↓↓↓↓↓")
    assert {row["qfi"] == "" for row in read(tmp_path / "time-momentum.csv") if row["time"] == "0.5"} == {True}


def test_files_are_not_replaced_unasked(data, tmp_path):
    to_csv(data, tmp_path / "t")
    with pytest.raises(ResultExistsError, match=r"columns.csv|time"):
        to_csv(data, tmp_path / "t")
    to_csv(data, tmp_path / "t", overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultFileError, match="file: is not a folder; name another one"):
        to_csv(data, tmp_path / "file")
    with pytest.raises(ResultFileError, match="cannot be made"):
        to_csv(data, tmp_path / "absent" / "t")


def test_the_command(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(experiment_file), "--quiet"]) == 0
    capsys.readouterr()
    assert main(["export", "small.nc", "--csv"]) == 0
    assert "small-csv/time.csv" in capsys.readouterr().out.splitlines()
    assert len(read(tmp_path / "small-csv" / "time.csv")) == 13
    assert main(["export", "small.nc", "--csv"]) == 2
    assert "use --force" in capsys.readouterr().err
    assert main(["export", "small.nc", "--csv", "--force"]) == 0
    assert main(["export", "small.nc"]) == 2
    assert "export: no format is named; write --csv" in capsys.readouterr().err
