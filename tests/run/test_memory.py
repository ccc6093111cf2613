"""The memory that is left: control groups of both versions, nested; limits of the process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pysv.run.memory import available_memory, control_group_rooms
from pysv.units import duration

ROOT = Path(__file__).parents[2]
NO_LIMIT = 9223372036854771712
"""What version 1 writes where there is no limit."""


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n")


def rooms(tmp_path, groups):
    (tmp_path / "cgroup").write_text(groups)
    return sorted(control_group_rooms(tmp_path / "cgroup", tmp_path / "fs"))


def test_nested_groups_of_version_2(tmp_path):
    """A step of SLURM: the job above it has the limit."""
    top = tmp_path / "fs"
    write(top / "slurm", memory_max=8_000, memory_high="max", memory_current=1_000)
    write(top / "slurm" / "job", memory_max=3_000, memory_high=2_500, memory_current=900)
    write(top / "slurm" / "job", memory_stat="anon 5\ninactive_file 200\nactive_file 7")
    write(top / "slurm" / "job" / "step", memory_max="max", memory_high="max", memory_current=800)
    assert rooms(tmp_path, "0::/slurm/job/step\n") == [2_500 - 700, 3_000 - 700, 7_000]


def test_the_root_group_of_a_container(tmp_path):
    """Its own group is the root of the mount; the path is that of the host."""
    write(tmp_path / "fs", memory_max=1_000, memory_current=400)
    assert rooms(tmp_path, "0::/\n") == [600]
    assert rooms(tmp_path, "0::/docker/0123\n") == [600]
    assert rooms(tmp_path, "0::/../other\n") == [600]


def test_groups_of_version_1(tmp_path):
    memory = tmp_path / "fs" / "memory"
    for group, limit, used in (
        ("", NO_LIMIT, 9_000),
        ("slurm/uid_1", 5_000, 3_000),
        ("slurm/uid_1/job_2", 4_000, 2_500),
    ):
        folder = memory / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
        (folder / "memory.usage_in_bytes").write_text(f"{used}\n")
        (folder / "memory.stat").write_text("cache 77\ntotal_inactive_file 500\n")
    listed = "4:cpu,cpuacct:/x\n3:memory:/slurm/uid_1/job_2\n1:name=systemd:/\n0::/\n"
    assert rooms(tmp_path, listed)[:2] == [2_000, 2_500]
    assert len(rooms(tmp_path, listed)) == 3


@pytest.mark.parametrize("groups", ["", "nonsense\n", "0::/\n", "3:memory:/a\n"])
def test_no_limits(tmp_path, groups):
    assert rooms(tmp_path, groups) == []


def test_a_system_without_control_groups(tmp_path):
    assert list(control_group_rooms(tmp_path / "absent", tmp_path)) == []


def test_damaged_files_are_no_limits(tmp_path):
    write(tmp_path / "fs", memory_max="many", memory_current=4)
    assert rooms(tmp_path, "0::/\n") == []
    write(tmp_path / "fs", memory_max=10, memory_current=4, memory_stat="\ninactive_file")
    assert rooms(tmp_path, "0::/\n") == [6]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("which", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_limits_of_the_process(which):
    code = (
        "import resource, psutil; from pysv.run.memory import available_memory\n"
        "now = psutil.Process().memory_info()\n"
        f"taken = now.vms if {which!r} == 'RLIMIT_AS' else now.data\n"
        f"resource.setrlimit(resource.{which}, (taken + 300_000_000, -1))\n"
        "print(available_memory())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 250_000_000 < int(shown) <= 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize(
    ("stop", "step", "code", "sentence"),
    [
        (2, 1, 0, ""),
        (400, 0.01, 2, r"pysv: run\.toml: the run needs \S+ GB \(.*, the limit is 1\.\d+ GB \(90% of .*\n"),
    ],
)
def test_a_command_within_a_limit_of_its_address_space(tmp_path, stop, step, code, sentence):
    """Each density matrix of 3+3 spins takes 66 kB, 40,001 of them more than there is room for."""
    (tmp_path / "run.toml").write_text(
        "[device]\nsites = 40\npolarizer = [15, 17]\nanalyzer = [21, 23]\n[source]\ncenter = 8\nmomentum_spread = 0.9\n"
        f"[record]\ndensity_matrix = true\n[evolution]\nstop = {stop}\nstep = {step}\n"
    )
    own = (
        "import resource, sys, psutil, pysv.run.solve\nfrom pysv.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2_000_000_000, -1))\n"
        "sys.exit(main(['run', 'run.toml', '--quiet']))"
    )
    line, environment = [sys.executable, "-c", own], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == code, done.stderr
    assert re.fullmatch(sentence, done.stderr)


def test_the_least_counts(monkeypatch):
    monkeypatch.setattr("pysv.run.memory.control_group_rooms", lambda: iter([10**15, 12_345]))
    assert available_memory() == 12_345
    monkeypatch.setattr("pysv.run.memory.control_group_rooms", lambda: iter([-5]))
    assert available_memory() == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1e-5, "less than 0.01 s"),
        (0.04, "0.04 s"),
        (1.234, "1.2 s"),
        (89, "89 s"),
        (100, "1.7 min"),
        (5000, "83 min"),
        (3600 * 30, "30 h"),
        (86400 * 3, "3 days"),
        (86400 * 400, "400 days"),
        (1.37e4 * 86400, "38 years"),
        (1e10, "320 years"),
        (1e300, "more than 10,000 years"),
    ],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
