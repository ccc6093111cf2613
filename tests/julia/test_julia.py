"""Julia before it runs: what juliapkg would install, when pysv says no and how fast, and how long the first call takes."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
import tomllib
import types
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from juliahome import needs_julia

from pysv.errors import JuliaUnavailableError
from pysv.julia import session, setup

ROOT = Path(__file__).parents[2]
WAYS = ("`pysv julia setup`", "PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT", "backend 'python'")


def read(path: Path) -> dict:
    return tomllib.loads(path.read_text())


def test_the_two_projects_and_juliapkg_agree():
    package, root = read(ROOT / "julia/Project.toml"), read(ROOT / "Project.toml")
    assert (ROOT / root["path"]).is_file()
    assert {key: root[key] for key in ("name", "uuid", "version", "deps")} == {
        key: package[key] for key in ("name", "uuid", "version", "deps")
    }
    assert package["compat"] == root["compat"] | {"TOML": "1", "Test": "1"}
    declared = json.loads((ROOT / "pysv/juliapkg.json").read_text())
    assert declared["packages"]["PySV"]["uuid"] == package["uuid"]
    assert declared["julia"] == "^" + package["compat"]["julia"]
    assert tuple(map(int, package["compat"]["julia"].split("."))) == setup.OLDEST
    assert set(setup.PACKAGES) - {"PythonCall"} <= set(package["deps"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Folder with the unpacked wheel."""
    made, unpacked = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(made.glob("*.whl"))) as archive:
        archive.extractall(unpacked)
    return unpacked


def test_the_wheel_carries_every_data_file(wheel):
    data = [
        path.relative_to(ROOT) for path in (ROOT / "pysv").rglob("*") if path.suffix in (".toml", ".json", ".typed")
    ]
    data = [path for path in data if path.parts[1] != "_julia"]  # a link of a checkout
    assert Path("pysv/results/citations.toml") in data
    assert not [path for path in data if (wheel / path).read_bytes() != (ROOT / path).read_bytes()]


RESOLVED = """
import json, pysv
from juliapkg.deps import find_requirements
compat, packages = find_requirements()
print(json.dumps([pysv.__file__, str(compat), {package.name: package.dict() for package in packages}]))
"""


