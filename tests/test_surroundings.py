"""Odd surroundings: settings, closed streams, caches, locks, links. A command works, or says what is wrong in one line."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest

import pysv
from pysv.cli import installation, main
from pysv.compute.environment import check_environment
from pysv.engines.chebyshev import Chebyshev
from pysv.errors import InvalidInputError, ResultFileError, reason
from pysv.results import files
from pysv.run.invariants import remedy
from pysv.units import size

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test works in its own folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pysv in a process of its own."""
    own = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pysv", *words], capture_output=True, text=True, env=own, check=False
    )


def in_shell(words: str) -> subprocess.CompletedProcess[str]:
    """Run pysv from a shell, with its redirections."""
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    line = f"{sys.executable} -m pysv {words}"
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=own, check=False)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NUMBA_NUM_THREADS", "0", "NUMBA_NUM_THREADS = '0' in the environment must be a whole number of at least 1"),
        ("NUMBA_NUM_THREADS", "abc", "NUMBA_NUM_THREADS = 'abc' in the environment must be a whole number"),
        ("NUMBA_NUM_THREADS", "²", "must be a whole number"),
        ("TQDM_MININTERVAL", "x", "TQDM_MININTERVAL = 'x' in the environment must be a number (s); correct it"),
    ],
)
def test_settings_that_would_stop_a_library(name, value, sentence, experiment_file, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInputError) as caught:
        check_environment()
    assert sentence in str(caught.value)
    assert main(["run", str(experiment_file), "--quiet"]) == 2
    assert capsys.readouterr().err.startswith(f"pysv: {name} = ")


@pytest.mark.skipif(find_spec("numexpr") is None, reason="only NumExpr minds")
def test_a_number_of_threads_that_numexpr_cannot_read(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    with pytest.raises(InvalidInputError, match="OMP_NUM_THREADS = '4,2' in the environment must be a whole number"):
        check_environment()


def test_settings_that_change_nothing(experiment_file):
    """Uncompiled functions, and windows that are not there."""
    done = command("run", str(experiment_file), "--quiet", NUMBA_DISABLE_JIT="1", MPLBACKEND="foo")
    assert (done.returncode, done.stdout[:18]) == (0, "small.nc: complete"), done.stderr
    done = command("plot", "small.nc", MPLBACKEND="foo")
    assert (done.returncode, done.stdout) == (0, "small.png\n"), done.stderr


@pytest.mark.parametrize("stream", [">/dev/full", "> >(true)", "<&- >&- 2>&-"])
def test_a_complete_run_is_a_success_whoever_listens(stream, experiment_file):
    """The result is a file; only a verb whose result is its output fails with it."""
    ran = in_shell(f"run {experiment_file} --quiet {stream}")
    assert ran.returncode == 0, ran.stderr
    assert pysv.load("small.nc").attrs["status"] == "complete"
    assert "Traceback" not in ran.stderr
    assert "Exception" not in ran.stderr
    if "2>" not in stream and "true" not in stream:
        assert ran.stderr.splitlines()[-1].startswith("pysv: the output cannot be written (")
        assert "but the result is saved: small.nc: complete, 6 fs" in ran.stderr
    if "true" not in stream:  # that process may read before it ends
        told = in_shell(f"info small.nc {stream}")
        assert told.returncode == 1
        assert "Traceback" not in told.stderr


KERNEL = """
from pysv.compute.compiler import compiled
@compiled()
def twice(x):
    return 2 * x
print(twice(21), *twice.stats.cache_hits.values())
"""


@pytest.fixture
def kernel(folder):
    """Calls a compiled function in a process of its own; gives what it prints, and whether it came from the cache."""
    (folder / "kernel.py").write_text(KERNEL)

    def call(limit: int | None = None) -> subprocess.CompletedProcess[str]:
        def bounded():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        own = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder / "cache")}
        return subprocess.run(
            [sys.executable, "kernel.py"], capture_output=True, text=True, env=own, check=True,
            preexec_fn=None if limit is None else bounded,
        )  # fmt: skip

    return call


