"""Where files go: whole or not at all, in the place of no file but the one that may be replaced."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from pysv.errors import ResultExistsError, ResultFileError
from pysv.results.lock import has_locks, held, open_locked, unlock
from pysv.units import size

_MODE = 0o666
"""Permissions of a new file, of which the system takes away those of the user's umask."""


def check_destination(path: str | Path, *, overwrite: bool = False, source: str | Path | None = None) -> Path:
    """Check that a file may be written to a path; returns it as a `Path`.

    Parameters
    ----------
    path : str or Path
        A link stays one; the file that it points to is written.
    overwrite : bool
        Whether a file that is there may be replaced.
    source : str or Path, optional
        File that the new one is made from, which is never replaced.

    Raises
    ------
    ResultFileError
        If the folder is missing or not writable, the path is a folder or a device, or it is the source.
    ResultExistsError
        If the file exists and `overwrite` is False.
    """
    target = Path(path)
    if not str(path):
        raise ResultFileError("the name of the result file is empty; give one")
    try:
        target = followed(target)
        if not target.parent.is_dir():
            raise ResultFileError(f"{target}: the folder {target.parent} does not exist; make it first")
        if target.is_dir():
            raise ResultFileError(f"{target}: is a folder; name a file in it")
        if target.exists() and not target.is_file():
            raise ResultFileError(f"{target}: is not an ordinary file; name another one")
        if source is not None:
            check_apart(target, source)
        if target.exists() and not overwrite:
            raise ResultExistsError(f"{target}: exists already; use --force (overwrite=True) to replace it")
        partial, handle = _beside(target)  # fail now, not at the end of a long run
        partial.unlink()
        os.close(handle)
    except OSError as error:
        if isinstance(error, ResultFileError):
            raise
        raise ResultFileError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def check_apart(target: Path, source: str | Path) -> None:
    """Check that an output is not the file that it is made from, by whatever name.

    Raises
    ------
    ResultFileError
        If it is.
    """
    try:
        same = target.samefile(source)
    except OSError:  # one of them does not exist
        return
    if same:
        raise ResultFileError(f"{target}: is the file that is read, and would be replaced; name another output")


def followed(path: Path) -> Path:
    """The file that a path means: the one at the end of a link, or the path itself.

    Raises
    ------
    ResultFileError
        If links lead in a circle.
    """
    if not os.path.islink(path):  # unlike the method of a path, this fails for no name
        return path
    try:
        found = path.resolve()
    except RuntimeError:  # a circle, up to Python 3.12
        found = path
    if found.is_symlink():
        raise ResultFileError(f"{path}: is a loop of symbolic links; name another file")
    return found


def check_room(target: Path, needed: int) -> None:
    """Check that the disk has room for `needed` bytes in addition to the present file.

    Raises
    ------
    ResultFileError
        If it has not.
    """
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError:  # the file system does not report it
        return
    if needed > free:
        raise ResultFileError(
            f"{target}: needs {size(needed)} on a disk with {size(free)} free; make room, or choose a file on "
            "another disk"
        )


