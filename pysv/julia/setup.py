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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from pysv.errors import JuliaUnavailableError

OLDEST = (1, 10, 3)
"""Oldest version of Julia that the bundled package runs on."""
PACKAGE, EXTENSION = "PySV", "PySVITensorsExt"
"""The bundled package, and its extension for `tdmrg`."""
PACKAGES = ("KrylovKit", "PrecompileTools", "PythonCall")
"""Packages that a project named by the user must contain."""
TDMRG_PACKAGES = ("ITensorMPS", "ITensors")
"""Packages that it must contain for `tdmrg`, too: beside them Julia loads the extension."""
PATIENCE = 6.0
"""Longest wait for the answer of a package server, s."""
_FAILURES = (
    (
        r"OPENSSL_\d|libssl|libcrypto",
        "Julia 1.12 and newer need a Python with OpenSSL 3.5 or newer, and this one has another; take Julia 1.10 or "
        "1.11",
    ),
    (
        r"GLIBCXX_|CXXABI_",
        "this Python has loaded a libstdc++ that is older than Julia's; start it with "
        "LD_PRELOAD=FOLDER/libstdc++.so.6, where FOLDER is lib/julia of Julia",
    ),
    (
        r"did not start properly|does not seem to be installed|Package \w+ .*not found",
        "Julia does not find its packages in the depot",
    ),
)
"""What errors of juliacall contain, and what they mean."""
_FIRST_JULIACALL = {(1, 13): (0, 9, 36)}
"""First version of juliacall that runs a version of Julia."""

_WAYS = (
    "run `{}` with network access, or set PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT to a Julia "
    "and a project with its packages, or use backend 'python'"
)


def command(tdmrg: bool = False) -> str:
    """The command that sets Julia up: for `tdmrg`, or for the engines that need no ITensors."""
    return "pysv julia setup" + " --tdmrg" * tdmrg


def unavailable(reason: str, *, tdmrg: bool = False) -> JuliaUnavailableError:
    """The error for a Julia that is not available, to `tdmrg` or at all: the reason and the three remedies."""
    return JuliaUnavailableError(f"backend 'julia': {' '.join(reason.split())}; {_WAYS.format(command(tdmrg))}")


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
    """Refuse a Julia that is too old, or too new for the installed juliacall."""
    if tuple(version) < OLDEST:
        raise unavailable(f"{where} is Julia {_dotted(version)}; {_dotted(OLDEST)} or newer is required")
    installed = metadata.version("juliacall")
    for julia, first in _FIRST_JULIACALL.items():
        if tuple(version[:2]) >= julia and _numbers(installed) < first:
            raise unavailable(
                f"{where} is Julia {_dotted(version)}, which needs juliacall {_dotted(first)} or newer, and "
                f"{installed} is installed"
            )


def meaning(failure: str) -> str:
    """What a failed start of juliacall means: a sentence for the failures that are known, otherwise its own words."""
    for pattern, sentence in _FAILURES:
        if re.search(pattern, failure):
            return f"{sentence} ({depots()})" if "depot" in sentence else sentence
    return f"Julia does not start ({failure})"


def depots() -> str:
    """Where Julia looks for packages, in words."""
    given = os.environ.get("JULIA_DEPOT_PATH")
    if not given:
        return "JULIA_DEPOT_PATH is not set, so that it looks in ~/.julia; set it to the depot of the project"
    lost = "" if given.endswith((":", ";")) else "; a path without a colon at its end drops Julia's own depot"
    return f"JULIA_DEPOT_PATH = {given}{lost}"


def check_depot(project: Path) -> None:
    """Check that a depot holds PythonCall, if the project takes it from a registry.

    Raises
    ------
    JuliaUnavailableError
        If none does; Julia would end in a long trace.
    """
    entry = _entries(project).get("PythonCall", {})
    if "path" in entry or "git-tree-sha1" not in entry:
        return
    given = os.environ.get("JULIA_DEPOT_PATH") or "~/.julia"
    searched = [Path(part).expanduser() for part in given.split(os.pathsep)]
    searched = [Path.home() / ".julia" if part == Path() else part for part in searched]
    if not any((depot / "packages" / "PythonCall").is_dir() for depot in searched):
        raise unavailable(f"no Julia depot holds the packages of {project}: {depots()}")


