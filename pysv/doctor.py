"""Check of the installation: facts for a bug report, and a small run compared with dense diagonalisation."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil

from pysv.compute import thread_pool
from pysv.compute.caches import open_to_others
from pysv.compute.environment import processor
from pysv.engines import readiness
from pysv.errors import JuliaUnavailableError
from pysv.experiment import Experiment
from pysv.experiment.device import SpinValve
from pysv.experiment.source import WavePacket
from pysv.julia import session, setup
from pysv.results.summary import printable
from pysv.results.versions import versions
from pysv.run.memory import available_memory
from pysv.sectors.cuda import device
from pysv.sectors.numba.row_operator import apply_rows
from pysv.sectors.pure_run import pure_runs
from pysv.sectors.state import PureMixture
from pysv.units import HBAR, size

OTHERS = ("numba-cuda", "mpi4py", "juliacall", "dask", "distributed", "cryptography", "imageio-ffmpeg")
SETTINGS = ("NUMBA_", "CUDA_", "OMP_", "OPENBLAS_", "MKL_", "MPL", "JULIA_", "PYTHON_JULIACALL_", "PYTHON_JULIAPKG_")
"""Prefixes of the environment variables that change how pysv runs."""
SHOWN = {
    "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES",
    "NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY", "NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_DEBUG",
    "NUMBA_ENABLE_AVX", "NUMBA_ENABLE_CUDASIM", "NUMBA_CUDA_DRIVER", "CUDA_VISIBLE_DEVICES", "CUDA_HOME",
    "OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "OMP_DYNAMIC", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "MKL_NUM_THREADS", "MKL_DYNAMIC", "MPLCONFIGDIR", "MPLBACKEND", "JULIA_NUM_THREADS", "JULIA_DEPOT_PATH",
    "JULIA_PROJECT", "JULIA_LOAD_PATH", "JULIA_CPU_TARGET", "JULIA_EXCLUSIVE", "JULIA_PKG_SERVER",
    "JULIA_PKG_OFFLINE", "JULIA_PKG_USE_CLI_GIT", "JULIA_PKG_PRECOMPILE_AUTO", "PYTHON_JULIACALL_EXE",
    "PYTHON_JULIACALL_PROJECT", "PYTHON_JULIACALL_THREADS", "PYTHON_JULIACALL_HANDLE_SIGNALS",
    "PYTHON_JULIACALL_OPTIMIZE", "PYTHON_JULIACALL_SYSIMAGE", "PYTHON_JULIAPKG_EXE", "PYTHON_JULIAPKG_PROJECT",
    "PYTHON_JULIAPKG_OFFLINE",
}  # fmt: skip
"""Those whose values are no secrets; of the others the report, which goes to others, says that they are set."""


def examine() -> tuple[bool, str]:
    """Examine this installation.

    Returns
    -------
    healthy : bool
        Whether a small Chebyshev run agrees with dense diagonalisation to 1e-9.
    report : str
        Versions, system, processors, memory, BLAS, Julia, CUDA, optional packages, environment variables, engines.
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
        "threads": f"{thread_pool.largest()} for pysv's kernels",
        "memory": f"{size(available_memory())} available of {size(psutil.virtual_memory().total)}",
        "BLAS": ", ".join(_blas()),
        "Julia": _julia(),
        "CUDA": device.report(),
        "others": ", ".join(f"{name} {version}" for name, version in _others().items()),
        "caches": "; ".join(_caches()),
        "environment": ", ".join(_settings()) or "no setting that concerns pysv",
        "engines": f"{', '.join(ready)} ready (see `pysv engines`)",
        "self-check": ("passed" if healthy else "FAILED")
        + f": distance from dense diagonalisation {error:.0e}, {seconds:.1f} s including compilation",
    }
    width = max(map(len, facts))
    return healthy, "\n".join(f"{name:<{width}} {value}" for name, value in facts.items())


def _others() -> dict[str, str]:
    """Versions of the packages that only some runs need."""
    found = {}
    for name in OTHERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def _settings() -> list[str]:
    """Environment variables that change threads, caches or Julia."""
    return [
        f"{printable(name)}={public(value)}" if name in SHOWN else f"{printable(name)} is set"
        for name, value in sorted(os.environ.items())
        if name.startswith(SETTINGS)
    ]


def public(value: str) -> str:
    """The value of a setting as it may be shown: without control characters, names, passwords and tokens in URLs."""
    without_names = re.sub(r"(?<=://)[^\s;,]*@", "***@", printable(value))
    return re.sub(r"(://[^\s;,?#]*[?#])[^\s;,]*", r"\1***", without_names)