@pytest.mark.parametrize("installed", ["wheel", "editable"])
def test_what_juliapkg_would_install(installed, wheel, tmp_path):
    where = wheel if installed == "wheel" else ROOT
    environment = os.environ | {"PYTHONPATH": str(where), "PYTHON_JULIAPKG_PROJECT": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", RESOLVED], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, compat, packages = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).parents[1] == where
    assert "1.10.3" in compat
    assert packages["PythonCall"]["version"] == f"={metadata.version('juliacall')}"
    ours = packages["PySV"]
    assert ours["dev"] is True
    folder = Path(ours["path"])
    assert folder.is_relative_to(where)
    assert read(folder / "Project.toml")["uuid"] == ours["uuid"]
    assert setup.digest(folder) == setup.digest(ROOT / "julia")
    assert {path.name for path in folder.iterdir()} >= {"Project.toml", "src", "test"}


def test_the_sdist_carries_the_package(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = subprocess.run(["tar", "tzf", next(tmp_path.glob("*.tar.gz"))], capture_output=True, text=True, check=True)
    inside = {name.split("/", 1)[1] for name in names.stdout.split()}
    assert {"Project.toml", "julia/Project.toml", "julia/src/PySV.jl", "julia/test/runtests.jl"} <= inside


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """An environment that names no Julia, with folders of its own."""
    for name in [name for name in os.environ if name.startswith(("PYTHON_JULIA", "JULIA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHON_JULIAPKG_PROJECT", str(tmp_path / "project"))
    return monkeypatch


@pytest.fixture
def own(clean, tmp_path):
    """A Julia of one's own that does nothing, with a project that holds what is needed."""
    exe, project = tmp_path / "julia", tmp_path / "own"
    exe.write_text("#!/bin/sh\necho julia version 1.10.8\n")
    exe.chmod(0o755)
    project.mkdir()
    versions = {
        "ITensorMPS": "0.4.1", "ITensors": "0.9.27", "KrylovKit": "0.10.4", "PrecompileTools": "1.2.1",
        "PythonCall": metadata.version("juliacall"),
    }  # fmt: skip
    (project / "Manifest.toml").write_text(
        "".join(f'[[deps.{name}]]\nversion = "{version}"\n' for name, version in versions.items())
    )
    clean.setenv("PYTHON_JULIACALL_EXE", str(exe))
    clean.setenv("PYTHON_JULIACALL_PROJECT", str(project))
    return clean


def refused() -> str:
    """What pysv says in a fresh process that asks for Julia: one line, exit code 2, within ten seconds."""
    begun = time.monotonic()
    code = "from pysv.julia import session\nfrom pysv.errors import JuliaUnavailableError\n"
    code += "try:\n    session.start()\nexcept JuliaUnavailableError as error:\n    print(error)\n"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert work < 4  # this and the longest wait for the network make ten seconds on a machine that is not overloaded
    assert time.monotonic() - begun < 100
    assert len(done.stdout.splitlines()) == 1
    for way in WAYS:
        assert way in done.stdout
    return done.stdout


def test_the_longest_wait_for_the_network():
    assert setup.PATIENCE <= 6


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "PYTHON_JULIACALL_EXE",
            None,
            "PYTHON_JULIACALL_PROJECT is set without PYTHON_JULIACALL_EXE; set both or neither",
        ),
        (
            "PYTHON_JULIACALL_PROJECT",
            None,
            "PYTHON_JULIACALL_EXE is set without PYTHON_JULIACALL_PROJECT; set both or neither",
        ),
        ("PYTHON_JULIACALL_EXE", "/nowhere/julia", "PYTHON_JULIACALL_EXE = /nowhere/julia is not an executable file"),
        ("PYTHON_JULIACALL_EXE", "/bin/true", "/bin/true is not a Julia"),
        ("PYTHON_JULIACALL_PROJECT", "/nowhere", "PYTHON_JULIACALL_PROJECT = /nowhere is not a folder"),
        ("PYTHON_JULIACALL_HANDLE_SIGNALS", "no", "PYTHON_JULIACALL_HANDLE_SIGNALS = no crashes Julia with several"),
    ],
)
def test_a_julia_that_is_named_wrongly(own, name, value, sentence):
    own.setenv("NUMBA_NUM_THREADS", "2")
    if value is None:
        own.delenv(name)
    else:
        own.setenv(name, value)
    assert sentence in refused()


def test_a_julia_that_is_too_old(own, tmp_path):
    (tmp_path / "julia").write_text("#!/bin/sh\necho julia version 1.9.4\n")
    assert "is Julia 1.9.4; 1.10.3 or newer is required" in refused()


def test_a_project_that_lacks_packages(own, tmp_path):
    manifest = tmp_path / "own" / "Manifest.toml"
    whole = manifest.read_text()
    manifest.write_text(whole.replace("KrylovKit", "Other"))
    assert "lacks KrylovKit" in refused()
    manifest.write_text(whole.replace(metadata.version("juliacall"), "0.9.1"))
    assert f"contains PythonCall 0.9.1, but juliacall {metadata.version('juliacall')} requires PythonCall" in refused()
    manifest.unlink()
    assert "lacks ITensorMPS, ITensors, KrylovKit, PrecompileTools, PythonCall" in refused()


def test_a_julia_that_does_not_start(own):
    assert "Julia does not start" in refused()


def test_without_network(clean):
    clean.setenv("JULIA_PKG_SERVER", "http://127.0.0.1:9")
    assert "Julia is not set up, and http://127.0.0.1:9 cannot be reached" in refused()


def test_a_network_that_does_not_answer(clean):
    with socket.create_server(("127.0.0.1", 0)) as server:
        clean.setenv("JULIA_PKG_SERVER", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert "cannot be reached" in refused()


def test_downloads_that_are_forbidden(clean):
    clean.setenv("JULIA_PKG_OFFLINE", "true")
    assert "JULIA_PKG_OFFLINE forbids downloads" in refused()


def test_the_command_line_says_it_in_one_line_and_writes_nothing(clean, experiment_file, tmp_path):
    clean.setenv("JULIA_PKG_SERVER", "http://127.0.0.1:9")
    command = [
        sys.executable,
        "-m",
        "pysv",
        "run",
        str(experiment_file),
        "--backend",
        "julia",
        "--out",
        "run.nc",
        "--quiet",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if "of the packet lies beyond" not in line]
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(lines) == 1
    assert lines[0].startswith("pysv: backend 'julia': Julia is not set up")
    assert not (tmp_path / "run.nc").exists()
    done = subprocess.run([*command[:3], "julia", "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not ready: Julia is not set up; run `pysv julia setup`" in done.stdout


def test_juliacall_that_is_not_installed(clean):
    clean.setattr("pysv.julia.setup.util.find_spec", lambda name: None)
    with pytest.raises(JuliaUnavailableError, match="the Python package juliacall is not installed; run"):
        setup.home()


def test_julia_is_asked_for_in_another_thread(clean):
    clean.setattr("pysv.julia.session._session", None)
    said = []

    def ask() -> None:
        with pytest.raises(JuliaUnavailableError, match="Julia must start in the main thread of a process") as caught:
            session.start()
        said.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert said


def another(inited: bool, threads: int, signals: str | None, version: tuple[int, int, int], project: Path):
    """A juliacall that somebody else imported."""
    julia_version = types.SimpleNamespace(major=version[0], minor=version[1], patch=version[2])
    base = types.SimpleNamespace(VERSION=julia_version, Threads=types.SimpleNamespace(nthreads=lambda: threads))
    config = {"inited": inited, "opt_handle_signals": signals, "project": str(project)}
    return types.SimpleNamespace(CONFIG=config, Base=base)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ((False, 1, None, (1, 10, 8)), "juliacall is imported but has not started Julia"),
        ((True, 2, None, (1, 10, 8)), "another package started Julia with several threads and without"),
        (
            (True, 1, None, (1, 9, 0)),
            "the Julia that another package started is Julia 1.9.0; 1.10.3 or newer is required",
        ),
        ((True, 1, None, (1, 10, 8)), "lacks ITensorMPS, ITensors, KrylovKit, PrecompileTools, PythonCall"),
    ],
)
def test_another_package_that_started_julia_before(clean, tmp_path, settings, sentence):
    clean.setattr("pysv.julia.session._session", None)
    clean.setitem(sys.modules, "juliacall", another(*settings, tmp_path))
    with pytest.raises(JuliaUnavailableError, match=sentence):
        session.start()


def test_what_is_remembered_holds_for_what_was_compiled(own, tmp_path):
    """Nothing is started: the state of packages and sources decides."""
    assert "not set up" in setup.not_ready()
    setup.remember(setup.home())
    assert setup.not_ready() is None
    with own.context() as patch:
        patch.setattr("pysv.julia.setup.digest", lambda folder=None: "other sources")
        assert "not set up" in setup.not_ready()
    manifest = tmp_path / "own" / "Manifest.toml"
    manifest.write_text(manifest.read_text() + "\n")
    assert "not set up" in setup.not_ready()
    setup.remember(setup.home())
    setup.forget(setup.home())
    assert "not set up" in setup.not_ready()


@needs_julia
def test_the_first_call_of_a_process_takes_seconds():
    """Start of Python, pysv and Julia to the end of a small run: processor time, which a busy machine does not change."""
    code = "import pysv\nd = pysv.SpinValve(sites=30, polarizer=(8, 9), analyzer=(12, 14))\n"
    code += "e = pysv.Experiment(device=d, source=pysv.WavePacket(center=5, momentum_spread=0.9), "
    code += "times=pysv.times(stop=2, step=1))\n"
    code += "print(pysv.solve(e, backend='julia', progress=False).attrs['backend'])"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout == "julia\n"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 15


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("libssl.so: version `OPENSSL_3.3.0' not found", "need a Python with OpenSSL 3.5 or newer"),
        ("/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found", "start it with LD_PRELOAD=FOLDER/libstdc++.so.6"),
        ("PythonCall.jl did not start properly", "Julia does not find its packages in the depot (JULIA_DEPOT_PATH"),
        ("something new", "Julia does not start (something new)"),
    ],
)
def test_what_the_failures_of_juliacall_mean(failure, sentence):
    assert sentence in setup.meaning(failure)


