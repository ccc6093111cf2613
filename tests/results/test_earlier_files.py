"""Result files of earlier versions: readable, and runs that go on as if the same version had made them whole.

``tests/data/VERSION`` holds for each engine a small run to 1.5 fs with its checkpoint (``NAME.nc``), and what that
version found in a run to 3 fs without a stop (``NAME.npz``).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import pysv
from pysv.cli import main

FILES = sorted((Path(__file__).parents[1] / "data").rglob("*.nc"))
RUNS = [path for path in FILES if path.with_suffix(".npz").exists()]
DIGITS = {"chebyshev-single": 1e-5, "qutip-mesolve": 1e-9}
"""Relative differences, where they are more than 1e-12: single precision, and the integrator's own tolerance."""


def names(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_an_earlier_file_is_read(path, capsys):
    data = pysv.load(path)
    assert float(data.time[-1]) == 1.5
    assert all(np.isfinite(data[name]).all() for name in ("norm", "energy", "spin_z_total", "electron_number"))
    first = [name for name in data.data_vars if not str(name).endswith(("_error", "_bias"))][:6]
    assert first == ["spin_x", "spin_y", "spin_z", "entropy_total", "mutual_information", "log_negativity"]
    assert main(["info", str(path)]) == 0
    assert main(["cite", str(path)]) == 0
    assert "pysv 0.1.0" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("path", RUNS, ids=names)
def test_an_earlier_run_goes_on(path, tmp_path):
    run = shutil.copy(path, tmp_path / "run.nc")
    data = pysv.resume(run, stop=3, progress=False)
    with np.load(path.with_suffix(".npz")) as whole:
        assert set(data.data_vars) == set(whole.files)
        for name in whole.files:
            if name == "state_deviation" and path.stem == "low-rank":  # which left out the splitting error
                assert data[name][-1] > whole[name][-1]
                assert "until 1.5 fs" in data.attrs["warnings"]
                continue
            scale = np.nanmax(np.abs(whole[name]), initial=1.0)
            tolerance = DIGITS.get(path.stem, 1e-12) * scale
            np.testing.assert_allclose(data[name], whole[name], rtol=0, atol=tolerance, err_msg=name)


def test_every_engine_of_the_first_version_is_there():
    engines = {str(pysv.load(path).attrs["engine"]) for path in RUNS}
    assert engines >= {"chebyshev", "rk4", "qutip", "trajectories", "low-rank", "fock", "tdmrg"}
