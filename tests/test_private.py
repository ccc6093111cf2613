"""What goes to others, or comes from them: the report of `doctor`, attributes of files, folders of caches."""

from __future__ import annotations

import os

import pytest

from pysv import doctor
from pysv.cli import main
from pysv.compute.caches import open_to_others
from pysv.results.summary import printable


@pytest.fixture
def no_check(monkeypatch):
    """The report without the run."""
    monkeypatch.setattr(doctor, "self_check", lambda: 0.0)


def test_doctor_shows_no_secret(no_check, capsys, monkeypatch):
    monkeypatch.setenv("JULIA_REGISTRY_TOKEN", "hush")
    monkeypatch.setenv("JULIA_PKG_SERVER", "https://me:hush@pkg.example.org/x?token=hush")
    monkeypatch.setenv("JULIA_DEPOT_PATH", "/depot\x1b[2J")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "hush" not in shown
    assert "\x1b" not in shown
    assert "JULIA_REGISTRY_TOKEN is set" in shown
    assert "JULIA_PKG_SERVER=https://***@pkg.example.org/x?***" in shown
    assert "JULIA_DEPOT_PATH=/depot" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://pkg.julialang.org", "https://pkg.julialang.org"),
        ("https://user:p@ss/word@host:80/path", "https://***@host:80/path"),
        ("http://a:b@one, http://c@two", "http://***@one, http://***@two"),
        ("ftp://host/x#secret", "ftp://host/x#***"),
        ("/home/me@work/depot", "/home/me@work/depot"),
    ],
)
def test_names_in_urls_are_masked(value, shown):
    assert doctor.public(value) == shown


@pytest.mark.parametrize(
    "text",
    [
        "co\x1b[31mmplete",
        "co\x1b]0;title\x07mplete",
        "co\x1b]8;;http://evil\x1b\\mplete",
        "co\x9b2Jmplete",
        "co\x1bcmplete",
        "co\rmp\x00le\x08te",
        "co\u202emp\u200blete",
        "complete\x1b]0;never closed",
        "co\x1bPq#0\x1b\\mplete",
    ],
)
def test_only_what_can_be_printed_is_left(text):
    assert printable(text) == "complete"


def test_info_obeys_no_file(experiment_file, tmp_path, monkeypatch, capsys):
    import h5py

    monkeypatch.chdir(tmp_path)
    assert main(["run", str(experiment_file), "--out", "a.nc", "--quiet"]) == 0
    with h5py.File("a.nc", "r+") as file:
        for name in ("engine", "warnings", "left_out"):
            file.attrs[name] = "\x1b[2Jchebyshev\x07\u202e\nline"
    capsys.readouterr()
    main(["info", "a.nc"])
    shown = capsys.readouterr()
    letters = set(shown.out + shown.err) - {"\n"}
    assert all(letter.isprintable() for letter in letters)


def test_folders_that_others_can_write(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    assert open_to_others(mine) is None
    assert open_to_others(mine / "not" / "yet") is None
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert open_to_others(shared) == f"{shared} can be written by all users"
    assert open_to_others(shared / "not-yet") == f"{shared} can be written by all users"
    private = shared / "private"
    private.mkdir(mode=0o700)
    assert open_to_others(private) is None
    shared.chmod(0o777)
    assert open_to_others(private) == f"{shared} can be written by all users"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs the right to give a folder away")
def test_folders_of_others(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    assert open_to_others(theirs) == f"{theirs} belongs to another user"


def test_doctor_warns_of_open_caches(no_check, capsys, monkeypatch, tmp_path):
    import matplotlib

    tmp_path.chmod(0o777)
    monkeypatch.setattr(matplotlib, "get_cachedir", lambda: str(tmp_path))
    assert main(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("caches")]
    assert f"matplotlib in {tmp_path} (WARNING: {tmp_path} can be written by all users" in line
