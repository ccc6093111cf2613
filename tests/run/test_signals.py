"""Ctrl-C, SIGTERM and SIGHUP at any moment of any verb: a saved state, exit code 130, nothing forgotten."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

import pysv
from pysv import figures
from pysv.cli import main
from pysv.engines._pure_states import PureStateEngine
from pysv.engines._trajectory_engine import TrajectoriesEngine
from pysv.figures.planned import PlannedRun
from pysv.run import interrupt
from pysv.run.convergence import convergence

ALL = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test works in its own folder, with the signals of a terminal, and finds its handlers again."""
    monkeypatch.chdir(tmp_path)
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield tmp_path
    found = [signal.getsignal(number) for number in usual]
    for number, handler in usual.items():
        signal.signal(number, handler)
    assert found == [signal.default_int_handler, usual[signal.SIGTERM], signal.SIG_DFL]


@pytest.fixture
def during(monkeypatch):
    """Sends signals while an engine advances to a time; every later advance is counted."""
    later = []

    def arrange(when: float, *numbers: int, pause: float = 0.0, engine: type = PureStateEngine) -> list[float]:
        usual, sent = engine.advance, []

        def advance(self, time_asked):
            usual(self, time_asked)
            if sent:
                later.append(time_asked)
            if time_asked == when and not sent:
                sent.append(time_asked)
                for number in numbers:
                    signal.raise_signal(number)
                    time.sleep(pause)

        monkeypatch.setattr(engine, "advance", advance)
        return later

    return arrange


@ALL
def test_a_run_is_saved_and_goes_on(number, experiment_file, during, capsys):
    assert main(["run", str(experiment_file), "--quiet", "--out", "whole.nc"]) == 0
    later = during(2.0, number)
    assert main(["run", str(experiment_file), "--quiet"]) == 130
    assert later == []
    shown = capsys.readouterr()
    assert "small.nc: stopped at 2 fs" in shown.out
    assert "stopping after the present snapshot" in shown.err
    assert pysv.load("small.nc").attrs["status"] == "interrupted"
    assert main(["resume", "small.nc", "--quiet"]) == 0
    np.testing.assert_allclose(pysv.load("small.nc").spin_z, pysv.load("whole.nc").spin_z, atol=1e-12)


def test_a_signal_in_the_last_interval_of_a_single_run_changes_nothing(experiment_file, during):
    during(6.0, signal.SIGTERM)
    assert main(["run", str(experiment_file), "--quiet"]) == 0
    assert pysv.load("small.nc").attrs["status"] == "complete"


@ALL
def test_a_sweep_remembers_a_signal_in_the_last_interval_of_a_point(number, experiment_file, during, capsys):
    command = ["sweep", str(experiment_file), "--quiet", "--set", "device.sd_exchange=0.1,0.2,0.3"]
    later = during(6.0, number)
    assert main(command) == 130
    assert later == []  # no other point was begun
    assert sorted(os.listdir("small-sweep")) == ["device.sd_exchange=0.1.nc", "sweep.json"]
    assert "run the same command again to compute the missing points" in capsys.readouterr().err
    assert main(command) == 0
    assert later.count(6.0) == 2  # the first point is not computed again


