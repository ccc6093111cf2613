"""What the command line prints: results on standard output, complaints and warnings on standard error."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from pysv.errors import PysvWarning, cut, quoted

BAD_INPUT, FAILED = 2, 1
"""Exit codes: what the user can mend; a run, an output or an installation that failed."""
LONGEST_SENTENCE = 2000


class OutputError(Exception):
    """Standard output cannot be written."""


def show(text: str, *, end: str = "\n") -> None:
    """Print on standard output at once, so that a failure shows here.

    Raises
    ------
    OutputError
        If that is not possible.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        print(text, end=end, flush=True)
    except OSError as error:
        with suppress(OSError, AttributeError):  # what is left in the buffer must not fail once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"the output cannot be written ({error.strerror or error})") from error


def note(text: str) -> None:
    """Print what became of a file; the file is there, printed or not."""
    try:
        show(text)
    except OutputError as error:
        if not isinstance(error.__cause__, BrokenPipeError):
            complain(f"{error}, but the result is saved: {text}", 0)


def say(text: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def complain(message: str, code: int) -> int:
    """Say on one line what is wrong; returns the exit code."""
    say(f"pysv: {cut(' '.join(message.split()), LONGEST_SENTENCE)}")
    return code


def show_warning(message, category, filename, lineno, file=None, line=None) -> None:  # type: ignore[no-untyped-def]
    """A warning of pysv is a sentence; one of a library is put into one."""
    if issubclass(category, PysvWarning):
        say(f"pysv: {message}")
    else:
        say(
            f"pysv: {os.path.basename(filename)}, line {lineno}, warns of {quoted(str(message))}; the results hold "
            "unless they look wrong, and then a bug report should quote this line"
        )