def _caches() -> list[str]:
    """Folders of compiled kernels and of matplotlib's settings, and whether others can write there."""
    import matplotlib

    kernels = getattr(getattr(apply_rows, "_cache", None), "cache_path", None)
    folders = {"kernels": kernels, "matplotlib": matplotlib.get_cachedir()}
    said = []
    for name, folder in folders.items():
        reason = open_to_others(Path(folder)) if folder else None
        said.append(
            f"{name} in {folder or 'no folder'}"
            + (
                f" (WARNING: {reason}, and what lies there is run; name a private folder, see docs/cluster.md)"
                * bool(reason)
            )
        )
    return said


def _blas() -> list[str]:
    """BLAS libraries of this process, each with the type of processor that it has detected."""
    from threadpoolctl import threadpool_info

    return [
        f"{found['internal_api']} {found['version']}, {found.get('architecture', 'unknown')} kernels, "
        f"{found['num_threads']} threads"
        for found in threadpool_info()
        if found["user_api"] == "blas"
    ]


def _julia() -> str:
    found = julia_status()
    if not found["state"].startswith("ready"):
        return found["state"]
    tdmrg = "tdmrg, too" if found["tdmrg"].startswith("ready") else "but not tdmrg"
    return f"{found['Julia']}, {found['threads']} threads, ready, {tdmrg} (see `pysv julia status`); {found['BLAS']}"


def self_check(backend: str = "python") -> float:
    """Largest ‖ψ − ψ_dense‖ of a Chebyshev run of 5 fs on 8 sites with 1+2 spins."""
    from pysv.engines.chebyshev import Chebyshev

    device = SpinValve(sites=8, polarizer=(3, 3), analyzer=(5, 6))
    runs = pure_runs(Experiment(device=device, source=WavePacket(center=3, momentum_spread=1.2)))
    engine = Chebyshev().start(runs, backend)
    engine.advance(5.0)
    worst = 0.0
    state = engine.snapshot().state
    assert isinstance(state, PureMixture)
    for run, part in zip(runs, state.parts, strict=True):
        flat = run.hamiltonian.layout.flat
        energies, states = np.linalg.eigh(run.hamiltonian.sparse().toarray())
        exact = states @ (np.exp(-1j * energies * 5.0 / HBAR) * (states.T @ flat(run.psi).ravel()))
        worst = max(worst, float(np.linalg.norm(flat(part.psi).ravel() - exact)))
    return worst


def set_up_julia(say: Callable[[str], None], *, tdmrg: bool = False) -> dict[str, str]:
    """Install, resolve, compile and check everything that the Julia backend needs.

    Parameters
    ----------
    say : callable
        Called with a sentence for each step.
    tdmrg : bool
        Whether to install ITensors and ITensorMPS, too, which `tdmrg` needs. Where they are, they are always compiled.

    Returns
    -------
    dict of str
        See `julia_status`.

    Raises
    ------
    JuliaUnavailableError
    """
    here = setup.home()
    say(f"Julia project: {here.project}" + (f", Julia: {here.exe}" if here.chosen else ", managed by juliapkg"))
    session.start(say, tdmrg=tdmrg, install=tdmrg)
    if setup.holds_tdmrg(here.project):
        session.start(say, tdmrg=True)
    error = self_check("julia")
    if not error < 1e-9:
        setup.forget(here)
        raise setup.unavailable(f"the self-check failed: distance {error:.0e} from dense diagonalisation")
    setup.remember(here)
    say(f"self-check passed: distance from dense diagonalisation {error:.0e}")
    return julia_status()


def julia_status() -> dict[str, str]:
    """The Julia that runs or would run: project, packages, versions, threads, BLAS. Starts Julia if it is ready.

    Returns
    -------
    dict of str
        The entry ``"state"`` begins with ``"ready"``, or gives the reason why Julia is not ready; so does ``"tdmrg"``,
        for that engine.
    """
    try:
        here = setup.home()
    except JuliaUnavailableError as error:
        return {"tdmrg": str(error), "state": str(error)}
    found = {"project": str(here.project), "executable": here.exe or "chosen by juliapkg"}
    held = setup.packages(here.project)
    known = (*setup.TDMRG_PACKAGES, *setup.PACKAGES)
    found["packages"] = ", ".join(f"{name} {held[name]}" for name in known if name in held) or "none"
    without = None if session.has_tdmrg() else setup.not_ready(tdmrg=True)
    found["tdmrg"] = "ready: its packages are compiled" if without is None else f"not ready: {without}"
    reason = setup.not_ready() if not session.running() else None
    if reason is not None:
        return found | {"threads": str(session.wanted_threads()), "state": f"not ready: {reason}"}
    return found | session.report() | {"state": "ready: the package is compiled"}
