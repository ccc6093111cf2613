"""What happens before anything is asked for: next to nothing."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("numpy", "numba", "scipy", "xarray", "matplotlib", "qutip", "juliacall", "juliapkg", "h5py", "tqdm", "dask",
         "distributed")  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_import_is_silent_and_loads_nothing_heavy():
    shown = python(f"import sys, pysv; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert shown == "[]\n"


def test_no_connection_is_opened():
    """A Python that forbids sockets imports pysv and runs an experiment."""
    code = """
import sys
def hook(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"{event}: {arguments}")
sys.addaudithook(hook)
import pysv
device = pysv.SpinValve(sites=12, polarizer=(4, 4), analyzer=(7, 7))
experiment = pysv.Experiment(device=device, source=pysv.WavePacket(center=5, momentum_spread=2), times=pysv.times(1, 1))
print(pysv.solve(experiment, progress=False).attrs["status"])
"""
    assert python(code) == "complete\n"


def test_every_public_name_is_there():
    shown = python(
        "import pysv, inspect\n"
        "print(all(hasattr(pysv, name) for name in pysv.__all__))\n"
        "import pysv.run.solve, pysv.run.estimate, pysv.config, pysv.results.files, pysv.figures\n"
        "print([n for n in pysv.__all__ if inspect.ismodule(getattr(pysv, n))])\n"
        "print(all(getattr(pysv, n).__doc__ for n in pysv.__all__))\n"
    )
    assert shown.split("\n")[:3] == ["True", "[]", "True"]


def test_modules_are_there_after_the_one_import():
    """Each in a process of its own: one that is loaded would bring others."""
    words = {"measures": "entropy", "figures": "plot", "config": "loads", "errors": "PysvError", "units": "HBAR"}
    for module, word in words.items():
        assert python(f"import pysv; print(hasattr(pysv.{module}, {word!r}), {module!r} in dir(pysv))") == "True True\n"
    assert (
        python("from pysv import *; print([name for name in ('config', 'errors', 'units') if name in dir()])") == "[]\n"
    )


def test_the_import_takes_less_than_half_a_second():
    """The quickest of three: other processes may be in the way of one."""
    code = "import time; start = time.perf_counter(); import pysv; print(time.perf_counter() - start)"
    assert min(float(python(code)) for _ in range(3)) < 0.5


def test_names_that_are_not_there():
    import pytest

    import pysv

    with pytest.raises(AttributeError, match="No pysv attribute slove"):
        pysv.slove  # noqa: B018


def test_the_command_is_installed():
    done = subprocess.run([sys.executable, "-m", "pysv", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pysv ")
