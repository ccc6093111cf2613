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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pysv.errors import EngineFailureError, JuliaUnavailableError
from pysv.julia import setup
from pysv.julia.setup import unavailable

_PACKAGE = "PySV"


@dataclass(frozen=True, eq=False)
class _Session:
    """The Julia that runs in this process."""

    juliacall: Any
    package: Any
    thread: int
    threads: int


_session: _Session | None = None
_spoiled: str | None = None


def start(say: Callable[[str], None] | None = None) -> None:
    """Start Julia and load the bundled package, once in a process; set both up if necessary.

    Parameters
    ----------
    say : callable, optional
        Called with a sentence for each slow step. By default the steps of a first set-up are printed to stderr.

    Raises
    ------
    JuliaUnavailableError
        If Julia is not available: the reason and the three remedies.
    """
    global _session, _spoiled
    if _session is not None:
        return
    if _spoiled is not None:
        raise unavailable(f"an earlier start of Julia in this process failed: {_spoiled}")
    if threading.current_thread() is not threading.main_thread():
        raise unavailable("Julia must start in the main thread of a process, and this is another thread")
    if "juliacall" in sys.modules:
        _session = _load(_taken_over(sys.modules["juliacall"]))
        return
    here = setup.home()
    fresh = setup.not_ready() is not None
    tell: Callable[[str], None] = say or (_to_stderr if fresh else _nothing)
    begun = time.monotonic()
    if here.chosen:
        setup.julia_version(here.exe or "")
    else:
        _resolve(tell)
    setup.check_project(here.project)
    setup.check_depot(here.project)
    try:
        with _settings():
            import juliacall
    except Exception as error:
        _spoiled = setup.meaning(str(error))
        if "InterruptException" in str(error):  # Ctrl-C, which Julia has heard
            raise KeyboardInterrupt from None
        raise unavailable(_spoiled) from error
    how = "compiling the package (minutes, the first time only)" if fresh else "loading the package"
    tell(f"Julia {juliacall.Base.VERSION} runs ({time.monotonic() - begun:.0f} s); {how}")
    _session = _load(juliacall)
    tell(f"the Julia package is loaded ({time.monotonic() - begun:.0f} s)")
    if fresh:
        setup.remember(here)


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
    if threading.get_ident() != _session.thread:
        raise unavailable("only the thread that started Julia may call it, and this is another thread")
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
        if isinstance(problem.exception, _session.juliacall.Core.InterruptException):
            raise KeyboardInterrupt from None
        raise EngineFailureError(f"Julia's {name} failed: {' '.join(str(problem).split())[:300]}") from problem
    if interrupted:
        signal.raise_signal(signal.SIGINT)
    return result


def threads() -> int:
    """Number of threads of the running Julia."""
    start()
    assert _session is not None
    return _session.threads


def running() -> bool:
    """Whether this process runs Julia."""
    return _session is not None


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


def _resolve(tell: Callable[[str], None]) -> None:
    """Let juliapkg find or install Julia and its packages."""
    import juliapkg
    from juliapkg.state import STATE

    try:
        with redirect_stdout(sys.stderr):
            if Path(STATE["meta"]).is_file() and juliapkg.resolve(dry_run=True):
                return
            setup.check_network()
            tell("juliapkg installs Julia and its packages (minutes, the first time only)")
            juliapkg.resolve()
    except JuliaUnavailableError:
        raise
    except Exception as error:
        raise unavailable(f"juliapkg failed ({error})") from error


def _taken_over(juliacall: Any) -> Any:
    """The Julia that another package has started, if pysv can use it."""
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
    setup.check_project(Path(config["project"]))
    return juliacall


def _load(juliacall: Any) -> _Session:
    """The session with the bundled package, which the project need not contain."""
    base, folder = juliacall.Base, setup.bundled()
    base.push_b(base.LOAD_PATH, str(folder))
    # Julia blocks these signals in the thread that starts it; Python's handlers need them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        package = base.require(juliacall.Main, juliacall.Core.Symbol(_PACKAGE))
    except juliacall.JuliaError as error:
        raise unavailable(f"the Julia package cannot be loaded ({str(error)[:300]})") from error
    loaded = Path(str(base.pkgdir(package)))
    if not loaded.samefile(folder) and setup.digest(loaded) != setup.digest():
        raise unavailable(f"the Julia project contains another {_PACKAGE} ({loaded}) than the bundled one")
    base.exit_on_sigint(False)
    return _Session(juliacall, package, threading.get_ident(), int(base.Threads.nthreads()))


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
