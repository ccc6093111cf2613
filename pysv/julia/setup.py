"""Which Julia pysv would start, and whether it is ready: known without starting it."""

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
"""Packages that the project of a Julia of one's own must hold."""
PATIENCE = 6.0
"""Time after which a package server that has not answered counts as out of reach, s."""

_WAYS = (
    "run `pysv julia setup` where the network can be reached, or name a Julia and a project with its packages in "
    "PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT, or use backend 'python'"
)


def unavailable(reason: str) -> JuliaUnavailableError:
    """The error for a Julia that cannot be had: the reason, and the three ways out."""
    return JuliaUnavailableError(f"backend 'julia': {' '.join(reason.split())}; {_WAYS}")


@dataclass(frozen=True)
class Home:
    """A Julia and the project in which its packages lie.

    Parameters
    ----------
    exe : str or None
        The executable that PYTHON_JULIACALL_EXE names; None where juliapkg finds one.
    project : Path
        Folder with Project.toml and Manifest.toml.
    """

    exe: str | None
    project: Path

    @property
    def chosen(self) -> bool:
        """Whether the user named it; otherwise juliapkg takes care of it."""
        return self.exe is not None


def home() -> Home:
    """The Julia that pysv would start.

    Raises
    ------
    JuliaUnavailableError
        If juliacall is not installed, only one of the two variables is set, or what they name does not exist.
    """
    if util.find_spec("juliacall") is None or util.find_spec("juliapkg") is None:
        raise unavailable("the Python package juliacall is not installed")
    exe, project = setting("EXE"), setting("PROJECT")
    if exe is None and project is None:
        from juliapkg.state import STATE

        return Home(None, Path(STATE["project"]))
    if exe is None or project is None:
        missing = "PYTHON_JULIACALL_" + ("EXE" if exe is None else "PROJECT")
        raise unavailable(f"{missing} is not set, but the other of the two is")
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
    """Folder of the Julia package that pysv carries."""
    return (Path(__file__).parents[1] / "_julia").resolve()


def julia_version(exe: str) -> tuple[int, int, int]:
    """Version of an executable.

    Raises
    ------
    JuliaUnavailableError
        If it is no Julia, or older than pysv needs.
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
        raise unavailable(f"{where} is Julia {_dotted(version)}, needed is {_dotted(OLDEST)} or newer")


def check_project(project: Path) -> None:
    """See whether a project holds the packages, in the versions that are needed.

    Raises
    ------
    JuliaUnavailableError
        Names the package that is missing or has another version.
    """
    found = packages(project)
    missing = [name for name in PACKAGES if name not in found]
    if missing:
        raise unavailable(f"the Julia project {project} lacks {', '.join(missing)}")
    needed = metadata.version("juliacall")
    if found["PythonCall"] != needed:
        raise unavailable(
            f"the Julia project {project} holds PythonCall {found['PythonCall']}, juliacall {needed} needs {needed}"
        )


def packages(project: Path) -> dict[str, str]:
    """Packages of a project with their versions, from its manifest; empty without one."""
    found: dict[str, str] = {}
    for manifest in _manifests(project):
        try:
            entries = tomllib.loads(manifest.read_text(encoding="utf-8")).get("deps", {})
        except (OSError, ValueError):
            continue
        found |= {name: str(versions[0].get("version", "")) for name, versions in entries.items()}
    return found


def not_ready() -> str | None:
    """Why Julia is not ready to be started without any set-up; None where it is."""
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
    """Keep in the user's cache folder that this Julia started with the present packages."""
    path = _marker(here)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(_state(here), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        print(f"pysv: cannot remember in {path} that Julia is ready ({error.strerror})", file=sys.stderr)


def forget(here: Home) -> None:
    """The opposite of `remember`."""
    _marker(here).unlink(missing_ok=True)


def digest(folder: Path | None = None) -> str:
    """Digest of the sources of the Julia package, which change what is compiled."""
    folder = bundled() if folder is None else folder
    total = hashlib.sha256()
    for path in [folder / "Project.toml", *sorted((folder / "src").rglob("*.jl"))]:
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def check_network() -> None:
    """See, within seconds, whether packages can be downloaded.

    Raises
    ------
    JuliaUnavailableError
        If not.
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

    # Name resolution knows no time limit, hence a thread that is not waited for.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if trouble:
        raise unavailable(f"Julia is not set up, and {server} cannot be reached ({trouble[0]})")


def _state(here: Home) -> dict[str, Any]:
    """All that must not have changed for what was compiled to be still good."""
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
