"""Which Julia pysv would start, and whether it is ready; nothing here starts it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import urllib.request
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from pysv.errors import JuliaUnavailableError

OLDEST = (1, 10, 3)
"""Oldest version of Julia that the bundled package runs on."""
PACKAGES = ("ITensorMPS", "ITensors", "KrylovKit", "PrecompileTools", "PythonCall")
"""Packages that a project named by the user must contain."""
PATIENCE = 6.0
"""Longest wait for the answer of a package server, s."""

_WAYS = (
    "run `pysv julia setup` with network access, or set PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT to a Julia "
    "and a project with its packages, or use backend 'python'"
)


def unavailable(reason: str) -> JuliaUnavailableError:
    """The error for a Julia that is not available: the reason and the three remedies."""
    return JuliaUnavailableError(f"backend 'julia': {' '.join(reason.split())}; {_WAYS}")


@dataclass(frozen=True)
class Home:
    """A Julia and the project with its packages.

    Parameters
    ----------
    exe : str or None
        The executable that PYTHON_JULIACALL_EXE names; None if juliapkg finds one.
    project : Path
        Folder with Project.toml and Manifest.toml.
    """

    exe: str | None
    project: Path

    @property
    def chosen(self) -> bool:
        """Whether the user named it; otherwise juliapkg manages it."""
        return self.exe is not None


def home() -> Home:
    """The Julia that pysv would start.

    Raises
    ------
    JuliaUnavailableError
        If juliacall is not installed, only one of the two variables is set, or one names something that does not exist.
    """
    if util.find_spec("juliacall") is None or util.find_spec("juliapkg") is None:
        raise unavailable("the Python package juliacall is not installed")
    exe, project = setting("EXE"), setting("PROJECT")
    if exe is None and project is None:
        from juliapkg.state import STATE

        return Home(None, Path(STATE["project"]))
    if exe is None or project is None:
        given, missing = ("PROJECT", "EXE") if exe is None else ("EXE", "PROJECT")
        raise unavailable(f"PYTHON_JULIACALL_{given} is set without PYTHON_JULIACALL_{missing}; set both or neither")
    found = shutil.which(exe)
    if found is None:
        raise unavailable(f"PYTHON_JULIACALL_EXE = {exe} is not an executable file")
    if not Path(project).is_dir():
        raise unavailable(f"PYTHON_JULIACALL_PROJECT = {project} is not a folder")
    return Home(found, Path(project).absolute())


def setting(name: str) -> str | None:
    """An option of juliacall: `-X juliacall-name=…` or the variable PYTHON_JULIACALL_NAME."""
    given = sys._xoptions.get(f"juliacall-{name.lower().replace('_', '-')}")
    return given if isinstance(given, str) else os.environ.get(f"PYTHON_JULIACALL_{name}")


def bundled() -> Path:
    """Folder of the bundled Julia package."""
    return (Path(__file__).parents[1] / "_julia").resolve()


def julia_version(exe: str) -> tuple[int, int, int]:
    """Version of a Julia executable.

    Raises
    ------
    JuliaUnavailableError
        If it is not a Julia, or is too old.
    """
    try:
        done = subprocess.run([exe, "--version"], capture_output=True, text=True, timeout=60, check=False)
        said = done.stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise unavailable(f"{exe} cannot be run ({error})") from error
    match = re.match(r"julia version (\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise unavailable(f"{exe} is not a Julia")
    version = (int(match[1]), int(match[2]), int(match[3]))
    check_version(version, exe)
    return version


def check_version(version: tuple[int, ...], where: str) -> None:
    """Refuse a Julia that is too old."""
    if tuple(version) < OLDEST:
        raise unavailable(f"{where} is Julia {_dotted(version)}; {_dotted(OLDEST)} or newer is required")


def check_project(project: Path) -> None:
    """Check that a project contains the required packages in the required versions.

    Raises
    ------
    JuliaUnavailableError
        If a package is missing or has another version; the sentence names it.
    """
    found = packages(project)
    missing = [name for name in PACKAGES if name not in found]
    if missing:
        raise unavailable(f"the Julia project {project} lacks {', '.join(missing)}")
    needed = metadata.version("juliacall")
    if found["PythonCall"] != needed:
        raise unavailable(
            f"the Julia project {project} contains PythonCall {found['PythonCall']}, but juliacall {needed} requires "
            f"PythonCall {needed}"
        )


def packages(project: Path) -> dict[str, str]:
    """Packages of a project and their versions, from its manifest; empty without a manifest."""
    found: dict[str, str] = {}
    for manifest in _manifests(project):
        try:
            entries = tomllib.loads(manifest.read_text(encoding="utf-8")).get("deps", {})
        except (OSError, ValueError):
            continue
        found |= {name: str(versions[0].get("version", "")) for name, versions in entries.items()}
    return found


def not_ready() -> str | None:
    """Why Julia cannot start without a set-up; None if it can."""
    try:
        here = home()
        if here.chosen:
            check_project(here.project)
    except JuliaUnavailableError as error:
        return str(error).removeprefix("backend 'julia': ")
    if _marker(here).is_file() and _read(_marker(here)) == _state(here):
        return None
    return "Julia is not set up; run `pysv julia setup`, or use backend 'python'"


def remember(here: Home) -> None:
    """Record in the user's cache folder that this Julia has started with the present packages."""
    path = _marker(here)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(_state(here), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        print(f"pysv: cannot write {path} ({error.strerror}); Julia will still count as not set up", file=sys.stderr)


def forget(here: Home) -> None:
    """Delete the record that `remember` wrote."""
    _marker(here).unlink(missing_ok=True)


def digest(folder: Path | None = None) -> str:
    """Digest of the sources of the Julia package, which determine the compiled code."""
    folder = bundled() if folder is None else folder
    total = hashlib.sha256()
    for path in [folder / "Project.toml", *sorted((folder / "src").rglob("*.jl"))]:
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def check_network() -> None:
    """Check within seconds that packages can be downloaded.

    Raises
    ------
    JuliaUnavailableError
        If they cannot.
    """
    if os.environ.get("JULIA_PKG_OFFLINE", "").lower() in ("true", "1"):
        raise unavailable("Julia is not set up, and JULIA_PKG_OFFLINE forbids downloads")
    server = os.environ.get("JULIA_PKG_SERVER", "https://pkg.julialang.org") or "https://github.com"
    server = server if "://" in server else f"https://{server}"
    trouble = ["no answer"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(server, timeout=PATIENCE):
                trouble.clear()
        except (OSError, ValueError) as error:
            trouble[0] = str(getattr(error, "reason", error))

    # Name resolution has no time limit, hence a daemon thread.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if trouble:
        raise unavailable(f"Julia is not set up, and {server} cannot be reached ({trouble[0]})")


def _state(here: Home) -> dict[str, Any]:
    """Everything that must be unchanged for the compiled code to stay valid."""
    manifests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in _manifests(here.project)}
    return {
        "executable": here.exe,
        "project": str(here.project),
        "manifests": manifests,
        "package": digest(),
        "juliacall": metadata.version("juliacall"),
        "depot": os.environ.get("JULIA_DEPOT_PATH", ""),
    }


def _marker(here: Home) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(f"{here.exe}\0{here.project}\0{bundled()}".encode()).hexdigest()[:12]
    return cache / "pysv" / f"julia-{key}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _manifests(project: Path) -> list[Path]:
    return sorted(path for path in project.glob("*Manifest*.toml") if path.is_file())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
