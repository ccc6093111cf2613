"""Folders of caches, and who can write there: what lies in a cache is run, so that it must come from its user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def open_to_others(folder: Path) -> str | None:
    """Why other users can put files into a folder, or make it first where it does not exist; None if they cannot.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    str or None
        E.g. ``"/tmp can be written by all users"``.
    """
    if not hasattr(os, "getuid"):
        return None
    path = folder.absolute()
    for place in (path, *path.parents):
        try:
            found = place.stat()
        except OSError:  # it does not exist, or nobody can look: what is above it decides
            continue
        if found.st_uid not in (os.getuid(), 0):
            return f"{place} belongs to another user"
        # Below a folder such as /tmp, with the sticky bit, nobody can replace what exists and belongs to others.
        kept = bool(found.st_mode & stat.S_ISVTX) and place != path and _exists_below(place, path)
        if found.st_mode & stat.S_IWOTH and not kept:
            return f"{place} can be written by all users"
    return None


def _exists_below(place: Path, path: Path) -> bool:
    """Whether the next folder on the way from one to the other exists."""
    return os.path.lexists(place / path.relative_to(place).parts[0])