def check_project(project: Path, *, tdmrg: bool = False) -> None:
    """Check that a project contains the required packages in versions that the bundled package allows.

    Parameters
    ----------
    project : Path
    tdmrg : bool
        Whether those of `tdmrg` are required, too. Their versions are compared wherever they are.

    Raises
    ------
    JuliaUnavailableError
        If a package is missing or has another version; the sentence names it.
    """
    found, missing = packages(project), lacking_packages(project, tdmrg=tdmrg)
    if missing:
        own = setting("PROJECT") is not None and set(missing) <= set(TDMRG_PACKAGES)
        way = f" (`Pkg.add({json.dumps(missing)})` in it adds them)" if own else ""
        raise unavailable(f"the Julia project {project} lacks {', '.join(missing)}{way}", tdmrg=tdmrg)
    if tdmrg and outdated(project):
        raise unavailable(
            f"the Julia project {project} was resolved for other packages than {PACKAGE} has now (`Pkg.resolve()` "
            "in it)",
            tdmrg=True,
        )
    needed = metadata.version("juliacall")
    if found["PythonCall"] != needed:
        raise unavailable(
            f"the Julia project {project} contains PythonCall {found['PythonCall']}, but juliacall {needed} requires "
            f"PythonCall {needed}"
        )
    bounds = _project()["compat"]
    for name in (*TDMRG_PACKAGES, *PACKAGES):
        if name in bounds and name in found and not _allowed(found[name], bounds[name]):
            raise unavailable(
                f"the Julia project {project} contains {name} {found[name]}, where {bounds[name]} is required"
            )


def lacking_packages(project: Path, *, tdmrg: bool = False) -> list[str]:
    """The required packages that a project does not contain."""
    found = packages(project)
    return [name for name in (*TDMRG_PACKAGES * tdmrg, *PACKAGES) if name not in found]


def outdated(project: Path) -> bool:
    """Whether a project that contains the bundled package was resolved for other dependencies than it has now.

    juliapkg does not see that; Julia then does not find the extension.
    """
    entry, now = _entries(project).get(PACKAGE), _project()
    return entry is not None and any(set(entry.get(kind, ())) != set(now[kind]) for kind in ("deps", "weakdeps"))


def holds_tdmrg(project: Path) -> bool:
    """Whether a project contains the packages of `tdmrg`, and Julia finds the extension in it."""
    return not lacking_packages(project, tdmrg=True) and not outdated(project)


def uuids() -> dict[str, str]:
    """UUIDs of the packages of `tdmrg`."""
    return {name: _project()["weakdeps"][name] for name in TDMRG_PACKAGES}


def _project() -> dict[str, Any]:
    """Project.toml of the bundled package."""
    return tomllib.loads((bundled() / "Project.toml").read_text(encoding="utf-8"))


def _allowed(version: str, bounds: str) -> bool:
    """Whether a version meets one of Julia's caret bounds: the first number of a bound that is not 0 stays."""
    held = _numbers(version)
    for bound in bounds.split(","):
        low = _numbers(bound.strip().removeprefix("^"))
        fixed = next((place for place, number in enumerate(low) if number), len(low) - 1) + 1
        if held[:fixed] == low[:fixed] and held >= low:
            return True
    return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0].partition("-")[0])[:3]))


def packages(project: Path) -> dict[str, str]:
    """Packages of a project and their versions, from its manifest; empty without a manifest."""
    return {name: str(entry.get("version", "")) for name, entry in _entries(project).items()}


