"""Where the tests find mpirun and mpi4py, as a user's pysv does."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

_BESIDE = Path(sys.executable).parent / "mpirun"
MPIRUN = str(_BESIDE) if _BESIDE.exists() else shutil.which("mpirun")
_LACKING = "mpi4py" if importlib.util.find_spec("mpi4py") is None else None if MPIRUN else "mpirun"
needs_mpi = pytest.mark.skipif(_LACKING is not None, reason=f"{_LACKING} is not here: pip install mpi4py mpich")