def test_a_truncated_cache_is_made_anew(kernel, folder):
    assert kernel().stdout == "42\n"
    for kind, share in (("nbi", 0.0), ("nbc", 0.5), ("nbi", 0.95)):
        (cached,) = folder.rglob(f"*.{kind}")
        whole = cached.read_bytes()
        cached.write_bytes(whole[: int(share * len(whole))])
        assert kernel().stdout == "42\n"  # no hit
    again = kernel()
    assert (again.stdout, again.stderr) == ("42 1\n", "")


def test_a_full_disk_costs_the_cache_only(kernel, folder):
    done = kernel(limit=10)
    assert done.stdout == "42\n"
    (sentence,) = [line for line in done.stderr.splitlines() if "KernelCacheWarning" in line]
    assert f"compiled functions cannot be kept in {folder / 'cache'}" in sentence
    assert "(File too large), so that each command compiles them anew; make room there, or name" in sentence


def test_a_locked_file_is_called_locked(experiment_file, capsys):
    assert main(["run", str(experiment_file), "--quiet"]) == 0
    code = "import h5py\nwith h5py.File('small.nc', 'r+'): print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        for verb in ("info", "plot", "resume"):
            assert main([verb, "small.nc"]) == 2
            assert "small.nc: is locked: another program has it open for writing" in capsys.readouterr().err
        other.communicate(b"\n")
    assert main(["info", "small.nc"]) == 0
    with h5py.File("small.nc"):  # readers do not mind each other
        assert main(["info", "small.nc"]) == 0


def refused(capsys, *words: str) -> str:
    """One line and exit code 2."""
    before = sorted(os.listdir("."))
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    shown = capsys.readouterr()
    assert (code, shown.out, shown.err.count("\n"), shown.err[:6]) == (2, "", 1, "pysv: "), shown
    assert sorted(os.listdir(".")) == before
    return shown.err


def test_odd_names_on_the_command_line(experiment_file, capsys):
    file, grid = str(experiment_file), ("--set", "device.sd_exchange=0.1,0.2")
    assert main(["run", file, "--quiet"]) == 0
    capsys.readouterr()
    os.symlink("loop", "loop")
    for words in (
        ("run", file, "--out", ""), ("sweep", file, *grid, "--out", ""), ("plot", "small.nc", "--out", ""),
        ("figure", "3", "--out", ""), ("info", ""), ("run", ""), ("run", "a\0b"),
    ):  # fmt: skip
        assert "is no name of a file or folder; give one" in refused(capsys, *words)
    for words in (("run", file), ("sweep", file, *grid), ("plot", "small.nc")):
        assert "loop: is a loop of symbolic links; name another" in refused(capsys, *words, "--out", "loop")
    assert "unknown variable '../x'" in refused(capsys, "plot", "small.nc", "--var", "../x")
    assert "unknown variable '" + "x" * 50 in refused(capsys, "plot", "small.nc", "--var", "x" * 5000)


def test_odd_values_of_a_sweep(experiment_file, capsys):
    def sentence(text: str) -> str:
        return refused(capsys, "sweep", str(experiment_file), "--quiet", "--set", text)

    assert "sd_exchange = datetime.date(1979, 5, 27) must be a number" in sentence("device.sd_exchange=1979-05-27")
    assert "has a line break or a control character; leave it out" in sentence("device.sd_exchange=0.1\nsites=3")
    assert "has a line break or a control character" in sentence("device.sd_exchange=0.1\x1b[2J")
    assert "has lists too deep in each other" in sentence("device.sd_exchange=" + "[" * 50_000)
    assert len(sentence("device.sd_exchange=" + "9" * 100_000)) < 600
    assert len(sentence("device." + "x" * 100_000 + "=1")) < 600


