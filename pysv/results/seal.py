"""A digest of all bytes of a file, written behind them.

HDF5 has checksums of its own, and yet may run for ever where its metadata is damaged. It does not look behind its own
end, so that the digest can stand there, and be compared before HDF5 sees the file. Whoever changes a file with HDF5
cuts it off; such a file is read like those of versions that wrote none.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import IO

_MARK = b"\npysv-sha256 "
_LENGTH = len(_MARK) + 64 + 1
_PIECE = 2**20


def seal(path: Path) -> None:
    """Append the digest of a file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with path.open("r+b") as file:
        digest = _digest(file, path.stat().st_size)
        file.write(_MARK + digest.encode() + b"\n")


def unbroken(path: str | Path) -> bool:
    """False where a file ends with a digest of other bytes than it has; computed once for a file that stays the same.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = os.stat(path)
    return _unbroken(str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _unbroken(path: str, device: int, inode: int, size: int, changed: int) -> bool:
    del device, inode, changed
    if size < _LENGTH:
        return True
    with open(path, "rb") as file:
        file.seek(size - _LENGTH)
        end = file.read(_LENGTH)
        if not end.startswith(_MARK):
            return _MARK not in end  # there is none, or it has lost its end
        file.seek(0)
        return end == _MARK + _digest(file, size - _LENGTH).encode() + b"\n"


def _digest(file: IO[bytes], count: int) -> str:
    """Of the first `count` bytes; the file then stands behind them."""
    found = hashlib.sha256()
    while count > 0:
        piece = file.read(min(_PIECE, count))
        if not piece:
            break
        found.update(piece)
        count -= len(piece)
    return found.hexdigest()
