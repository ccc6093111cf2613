"""A refusal comes first and alone: no warning of a run that will not be."""

from __future__ import annotations

import dataclasses
import math
import warnings

import pytest

import pysv
from pysv.cli import main
from pysv.errors import EngineError, InvalidInputError, PacketDirectionWarning, PysvWarning, ResultExistsError
from pysv.run.one_run import Run

AWAY = pysv.Experiment(
    device=pysv.SpinValve(sites=24, polarizer=(12, 12), analyzer=(15, 15)),
    source=pysv.WavePacket(center=7, momentum=-math.pi / 2, momentum_spread=0.6),
    times=pysv.times(1, 1),
    record=pysv.Record(correlations=True, density_matrix=True),
)
"""Its packet runs away from the layers, of which a run warns."""
WARM = dataclasses.replace(AWAY, bath=pysv.BosonicBath())


@pytest.fixture
def silent():
    """A warning is an error that no refusal is."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PysvWarning)
        yield


def test_the_run_itself_warns():
    with pytest.warns(PacketDirectionWarning):
        pysv.solve(AWAY, progress=False)


def test_a_warning_points_at_the_line_of_the_user(tmp_path):
    """Whichever verb it comes from, and however deep."""
    few = pysv.Trajectories(ntraj=20, seeds=1, target_error=1e-9)
    for verb in (
        lambda: pysv.solve(AWAY, progress=False, out=tmp_path / "run.nc"),
        lambda: pysv.resume(tmp_path / "run.nc", stop=2, progress=False),
        lambda: pysv.sweep(AWAY, {"device.sd_exchange": [0.1]}, progress=False),
        lambda: pysv.correlator(AWAY, progress=False),
        lambda: pysv.solve(WARM, engine=few, progress=False),
    ):
        with pytest.warns(PysvWarning) as caught:
            verb()
        assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize(
    ("experiment", "options", "sentence"),
    [
        (AWAY, {"engine": "low-rank"}, r"runs open systems only; add a table \[bath\]"),
        (AWAY, {"engine": "low-rank", "dask": "local"}, r"runs open systems only; add a table \[bath\]"),
        (WARM, {"engine": "chebyshev"}, "runs closed systems only"),
        (WARM, {"engine": "low-rank", "dask": "local"}, "runs this experiment as a whole"),
    ],
)
def test_an_engine_that_cannot_run_it(silent, experiment, options, sentence):
    with pytest.raises(EngineError, match=sentence):
        pysv.solve(experiment, progress=False, **options)


def test_batches(silent):
    few = pysv.Trajectories(ntraj=4, target_error=0.1)
    with pytest.raises(InvalidInputError, match="ntraj = 4 is too few for batches"):
        pysv.solve(WARM, engine=few, progress=False)
    with pytest.raises(InvalidInputError, match="keep_batches = False would be ignored"):
        pysv.solve(WARM, engine=few, progress=False, keep_batches=False)


def test_batches_of_another_run(tmp_path):
    """They are refused before anything of that run is replaced."""
    few = pysv.Trajectories(ntraj=20, seeds=1, target_error=0.5)
    out = tmp_path / "run.nc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PysvWarning)
        pysv.solve(WARM, engine=few, progress=False, out=out)
    request = tmp_path / "run.nc.parts" / "run.toml"
    out.unlink()
    request.write_text("what the other run was asked for")
    other = dataclasses.replace(WARM, device=dataclasses.replace(WARM.device, sd_exchange=0.3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", PysvWarning)
        with pytest.raises(ResultExistsError, match="0000.nc: holds another run"):
            pysv.solve(other, engine=few, progress=False, out=out)
    assert request.read_text() == "what the other run was asked for"


def test_what_the_start_refuses(silent, monkeypatch):
    def begin(run):
        raise EngineError("no start")

    monkeypatch.setattr(Run, "begin", begin)
    with pytest.raises(EngineError, match="no start"):
        pysv.solve(AWAY, progress=False)


def test_correlators(silent):
    with pytest.raises(EngineError, match="no correlators"):
        pysv.correlator(AWAY, engine="llg", progress=False)


def test_a_sweep(silent, tmp_path):
    grid = {"device.sd_exchange": [0.1]}
    with pytest.raises(EngineError, match="runs open systems only"):
        pysv.sweep(AWAY, grid, engine="low-rank", progress=False)
    toward = dataclasses.replace(AWAY, source=dataclasses.replace(AWAY.source, momentum=math.pi / 2))
    pysv.sweep(toward, grid, out=tmp_path / "sweep", progress=False)
    with pytest.raises(ResultExistsError, match="holds another run"):
        pysv.sweep(AWAY, grid, out=tmp_path / "sweep", progress=False)


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(
        "[device]\nsites = 24\npolarizer = [12, 12]\nanalyzer = [15, 15]\n"
        "[source]\ncenter = 7\nmomentum = -1.57\nmomentum_spread = 0.6\n"
        "[evolution]\nstop = 1\nstep = 1\nengine = 'low-rank'\n[record]\ncorrelations = true\n"
    )
    for verb in ("run", "estimate", "convergence", "probe"):
        assert main([verb, "run.toml"]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            "pysv: run.toml: engine 'low-rank' runs open systems only; add a table [bath], or use 'chebyshev'\n"
        )
