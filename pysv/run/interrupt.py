"""Ctrl-C, SIGTERM and SIGHUP: the first one ends a run after its present snapshot, the second one at once.

A command, a sweep or a figure catches the signals once for all its runs (`caught`). A run, and the writing of a file,
put off the first signal until they have finished (`CtrlC`); between them it ends the command at once. A signal that
came while a run made its last snapshot is not forgotten: `check` is called after every run of an ensemble.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any

SAME = 1.0
"""SIGTERM or SIGHUP that follows a signal within this time repeats it, s.

`timeout` sends SIGTERM to the process and again to its group; a terminal that closes sends SIGHUP twice.
"""
SECOND = "a second signal"
"""Beginning of the reason of a run that was ended in the middle of an interval."""


class _Stopped(KeyboardInterrupt):
    """The end of a process that reports it with an exit code of its own.

    Python kills itself with SIGINT in the end where `KeyboardInterrupt` itself has passed through `exec`, although it
    was caught afterwards; imports use `exec` often.
    """


class _Handlers:
    """The handlers of one command, with what they have received."""

    def __init__(self, error: type[KeyboardInterrupt]) -> None:
        self.error = error
        self.first = ""
        """Name of the first signal; empty if there was none."""
        self.notices: list[Callable[[str], None]] = []
        """How each enclosing context that puts off the first signal says so."""
        self._when = 0.0
        self._usual: dict[int, Any] = {}

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            usual = signal.getsignal(number)
            if number == signal.SIGHUP and usual == signal.SIG_IGN:  # the process was started by nohup
                continue
            self._usual[number] = signal.signal(number, self._caught)

    def restore(self) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)
        self._usual.clear()

    def fall_silent(self) -> None:
        for number in self._usual:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGINT else signal.SIG_IGN)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        del frame
        name, now = signal.Signals(number).name, time.monotonic()
        if self.first and number != signal.SIGINT and now - self._when < SAME:
            return
        if self.first:
            self.restore()
            raise self.error(f"{SECOND} ({name}) ended it at once")
        self.first, self._when = name, now
        if not self.notices:
            raise self.error(f"stopped by {name}")
        with suppress(OSError, RuntimeError, ValueError):  # the terminal is gone, or is being written to
            self.notices[-1]("stopping after the present snapshot; press Ctrl-C again to stop at once")


_active: _Handlers | None = None


def _own() -> _Handlers | None:
    """The handlers in use; only the main thread receives signals."""
    return _active if threading.current_thread() is threading.main_thread() else None


@contextmanager
def caught(*, last: bool = False) -> Iterator[None]:
    """Catch the signals for a whole command or ensemble; within another such context nothing changes.

    Outside the main thread the context does nothing, since signals cannot be caught there.

    Parameters
    ----------
    last : bool
        Whether the process ends after this context. What has been done is done: SIGTERM and SIGHUP are ignored then,
        and Ctrl-C ends the process.
    """
    global _active
    if _active is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _active = _Handlers(_Stopped if last else KeyboardInterrupt)
    try:
        _active.install()
        yield
    finally:
        if last:
            _active.fall_silent()
        else:
            _active.restore()
        _active = None


def asked() -> bool:
    """Whether a signal has asked the present command or ensemble to end."""
    own = _own()
    return own is not None and bool(own.first)


def check() -> None:
    """End an ensemble between two of its runs.

    Raises
    ------
    KeyboardInterrupt
        If a signal has asked for it.
    """
    own = _own()
    if own is not None and own.first:
        raise KeyboardInterrupt(f"stopped by {own.first}")


class CtrlC:
    """Context in which the first signal only sets `requested`, and a second one interrupts.

    Outside the main thread the context does nothing.

    Parameters
    ----------
    notice : callable
        Tells the user that the first signal was received.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._around = caught()

    @property
    def requested(self) -> bool:
        """Whether a signal has asked for the end."""
        return asked()

    def __enter__(self) -> CtrlC:
        self._around.__enter__()
        if (own := _own()) is not None:
            own.notices.append(self._notice)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (own := _own()) is not None:
            own.notices.pop()
        self._around.__exit__(kind, error, trace)
