"""The Julia session: start Julia and call the bundled package. Only this module uses juliacall.

Julia runs inside the Python process. It starts once, in the main thread, when a run needs the Julia backend. It works
on the memory of NumPy's arrays. While it computes, the interpreter's lock is free. Python handles Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pysv.errors import EngineFailureError, JuliaUnavailableError
from pysv.julia import setup
from pysv.julia.setup import unavailable


@dataclass(frozen=True, eq=False)
class _Session:
    """The Julia that runs in this process.

    `home` is None if another package started it; `tdmrg` is true once ITensors and ITensorMPS are loaded.
    """

    juliacall: Any
    package: Any
    project: Path
    home: setup.Home | None
    thread: int
    threads: int
    tdmrg: bool = False


_session: _Session | None = None
_spoiled: str | None = None


def start(say: Callable[[str], None] | None = None, *, tdmrg: bool = False, install: bool = False) -> None:
    """Start Julia and load the bundled package, once in a process; set both up if necessary.

    Parameters
    ----------
    say : callable, optional
        Called with a sentence for each slow step. By default the steps of a first set-up are printed to stderr.
    tdmrg : bool
        Whether to load ITensors and ITensorMPS as well. They are installed where Julia is not set up at all.
    install : bool
        Whether to install them where Julia is set up without them.

    Raises
    ------
    JuliaUnavailableError
        If Julia, or what `tdmrg` needs, is not available: the reason and the three remedies.
    """
    global _session
    if _session is None:
        _session = _started(say, tdmrg, install)
    if tdmrg and not _session.tdmrg:
        _session = _with_tdmrg(_session, say)


def _started(say: Callable[[str], None] | None, tdmrg: bool, install: bool) -> _Session:
    global _spoiled
    if _spoiled is not None:
        raise unavailable(f"an earlier start of Julia in this process failed: {_spoiled}")
    if threading.current_thread() is not threading.main_thread():
        raise unavailable("Julia must start in the main thread of a process, and this is another thread")
    if "juliacall" in sys.modules:
        return _load(*_taken_over(sys.modules["juliacall"]))
    here = setup.home()
    fresh = setup.not_ready() is not None
    tell: Callable[[str], None] = say or (_to_stderr if fresh else _nothing)
    begun = time.monotonic()
    if here.chosen:
        setup.julia_version(here.exe or "")
    else:
        _resolve(tell, tdmrg and (fresh or install))
    setup.check_project(here.project, tdmrg=tdmrg)
    setup.check_depot(here.project)
    try:
        with _settings():
            import juliacall
    except Exception as error:
        _spoiled = setup.meaning(str(error))
        _raise_ctrl_c(error)
        raise unavailable(_spoiled) from error
    how = "compiling the package (a minute, the first time only)" if fresh else "loading the package"
    tell(f"Julia {juliacall.Base.VERSION} runs ({time.monotonic() - begun:.0f} s); {how}")
    loaded = _load(juliacall, here.project, here)
    tell(f"the Julia package is loaded ({time.monotonic() - begun:.0f} s)")
    if fresh:
        setup.remember(here)
    return loaded


def _with_tdmrg(session: _Session, say: Callable[[str], None] | None) -> _Session:
    """The session with ITensors, ITensorMPS and the extension of the bundled package that Julia loads beside them."""
    _check_thread(session)
    setup.check_project(session.project, tdmrg=True)
    fresh = session.home is not None and setup.not_ready(tdmrg=True) is not None
    tell: Callable[[str], None] = say or (_to_stderr if fresh else _nothing)
    if fresh:
        tell("compiling the part for tdmrg (minutes, the first time only)")
    begun, base = time.monotonic(), session.juliacall.Base
    try:
        for name, uuid in setup.uuids().items():
            base.require(base.PkgId(base.UUID(uuid), name))
    except session.juliacall.JuliaError as error:
        _raise_ctrl_c(error)
        raise unavailable(f"ITensors cannot be loaded ({str(error)[:300]})", tdmrg=True) from error
    if base.get_extension(session.package, base.Symbol(setup.EXTENSION)) is None:
        raise unavailable(f"Julia does not load the extension {setup.EXTENSION} of {setup.PACKAGE}", tdmrg=True)
    tell(f"the part for tdmrg is loaded ({time.monotonic() - begun:.0f} s)")
    if fresh and session.home is not None:
        setup.remember(session.home, tdmrg=True)
    return replace(session, tdmrg=True)


def call(name: str, *arguments: Any) -> Any:
    """Call a function of the bundled package, with the interpreter's lock released.

    Parameters
    ----------
    name : str
        Name of the function in Julia.
    *arguments
        Numbers, and objects that other calls returned.

    Raises
    ------
    EngineFailureError
        If the function throws.
    JuliaUnavailableError
        If Julia is not available, or another thread has started it.
    """
    start()
    assert _session is not None
    _check_thread(_session)
    guarded, function = _session.package.guarded, getattr(_session.package, name.replace("!", "_b"))
    error = _session.juliacall.JuliaError
    try:
        _, interrupted = guarded()
    except error:
        interrupted = True
    if interrupted:  # before the call, while Python ran
        signal.raise_signal(signal.SIGINT)
    try:
        result, interrupted = guarded._jl_call_nogil(function, *arguments)
    except error as problem:
        _raise_ctrl_c(problem)
        raise EngineFailureError(f"Julia's {name} failed: {' '.join(str(problem).split())[:300]}") from problem
    if interrupted:
        signal.raise_signal(signal.SIGINT)
    return result


def _raise_ctrl_c(error: Exception) -> None:
    """Raise KeyboardInterrupt if it was Ctrl-C, which Julia has heard, that ended what it did."""
    if "InterruptException" in str(error):
        raise KeyboardInterrupt from None


def _check_thread(session: _Session) -> None:
    if threading.get_ident() != session.thread:
        raise unavailable("only the thread that started Julia may call it, and this is another thread")


def threads() -> int:
    """Number of threads of the running Julia."""
    start()
    assert _session is not None
    return _session.threads


def running() -> bool:
    """Whether this process runs Julia."""
    return _session is not None


def has_tdmrg() -> bool:
    """Whether this process runs Julia with ITensors and ITensorMPS."""
    return _session is not None and _session.tdmrg


def report() -> dict[str, str]:
    """Versions, threads and BLAS of the running Julia."""
    return {str(name): str(value) for name, value in call("report")}


def address(array: np.ndarray, shape: tuple[int, ...], dtype: type | str) -> int:
    """Address of the memory of an array, for a Julia function that assumes its shape, type and C order.

    Raises
    ------
    ValueError
        If shape, type or order differ.
    """
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        wanted = f"C-ordered {shape} of {np.dtype(dtype)}"
        raise ValueError(f"found an array {array.shape} of {array.dtype} where {wanted} was expected")
    return int(array.ctypes.data)


def _resolve(tell: Callable[[str], None], tdmrg: bool) -> None:
    """Let juliapkg find or install Julia and its packages; with `tdmrg` those of that engine, from now on."""
    import juliapkg
    from juliapkg.state import STATE

    project = Path(STATE["project"])
    lacking = tdmrg and not setup.holds_tdmrg(project)
    try:
        with redirect_stdout(sys.stderr):
            if not lacking and Path(STATE["meta"]).is_file() and juliapkg.resolve(dry_run=True):
                return
            setup.check_network(tdmrg=lacking)
            tell("juliapkg installs Julia and its packages (minutes, the first time only)")
            with setup.kept_on_failure(Path(STATE["deps"]), *setup.project_files(project)):
                if lacking:
                    juliapkg.add([juliapkg.PkgSpec(name, uuid) for name, uuid in setup.uuids().items()])
                juliapkg.resolve(force=setup.outdated(project))
    except JuliaUnavailableError:
        raise
    except Exception as error:
        raise unavailable(f"juliapkg failed ({error})", tdmrg=tdmrg) from error


def _taken_over(juliacall: Any) -> tuple[Any, Path]:
    """The Julia that another package has started, if pysv can use it, and its project."""
    config = getattr(juliacall, "CONFIG", {})
    if not config.get("inited", False):
        raise unavailable("juliacall is imported but has not started Julia (PYTHON_JULIACALL_INIT = no)")
    version = juliacall.Base.VERSION
    setup.check_version((version.major, version.minor, version.patch), "the Julia that another package started")
    if juliacall.Base.Threads.nthreads() > 1 and config.get("opt_handle_signals") != "yes":
        raise unavailable(
            "another package started Julia with several threads and without PYTHON_JULIACALL_HANDLE_SIGNALS=yes; this "
            "combination crashes"
        )
    project = Path(config["project"])
    setup.check_project(project)
    return juliacall, project


def _load(juliacall: Any, project: Path, here: setup.Home | None = None) -> _Session:
    """The session with the bundled package, which the project need not contain."""
    base, folder = juliacall.Base, setup.bundled()
    base.push_b(base.LOAD_PATH, str(folder))
    # Julia blocks these signals in the thread that starts it; Python's handlers need them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        package = base.require(juliacall.Main, juliacall.Core.Symbol(setup.PACKAGE))
    except juliacall.JuliaError as error:
        _raise_ctrl_c(error)
        raise unavailable(f"the Julia package cannot be loaded ({str(error)[:300]})") from error
    loaded = Path(str(base.pkgdir(package)))
    if not loaded.samefile(folder) and setup.digest(loaded) != setup.digest():
        raise unavailable(f"the Julia project contains another {setup.PACKAGE} ({loaded}) than the bundled one")
    base.exit_on_sigint(False)
    return _Session(juliacall, package, project, here, threading.get_ident(), int(base.Threads.nthreads()))


def wanted_threads() -> str:
    """Number of threads for Julia: the user's setting, else that of the Python backend."""
    import numba

    given = setup.setting("THREADS") or os.environ.get("JULIA_NUM_THREADS")
    return given or str(numba.config.NUMBA_NUM_THREADS)


@contextmanager
def _settings() -> Iterator[None]:
    """Environment variables for the start of Julia; the user's own settings take precedence."""
    if setup.setting("HANDLE_SIGNALS") == "no" and wanted_threads() != "1":
        raise unavailable("PYTHON_JULIACALL_HANDLE_SIGNALS = no crashes Julia with several threads")
    wanted = {
        "THREADS": wanted_threads(),
        "HANDLE_SIGNALS": "yes",  # Julia's threads synchronise for garbage collection by a signal
        "OPTIMIZE": "2",
        "STARTUP_FILE": "no",
        "AUTOLOAD_IPYTHON_EXTENSION": "no",
    }
    added = {f"PYTHON_JULIACALL_{name}": value for name, value in wanted.items() if setup.setting(name) is None}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _to_stderr(text: str) -> None:
    print(f"pysv: {text}", file=sys.stderr, flush=True)


def _nothing(text: str) -> None:
    pass
