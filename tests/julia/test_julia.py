"""Julia before it runs: what juliapkg would install, when pysv says no and how fast, and how long the first call takes."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time
import tomllib
import types
import zipfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from juliahome import needs_julia

import pysv
from pysv import config
from pysv.cli import main
from pysv.engines import readiness
from pysv.errors import EngineError, JuliaUnavailableError
from pysv.figures import planned
from pysv.julia import session, setup
from pysv.results import files

ROOT = Path(__file__).parents[2]
WAYS = ("`pysv julia setup`", "PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT", "backend 'python'")
FOR_TDMRG = ("`pysv julia setup --tdmrg`", *WAYS[1:])


def read(path: Path) -> dict:
    return tomllib.loads(path.read_text())


def test_the_two_projects_and_juliapkg_agree():
    package, root = read(ROOT / "julia/Project.toml"), read(ROOT / "Project.toml")
    shared = ("name", "uuid", "version", "deps", "weakdeps", "extensions")
    assert {key: root[key] for key in shared} == {key: package[key] for key in shared}
    for folder, name in (("src", setup.PACKAGE), ("ext", setup.EXTENSION)):  # those of the root include the others
        assert f'"julia", "{folder}", "{name}.jl"' in (ROOT / folder / f"{name}.jl").read_text()
        assert f"\nmodule {name}\n" in (ROOT / "julia" / folder / f"{name}.jl").read_text()
    assert package["compat"] == root["compat"] | {"TOML": "1", "Test": "1"}
    declared = json.loads((ROOT / "pysv/juliapkg.json").read_text())
    assert declared["packages"]["PySV"]["uuid"] == package["uuid"]
    assert declared["julia"] == "^" + package["compat"]["julia"]
    assert tuple(map(int, package["compat"]["julia"].split("."))) == setup.OLDEST
    assert set(setup.PACKAGES) - {"PythonCall"} <= set(package["deps"])
    assert package["name"] == setup.PACKAGE
    assert package["extensions"] == {setup.EXTENSION: list(setup.TDMRG_PACKAGES)}
    assert setup.uuids() == package["weakdeps"]


def test_what_tdmrg_calls_is_declared_without_the_extension():
    """Julia knows the names, so that a call without ITensors ends in a sentence of the package's own."""
    called = set(re.findall(r'session\.call\(\s*"([\w!]+)"', (ROOT / "pysv/mps/julia.py").read_text()))
    declared = set(re.findall(r"^function ([\w!]+) end$", (ROOT / "julia/src/mps.jl").read_text(), re.MULTILINE))
    refused = set(re.findall(r":([\w!]+)[,\n]", (ROOT / "julia/src/mps.jl").read_text().split("for name in (")[1]))
    assert {"chain", "layer!", "sweep!"} <= called <= declared == refused


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
    assert {path.name for path in folder.iterdir()} >= {"Project.toml", "ext", "src", "test"}
    assert not set(packages) & set(setup.TDMRG_PACKAGES)


