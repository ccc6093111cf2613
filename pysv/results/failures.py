"""Points of a sweep that failed: which, and why. Not every one of them leaves a file of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pysv.errors import cut
from pysv.results.destination import whole_file

FAILED = "failed.json"
"""File with the reasons, in the folder of a sweep."""
_LONGEST = 1000
"""Characters of a reason."""


def keep_failures(folder: Path, reasons: Mapping[str, str]) -> None:
    """Write why points of a sweep failed into its folder; without failures there is no such file.

    Parameters
    ----------
    folder : Path
    reasons : mapping of str to str
        Why a point failed, by the name of its file.
    """
    if not reasons:
        (folder / FAILED).unlink(missing_ok=True)
        return
    with whole_file(folder / FAILED) as partial:
        partial.write_text(json.dumps(dict(reasons)) + "\n", encoding="utf-8")


def failures(folder: Path) -> dict[str, str]:
    """Why points of a sweep failed, by the names of their files; empty where none did, or nothing says so."""
    with suppress(OSError, ValueError, TypeError):
        kept = json.loads((folder / FAILED).read_text("utf-8"))
        return {_plain(name): _plain(reason) for name, reason in dict(kept).items()}
    return {}


def _plain(value: object) -> str:
    """Text of one line that no terminal obeys: the file may be somebody else's."""
    return cut("".join(filter(str.isprintable, str(value))), _LONGEST)
