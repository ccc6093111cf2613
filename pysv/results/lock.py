"""One writer a file: a lock that a run holds from its beginning to its end, and that ends with its process."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from pysv.errors import ResultFileError

if sys.platform != "win32":
    import fcntl

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}


@contextlib.contextmanager
def held(target: Path) -> Iterator[None]:
    """A context in which no other run writes a file.

    The lock is ``flock`` on the file ``.NAME.lock`` beside it, which names the process. The system releases it when the
    process ends in whatever way. Where the file system has no locks, or the folder cannot be written, the context does
    nothing.

    Parameters
    ----------
    target : Path

    Raises
    ------
    ResultFileError
        If another run holds the lock.
    """
    path = target.with_name(f".{target.name}.lock")
    handle = None
    try:
        handle = open_locked(path, os.O_RDWR | os.O_CREAT)
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    except BlockingIOError as error:
        raise ResultFileError(f"{target}: {_holder(path)} writes it; wait for it, or name another file") from error
    except OSError:  # a write of the file itself will say why; on a full disk the lock holds without a name
        pass
    try:
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            unlock(handle)  # a child process may hold it open
            os.close(handle)


def open_locked(path: Path, flags: int, mode: int = 0o666) -> int:
    """Descriptor of a file that this process alone has locked.

    Raises
    ------
    BlockingIOError
        If another one has.
    OSError
        If the file cannot be opened.
    """
    while True:
        handle = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), mode)
        try:
            lock(handle)
            if _same(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its last holder has removed it in the meantime


def lock(handle: int) -> None:
    """Lock an open file, where the file system has locks.

    Raises
    ------
    BlockingIOError
        If another process, or another descriptor of this one, has locked it.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def unlock(handle: int) -> None:
    """Release the lock of an open file."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_UN)


def has_locks(handle: int) -> bool:
    """Whether a lock can be had on an open file, so that an unlocked file is one that nobody writes."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def held_by_a_writer(path: str | Path) -> bool:
    """Whether another program has locked a file for itself alone, as HDF5 does while it writes."""
    if sys.platform == "win32":
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    """Which process holds a lock, in words."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:80].strip() or "another process"
    except OSError:
        return "another process"
