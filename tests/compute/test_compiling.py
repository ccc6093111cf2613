"""What a first run compiles: told by numba's cache, and nothing is compiled for it."""

from __future__ import annotations

import dataclasses
import importlib
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import pysv
from pysv.compute import compiling
from pysv.compute.compiling import Kernels, is_compiled, missing
from pysv.engines import _kernels, methods
from pysv.run import estimate as estimates
from pysv.sectors.pure_run import pure_runs
from pysv.sectors.shared import Shared
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


def test_a_version_for_other_types_is_another_one(kernel):
    """In this process, and in the cache that another one has left."""
    kernel().double(2)
    for _ in range(2):
        for number, there in ((numba.int64, True), (numba.float64, False)):
            assert is_compiled(MODULE, "double", lambda types, number=number: types == (number,)) is there
        kernel()
    assert missing([Kernels(MODULE, "double", 3.0)], lambda types: types == (numba.float64,)) == 3.0
    kernel().double(2.0)
    kernel()
    assert missing([Kernels(MODULE, "double", 3.0)], lambda types: types == (numba.float64,)) == 0.0


SAME = pysv.Experiment(
    device=pysv.SpinValve(sites=24, polarizer=(12, 13), analyzer=(16, 16)),
    source=pysv.WavePacket(center=7, momentum_spread=0.6),
    times=pysv.times(1, 1),
)
LAYERS = pysv.Layer(name="A", sites=(12, 13), exchange=0.1), pysv.Layer(name="B", sites=(16, 17), exchange=0.1)


def device(**keys):
    return pysv.Device(sites=24, **({"layers": LAYERS} | keys))


def one_layer(**keys):
    return device(layers=(pysv.Layer(name="A", sites=(12, 14), **keys),))


DEVICES = {
    "one of all": (SAME.device, (True, True, True)),
    "layers": (device(), (True, True, True)),
    "potential": (device(potential=[pysv.Potential(sites=(9, 10), energy=0.3)]), (False, True, True)),
    "hoppings": (device(hopping=[1.0] * 22 + [0.9]), (False, True, True)),
    "two exchanges": (device(layers=(LAYERS[0], pysv.Layer(name="B", sites=(16, 17), exchange=0.2))), (True, False, True)),
    "two J_sd": (device(layers=(LAYERS[0], pysv.Layer(name="B", sites=(16, 17), exchange=0.1, sd_exchange=0.2))), (True, True, False)),
    "no exchange": (one_layer(exchange=0.0), (True, True, True)),
    "spins 1": (one_layer(spin=1.0), (True, True, False)),  # all steps of a spin 1 are √2
    "spins 3/2": (one_layer(spin=1.5), (True, False, False)),  # √3, 2, √3
    "one spin 3/2": (device(layers=(pysv.Layer(name="A", sites=(12, 12), spin=1.5),)), (True, True, False)),
}  # fmt: skip
"""Devices, and which of hopping, exchange and J_sd are one number."""


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("real", [np.float64, np.float32])
def test_the_version_of_a_device_is_that_of_its_tables(name, real):
    """What is known without tables, against the types of real ones."""
    own, numbers = DEVICES[name]
    found = Shared.of_device(own)
    assert tuple(value is not None for value in found) == numbers
    table = pure_runs(dataclasses.replace(SAME, device=own))[0].hamiltonian.table(real)
    types = numba.typeof(np.zeros((1, 2, 4), real)), numba.typeof(table)
    assert found.version(types, real)
    assert found.version(types[:1], real)  # a kernel that takes no table
    assert not found.version(types, np.float32 if real is np.float64 else np.float64)
    others = {name for name, (other, _) in DEVICES.items() if Shared.of_device(other).version(types, real)}
    assert others == {name for name, (_, other) in DEVICES.items() if other == numbers}


def test_a_run_compiles_what_the_estimate_looks_for():
    """Of two devices of different versions, the second is compiled by its own run alone."""
    for own in (SAME.device, DEVICES["potential"][0]):
        experiment = dataclasses.replace(SAME, device=own)
        pysv.solve(experiment, progress=False)
        assert pysv.estimate(experiment).compiling == 0


def test_a_run_of_another_version_counts(monkeypatch):
    """All that is there is the version of the plain device: a potential compiles the steps anew."""
    table = pure_runs(SAME)[0].hamiltonian.table()
    there = numba.typeof(np.zeros((1, 2, 4))), numba.typeof(table)
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function, version: version(there))
    assert pysv.estimate(SAME).compiling == 0
    for name in ("potential", "two exchanges", "two J_sd"):
        assert pysv.estimate(dataclasses.replace(SAME, device=DEVICES[name][0])).compiling > 0
    assert pysv.estimate(SAME, engine=pysv.Chebyshev(precision="single")).compiling > 0


def test_the_kernels_of_the_engines_exist():
    """Each is a compiled function, each engine whose loops are numba's has some, and those in a common file are common."""
    own = {engine.name: engine.kernels for engine in methods().values() if engine.__module__.startswith("pysv.")}
    assert {name for name, kernels in own.items() if not kernels} == {"krylov"}  # in Julia alone
    for kernels in {*sum(own.values(), ())}:
        dispatcher = getattr(importlib.import_module(kernels.module), kernels.function)
        assert isinstance(dispatcher, numba.core.dispatcher.Dispatcher)
        assert kernels.seconds > 0
    for kernels in (value for value in vars(_kernels).values() if isinstance(value, Kernels)):
        assert sum(kernels in its for its in own.values()) > 1


@pytest.mark.parametrize("engine", ["chebyshev", "rk4", "qutip"])
def test_the_estimate_says_it(monkeypatch, engine):
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function, version: False)
    needed = pysv.estimate(SAME, engine=engine)
    assert needed.compiling > 0
    assert f"\nfirst run    about {duration(needed.compiling)} more to compile\n" in f"{needed}\n"
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function, version: True)
    again = pysv.estimate(SAME, engine=engine)
    assert again.compiling == 0.0
    assert "first run" not in str(again)
    assert again.seconds == needed.seconds


def test_a_backend_that_compiles_elsewhere(monkeypatch):
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function, version: False)
    assert pysv.estimate(pysv.Experiment(), ranks=2).compiling > 0
    assert pysv.estimate(pysv.Experiment(), backend="cuda").compiling == 0


def test_a_run_does_not_look(monkeypatch):
    monkeypatch.setattr(compiling, "is_compiled", lambda module, function, version: pytest.fail("looked"))
    assert estimates.check_fits(pysv.Experiment()).compiling == 0
