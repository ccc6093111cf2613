"""A check of the installation: what a bug report needs, and a small run against a dense solution."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil

from pysv import team
from pysv.about import versions
from pysv.device import SpinValve
from pysv.engines import readiness
from pysv.experiment import Experiment
from pysv.initial import pure_runs
from pysv.needs import available_memory, size
from pysv.source import WavePacket
from pysv.units import HBAR

OTHERS = ("juliacall", "dask", "distributed", "imageio-ffmpeg")
SETTINGS = ("NUMBA_", "OMP_", "OPENBLAS_", "MKL_", "JULIA_", "PYTHON_JULIACALL_")
"""Beginnings of the names of environment variables that change how pysv runs."""


def examine() -> tuple[bool, str]:
    """Examine this installation.

    Returns
    -------
    healthy : bool
        Whether a small Chebyshev run agrees with dense diagonalisation to 1e-9.
    report : str
        Versions, system, processors, memory, BLAS, Julia, what is optional, settings in the environment, engines.
    """
    begun = time.monotonic()
    error = self_check()
    seconds = time.monotonic() - begun
    healthy = error < 1e-9
    ready = sorted({row.engine for row in readiness() if row.ready})
    facts = {
        **versions(),
        "installed in": str(Path(__file__).parent),
        "system": platform.platform(),
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} usable",
        "threads": f"{team.largest()} of pysv's kernels",
        "memory": f"{size(available_memory())} available of {size(psutil.virtual_memory().total)}",
        "BLAS": ", ".join(_blas()),
        "Julia": _julia(),
        "others": ", ".join(f"{name} {version}" for name, version in _others().items()),
        "environment": ", ".join(_settings()) or "no setting that concerns pysv",
        "engines": f"{', '.join(ready)} ready (see `pysv engines`)",
        "self-check": ("passed" if healthy else "FAILED")
        + f": distance from dense diagonalisation {error:.0e}, {seconds:.1f} s with the compilation of kernels",
    }
    width = max(map(len, facts))
    return healthy, "\n".join(f"{name:<{width}} {value}" for name, value in facts.items())


def processor() -> str:
    """The processor's own name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _others() -> dict[str, str]:
    """Versions of what only some runs need."""
    found = {}
    for name in OTHERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def _settings() -> list[str]:
    """Environment variables that change threads, caches or Julia."""
    return [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)]


def _blas() -> list[str]:
    """The BLAS libraries of this process and the processor that each believes to run on."""
    from threadpoolctl import threadpool_info

    return [
        f"{found['internal_api']} {found['version']}, {found.get('architecture', 'unknown')} kernels, "
        f"{found['num_threads']} threads"
        for found in threadpool_info()
        if found["user_api"] == "blas"
    ]


def _julia() -> str:
    from pysv import julia

    found = julia.status()
    if not found["state"].startswith("ready"):
        return found["state"]
    return f"{found['Julia']}, {found['threads']} threads, ready (see `pysv julia status`); {found['BLAS']}"


def self_check(backend: str = "python") -> float:
    """Largest distance ‖ψ − ψ_dense‖ of a Chebyshev run of 5 fs on 8 sites with 1+2 spins."""
    from pysv.engines.chebyshev import Chebyshev

    device = SpinValve(sites=8, polarizer=(3, 3), analyzer=(5, 6))
    runs = pure_runs(Experiment(device=device, source=WavePacket(center=3, momentum_spread=1.2)))
    engine = Chebyshev().start(runs, backend)
    engine.advance(5.0)
    worst = 0.0
    for run, part in zip(runs, engine.snapshot().parts, strict=True):
        flat = run.hamiltonian.layout.flat
        energies, states = np.linalg.eigh(run.hamiltonian.sparse().toarray())
        exact = states @ (np.exp(-1j * energies * 5.0 / HBAR) * (states.T @ flat(run.psi).ravel()))
        worst = max(worst, float(np.linalg.norm(flat(part.psi).ravel() - exact)))
    return worst
