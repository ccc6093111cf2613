"""A check of the installation: versions, processors, memory, kernels, and a small run against a dense solution."""

from __future__ import annotations

import os
import time

import numpy as np

from pysv.about import versions
from pysv.device import SpinValve
from pysv.engines import readiness
from pysv.experiment import Experiment
from pysv.initial import pure_runs
from pysv.needs import available_memory, size
from pysv.source import WavePacket
from pysv.units import HBAR


def examine() -> tuple[bool, str]:
    """Examine this installation.

    Returns
    -------
    healthy : bool
        Whether a small Chebyshev run agrees with dense diagonalisation to 1e-9.
    report : str
    """
    begun = time.monotonic()
    error = self_check()
    seconds = time.monotonic() - begun
    healthy = error < 1e-9
    ready = sorted({row.engine for row in readiness() if row.ready})
    lines = [
        *(f"{name:<12} {version}" for name, version in versions().items()),
        f"{'processors':<12} {len(os.sched_getaffinity(0))}",
        f"{'memory':<12} {size(available_memory())} available",
        f"{'BLAS':<12} {', '.join(_blas())}",
        f"{'Julia':<12} {_julia()}",
        f"{'engines':<12} {', '.join(ready)} ready (see `pysv engines`)",
        f"{'self-check':<12} "
        + ("passed" if healthy else "FAILED")
        + f": distance from dense diagonalisation {error:.0e}, {seconds:.1f} s with the compilation of kernels",
    ]
    return healthy, "\n".join(lines)


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
