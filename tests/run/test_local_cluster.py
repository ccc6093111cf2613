"""The local cluster of Dask lets nobody else in."""

from __future__ import annotations

import asyncio
import http.client
import os
import urllib.error
import urllib.request

import psutil
import pytest

from pysv.run import dask


def listening():
    """Addresses at which this process and its children listen."""
    me = psutil.Process(os.getpid())
    return {
        (found.laddr.ip, found.laddr.port)
        for process in (me, *me.children(recursive=True))
        for found in process.net_connections("inet")
        if found.status == psutil.CONN_LISTEN
    }


def hello(number):
    return number + 1


def test_a_local_cluster_is_on_the_loopback_address_without_a_dashboard():
    before = listening()
    with dask.connected("local:1") as client:
        opened = listening() - before
        assert client.submit(hello, 1).result() == 2
        for _, port in opened:
            with pytest.raises((urllib.error.HTTPError, OSError, http.client.HTTPException)):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5)
        assert client.scheduler.address.partition("://")[2].startswith("127.0.0.1:")
    assert opened
    assert {ip for ip, _ in opened} == {"127.0.0.1"}
    assert not listening() - before


def test_without_cryptography_there_are_no_keys(monkeypatch):
    monkeypatch.setattr(dask, "find_spec", lambda name: None)
    assert dask._temporary_keys() is None


def test_with_keys_a_stranger_is_refused():
    pytest.importorskip("cryptography")
    from distributed.security import Security

    with dask.connected("local:1") as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        assert client.submit(hello, 1).result() == 2
        for stranger in (Security(), Security.temporary()):
            with pytest.raises((OSError, RuntimeError, TypeError)):
                asyncio.run(dask._knock(address, stranger))