class OwnFile:
    """The result file of one run: its path, and the file that this run may replace.

    The run replaces no other file. If one has appeared at the path, the result goes beside it, to ``NAME-2.nc``.

    Parameters
    ----------
    path : Path
        See `check_destination`.
    replace : bool
        Whether a file that is there now may be replaced.
    """

    def __init__(self, path: Path, *, replace: bool = True) -> None:
        self.path = path
        """Where the result is, or will be."""
        self._asked = path
        self._last: int | None = None  # an open file keeps its number, so that no new file is taken for it
        if replace:
            self._remember()

    def __enter__(self) -> OwnFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._forget()

    @property
    def moved(self) -> bool:
        """Whether the result is beside the path that was asked for."""
        return self.path != self._asked

    @property
    def previous(self) -> Path:
        """Where the checkpoint before the last one is kept."""
        return previous(self.path)

    def put(self, partial: Path, *, keep: bool = False) -> None:
        """Move a complete file to the path.

        Parameters
        ----------
        partial : Path
            In the same folder.
        keep : bool
            Whether the file that it replaces becomes `previous`.
        """
        while not self._moved_in(partial, keep):
            self.path = self._free()
            self._forget()
        self._remember()

    def _moved_in(self, partial: Path, keep: bool) -> bool:
        """Move a complete file to the present path, unless another one's file is there."""
        if self._last is not None and self._is_there():
            if keep:
                self._keep()
            partial.replace(self.path)
            return True
        try:
            os.link(partial, self.path)  # unlike a replacement, fails where a file has appeared
            partial.unlink()
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if self.path.exists():
                return False
            partial.replace(self.path)
        return True

    def _keep(self) -> None:
        partial = _name_beside(self.previous)
        with contextlib.suppress(OSError):  # without hard links there is no previous checkpoint
            os.link(self.path, partial)
            partial.replace(self.previous)

    def drop_previous(self) -> bool:
        """Remove the previous checkpoint; whether there was one."""
        try:
            self.previous.unlink()
        except OSError:
            return False
        return True

    def _free(self) -> Path:
        number = 2
        while (path := self._asked.with_name(f"{self._asked.stem}-{number}{self._asked.suffix}")).exists():
            number += 1
        return path

    def _is_there(self) -> bool:
        assert self._last is not None
        try:
            return os.path.samestat(os.fstat(self._last), self.path.stat())
        except FileNotFoundError:
            return False

    def _remember(self) -> None:
        self._forget()
        with contextlib.suppress(OSError):
            self._last = os.open(self.path, getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_CLOEXEC", 0))

    def _forget(self) -> None:
        if self._last is not None:
            os.close(self._last)
            self._last = None


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one of a result file is kept."""
    return path.with_name(f"{path.name}.prev")


@contextlib.contextmanager
def owned(target: Path, *, replace: bool) -> Iterator[OwnFile]:
    """The result file of one run, which no other run writes meanwhile; see `OwnFile` and `pysv.results.lock.held`."""
    with held(target), OwnFile(target, replace=replace) as own:
        yield own


@contextlib.contextmanager
def whole_file(target: Path, own: OwnFile | None = None, *, keep: bool = False) -> Iterator[Path]:
    """A temporary path beside `target`. It replaces `target` if the context ends without an error, else it is deleted.

    Parameters
    ----------
    target : Path
        A file that is there keeps its permissions.
    own : OwnFile, optional
        Whose file `target` is; see `OwnFile.put`.
    keep : bool
        See `OwnFile.put`.

    Raises
    ------
    ResultFileError
        If the file system refuses; an existing `target` stays unchanged.
    """
    try:
        _remove_orphans(target)
        partial, handle = _beside(target)
        try:
            yield partial
            os.fsync(handle)
            unlock(handle)  # HDF5 would not open a locked file for reading
            if own is None:
                partial.replace(target)
            else:
                own.put(partial, keep=keep)
            _flush_folder(target.parent)
        finally:
            os.close(handle)
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
    except OSError as error:
        if isinstance(error, ResultFileError):
            raise
        raise ResultFileError(f"{target}: cannot be written ({error.strerror or error})") from error


def _beside(target: Path) -> tuple[Path, int]:
    """A new empty file in the folder of `target` with its permissions, locked, and its descriptor."""
    path = _name_beside(target)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    handle = open_locked(path, flags, _MODE if mode is None else mode & 0o700)
    if mode is not None and hasattr(os, "fchmod"):
        os.fchmod(handle, mode)
    return path, handle


def _name_beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def _remove_orphans(target: Path) -> None:
    """Remove parts of `target` that no process is writing: those of processes that were killed."""
    name = re.compile(rf"\.{re.escape(target.name)}(\.prev)?\.[0-9a-z_]{{8}}\.part")
    for entry in os.scandir(target.parent):
        if name.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with contextlib.suppress(OSError):
                handle = os.open(entry.path, os.O_RDWR)
                try:
                    if has_locks(handle):
                        os.unlink(entry.path)
                finally:
                    os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Have the new name on the disk, too."""
    with contextlib.suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
