"""What a first run compiles: told by numba's cache, and nothing is compiled for it."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numba
import pytest

import pysv
from pysv.compute import compiling
from pysv.compute.compiling import Kernels, is_compiled, missing
from pysv.compute.speed import slowness
from pysv.engines import _kernels, methods
from pysv.run import estimate as estimates
from pysv.units import duration

MODULE = "kernel_of_a_test"
SOURCE = """
from pysv.compute.compiler import compiled

@compiled(nogil=True)
def double(x):
    return 2 * x
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A module with one kernel that numba has not seen; loads it anew, as another process would."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)

    def anew():
        monkeypatch.delitem(importlib.sys.modules, MODULE, raising=False)
        importlib.invalidate_caches()
        return importlib.import_module(MODULE)

    yield anew
    importlib.sys.modules.pop(MODULE, None)


def test_the_cache_tells(kernel, tmp_path):
    module = kernel()
    assert not is_compiled(MODULE, "double")
    assert not module.double.overloads  # asking compiles nothing
    assert missing([Kernels(MODULE, "double", 3.0), Kernels(MODULE, "double", 4.0)]) == 7.0
    assert module.double(2) == 4  # tiny: a tenth of a second
    assert is_compiled(MODULE, "double")
    assert kernel().double is not module.double
    assert is_compiled(MODULE, "double")
    assert missing([Kernels(MODULE, "double", 3.0)]) == 0.0


def test_another_processor_or_a_damaged_cache_compiles_anew(kernel, tmp_path, monkeypatch):
    kernel().double(2)
    dispatcher = kernel().double
    real = dispatcher.targetctx.codegen().magic_tuple()
    with monkeypatch.context() as other:
        other.setattr(type(dispatcher.targetctx.codegen()), "magic_tuple", lambda _: (real[0], "an abacus", ""))
        assert not is_compiled(MODULE, "double")
    assert is_compiled(MODULE, "double")
    (index,) = (tmp_path / "cache").rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:20])
    kernel()
    assert not is_compiled(MODULE, "double")


def test_a_function_without_a_cache(monkeypatch):
    monkeypatch.setitem(importlib.sys.modules, MODULE, SimpleNamespace(double=numba.njit(lambda x: 2 * x)))
    assert not is_compiled(MODULE, "double")


def test_the_kernels_of_the_engines_exist():
    """Each is a compiled function, and each engine whose loops are numba's has some."""
    own = {engine.name: engine.kernels for engine in methods().values() if engine.__module__.startswith("pysv.")}
    assert {name for name, kernels in own.items() if not kernels} == {"krylov"}  # in Julia alone
    for kernels in {*sum(own.values(), ())}:
        dispatcher = getattr(importlib.import_module(kernels.module), kernels.function)
        assert isinstance(dispatcher, numba.core.dispatcher.Dispatcher)
        assert kernels.seconds > 0
    assert {*sum(own.values(), ())} == {value for value in vars(_kernels).values() if isinstance(value, Kernels)} | {
        *_kernels.TENSORS
    }


@pytest.mark.parametrize(("engine", "seconds"), [("chebyshev", 13.0), ("rk4", 8.0), ("qutip", 1.5)])
def test_the_estimate_says_it(monkeypatch, engine, seconds):
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function: False)
    needed = pysv.estimate(pysv.Experiment(), engine=engine)
    assert needed.compiling == pytest.approx(slowness() * seconds)
    assert f"\nfirst run    about {duration(needed.compiling)} more to compile\n" in f"{needed}\n"
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function: True)
    again = pysv.estimate(pysv.Experiment(), engine=engine)
    assert again.compiling == 0.0
    assert "first run" not in str(again)
    assert again.seconds == needed.seconds


def test_a_backend_that_compiles_elsewhere(monkeypatch):
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function: False)
    assert pysv.estimate(pysv.Experiment(), ranks=2).compiling > 0
    assert pysv.estimate(pysv.Experiment(), backend="cuda").compiling == 0


def test_a_run_does_not_look(monkeypatch):
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function: pytest.fail("looked"))
    assert estimates.check_fits(pysv.Experiment()).compiling == 0
