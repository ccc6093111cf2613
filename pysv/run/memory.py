"""Memory that this process can still have: of the machine, within the limits of its control groups and its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

PROC = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
Files = tuple[tuple[str, ...], str, str]
_UNIFIED: Files = (("memory.max", "memory.high"), "memory.current", "inactive_file")
_FIRST: Files = (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
"""Files of a control group of version 2 and of version 1: its limits, what is used, and the field of memory.stat with
the pages of files that the system gives back on demand."""


def available_memory() -> int:
    """Bytes that can be allocated now: free memory, and what is left of every limit on this process.

    Limits are those of its control group and of all groups above (a container, a job or a step of SLURM, in version 1
    or 2), and RLIMIT_AS and RLIMIT_DATA (``ulimit -v``, ``ulimit -d``).
    """
    rooms = [int(psutil.virtual_memory().available), *control_group_rooms(), *_own_rooms()]
    return max(min(rooms), 0)


def control_group_rooms(listed: Path = PROC, mount: Path = MOUNT) -> Iterator[int]:
    """What is left of the limit of each control group of this process, from its own group up to the root, bytes.

    Parameters
    ----------
    listed : Path
        File with the groups of the process, ``/proc/self/cgroup``.
    mount : Path
        Where control groups are mounted.
    """
    try:
        lines = listed.read_text("utf-8").splitlines()
    except OSError:  # no control groups on this system
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            homes, files = {mount, mount / "unified"}, _UNIFIED
        elif "memory" in controllers.split(","):
            homes, files = {mount / "memory", mount / controllers}, _FIRST
        else:
            continue
        for home in homes:
            for group in _upwards(home, path):
                yield from _room(group, *files)


def _upwards(home: Path, path: str) -> Iterator[Path]:
    """A group and those above it. A container may not see the path: then its own root is all there is."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for count in range(len(parts), -1, -1):
        yield home.joinpath(*parts[:count])


def _room(group: Path, limits: tuple[str, ...], used: str, pages: str) -> Iterator[int]:
    for name in limits:
        try:
            limit = int((group / name).read_text("utf-8"))
            taken = int((group / used).read_text("utf-8"))
        except (OSError, ValueError):  # no such group, or "max"
            continue
        yield limit - taken + _given_back(group, pages)


def _given_back(group: Path, pages: str) -> int:
    """Bytes of file pages in a group, which are given back when memory is asked for."""
    try:
        lines = (group / "memory.stat").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.split()[0] == pages)
    except (OSError, ValueError, IndexError, StopIteration):
        return 0


def _own_rooms() -> Iterator[int]:
    """What is left of the limits on the address space and on the data of this process, bytes."""
    if os.name != "posix":
        return
    import resource

    now = psutil.Process().memory_info()
    for limit, taken in ((resource.RLIMIT_AS, now.vms), (resource.RLIMIT_DATA, getattr(now, "data", 0))):
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            yield soft - taken
