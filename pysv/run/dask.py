"""A Dask cluster: that of the user, or worker processes on this machine."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

from pysv.compute import thread_pool
from pysv.compute.ranks import led
from pysv.errors import DaskUnavailableError, InvalidInputError
from pysv.results.versions import __version__

PATIENCE = 8
"""Longest wait for a scheduler and for its first worker, s."""
LOST = 60.0
"""Longest time without any worker in the middle of the work, s; lost workers are often restarted."""

_NO_PAGES: dict[str, Any] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Dask's servers of web pages cannot be left out; these serve no page."""


def connected(dask: str | None) -> AbstractContextManager[Any]:
    """A client of the requested cluster.

    Parameters
    ----------
    dask : str, optional
        ``"local"`` or ``"local:N"``: N worker processes on this machine (by default one for each processor), which end
        with the context. Or the address of a scheduler such as ``"tcp://host:8786"``. None: no cluster.

    Returns
    -------
    context manager
        Gives a `distributed.Client`, or None.

    Raises
    ------
    InvalidInputError
        If N is not a number of workers, or under mpirun.
    DaskUnavailableError
        On entering, if there is no scheduler, or no worker, or a worker has another version of pysv.
    """
    if dask is None:
        return nullcontext()
    if led() > 1:
        raise InvalidInputError("dask spreads runs over workers, and mpirun divides each run; leave one out", "dask")
    if not isinstance(dask, str) or not dask:
        raise InvalidInputError(f"dask = {dask!r} must be 'local', 'local:N' or the address of a scheduler", "dask")
    kind, _, count = dask.partition(":")
    if kind != "local":
        return _client_of(dask)
    if count and (not count.isdecimal() or not 1 <= int(count) <= 1000):
        raise InvalidInputError(f"dask = {dask!r}: the number of local workers must be between 1 and 1000", "dask")
    return _local(int(count) if count else thread_pool.largest())


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    """A cluster that nobody else can reach: on the loopback address, encrypted where possible, without a dashboard."""
    from dask import config
    from distributed import LocalCluster

    options: Mapping[str, Any] = {
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
        "scheduler_kwargs": {"dashboard": False},
        "security": _temporary_keys(),
        "silence_logs": logging.CRITICAL,
    }
    try:
        with _without_interrupts(), config.set(_NO_PAGES):
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, **options)
    except (OSError, RuntimeError) as error:
        raise DaskUnavailableError(
            f"a local cluster of {workers} workers cannot be started ({error}); a script must call pysv under "
            "`if __name__ == '__main__':`, since every worker imports the script"
        ) from error
    with cluster, _client_of(cluster.scheduler_address, cluster.security) as client:
        yield client


def _temporary_keys() -> Any:
    """A certificate and a key that live as long as the cluster; None without the package cryptography.

    A scheduler runs whatever a client sends. On the loopback address alone every user of this machine is a client; with
    the key only this process and its workers are.
    """
    if find_spec("cryptography") is None:
        return None
    from distributed.security import Security

    return Security.temporary()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started here ignore Ctrl-C: a terminal sends it to all, and this process ends the others itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@contextmanager
def _client_of(address: str, security: Any = None) -> Iterator[Any]:
    from distributed import Client
    from distributed.security import Security

    security = security or Security()  # the user's own configuration of Dask

    logs = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)  # errors are reported in one sentence
    try:
        try:
            with ThreadPoolExecutor(1) as aside:  # in a notebook this thread runs an event loop already
                aside.submit(asyncio.run, _knock(address, security)).result()
            client = Client(address, timeout=PATIENCE, set_as_default=False, security=security)
        except Exception as error:  # anything may answer at this address
            raise DaskUnavailableError(
                f"no Dask scheduler answers at {address!r}; start one with `dask scheduler`, check the address, or use "
                "--dask local"
            ) from error
        with client:
            _check_workers(client, address)
            yield client
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def watched(ready: Any, client: Any) -> Iterator[Any]:
    """The futures of ``distributed.as_completed`` as they finish, while there is a scheduler and a worker now and then.

    Parameters
    ----------
    ready : distributed.as_completed
    client : distributed.Client

    Yields
    ------
    distributed.Future

    Raises
    ------
    DaskUnavailableError
        If the scheduler is gone, or there were no workers for `LOST` seconds.
    """
    while not ready.is_empty():
        seen = asked = time.monotonic()
        while not ready.has_ready():
            time.sleep(0.02)
            now = time.monotonic()
            if now - asked > 1:
                asked = now
                if _has_workers(client):
                    seen = now
            if now - seen > LOST:
                raise DaskUnavailableError(
                    f"the Dask cluster has had no workers for {LOST:g} s; start some, and run the same command again: "
                    "results that files keep are not computed again"
                )
        yield next(ready)


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.sync(client.scheduler.ncores, callback_timeout=PATIENCE))
    except TimeoutError:
        return False
    except Exception as error:  # the connection is broken in one of many ways
        if client.status != "running":
            raise scheduler_lost() from error
        return False


def scheduler_lost() -> DaskUnavailableError:
    """The error for a scheduler that is gone in the middle of the work."""
    return DaskUnavailableError(
        "the Dask scheduler was lost during the run; start it anew with its workers, and run the same command again: "
        "results that files keep are not computed again"
    )


async def _knock(address: str, security: Any) -> None:
    """Connect once. Unlike a client, a failed connection leaves no tasks or messages behind."""
    from distributed.comm import connect

    comm = await asyncio.wait_for(
        connect(address, timeout=PATIENCE, **security.get_connection_args("client")), PATIENCE
    )
    await comm.close()


def _check_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE / 2)
    except TimeoutError as error:
        raise DaskUnavailableError(
            f"the Dask scheduler at {address!r} has no workers; start some with `dask worker {address}`"
        ) from error
    for worker, version in client.run(_version, on_error="return").items():
        if version != __version__:
            found = f"pysv {version}" if isinstance(version, str) else f"no pysv ({version})"
            raise DaskUnavailableError(f"the Dask worker {worker} has {found}, not {__version__}; install this version")


def _version() -> str:
    return __version__
