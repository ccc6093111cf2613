"""A file for HDF5 to write in: it keeps the first failure to itself until HDF5 has closed the file.

HDF5 does not survive a failed write: what it holds in memory cannot be flushed, it cannot close the file, and the
process crashes. Here every write succeeds for HDF5, and `Stream.finish` raises what went wrong.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


class Stream(io.RawIOBase):
    """A new binary file.

    Parameters
    ----------
    path : Path
        A file that exists; its contents are replaced.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = io.FileIO(path, "w+")
        self._place = 0
        self._size = 0
        self._failure: BaseException | None = None

    def readable(self) -> bool:
        """Whether one can read: yes."""
        return True

    def writable(self) -> bool:
        """Whether one can write: yes."""
        return True

    def seekable(self) -> bool:
        """Whether one can set the place: yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place of the next read or write."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        """Place of the next read or write."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read; what could not be written is read as zeros."""
        wanted = memoryview(buffer).cast("B")
        wanted[:] = bytes(len(wanted))
        try:
            self._file.seek(self._place)
            self._file.readinto(wanted)
        except BaseException as error:
            self._failure = self._failure or error
        self._place += len(wanted)
        return len(wanted)

    def write(self, data: Any) -> int:
        """Write all, or remember why not."""
        rest = memoryview(data).cast("B")
        size, place = len(rest), self._place
        try:
            while len(rest) and self._failure is None:
                done = self._put(rest, place)
                rest, place = rest[done:], place + done
        except BaseException as error:  # Ctrl-C as well: HDF5 must not see it
            self._failure = self._failure or error
        self._place += size
        self._size = max(self._size, self._place)
        return size

    def _put(self, data: memoryview, place: int) -> int:
        self._file.seek(place)
        return self._file.write(data) or 0

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, or remember why not."""
        self._size = self._place if size is None else size
        try:
            if self._failure is None:
                self._file.truncate(self._size)
        except BaseException as error:
            self._failure = self._failure or error
        return self._size

    def finish(self) -> None:
        """Have the file on the disk, after HDF5 has closed it.

        Raises
        ------
        OSError
            The first failure of all.
        """
        if self._failure is not None:
            raise self._failure
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