def test_a_sweep_in_python_remembers_it_too(small, during):
    later = during(6.0, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        pysv.sweep(small, {"device.sd_exchange": [0.1, 0.2]}, progress=False)
    assert later == []


def test_batches_remember_it(experiment_file, during):
    text = experiment_file.read_text() + "engine = 'trajectories'\n[evolution.trajectories]\nntraj = 8\n"
    experiment_file.write_text(text + "target_error = 1e-9\n[bath]\n")
    later = during(6.0, signal.SIGTERM, engine=TrajectoriesEngine)
    assert main(["run", str(experiment_file), "--quiet"]) == 130
    assert later == []
    assert sorted(os.listdir("small.nc.parts")) == ["0000.nc", "run.toml"]


def test_a_figure_remembers_it(small, folder, during, monkeypatch, capsys):
    needed = {"a": PlannedRun(small), "b": PlannedRun(small, "rk4")}
    monkeypatch.setattr(figures.catalog, "runs", lambda *_: needed)
    later = during(6.0, signal.SIGTERM)
    assert main(["figure", "3", "--quiet"]) == 130
    assert later == []
    assert os.listdir(folder) == []
    assert capsys.readouterr().err.splitlines()[-1] == "pysv: stopped by SIGTERM"


@ALL
def test_outside_the_time_loop_it_ends_at_once(number, experiment_file, folder, monkeypatch, capsys):
    monkeypatch.setattr("pysv.run.solve.warn", lambda *given: signal.raise_signal(number))
    assert main(["run", str(experiment_file), "--quiet"]) == 130
    assert capsys.readouterr().err == f"pysv: stopped by {number.name}\n"
    assert os.listdir(folder) == ["small.toml"]


def test_a_second_ctrl_c_keeps_the_record(experiment_file, during):
    during(2.0, signal.SIGINT, signal.SIGINT)
    assert main(["run", str(experiment_file), "--quiet"]) == 130
    kept = pysv.load("small.nc")
    assert kept.attrs["status"] == "stopped: a second signal (SIGINT) ended it at once"
    assert kept.time.values.tolist() == [0.0, 0.5, 1.0, 1.5]  # the snapshot at 2 fs was not measured


def test_what_sends_a_signal_twice_means_it_once(experiment_file, during):
    during(2.0, signal.SIGTERM, signal.SIGTERM, signal.SIGHUP)
    assert main(["run", str(experiment_file), "--quiet"]) == 130
    assert pysv.load("small.nc").attrs["status"] == "interrupted"


def test_a_second_sigterm_after_a_while_is_obeyed(experiment_file, during, monkeypatch):
    monkeypatch.setattr(interrupt, "SAME", 0.01)
    during(2.0, signal.SIGTERM, signal.SIGTERM, pause=0.05)
    assert main(["run", str(experiment_file), "--quiet"]) == 130
    assert pysv.load("small.nc").attrs["status"].startswith("stopped: a second signal (SIGTERM)")


def test_nohup_is_respected(experiment_file, during):
    during(2.0, signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["run", str(experiment_file), "--quiet"]) == 0
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_comparison_stops_after_the_present_variant(monkeypatch):
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=9, polarizer=(4, 4), analyzer=(7, 7)),
        source=pysv.WavePacket(center=4, momentum_spread=2.0, spin="up"),
        times=pysv.times(stop=1, step=0.5),
    )
    usual, made = pysv.solve, []

    def solve(*words, **more):
        made.append(usual(*words, **more))
        if len(made) == 2:
            with interrupt.CtrlC(lambda text: None):  # as if in its last interval
                signal.raise_signal(signal.SIGTERM)
        return made[-1]

    monkeypatch.setattr("pysv.run.solve.solve", solve)
    found = convergence(experiment, pysv.TDMRG(min_bond=2, max_bond=16), progress=False)
    assert list(found.variants) == ["half the time step"]


LONG = """
[device]
sites = 30
polarizer = [8, 9]
analyzer = [12, 14]
[source]
center = 5
momentum_spread = 0.9
[evolution]
stop = 5000
step = 0.5
"""


def command(*words: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "pysv", *words]


def wait_for_the_loop(read) -> None:
    """Until the progress bar has left 0 fs."""
    seen = ""
    while not re.search(r"\| *[1-9][\d.]*/5000 fs", seen):
        piece = read()
        assert piece, seen
        seen += piece.decode(errors="replace")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_process_is_ended_with_130(number, folder):
    (folder / "long.toml").write_text(LONG)
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command("run", "long.toml"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=own) as run:
        wait_for_the_loop(lambda: os.read(run.stderr.fileno(), 1000))
        run.send_signal(number)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert b"continue with `pysv resume long.nc`" in out
    assert pysv.load("long.nc").attrs["status"] == "interrupted"


def test_a_terminal_that_closes_costs_nothing(folder):
    """The terminal sends SIGHUP, and whatever is written to it afterwards fails."""
    (folder / "long.toml").write_text(LONG)
    process, terminal = pty.fork()
    if not process:
        termios.tcsetwinsize(0, (24, 100))  # the progress bar needs some room
        os.execve(sys.executable, command("run", "long.toml"), os.environ | {"PYTHONPATH": str(ROOT)})
    wait_for_the_loop(lambda: os.read(terminal, 1000))
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert pysv.load("long.nc").attrs["status"] == "interrupted"


def test_before_anything_is_imported_it_ends_with_130(folder):
    """Even inside `exec`, after which Python would kill itself with SIGINT."""
    code = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "numpy":
            exec("os.kill(os.getpid(), signal.SIGTERM)")
sys.meta_path.insert(0, Finder)
from pysv.cli import main
sys.exit(main())
"""
    (folder / "long.toml").write_text(LONG)
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, "run", "long.toml"], capture_output=True, env=own, check=False)
    assert (done.returncode, done.stderr) == (130, b"pysv: stopped by SIGTERM\n")


def test_after_the_last_word_it_changes_nothing():
    """What is done is done: the exit code is that of the command."""
    code = "import atexit, os, signal, sys\natexit.register(os.kill, os.getpid(), signal.SIGTERM)\n"
    code += "from pysv.cli import main\nsys.exit(main())"
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, "keys", "bath"], capture_output=True, env=own, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"temperature" in done.stdout
