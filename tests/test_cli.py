"""The command line: verbs, exit codes, one line for each mistake, nothing written."""

from __future__ import annotations

import os
import re

import h5py
import pytest
import xarray as xr

import pysv
from pysv.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test works in its own folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(capsys, *words: str) -> str:
    """Run a command that must be refused: exit code 2, one line on stderr, nothing on stdout, nothing written."""
    before = sorted(os.listdir("."))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["pysv", *words])
        try:
            code = main(words)
        except SystemExit as stop:
            code = stop.code
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    lines = [line for line in shown.err.splitlines() if "of the packet lies beyond" not in line or "error" in line]
    message = lines[-1] if lines else shown.err
    assert message.startswith("pysv: ")
    assert len(lines) <= 1 or all(line == message for line in lines)
    assert "Traceback" not in shown.err
    assert sorted(os.listdir(".")) == before
    return message.removeprefix("pysv: ")


def test_run_info_resume_plot(experiment_file, capsys):
    assert main(["run", str(experiment_file), "--quiet"]) == 0
    assert "small.nc: complete, 6 fs, 13 snapshots" in capsys.readouterr().out
    data = pysv.load("small.nc")
    assert data.attrs["status"] == "complete"
    assert main(["info", "small.nc"]) == 0
    told = capsys.readouterr().out
    for words in ("small.nc: complete", "0 … 6 fs, 13 snapshots", "chebyshev (python backend)", "logarithmic negativity",
                  "sites = 30", "state error"):  # fmt: skip
        assert words in told
    assert main(["resume", "small.nc", "--stop", "7", "--quiet"]) == 0
    assert "complete, 7 fs, 15 snapshots" in capsys.readouterr().out
    assert main(["resume", "small.nc", "--quiet", "--experiment", str(experiment_file)]) == 2
    assert "reaches 7 fs already" in capsys.readouterr().err
    assert main(["plot", "small.nc"]) == 0
    assert capsys.readouterr().out.strip() == "small.png"
    assert os.path.getsize("small.png") > 10_000
    assert main(["plot", "small.nc", "--out", "small.pdf"]) == 0


def test_run_with_another_engine(experiment_file, capsys):
    assert main(["run", str(experiment_file), "--engine", "rk4", "--out", "other.nc", "--quiet"]) == 0
    assert pysv.load("other.nc").attrs["engine"] == "rk4"
    assert main(["run", str(experiment_file), "--out", "other.nc", "--force", "--quiet"]) == 0
    assert pysv.load("other.nc").attrs["engine"] == "chebyshev"
    capsys.readouterr()


def test_estimate(experiment_file, capsys):
    assert main(["estimate", str(experiment_file)]) == 0
    shown = capsys.readouterr().out
    for word in ("engine", "pure run", "amplitudes", "memory", "matvecs", "time"):
        assert word in shown
    assert os.listdir(".") == ["small.toml"]


def test_engines_cite_help_version(capsys, monkeypatch):
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: "no Julia here")
    assert main(["engines"]) == 0
    shown = capsys.readouterr().out
    assert f"{'chebyshev':<13} python  ready" in shown
    assert f"{'tdmrg':<13} julia   not ready" in shown
    assert main(["cite"]) == 0
    assert "10.1103/PhysRevA.109.022414" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert pysv.__version__ in capsys.readouterr().out


