"""`pysv probe`: one file from the correlators to the rebuilt f_Q; what is refused; a probe that is stopped."""

from __future__ import annotations

import dataclasses
import importlib
import math
import os
import signal

import numpy as np
import pytest

import pysv
from pysv import config
from pysv.cli import main
from pysv.errors import ExperimentFileError, InvalidInputError, ResumeError
from pysv.figures import spectra
from pysv.probes import rebuild_qfi, smoothed_qfi, structure_factor
from pysv.probes.correlator import _Correlator
from pysv.probes.probe import is_probe, own_companions, resume_probe

MODULE = importlib.import_module("pysv.probes.probe")
TEXT = """\
[device]
sites = 40
polarizer = [20, 20]
analyzer = [24, 24]
[source]
center = 8
momentum_spread = 0.7
[evolution]
stop = 16
step = 0.5
[probe]
sigma = 1.0
omega = [-3, 3]
points = 121
"""


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """Each test works in its own folder, with an experiment file."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def found():
    asked = config.loads(TEXT)
    return pysv.probe(asked.experiment, asked.probe, progress=False)


def refused(capsys, *words):
    before = sorted(os.listdir("."))
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert sorted(os.listdir(".")) == before
    return shown.err


def test_a_file_holds_what_the_functions_give(found, tmp_path):
    """The variables are those of the single steps, and survive the file."""
    asked = config.loads(TEXT)
    correlators = pysv.correlator(asked.experiment, progress=False)
    k, omega = list(asked.probe.momenta), np.linspace(-3, 3, 121)
    s = structure_factor(correlators, k, omega, 1.0)
    pysv.save(found, tmp_path / "p.nc")
    again = pysv.load(tmp_path / "p.nc")
    for name, exact in {
        "structure_factor": s,
        "structure_integral": s.integrate("omega"),
        "smoothed_variance": smoothed_qfi(correlators, k, 1.0).integral,
        "qfi_direct": smoothed_qfi(correlators, k, 1.0).direct,
        "qfi_rebuilt": rebuild_qfi(s).qfi,
        "qfi_rebuilt_open": rebuild_qfi(s).qfi_open,
    }.items():
        np.testing.assert_allclose(again[name], exact, atol=1e-12)
        assert again[name].attrs["units"] == exact.attrs.get("units", "1/fs")
    assert again.structure_factor.dims == ("time", "momentum", "omega")
    assert again.omega.attrs["units"] == "eV"
    np.testing.assert_array_equal(rebuild_qfi(again.structure_factor).qfi, again.qfi_rebuilt)
    assert is_probe(again)


def three_spins():
    return config.loads(TEXT.replace("polarizer = [20, 20]", "polarizer = [19, 20]"))


def test_fewer_momenta_than_spins(monkeypatch):
    """The O_k have companions of their own; all that follows is as from those of single spins."""
    asked = three_spins()
    waves = pysv.probe(asked.experiment, asked.probe, progress=False)
    assert waves.operator.size == 2
    monkeypatch.setattr(MODULE, "own_companions", lambda *_: ())
    spins = pysv.probe(asked.experiment, asked.probe, progress=False)
    assert spins.spin.size == 3
    for name in ("structure_factor", "structure_integral", "smoothed_variance", "qfi_direct", "qfi_rebuilt"):
        np.testing.assert_allclose(waves[name], spins[name], atol=1e-12)
        assert float(abs(waves[name]).max()) > 1e-5
    assert waves.structure_factor.attrs == spins.structure_factor.attrs


def test_which_companions_a_probe_takes():
    device = three_spins().experiment.device
    for momenta, expected in (((0.1, 0.2), (0.1, 0.2)), ((0.1, 0.2, 0.3), ()), ((0.1, 0.1 + 1e-15), ())):
        assert own_companions(device, pysv.Probe(momenta=momenta)) == expected


def test_a_file_of_single_spins_goes_on_with_them(monkeypatch):
    asked = three_spins()
    with monkeypatch.context() as earlier:
        earlier.setattr(MODULE, "own_companions", lambda *_: ())
        begun = pysv.probe(asked.experiment, asked.probe, progress=False, out="p.nc")
    part = begun.drop_dims(["momentum", "omega"]).assign_attrs(status="interrupted", done=20)
    part["correlation"][20:, 20:] = np.nan
    pysv.save(part, "p.nc", overwrite=True)
    data = resume_probe("p.nc", progress=False)
    assert data.attrs["status"] == "complete"
    np.testing.assert_allclose(data.structure_factor, begun.structure_factor, atol=1e-13)


def test_the_command(capsys):
    assert main(["probe", "small.toml", "--quiet", "--momenta", "0.5,1.5", "--sigma", "1.2"]) == 0
    # At first the system is at rest, so that the pulse may begin before t = 0; four widths before 16 fs it fits last.
    fits = f"{1 + int((16 - 4 * 1.2) / 0.5)} times at which the pulse fits into the run"
    assert f"small-probe.nc: complete, {fits}, " in capsys.readouterr().out
    data = pysv.load("small-probe.nc")
    np.testing.assert_array_equal(data.momentum, [0.5, 1.5])
    assert main(["info", "small-probe.nc"]) == 0
    said = capsys.readouterr().out
    assert "sigma 1.2 fs, momenta 0.5, 1.5 rad/site, 121 energies -3 … 3 eV" in said
    assert f"centres      {fits}" in said
    assert main(["plot", "small-probe.nc"]) == 0
    assert os.path.getsize("small-probe.png") > 20_000
    assert main(["plot", "small-probe.nc", "--var", "qfi_rebuilt"]) == 0
    capsys.readouterr()
    assert "structure_factor has 3 dimensions" in refused(capsys, "plot", "small-probe.nc", "--var", "structure_factor")
    assert main(["resume", "small-probe.nc", "--quiet"]) == 0
    assert "complete" in capsys.readouterr().out
    for option, value in (("--stop", "30"), ("--backend", "python"), ("--experiment", "small.toml")):
        assert f"{option} would be ignored" in refused(capsys, "resume", "small-probe.nc", option, value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sigma", "0.2"), "sigma = 0.2 fs must be at least the time between snapshots, 0.5 fs; take a finer step"),
        (("--sigma", "5"), "sigma = 5 fs must be at most 2 fs: a pulse takes 8 sigma, and the run 16 fs; take a later"),
        (("--sigma", "-1"), r"[probe] sigma = -1 must be at least 1e-06 (fs)"),
        (("--momenta", ","), "momenta = [] must be a list of at least one number"),
        (("--momenta", "1,x"), "'1,x' must be numbers separated by commas"),
        (("--engine", "trajectories"), "small.toml: "),
    ],
)
def test_what_is_refused(capsys, options, sentence):
    assert sentence in refused(capsys, "probe", "small.toml", *options)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("omega = [-9, 9]\npoints = 999", "omega reaches 9 eV; snapshots every 0.5 fs resolve up to 4.14 eV"),
        ("omega = [3, -3]", r"omega = [3, -3] must be ascending; write [-3, 3]"),
        ("omega = 3", "omega = 3 must be two numbers [lowest, highest] in eV"),
        ("points = 3", "points = 3 must be at least 19, so that the energies lie closer"),
        ("widht = 3", "unknown key 'widht'"),
    ],
)
def test_what_a_file_may_not_say(capsys, file, line, sentence):
    file.write_text(TEXT.partition("[probe]")[0] + "[probe]\nsigma = 1.0\n" + line + "\n")
    assert sentence in refused(capsys, "probe", "small.toml")


def test_times_of_ones_own(capsys, file):
    file.write_text(TEXT.replace("stop = 16\nstep = 0.5", "at = [0, 1, 3]"))
    assert "a probe needs equally spaced times" in refused(capsys, "probe", "small.toml")


def test_runs_do_without_the_table(capsys):
    """It changes no fingerprint and no experiment in a file, and cannot be swept."""
    with_, without = config.loads(TEXT), config.loads(TEXT.partition("[probe]")[0])
    assert with_.experiment == without.experiment
    assert "probe" not in config.dumps(with_.experiment)
    assert "probe.sigma' is not a key" in refused(capsys, "sweep", "small.toml", "--set", "probe.sigma=1,2")
    with pytest.raises(ExperimentFileError, match="unknown table 'prob'; did you mean 'probe'"):
        config.loads("[prob]\n")


def test_a_probe_goes_on_where_it_was_stopped(capsys, monkeypatch, found):
    usual, calls = _Correlator._companion, []

    def stopping(self, *arguments):
        calls.append(1)
        if len(calls) == 9:
            signal.raise_signal(signal.SIGINT)
        usual(self, *arguments)

    monkeypatch.setattr(_Correlator, "_companion", stopping)
    assert main(["probe", "small.toml", "--quiet"]) == 130
    assert "small-probe.nc: stopped after 4 of 33 times; continue with `pysv resume" in capsys.readouterr().out
    with pytest.raises(InvalidInputError, match="correlators without spectra"):
        spectra.draw(pysv.load("small-probe.nc"))
    assert main(["resume", "small-probe.nc", "--quiet"]) == 0
    assert len(calls) < 9 + 2 * 30
    data = pysv.load("small-probe.nc")
    np.testing.assert_allclose(data.structure_factor, found.structure_factor, atol=1e-13)


def test_a_run_is_no_probe(small):
    pysv.solve(small, progress=False, out="run.nc")
    with pytest.raises(ResumeError, match=r"run.nc: holds no probe"):
        resume_probe("run.nc")


def test_the_picture_shows_the_probe(found):
    figure = spectra.draw(found)
    panels = [axes for axes in figure.axes if axes.get_xlabel()]
    for number in range(2):
        own = found.isel(momentum=number)
        heat, integral, qfi = panels[3 * number : 3 * number + 3]
        shown = np.reshape(heat.collections[0].get_array(), (121, 33)).T
        np.testing.assert_allclose(np.nan_to_num(shown), np.nan_to_num(np.clip(own.structure_factor, 0, None)))
        np.testing.assert_array_equal(integral.lines[0].get_ydata(), own.structure_integral)
        np.testing.assert_array_equal(qfi.lines[0].get_ydata(), own.qfi_direct)
        np.testing.assert_array_equal(qfi.lines[1].get_ydata(), own.qfi_rebuilt)


def test_defaults():
    assert pysv.Probe().momenta == (math.pi / 6, math.pi / 2)
    assert dataclasses.replace(pysv.Probe(), points=401) == config.loads("").probe