def test_numpy_scalars_in_a_sweep(small):
    grid = {
        "device.sites": np.array([30, 31]),
        "source.spin": ["up", (np.float64(0.3), np.float32(0.0))],
        "device.sd_exchange": [np.float32(0.5)],
    }
    short = pysv.Experiment(device=small.device, source=small.source, times=pysv.times(stop=1, step=1))
    done = pysv.sweep(short, grid, progress=False)
    assert [point.settings["device.sites"] for point in done.points] == [30, 30, 31, 31]
    assert done.points[1].settings["source.spin"] == [0.3, 0.0]
    assert all(type(value) is int for value in (point.settings["device.sites"] for point in done.points))


def test_momenta_beyond_the_digits():
    with pytest.raises(InvalidInputError, match=r"momenta\[1\] = 1e\+308 must be at most 1e\+06 \(rad per site\)"):
        pysv.Record(momenta=(0.5, 1e308))
    with pytest.raises(InvalidInputError, match=r"momenta\[0\] = -1e\+308 must be at least -1e\+06"):
        pysv.Record(momenta=(-1e308,))


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (MemoryError(), 2, "the memory is exhausted; end other programs, or take fewer spins, sites or snapshots"),
        (np._core._exceptions._ArrayMemoryError((10**6, 10**6), np.dtype(float)), 2, "Unable to allocate 7.28 TiB"),
        (
            ZeroDivisionError("float division by zero"),
            1,
            "a.toml: a number is beyond what the arithmetic can do (float",
        ),
        (OverflowError(34, "Numerical result out of range"), 1, "look for a value at the end of its range, which"),
        (FloatingPointError(), 1, "(an error of the kind FloatingPointError); look"),
        (np.linalg.LinAlgError("SVD did not converge"), 1, "a.toml: a matrix cannot be diagonalised or inverted (SVD"),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "/x/y: Permission denied"),
        (ResultFileError("a: b"), 2, "a: b"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_that_nobody_foresaw(error, code, sentence, monkeypatch, capsys):
    def fail(path):
        raise error

    monkeypatch.setattr("pysv.config.read", fail)
    assert main(["run", "a.toml"]) == code
    shown = capsys.readouterr().err
    assert shown.startswith("pysv: ")
    assert shown.count("\n") == 1
    assert sentence in shown


def test_warnings_of_libraries_are_put_into_a_sentence(monkeypatch, capsys):
    def verb(options):
        warnings.warn_explicit("overflow encountered in exp", RuntimeWarning, "/x/entropy.py", 31)
        return 0

    monkeypatch.setattr(installation, "_engines", verb)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["engines"]) == 0
    assert capsys.readouterr().err == (
        "pysv: entropy.py, line 31, warns of 'overflow encountered in exp'; the results hold unless they look wrong, "
        "and then a bug report should quote this line\n"
    )


def test_what_is_said_is_true():
    assert size(1_380_000) == "1.38 MB"
    assert size(0) == "0 B"
    assert remedy(Chebyshev(), resumed=False) == "take a smaller tolerance, or another engine"
    assert remedy(pysv.RK4(), resumed=False) == "take a smaller time_step, or another engine"
    assert remedy(pysv.RK4(), resumed=True).startswith("make the run again from its start, since the state in its file")
    assert reason(KeyboardInterrupt()) == "a second Ctrl-C ended it at once"
    assert reason(ValueError("a\n b")) == "a b"


def test_a_full_disk_is_named_in_readable_units(folder, monkeypatch):
    class Usage:
        free = 0

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    with pytest.raises(ResultFileError, match=r"needs 1.38 MB on a disk with 0 B free; make room"):
        files.check_room(folder / "a.nc", 1_380_000)


def test_no_sentence_fills_the_screen(capsys):
    assert main(["run", "x" * 100_000]) == 2
    assert len(capsys.readouterr().err) < 2100