def _entries(project: Path) -> dict[str, dict[str, Any]]:
    """Entries of the packages in a project's manifests."""
    found: dict[str, dict[str, Any]] = {}
    for manifest in _manifests(project):
        try:
            entries = tomllib.loads(manifest.read_text(encoding="utf-8")).get("deps", {})
        except (OSError, ValueError):
            continue
        found |= {name: versions[0] for name, versions in entries.items()}
    return found


def not_ready(*, tdmrg: bool = False) -> str | None:
    """Why Julia cannot start, or cannot start for `tdmrg`, without a set-up; None if it can."""
    try:
        here = home()
        if here.chosen:
            check_project(here.project, tdmrg=tdmrg)
    except JuliaUnavailableError as error:
        return str(error).removeprefix("backend 'julia': ")
    asked = (False, True) if tdmrg else (False,)
    if all(_read(_marker(here, part)) == _state(here) for part in asked):
        return None
    part = " for tdmrg" if tdmrg and not_ready() is None else ""
    return f"Julia is not set up{part}; run `{command(tdmrg)}`, or use backend 'python'"


def would_install() -> bool:
    """Whether a run in Julia would install it first: it is not set up, and the user has not named one."""
    try:
        return not_ready() is not None and not home().chosen
    except JuliaUnavailableError:
        return False


def check_asked_by_file(more: str = "", *, tdmrg: bool = False) -> None:
    """Refuse a Julia that would have to be installed where a file alone asks for it: it may be somebody else's.

    Parameters
    ----------
    more : str
        A further remedy.
    tdmrg : bool
        Whether the engine is `tdmrg`.

    Raises
    ------
    JuliaUnavailableError
        If `would_install` holds.
    """
    if would_install():
        raise unavailable(
            f"the file asks for it, and a file installs nothing by itself{more and f' ({more})'}", tdmrg=tdmrg
        )


def remember(here: Home, *, tdmrg: bool = False) -> None:
    """Record in the user's cache folder that this Julia has loaded the present packages, or those of `tdmrg`."""
    path = _marker(here, tdmrg)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(_state(here), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        print(f"pysv: cannot write {path} ({error.strerror}); Julia will still count as not set up", file=sys.stderr)


def forget(here: Home) -> None:
    """Delete the records that `remember` wrote."""
    for tdmrg in (False, True):
        _marker(here, tdmrg).unlink(missing_ok=True)


def digest(folder: Path | None = None) -> str:
    """Digest of the sources of the Julia package, which determine the compiled code."""
    folder = bundled() if folder is None else folder
    total = hashlib.sha256()
    sources = [path for part in ("ext", "src") for path in sorted((folder / part).rglob("*.jl"))]
    for path in [folder / "Project.toml", *sources]:
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


@contextmanager
def kept_on_failure(*paths: Path) -> Iterator[None]:
    """Leave files as they were if what is done meanwhile fails; those that did not exist are deleted."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        raise


def check_network(*, tdmrg: bool = False) -> None:
    """Check within seconds that packages can be downloaded.

    Raises
    ------
    JuliaUnavailableError
        If they cannot.
    """
    what = "Julia is not set up" + " for tdmrg" * tdmrg
    if os.environ.get("JULIA_PKG_OFFLINE", "").lower() in ("true", "1"):
        raise unavailable(f"{what}, and JULIA_PKG_OFFLINE forbids downloads", tdmrg=tdmrg)
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
        raise unavailable(f"{what}, and {server} cannot be reached ({trouble[0]})", tdmrg=tdmrg)


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


def _marker(here: Home, tdmrg: bool) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(f"{here.exe}\0{here.project}\0{bundled()}".encode()).hexdigest()[:12]
    return cache / "pysv" / f"julia-{key}{'-tdmrg' * tdmrg}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _manifests(project: Path) -> list[Path]:
    return sorted(path for path in project.glob("*Manifest*.toml") if path.is_file())


def project_files(project: Path) -> list[Path]:
    """Files in which juliapkg and Pkg keep a project."""
    return [*{*_manifests(project), *(project / f"{name}.toml" for name in ("Project", "JuliaProject", "Manifest"))}]


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
