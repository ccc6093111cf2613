"""The benchmark runs; what it measures is not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "one_electron.py"


@pytest.mark.filterwarnings("ignore")
def test_the_benchmark_runs_to_its_end():
    command = [sys.executable, str(SCRIPT), "--repeat", "1", "--stop", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    for line in ("pysv chebyshev", "QuTiP adams", "all measures of one 4+4 snapshot", "pysv figure 3"):
        assert line in done.stdout