def test_a_julia_that_is_too_new_for_juliacall(own, monkeypatch, tmp_path):
    (tmp_path / "julia").write_text("#!/bin/sh\necho julia version 1.13.0\n")
    monkeypatch.setattr(setup.metadata, "version", lambda name: "0.9.34")
    with pytest.raises(
        JuliaUnavailableError, match=r"is Julia 1.13.0, which needs juliacall 0.9.36 or newer, and 0.9.34"
    ):
        setup.julia_version(str(tmp_path / "julia"))
    monkeypatch.setattr(setup.metadata, "version", lambda name: "0.9.37")
    assert setup.julia_version(str(tmp_path / "julia")) == (1, 13, 0)


@pytest.mark.parametrize(
    ("version", "bounds", "allowed"),
    [
        ("0.9.27", "0.9", True), ("0.10.0", "0.9", False), ("0.3.5", "0.3.6, 0.4", False), ("0.4.1", "0.3.6, 0.4", True),
        ("1.3.0", "1.2", True), ("1.1.9", "1.2", False), ("2.0.0", "1.2", False), ("0.9.2", "0.9.3, 0.10", False),
        ("1.10.3+0", "1.10.3", True), ("1.3", "1", True),
    ],
)  # fmt: skip
def test_bounds_of_julia_packages(version, bounds, allowed):
    """The caret bounds of Pkg: the first number that is not 0 stays."""
    assert setup._allowed(version, bounds) is allowed


