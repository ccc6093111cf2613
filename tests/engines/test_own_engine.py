"""The engine of docs/extending.md: one file, and everything else knows of it."""

from __future__ import annotations

import numpy as np
import pytest
from extending import imported

import pysv
from pysv import engines
from pysv.cli import main
from pysv.errors import EngineError


@pytest.fixture
def expm(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_registered", {})
    return imported("expm", tmp_path, monkeypatch)


def test_it_agrees_with_chebyshev(expm, small):
    usual = pysv.solve(small, progress=False)
    for engine in ("expm", expm.Expm(pieces=2)):
        data = pysv.solve(small, engine=engine, progress=False)
        assert set(data.data_vars) == set(usual.data_vars) - {"state_deviation"}
        for name in data.data_vars:
            np.testing.assert_allclose(data[name], usual[name], atol=1e-9, err_msg=name)


def test_files_and_the_command_line_know_it(expm, experiment_file, tmp_path, capsys):
    with experiment_file.open("a") as file:
        file.write('engine = "expm"\n[evolution.expm]\npieces = 2\n')
    run = str(tmp_path / "run.nc")
    assert main(["estimate", str(experiment_file)]) == 0
    assert main(["run", str(experiment_file), "--out", run, "--quiet"]) == 0
    assert main(["resume", run, "--stop", "7", "--quiet"]) == 0
    assert main(["plot", run]) == 0
    assert main(["engines"]) == 0
    assert "expm          python  ready" in capsys.readouterr().out


def test_options_are_checked(expm):
    with pytest.raises(pysv.errors.InvalidInputError, match="pieces = 0 must be at least 1"):
        expm.Expm(pieces=0)


def test_a_name_that_is_taken_is_refused(expm):
    class Other(expm.Expm):
        name = "rk4"

    with pytest.raises(EngineError, match="engine 'rk4' exists already; choose another name"):
        engines.register(Other)