def test_doctor(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    report = {line.split()[0]: line for line in shown.splitlines()}
    assert "passed" in report["self-check"]
    for name in (
        "pysv",
        "numba",
        "system",
        "processor",
        "memory",
        "BLAS",
        "Julia",
        "others",
        "environment",
        "engines",
    ):
        assert report[name].split(maxsplit=1)[1], name
    assert "juliacall" in report["others"]
    assert "dask" in report["others"]
    assert len({line.index(line.split(maxsplit=1)[1]) for line in shown.splitlines() if "installed" not in line}) == 1


def test_doctor_names_settings(capsys, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    monkeypatch.setenv("UNRELATED", "secret")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "NUMBA_NUM_THREADS=2" in shown
    assert "secret" not in shown


def test_doctor_notices_wrong_kernels(capsys, monkeypatch):
    monkeypatch.setattr("pysv.doctor.HBAR", 0.66)
    assert main(["doctor"]) == 1
    assert re.search("^self-check +FAILED", capsys.readouterr().out, re.M)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[device]\nsits = 3", "bad.toml: [device] unknown key 'sits'; did you mean 'sites'?"),
        ("[devices]\nsites = 3", "bad.toml: unknown table 'devices'; did you mean 'device'?"),
        ("[device]\nsites = '201'", "bad.toml: [device] sites = '201' must be a whole number"),
        ("[device]\nexchange = nan", "bad.toml: [device] exchange = nan must be finite (eV)"),
        ("[device]\nexchange = -inf", "bad.toml: [device] exchange = -inf must be finite (eV)"),
        ("[device]\npolarizer = [52, 53]", "bad.toml: [device] analyzer = [52, 55] overlaps polarizer = [52, 53]"),
        ("[device]\nanalyzer = [200, 204]", "bad.toml: [device] analyzer = [200, 204] reaches outside the chain"),
        ("[device]\nanalyzer = [55, 52]", "bad.toml: [device] analyzer = [55, 52] is reversed; write [52, 55]"),
        (
            "[device]\nanalyzer = []",
            "bad.toml: [device] analyzer = [] must be two numbers [first site, last site]; a layer has at",
        ),
        ("[device]\npolarizer = [30, 49]\nanalyzer = [52, 71]", "bad.toml: the run needs"),
        ("[evolution]\nstep = 0", "bad.toml: [evolution] step = 0 must be at least 1e-06 (fs)"),
        ("[evolution]\nstep = -1", "bad.toml: [evolution] step = -1 must be at least 1e-06 (fs)"),
        ("[evolution]\nstep = 61", "bad.toml: [evolution] step = 61 fs is larger than stop = 60 fs"),
        (
            "[source]\ncenter = 5",
            "bad.toml: [source] center = 5: 1.8e-01 (left end) of the packet lies beyond the chain, where the limit is",
        ),
        (
            "[spins]\nkind = 'gibbs'\ntemperature = nan",
            "bad.toml: [spins] temperature = nan must be finite (K)",
        ),
        (
            "[bath]\n[evolution]\nengine = 'rk4'",
            "bad.toml: engine 'rk4' runs closed systems only; leave [bath] out, or use low-rank, qutip, trajectories",
        ),
        (
            "[bath]\ncutoff_shape = 'hard'\nseries_terms = 20",
            "bad.toml: [bath] series_terms = 20 with cutoff_shape = 'hard': the moments ∫g(t)tⁿdt of Eq. 18 diverge",
        ),
        (
            "[source]\nkind = 'confined'\n[evolution]\nengine = 'chebyshev'",
            "bad.toml: [source] kind = 'confined' (several electrons) is not served by engine 'chebyshev'; use",
        ),
        (
            "[evolution]\nengine = 'tdmrg'",
            "bad.toml: [source] spin = 'unpolarized' is not a single matrix-product state; run 'up'",
        ),
        (
            "[evolution]\nengine = 'rk4'\nbackend = 'julia'",
            "bad.toml: engine 'rk4' has no backend 'julia'; use backend 'python'",
        ),
        (
            "[device]\npolarizer = [1, 100000]\nsites = 1000000\nanalyzer = [100002, 100003]",
            "the limit is 60",
        ),
        ("[device]\nhopping = 1e308", "bad.toml: [device] hopping = 1e+308 must be at most 1e+06 (eV)"),
        ("[evolution]\nengine = 'rk4'\n[evolution.chebyshev]", "bad.toml: [evolution.chebyshev] would be ignored"),
        ("sites == 3", "bad.toml: is not valid TOML"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "estimate"])
def test_bad_experiment_files(text, sentence, verb, folder, capsys):
    (folder / "bad.toml").write_text(text)
    if "the run needs" in sentence and verb == "estimate":
        assert main(["estimate", "bad.toml"]) == 2
        shown = capsys.readouterr()
        assert "does not fit" in shown.out
        assert shown.err.splitlines()[-1] == "pysv: bad.toml: the run does not fit in memory"
        return
    assert sentence in fails(capsys, verb, "bad.toml")


def test_bad_words(experiment_file, capsys):
    file = str(experiment_file)
    assert "invalid choice: 'rnu'" in fails(capsys, "rnu")
    assert "the following arguments are required: FILE.toml" in fails(capsys, "run")
    assert "the following arguments are required: {setup,status}" in fails(capsys, "julia")
    assert "--at 'time=' must be KEY=VALUE with one value, e.g. source.spin=up" in fails(
        capsys, "plot", file, "--at", "time="
    )
    assert "unknown engine 'rk5'; did you mean 'rk4'" in fails(capsys, "run", file, "--engine", "rk5")
    assert "unknown backend 'rust'" in fails(capsys, "run", file, "--backend", "rust")
    (experiment_file.parent / "rk4.toml").write_text(experiment_file.read_text() + "engine = 'rk4'\n[evolution.rk4]\n")
    assert "rk4.toml: [evolution.rk4] would be ignored with --engine qutip" in fails(
        capsys, "run", "rk4.toml", "--engine", "qutip"
    )
    assert "absent.toml: cannot be read (No such file or directory)" in fails(capsys, "run", "absent.toml")
    assert "the folder absent does not exist; make it first" in fails(capsys, "run", file, "--out", "absent/a.nc")
    assert "the folder absent does not exist; make it first" in fails(capsys, "figure", "3", "--out", "absent")
    assert "figure '1': unknown number '1'" in fails(capsys, "figure", "1")
    assert "figure 3 has no --full version" in fails(capsys, "figure", "3", "--full")
    os.mkfifo("pipe")
    assert "pipe: is not an ordinary file; name another one" in fails(capsys, "run", file, "--out", "pipe", "--force")
    assert "cannot be written (File name too long)" in fails(capsys, "run", file, "--out", "x" * 300)
    assert "cannot be written" in fails(capsys, "run", file, "--out", "/proc/x.nc")
    assert "figure '²': unknown number" in fails(capsys, "figure", "²")


def test_bad_result_files(experiment_file, folder, capsys):
    assert main(["run", str(experiment_file), "--quiet"]) == 0
    capsys.readouterr()
    whole = (folder / "small.nc").read_bytes()
    assert "small.nc: exists already; use --force" in fails(capsys, "run", str(experiment_file))
    (folder / "cut.nc").write_bytes(whole[: len(whole) // 3])
    (folder / "text.nc").write_text("hello")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(folder / "foreign.nc", engine="h5netcdf")
    for verb in ("info", "plot", "resume"):
        assert "cut.nc: is not a NetCDF4/HDF5 file, or is truncated" in fails(capsys, verb, "cut.nc")
        assert "text.nc: is not a NetCDF4/HDF5 file, or is truncated" in fails(capsys, verb, "text.nc")
        assert "foreign.nc: was not written by pysv" in fails(capsys, verb, "foreign.nc")
        assert "absent.nc: no such file" in fails(capsys, verb, "absent.nc")
    (folder / "edited.nc").write_bytes(whole)
    with h5py.File("edited.nc", "a") as edited:
        del edited.attrs["versions"]
    for verb in ("info", "plot", "resume"):
        assert "edited.nc: is damaged (attribute versions is missing or is not a string)" in fails(
            capsys, verb, "edited.nc"
        )
    assert "unknown picture format 'wav'" in fails(capsys, "plot", "small.nc", "--out", "small.wav")
    assert "the folder absent does not exist" in fails(capsys, "plot", "small.nc", "--out", "absent/small.png")
    (folder / "other.toml").write_text(experiment_file.read_text().replace("sites = 30", "sites = 31"))
    assert "small.nc: was made by another experiment; its [device] sites is 30, not 31" in fails(
        capsys, "resume", "small.nc", "--experiment", "other.toml"
    )
    (folder / "rk4.toml").write_text(experiment_file.read_text() + "engine = 'rk4'\n")
    assert "small.nc: was made with Chebyshev" in fails(
        capsys, "resume", "small.nc", "--experiment", "rk4.toml", "--stop", "9"
    )
    assert "stop = nan must be finite" in fails(capsys, "resume", "small.nc", "--stop", "nan")
    assert "is not a whole number of steps" in fails(capsys, "resume", "small.nc", "--stop", "8.3")
    assert "stop = -1 must be at least 1e-06" in fails(capsys, "resume", "small.nc", "--stop", "-1")
    with h5py.File("small.nc", "a") as file:
        del file["checkpoint"]
    assert "small.nc: holds no state to continue from" in fails(capsys, "resume", "small.nc", "--stop", "9")


def test_a_failed_run_has_its_own_exit_code(experiment_file, capsys):
    experiment_file.write_text(experiment_file.read_text() + "engine = 'rk4'\n[evolution.rk4]\ntime_step = 0.5\n")
    assert main(["run", str(experiment_file), "--quiet"]) == 1
    shown = capsys.readouterr()
    assert "pysv: norm drifted by" in shown.err
    assert "Traceback" not in shown.err
    assert pysv.load("small.nc").attrs["status"].startswith("stopped")
