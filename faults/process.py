"""A command in a process of its own, what happens to it meanwhile, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pysv.cli import main

ROOT = Path(__file__).parents[1]
tqdm.monitor_interval = 0  # a thread of the copied process might hold a lock that the copy then waits for
PATIENCE = 90.0
"""Seconds after which a command hangs."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Parameters
    ----------
    code : int
        Exit code, or minus the number of a signal.
    out, err : str
        What it wrote.
    seconds : float
    memory : float
        Its largest memory, MB.
    hung : bool
        Whether it had to be killed after `PATIENCE`.
    """

    code: int
    out: str
    err: str
    seconds: float
    memory: float
    hung: bool

    @property
    def last(self) -> str:
        """The last line on standard error."""
        return (self.err.splitlines() or [""])[-1]


@dataclass
class Running:
    """A copy of this process at work; `folder` is its working folder."""

    number: int
    streams: tuple[Path, Path]
    begun: float

    def after(self, seconds: float, signal_number: int) -> Running:
        """Send a signal some time after the beginning, unless it has ended."""
        while (left := self.begun + seconds - time.monotonic()) > 0:
            if self._ended():
                return self
            time.sleep(min(left, 0.01))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal_number)
        return self

    def wait(self, patience: float = PATIENCE) -> Ended:
        """Wait for the end."""
        hung = False
        while not (found := os.wait4(self.number, os.WNOHANG))[0]:
            if not hung and time.monotonic() - self.begun > patience:
                hung = True
                os.kill(self.number, signal.SIGKILL)
            time.sleep(0.005)
        _, status, used = found
        out, err = (path.read_text("utf-8", errors="replace") for path in self.streams)
        for path in self.streams:
            path.unlink()
        seconds = time.monotonic() - self.begun
        return Ended(os.waitstatus_to_exitcode(status), out, err, seconds, used.ru_maxrss / 1e3, hung)

    def _ended(self) -> bool:
        found = os.waitid(os.P_PID, self.number, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is not None


def begun(work: Callable[[], int], folder: Path, limits: Mapping[int, int] | None = None) -> Running:
    """Begin some work in a copy of this process, which has imported pysv already.

    Parameters
    ----------
    work : callable
        Gives the exit code.
    folder : Path
        Its working folder.
    limits : mapping, optional
        Limits of `resource`, by their numbers.
    """
    streams = folder.parent / f"{folder.name}.out", folder.parent / f"{folder.name}.err"
    number = 2
    while any(path.exists() for path in streams):
        streams = folder.parent / f"{folder.name}-{number}.out", folder.parent / f"{folder.name}-{number}.err"
        number += 1
    for path in streams:
        path.touch()
    now = time.monotonic()
    child = os.fork()
    if child:
        return Running(child, streams, now)
    code = 70
    try:
        os.chdir(folder)
        for descriptor, name in enumerate((Path(os.devnull), *streams)):
            os.dup2(os.open(name, os.O_RDWR), descriptor)
        sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(one, "w", closefd=False), "utf-8") for one in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for which, most in (limits or {}).items():
            resource.setrlimit(which, (most, resource.getrlimit(which)[1]))
        code = work()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 70
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def command(*words: str) -> Callable[[], int]:
    """The work of ``pysv WORDS``."""

    def work() -> int:
        sys.argv = ["pysv", *words]
        warnings.simplefilter("ignore")  # of libraries; those of pysv are shown
        return main()

    return work


def ended(*words: str, folder: Path, limits: Mapping[int, int] | None = None) -> Ended:
    """How ``pysv WORDS`` ends in a copy of this process."""
    return begun(command(*words), folder, limits).wait()


def anew(
    *words: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    redirected: str = "",
    sent: tuple[float, int] | None = None,
) -> Ended:
    """How ``python -m pysv WORDS`` ends in a new process.

    Parameters
    ----------
    *words : str
    folder : Path
    environment : mapping, optional
        Settings beside those of this process.
    redirected : str
        What a shell does to the streams, such as ``>&-``.
    sent : tuple of float and int, optional
        A signal that it gets so many seconds after its beginning.
    """
    own = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
    line = ["bash", "-c", f'exec "$0" "$@" {redirected}', sys.executable, "-W", "ignore", "-m", "pysv", *words]
    started = time.monotonic()
    with subprocess.Popen(
        line, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        hung = False
        if sent is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(sent[0])
            process.send_signal(sent[1])
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            hung = True
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    return Ended(process.returncode, out, err, time.monotonic() - started, memory, hung)
