"""The text of an experiment file: an ordinary file of a bounded size, whose keys and lists a TOML parser can bear."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pysv.errors import ExperimentFileError

LARGEST = 1_000_000
"""Bytes of an experiment file."""
DEEPEST = 32
"""Lists and inline tables inside each other."""
MOST_PARTS = 16
"""Parts of a key, which dots separate. The parser takes time and memory that grow with the square of their number."""

_TOKEN = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|[.\[\]{}=,\n]', re.DOTALL
)
"""Comments and strings, and the marks outside them that shape a TOML text."""


def read_text(path: str | Path) -> str:
    """The text of an experiment file.

    Parameters
    ----------
    path : str or Path
        An ordinary file in UTF-8; a byte order mark at its beginning is skipped.

    Returns
    -------
    str

    Raises
    ------
    ExperimentFileError
        If the file cannot be read, is a device or a pipe, is larger than 1 MB, or is not UTF-8.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer would wait for ever
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ExperimentFileError(f"{path}: is not an ordinary file; name an experiment file")
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ExperimentFileError):
            raise
        raise ExperimentFileError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(raw) > LARGEST:
        raise ExperimentFileError(
            f"{path}: is larger than {LARGEST / 1e6:g} MB, the limit of an experiment file; give long lists in Python"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExperimentFileError(f"{path}: is not a text file in UTF-8") from error


def check_shape(text: str, name: str) -> None:
    """Refuse a text that a TOML parser would take very long for.

    Parameters
    ----------
    text : str
    name : str
        Beginning of the error sentence.

    Raises
    ------
    ExperimentFileError
        If lists or tables lie more than 32 deep in each other, or a key has more than 16 parts.
    """
    depth = parts = 0
    for line, mark in _marks(text):
        depth += (mark in "[{") - (mark in "]}")
        parts = parts + 1 if mark == "." else 1
        if depth > DEEPEST:
            raise ExperimentFileError(
                f"{name}: line {line} has lists or tables more than {DEEPEST} deep in each other; write fewer"
            )
        if parts > MOST_PARTS:
            raise ExperimentFileError(
                f"{name}: line {line} has a key of more than {MOST_PARTS} parts; write fewer dots"
            )


def _marks(text: str) -> Iterator[tuple[int, str]]:
    """Number of its line and mark, for every mark outside strings and comments."""
    line = 1
    for found in _TOKEN.finditer(text):
        if len(token := found.group()) == 1:
            yield line, token
        line += token.count("\n")