def test_the_sdist_carries_the_package(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = subprocess.run(["tar", "tzf", next(tmp_path.glob("*.tar.gz"))], capture_output=True, text=True, check=True)
    inside = {name.split("/", 1)[1] for name in names.stdout.split()}
    assert {"Project.toml", "julia/Project.toml", "julia/src/PySV.jl", "julia/test/runtests.jl"} <= inside
    assert {f"{folder}/{setup.EXTENSION}.jl" for folder in ("ext", "julia/ext")} <= inside


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """An environment that names no Julia, with folders of its own."""
    for name in [name for name in os.environ if name.startswith(("PYTHON_JULIA", "JULIA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHON_JULIAPKG_PROJECT", str(tmp_path / "project"))
    return monkeypatch


VERSIONS = {
    "ITensorMPS": "0.4.1", "ITensors": "0.9.27", "KrylovKit": "0.10.4", "PrecompileTools": "1.2.1",
    "PythonCall": metadata.version("juliacall"),
}  # fmt: skip


def manifest(without: tuple[str, ...] = ()) -> str:
    """A manifest with the packages that `tdmrg` needs, but for some."""
    held = {name: version for name, version in VERSIONS.items() if name not in without}
    return "".join(f'[[deps.{name}]]\nversion = "{version}"\n' for name, version in held.items())


@pytest.fixture
def own(clean, tmp_path):
    """A Julia of one's own that does nothing, with a project that holds what is needed."""
    exe, project = tmp_path / "julia", tmp_path / "own"
    exe.write_text("#!/bin/sh\necho julia version 1.10.8\n")
    exe.chmod(0o755)
    project.mkdir()
    (project / "Manifest.toml").write_text(manifest())
    clean.setenv("PYTHON_JULIACALL_EXE", str(exe))
    clean.setenv("PYTHON_JULIACALL_PROJECT", str(project))
    return clean


def refused(arguments: str = "", ways: tuple[str, ...] = WAYS) -> str:
    """What pysv says in a fresh process that asks for Julia: one line, exit code 2, within ten seconds."""
    begun = time.monotonic()
    code = "from pysv.julia import session\nfrom pysv.errors import JuliaUnavailableError\n"
    code += f"try:\n    session.start({arguments})\nexcept JuliaUnavailableError as error:\n    print(error)\n"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert work < 4  # this and the longest wait for the network make ten seconds on a machine that is not overloaded
    assert time.monotonic() - begun < 100
    assert len(done.stdout.splitlines()) == 1
    for way in ways:
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
    held = tmp_path / "own" / "Manifest.toml"
    held.write_text(manifest().replace("KrylovKit", "Other"))
    assert "lacks KrylovKit" in refused()
    held.write_text(manifest().replace(metadata.version("juliacall"), "0.9.1"))
    assert f"contains PythonCall 0.9.1, but juliacall {metadata.version('juliacall')} requires PythonCall" in refused()
    held.unlink()
    assert "lacks KrylovKit, PrecompileTools, PythonCall" in refused()
    assert "lacks ITensorMPS, ITensors, KrylovKit, PrecompileTools, PythonCall" in refused("tdmrg=True", FOR_TDMRG)


def test_a_project_that_lacks_what_tdmrg_needs(own, tmp_path):
    """The other engines run in it; tdmrg is refused before Julia starts."""
    (tmp_path / "own" / "Manifest.toml").write_text(manifest(without=setup.TDMRG_PACKAGES))
    setup.check_project(tmp_path / "own")
    said = refused("tdmrg=True", FOR_TDMRG)
    assert said.startswith(
        f"backend 'julia': the Julia project {tmp_path / 'own'} lacks ITensorMPS, ITensors "
        '(`Pkg.add(["ITensorMPS", "ITensors"])` in it adds them); run `pysv julia setup --tdmrg`'
    )
    assert "Julia does not start" in refused()
    setup.remember(setup.home())
    assert setup.not_ready() is None
    assert "lacks ITensorMPS, ITensors" in setup.not_ready(tdmrg=True)


def test_what_engines_and_status_say_without_tdmrg(own, tmp_path, capsys):
    (tmp_path / "own" / "Manifest.toml").write_text(manifest(without=setup.TDMRG_PACKAGES))
    setup.remember(setup.home())
    ready = {(row.engine, row.backend): row for row in readiness()}
    assert ready["chebyshev", "julia"].ready
    assert not ready["tdmrg", "julia"].ready
    assert "in it adds them); run `pysv julia setup --tdmrg`" in ready["tdmrg", "julia"].remark
    own.setattr("pysv.julia.session.report", lambda: {"Julia": "1.10.8", "threads": "2", "BLAS": "one"})
    own.setattr("pysv.julia.session._session", None)  # tests before may have started Julia
    assert main(["julia", "status"]) == 0
    told = capsys.readouterr().out
    assert "tdmrg      not ready: the Julia project" in told
    assert "packages   KrylovKit 0.10.4, PrecompileTools 1.2.1, PythonCall" in told
    assert main(["julia", "status", "--tdmrg"]) == 1
    (tmp_path / "own" / "Manifest.toml").write_text(manifest())
    setup.remember(setup.home())
    assert main(["julia", "status", "--tdmrg"]) == 1  # the packages are there, but not compiled
    setup.remember(setup.home(), tdmrg=True)
    assert main(["julia", "status", "--tdmrg"]) == 0
    assert "tdmrg      ready" in capsys.readouterr().out


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
        ((True, 1, None, (1, 10, 8)), "lacks KrylovKit, PrecompileTools, PythonCall"),
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
    assert "Julia is not set up for tdmrg; run `pysv julia setup --tdmrg`" in setup.not_ready(tdmrg=True)
    setup.remember(setup.home(), tdmrg=True)
    assert setup.not_ready(tdmrg=True) is None
    held = tmp_path / "own" / "Manifest.toml"
    held.write_text(held.read_text() + "\n")
    assert "Julia is not set up; run `pysv julia setup`," in setup.not_ready()
    assert "Julia is not set up; run `pysv julia setup --tdmrg`" in setup.not_ready(tdmrg=True)
    for tdmrg in (False, True):
        setup.remember(setup.home(), tdmrg=tdmrg)
    setup.forget(setup.home())
    assert "not set up" in setup.not_ready()
    setup.remember(setup.home())
    assert "not set up" in setup.not_ready(tdmrg=True)


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
    """Those of tdmrg are compared where they are."""
    held = tmp_path / "own" / "Manifest.toml"
    held.write_text(manifest().replace("0.10.4", "0.8.0"))
    with pytest.raises(JuliaUnavailableError, match=r"contains KrylovKit 0.8.0, where 0.9.3, 0.10 is required"):
        setup.check_project(tmp_path / "own")
    held.write_text(manifest().replace("0.9.27", "0.8.3"))
    with pytest.raises(JuliaUnavailableError, match=r"contains ITensors 0.8.3, where 0.9 is required"):
        setup.check_project(tmp_path / "own")


def entry(deps: set[str], weakdeps: set[str]) -> str:
    """The entry of the bundled package in a manifest."""
    return f"[[deps.PySV]]\ndeps = {sorted(deps)}\nweakdeps = {sorted(weakdeps)}\n".replace("'", '"')


def test_a_project_that_was_resolved_for_an_earlier_package(own, tmp_path):
    """Julia would not find the extension; an engine without ITensors runs all the same."""
    held, package = tmp_path / "own" / "Manifest.toml", read(ROOT / "julia/Project.toml")
    deps, weak = set(package["deps"]), set(package["weakdeps"])
    held.write_text(manifest() + entry(deps, weak))
    setup.check_project(tmp_path / "own", tdmrg=True)
    assert not setup.outdated(tmp_path / "own")
    held.write_text(manifest() + entry(deps | weak, set()))
    assert setup.outdated(tmp_path / "own")
    setup.check_project(tmp_path / "own")
    with pytest.raises(
        JuliaUnavailableError, match=r"was resolved for other packages than PySV has now \(`Pkg.resolve"
    ):
        setup.check_project(tmp_path / "own", tdmrg=True)


@pytest.fixture
def managed(clean, tmp_path):
    """A project of juliapkg with all but the packages of tdmrg; what juliapkg is asked to do is listed."""
    import juliapkg
    from juliapkg.state import STATE

    project, done = tmp_path / "managed", []
    (project / "pyjuliapkg").mkdir(parents=True)
    for name, path in {"project": "", "deps": "pyjuliapkg/juliapkg.json", "meta": "pyjuliapkg/meta.json"}.items():
        clean.setitem(STATE, name, str(project / path))
    Path(STATE["meta"]).write_text("{}")
    (project / "Manifest.toml").write_text(manifest(without=setup.TDMRG_PACKAGES))

    def resolve(force=False, dry_run=False):
        if not dry_run:
            asked = Path(STATE["deps"]).read_text() if Path(STATE["deps"]).is_file() else "{}"
            done.append((force, {name: kept["uuid"] for name, kept in json.loads(asked).get("packages", {}).items()}))
            (project / "Manifest.toml").write_text(manifest())
        return True

    clean.setattr(juliapkg, "resolve", resolve)
    clean.setattr(setup, "check_network", lambda *, tdmrg=False: None)
    return project, done


def test_packages_of_tdmrg_are_installed_when_asked_for(managed):
    """Once; juliapkg then takes them for required."""
    from juliapkg.deps import find_requirements

    project, done = managed
    session._resolve(lambda text: None, False)
    assert not done
    session._resolve(lambda text: None, True)
    assert done == [(False, setup.uuids())]
    assert {package.name for package in find_requirements()[1]} >= {*setup.TDMRG_PACKAGES, "PythonCall"}
    setup.check_project(project, tdmrg=True)
    session._resolve(lambda text: None, True)
    session._resolve(lambda text: None, False)
    assert len(done) == 1


def test_juliapkg_is_told_of_dependencies_that_changed(managed):
    """It does not look into a package that is developed; engines without ITensors need no other dependencies."""
    project, done = managed
    (project / "Manifest.toml").write_text(manifest() + entry({"ITensors", "ITensorMPS", "KrylovKit"}, set()))
    session._resolve(lambda text: None, False)
    assert not done
    session._resolve(lambda text: None, True)
    assert done == [(True, setup.uuids())]


def test_a_set_up_that_fails_leaves_the_project_as_it_was(managed, monkeypatch):
    project, _ = managed
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    def fails(force=False, dry_run=False):
        (project / "Manifest.toml").unlink()
        (project / "Project.toml").write_text("half")
        raise RuntimeError("no registry")

    monkeypatch.setattr("juliapkg.resolve", fails)
    with pytest.raises(JuliaUnavailableError, match=r"juliapkg failed \(no registry\); run `pysv julia setup --tdmrg`"):
        session._resolve(lambda text: None, True)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("ready", "arguments", "asked"),
    [
        (False, {"tdmrg": True}, True),  # Julia is set up as a whole, for what is asked
        (True, {"tdmrg": True}, False),  # nothing is added unasked
        (True, {"tdmrg": True, "install": True}, True),
        (False, {}, False),
    ],
)
def test_when_packages_of_tdmrg_are_installed(managed, monkeypatch, ready, arguments, asked):
    found = []

    def resolve(tell, tdmrg):
        found.append(tdmrg)
        raise JuliaUnavailableError("seen")

    monkeypatch.setattr("pysv.julia.session._session", None)
    monkeypatch.setattr("pysv.julia.session._spoiled", None)
    monkeypatch.delitem(sys.modules, "juliacall", raising=False)
    monkeypatch.setattr(session, "_resolve", resolve)
    monkeypatch.setattr(setup, "not_ready", lambda *, tdmrg=False: None if ready else "not set up")
    with pytest.raises(JuliaUnavailableError, match="seen"):
        session.start(**arguments)
    assert found == [asked]


def test_a_depot_without_the_packages(own, tmp_path):
    """Found before Julia starts, which would end in a long trace."""
    held, project = tmp_path / "own" / "Manifest.toml", tmp_path / "own"
    setup.check_depot(project)  # PythonCall is no package of a registry there
    held.write_text(held.read_text() + 'git-tree-sha1 = "0"\n')
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
    monkeypatch.setattr(setup, "check_project", lambda project, tdmrg: None)
    monkeypatch.setattr(setup, "not_ready", lambda: None)
    monkeypatch.delitem(sys.modules, "juliacall", raising=False)
    with pytest.raises(KeyboardInterrupt):
        session.start()


@pytest.mark.parametrize(
    ("said", "raised"), [("InterruptException:", KeyboardInterrupt), ("no such package", JuliaUnavailableError)]
)
def test_ctrl_c_while_julia_loads_itensors(said, raised, monkeypatch):
    class JuliaError(Exception):
        pass

    def require(package):
        raise JuliaError(said)

    base = types.SimpleNamespace(require=require, PkgId=lambda *names: names, UUID=str)
    stub = types.SimpleNamespace(Base=base, JuliaError=JuliaError)
    running = types.SimpleNamespace(juliacall=stub, thread=threading.get_ident(), project=Path("own"), home=None)
    monkeypatch.setattr(setup, "check_project", lambda project, tdmrg: None)
    with pytest.raises(raised):
        session._with_tdmrg(running, None)


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


def refuses(folder, *words):
    """What the command says that refuses; nothing is installed, and no folder of a sweep is left."""
    command = [sys.executable, "-W", "ignore", "-m", "pysv", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 2
    assert not done.stdout
    assert not (folder / "project").exists()
    assert not list(folder.glob("*-sweep"))
    [line] = done.stderr.splitlines()
    return line


FILE_ALONE = "backend 'julia': the file asks for it, and a file installs nothing by itself"


@pytest.mark.parametrize("verb", ["run", "probe", "convergence", "sweep"])
@pytest.mark.parametrize("asks", ['backend = "julia"', 'engine = "krylov"'])
def test_no_verb_installs_for_a_file(verb, asks, clean, experiment_file, tmp_path):
    asked = tmp_path / "asked.toml"
    asked.write_text(f"{experiment_file.read_text().replace('center = 5', 'center = 4')}{asks}\n")
    assert pysv.read(asked).experiment.remarks()  # of the packet, which a refusal leaves out
    words = [verb, asked] + (["--set", "source.spin=up,down"] if verb == "sweep" else [])
    assert f"{FILE_ALONE} (give --backend julia to install it)" in refuses(tmp_path, *words)


def test_a_sweep_that_julia_refuses_is_refused_alone(clean, experiment_file, tmp_path):
    """Without a progress bar, the warning of the packet, or a folder; here the user's own word asks for Julia."""
    clean.setenv("PYTHON_JULIACALL_EXE", str(tmp_path / "absent"))
    grid = ["--set", "source.spin=up,down"]
    for words in (["--backend", "julia"], ["--set", 'evolution.backend="julia"'], ["--engine", "krylov"]):
        line = refuses(tmp_path, "sweep", experiment_file, *grid, *words)
        assert 'small.toml with source.spin = "up"' in line
        assert "PYTHON_JULIACALL_EXE is set without PYTHON_JULIACALL_PROJECT" in line


def test_points_that_files_keep_need_no_julia(clean, small, tmp_path):
    def starts(**_):
        raise AssertionError

    clean.setattr(session, "start", starts)
    grid = {"source.spin": ["up", "down"]}
    short = replace(small, times=pysv.times(stop=1))
    pysv.sweep(short, grid, out=tmp_path / "many", progress=False)
    for path in (tmp_path / "many").glob("source*.nc"):
        in_julia(path)
    done = pysv.sweep(short, grid, engine=pysv.Chebyshev(), backend="julia", out=tmp_path / "many", progress=False)
    assert len(done.points) == 2


def test_julia_is_refused_on_a_cluster_before_there_is_one(clean, small):
    sentence = "backend 'julia' runs in the main thread of a process, and workers of Dask compute in other threads"
    with pytest.raises(EngineError, match=f'sweep with source.spin = "up": {sentence}'):
        pysv.sweep(small, {"source.spin": ["up"]}, backend="julia", dask="tcp://127.0.0.1:1", progress=False)


def test_a_result_file_installs_nothing(clean, small, tmp_path, capsys):
    """Neither where a run goes on in it, nor where a movie makes it again; a complete one is left as it is."""
    path = tmp_path / "run.nc"
    pysv.save(pysv.solve(small, progress=False), path)
    in_julia(path)
    assert main(["resume", str(path), "--quiet"]) == 2
    assert "holds no state to continue from" in capsys.readouterr().err  # complete: nothing asks for Julia
    assert f"{FILE_ALONE} (give --backend julia to install it)" in refuses(tmp_path, "resume", path, "--stop", 9)
    assert f"{FILE_ALONE}; run `pysv julia setup`" in refuses(tmp_path, "movie", path, "--out", "run.gif")


def in_julia(path, **attrs):
    """Rewrite a result file, with its state, as if the backend 'julia' had made it."""
    data, state = files.load(path), files.load_state(path)
    asked = data.attrs["experiment"].replace('backend = "python"', 'backend = "julia"')
    path.unlink()
    files.write(data.assign_attrs(experiment=asked, **attrs), path, state)


def test_a_probe_that_was_begun_in_julia_installs_nothing(clean, small, tmp_path, capsys):
    path = tmp_path / "probe.nc"
    pysv.probe(small, pysv.Probe(sigma=0.6), progress=False, out=path)
    in_julia(path, status="interrupted")
    assert main(["resume", str(path), "--quiet"]) == 2
    assert f"{FILE_ALONE}; run `pysv julia setup`" in capsys.readouterr().err  # a probe has no --backend


def test_a_figure_goes_on_with_the_backend_that_is_ready(clean, small, tmp_path):
    def starts(**_):
        raise AssertionError

    clean.setattr(session, "start", starts)
    clean.setattr(planned, "_KEEP", 0.0)
    path = tmp_path / "figure.nc"
    short = replace(small, times=replace(small.times, stop=3.0))
    pysv.solve(short, out=path, progress=False)
    in_julia(path)
    data = planned.solved(planned.PlannedRun(small), path, progress=False)
    alone = pysv.solve(small, progress=False)
    np.testing.assert_allclose(data.log_negativity, alone.log_negativity, atol=1e-12)


def test_batches_that_were_begun_in_julia_install_nothing(clean, small, tmp_path, capsys):
    path = tmp_path / "run.nc"
    folder = tmp_path / "run.nc.parts"
    folder.mkdir()
    (folder / "run.toml").write_text(config.dumps(small, pysv.Chebyshev(), "julia"))
    assert main(["resume", str(path), "--quiet"]) == 2
    assert FILE_ALONE in capsys.readouterr().err


def test_an_estimate_says_that_julia_is_not_ready(clean, small):
    clean.setattr("pysv.run.estimate.missing", lambda *_: 5.0)
    assert pysv.estimate(small).compiling > 0
    needed = pysv.estimate(small, backend="julia")
    assert needed.compiling == 0
    said = str(needed)
    assert "first run" not in said
    assert (
        "\nremark       backend 'julia' is not ready here: Julia is not set up; run `pysv julia setup`, or use backend "
        "'python'; a run with --backend julia sets it up first (several minutes), and one that its file alone sends "
        "there is refused\n"
    ) in f"{said}\n"
    assert "julia" not in str(pysv.estimate(small, backend="python"))


SEVERAL = """
[device]
sites = 14
polarizer = [6, 7]
analyzer = [10, 11]
[source]
kind = "confined"
electrons = 2
confined_sites = 3
well = 60.0
[evolution]
stop = 1
backend = "julia"
engine = "tdmrg"
"""


def test_a_file_that_asks_for_tdmrg_in_julia_names_its_command(clean, tmp_path):
    asked = tmp_path / "several.toml"
    asked.write_text(SEVERAL)
    command = [sys.executable, "-W", "ignore", "-m", "pysv", "run", str(asked), "--out", "run.nc", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "a file installs nothing by itself" in done.stderr
    assert "run `pysv julia setup --tdmrg` with network access" in done.stderr
    assert not (tmp_path / "project").exists()


WITHOUT_ITENSORS = """
import pysv
from pysv.errors import JuliaUnavailableError
device = pysv.SpinValve(sites=14, polarizer=(6, 7), analyzer=(10, 11))
one = pysv.Experiment(device=device, source=pysv.WavePacket(center=3, momentum_spread=1.2), times=pysv.times(stop=1))
several = pysv.ConfinedElectrons(electrons=2, confined_sites=3, well=60.0)
for engine in ("chebyshev", "krylov"):
    print(engine, pysv.solve(one, engine=engine, backend="julia", progress=False).attrs["backend"])
two = pysv.Experiment(device=device, source=several, times=pysv.times(stop=1))
print("tdmrg", pysv.solve(two, engine="tdmrg", progress=False).attrs["backend"])
try:
    pysv.solve(two, engine="tdmrg", backend="julia", progress=False)
except JuliaUnavailableError as error:
    print(error)
"""


@needs_julia
def test_a_project_without_itensors_runs_the_engines_of_one_electron(tmp_path):
    import juliapkg

    here, bare = setup.home(), tmp_path / "bare"
    left_out = (setup.PACKAGE, *setup.TDMRG_PACKAGES)
    bare.mkdir()
    deps = {name: uuid for name, uuid in read(here.project / "Project.toml")["deps"].items() if name not in left_out}
    (bare / "Project.toml").write_text(tomli_w.dumps({"deps": deps}))
    head, *entries = re.split(r"^(?=\[\[deps\.)", (here.project / "Manifest.toml").read_text(), flags=re.MULTILINE)
    others = [text for text in entries if not text.startswith(tuple(f"[[deps.{name}]]" for name in left_out))]
    (bare / "Manifest.toml").write_text(head + "".join(others))
    named = {"PYTHON_JULIACALL_EXE": here.exe or juliapkg.executable(), "PYTHON_JULIACALL_PROJECT": str(bare)}
    environment = os.environ | named | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_ITENSORS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *ran, said = done.stdout.splitlines()
    assert ran == ["chebyshev julia", "krylov julia", "tdmrg python"]
    assert f"the Julia project {bare} lacks ITensorMPS, ITensors (`Pkg.add" in said
    assert "run `pysv julia setup --tdmrg`" in said
