"""The job scripts of docs/cluster.md do what the page says, with a stand-in for SLURM's commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mpihome import MPIRUN, needs_mpi

import pysv

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
SRUN = """#!{python}
import os, signal, subprocess, sys, time
process = subprocess.Popen(sys.argv[1:])
def catches_sigterm():
    masks = [line.split()[1] for line in open(f"/proc/{{process.pid}}/status") if line.startswith("SigCgt")]
    return int(masks[0], 16) >> (signal.SIGTERM - 1) & 1
if os.environ["LIMIT"]:  # what SLURM's --signal does: SIGTERM to the step, not to the script
    while process.poll() is None and not catches_sigterm():
        time.sleep(0.05)
    time.sleep(float(os.environ["LIMIT"]))
    process.send_signal(signal.SIGTERM)
sys.exit(process.wait())
"""


def prepared(folder: Path, first_option: str, srun: str) -> dict[str, str]:
    """Write a script of the page and the commands that it calls; returns the environment that knows them."""
    pattern = rf"^```bash\n(#!/bin/bash\n#SBATCH {first_option}.*?)^```$"
    (script,) = re.findall(pattern, PAGE.read_text("utf-8"), re.M | re.S)
    (folder / "job.sh").write_text(script)
    commands = {
        "srun": srun,
        "scontrol": '#!/bin/bash\necho "$@" >> requeued\n',
        "pysv": f'#!/bin/bash\nexec {sys.executable} -W ignore -m pysv "$@"\n',
    }
    (folder / "bin").mkdir()
    for name, text in commands.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(PAGE.parents[1])}


@pytest.fixture
def job(tmp_path):
    """Runs the array job's script for task 2, and gives its exit code and what it asked SLURM for."""
    known = prepared(tmp_path, "--job-name", SRUN.format(python=sys.executable))

    def run(limit: str) -> list[str]:
        own = known | {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_JOB_ID": "77", "LIMIT": limit}
        command = ["bash", "job.sh"]
        subprocess.run(command, cwd=tmp_path, env=os.environ | own, capture_output=True, timeout=120, check=False)
        asked = tmp_path / "requeued"
        return asked.read_text().splitlines() if asked.exists() else []

    return run


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_an_array_job_is_requeued_when_its_time_is_over_and_goes_on(job, tmp_path):
    (tmp_path / "run-2.toml").write_text(
        "[device]\nsites = 30\npolarizer = [8, 9]\nanalyzer = [12, 14]\n"
        "[source]\ncenter = 5\nmomentum_spread = 0.9\n[evolution]\nstop = 1500\nstep = 0.5\n"
    )
    limit, count = 1.0, 0
    for requeued in range(1, 12):  # a signal before the first snapshot leaves no file, and the task begins anew
        assert job(limit=str(limit)) == ["requeue 77_2"] * requeued
        if (tmp_path / "run-2.nc").exists():
            stopped = pysv.load(tmp_path / "run-2.nc")
            assert stopped.attrs["status"] == "interrupted"
            count = stopped.time.size
        if count > 1:
            break
        limit *= 1.4
    assert 1 < count < 3001
    assert job(limit="") == ["requeue 77_2"] * requeued  # not once more
    assert pysv.load(tmp_path / "run-2.nc").attrs["status"] == "complete"


@needs_mpi
def test_a_job_of_several_ranks_runs_and_goes_on(tmp_path):
    srun = f'#!/bin/bash\n[ "$1" = --mpi=pmix ] && exec {MPIRUN} -n 2 "${{@:3}}"\n'
    own = os.environ | prepared(tmp_path, "--nodes=4", srun) | {"SLURM_CPUS_PER_TASK": "1"}
    device = (
        "[device]\nsites = 30\npolarizer = [8, 9]\nanalyzer = [12, 14]\n[source]\ncenter = 5\nmomentum_spread = 0.9\n"
    )
    (tmp_path / "large.toml").write_text(device + "[evolution]\nstop = 3\n")
    for _ in range(2):  # a run, and a resume of what is complete
        subprocess.run(["bash", "job.sh"], cwd=tmp_path, env=own, capture_output=True, timeout=120, check=True)
        done = pysv.load(tmp_path / "large.nc")
        assert (done.attrs["status"], done.attrs["ranks"]) == ("complete", 2)
