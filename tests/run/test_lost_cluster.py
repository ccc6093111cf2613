"""Clusters that are lost in the middle of a sweep: one sentence, and what was finished is kept."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import pysv
from pysv.errors import DaskUnavailableError
from pysv.run import dask

ROOT = Path(__file__).parents[2]
GRID = {"device.sd_exchange": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
CLUSTER = """
import sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.readline()
        cluster.scale(0)
        time.sleep(600)
"""


@pytest.fixture
def cluster(tmp_path):
    """A cluster of one worker in processes of its own; a line to it takes the worker away."""
    (tmp_path / "cluster.py").write_text(CLUSTER)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "cluster.py"], cwd=tmp_path, text=True, env=own, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("lost", ["scheduler", "workers"])
def test_what_was_finished_is_kept(lost, small, cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "LOST", 1.5)
    longer = dataclasses.replace(small, times=pysv.times(stop=400, step=1))
    folder = tmp_path / "sweep"
    address = cluster.stdout.readline().strip()

    def lose() -> None:
        while not (folder / "device.sd_exchange=0.1.nc").exists():
            time.sleep(0.01)
        if lost == "scheduler":
            cluster.kill()
        else:
            cluster.stdin.write("\n")
            cluster.stdin.flush()

    killer = threading.Thread(target=lose)
    killer.start()
    sentence = {"scheduler": "the Dask scheduler was lost", "workers": "the Dask cluster has had no workers for 1.5 s"}
    with pytest.raises(DaskUnavailableError, match=sentence[lost]) as caught:
        pysv.sweep(longer, GRID, progress=False, dask=address, out=folder)
    killer.join()
    assert "run the same command again: results that files keep are not computed again" in str(caught.value)
    kept = sorted(path.name for path in folder.glob("*.nc"))
    assert kept[0] == "device.sd_exchange=0.1.nc"
    assert len(kept) < 6