def test_a_project_with_other_versions_than_the_package_allows(own, tmp_path):
    manifest = tmp_path / "own" / "Manifest.toml"
    manifest.write_text(manifest.read_text().replace("0.10.4", "0.8.0"))
    with pytest.raises(JuliaUnavailableError, match=r"contains KrylovKit 0.8.0, where 0.9.3, 0.10 is required"):
        setup.check_project(tmp_path / "own")


def test_a_depot_without_the_packages(own, tmp_path):
    """Found before Julia starts, which would end in a long trace."""
    manifest, project = tmp_path / "own" / "Manifest.toml", tmp_path / "own"
    setup.check_depot(project)  # PythonCall is no package of a registry there
    manifest.write_text(manifest.read_text() + 'git-tree-sha1 = "0"\n')
    own.setenv("HOME", str(tmp_path))
    with pytest.raises(
        JuliaUnavailableError, match="no Julia depot holds the packages of .*JULIA_DEPOT_PATH is not set"
    ):
        setup.check_depot(project)
    own.setenv("JULIA_DEPOT_PATH", "/nowhere")
    with pytest.raises(JuliaUnavailableError, match="/nowhere; a path without a colon at its end drops Julia's own"):
        setup.check_depot(project)
    (tmp_path / ".julia" / "packages" / "PythonCall").mkdir(parents=True)
    own.setenv("JULIA_DEPOT_PATH", "/nowhere:")
    setup.check_depot(project)


def test_ctrl_c_while_julia_starts(own, monkeypatch):
    """juliacall turns it into an error of its own."""
    monkeypatch.setattr("pysv.julia.session._session", None)
    monkeypatch.setattr("pysv.julia.session._spoiled", None)

    class Interrupted:
        def find_spec(self, name, path=None, target=None):
            if name == "juliacall":
                raise RuntimeError("JULIA: InterruptException:")

    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    monkeypatch.setattr(setup, "home", lambda: setup.Home(os.environ["PYTHON_JULIACALL_EXE"], Path("own")))
    monkeypatch.setattr(setup, "check_project", lambda project: None)
    monkeypatch.setattr(setup, "not_ready", lambda: None)
    monkeypatch.delitem(sys.modules, "juliacall", raising=False)
    with pytest.raises(KeyboardInterrupt):
        session.start()


def test_a_file_that_asks_for_julia_installs_nothing(clean, experiment_file, tmp_path):
    """Neither with network nor without: the command or --backend does."""
    asked = tmp_path / "asked.toml"
    asked.write_text(experiment_file.read_text() + 'backend = "julia"\n')
    command = [sys.executable, "-W", "ignore", "-m", "pysv", "run", str(asked), "--out", "run.nc", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "the file asks for it, and a file installs nothing by itself (give --backend julia to install it)"
        in done.stderr
    )
    assert not (tmp_path / "project").exists()
