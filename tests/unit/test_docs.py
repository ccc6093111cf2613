"""What README and docs show is executed, and what they link to exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import types
import unicodedata
import warnings
from pathlib import Path

import pytest

import pysv
from pysv import config
from pysv.cli import _parser, main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.name)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and MyST make them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.M):
        plain = re.sub(r"[`*\[\]]|\(.*?\.md.*?\)", "", heading).strip().lower().replace(" ", "-")
        found.add("".join(c for c in plain if c in "-_" or unicodedata.category(c)[0] in "LN"))
    return found


@pages
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pages
def test_commands_exist(page):
    """Every `pysv VERB --option` in the text is one that the parser knows."""
    verbs = _parser()._subparsers._group_actions[0].choices
    for command in re.findall(r"`pysv ([^`]+)`", prose(page)):
        verb, *rest = command.split()
        if verb.startswith("--") or verb == "VERB":
            continue
        if verb in verbs and all(word in verbs for word in rest if not word.startswith("[")):
            continue  # a list of verbs
        assert verb in verbs, command
        known = verbs[verb]._option_string_actions
        for option in re.findall(r"--[a-z-]+", command):
            assert option in known or verb == "julia", command


@pages
@pytest.mark.filterwarnings("ignore")
def test_blocks_run(page, tmp_path, monkeypatch, capsys):
    """Python and sh blocks run in the order of the page, in one folder and one namespace."""
    import matplotlib

    from pysv.figures import movie

    matplotlib.use("Agg")
    monkeypatch.setattr(movie, "_DPI", {"mp4": 40, "gif": 40})  # fewer pixels than a user gets
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    if not any(kind in ("python", "sh", "toml") for kind, _ in blocks):
        pytest.skip("shows nothing that can be run")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pysv.solve(pysv.Experiment(times=pysv.times(stop=2, step=1)), progress=False)
    shown = types.ModuleType("shown")  # dataclasses look their module up
    shown.__dict__.update(pysv=pysv, data=data)
    monkeypatch.setitem(sys.modules, "shown", shown)
    for kind, text in blocks:
        if kind == "toml":
            config.loads(text)
            named = re.match(r"# (\w+\.toml)\n", text)
            (tmp_path / (named.group(1) if named else "run.toml")).write_text(text, encoding="utf-8")
        elif kind == "python":
            exec(compile(text, f"{page.name}: {text[:30]!r}", "exec", dont_inherit=True), shown.__dict__)
        elif kind == "sh":
            for line in text.splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["pysv"]:
                    assert main([*words[1:], *quiet(words)]) == 0, line


def test_the_interface_lists_every_public_name():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (\w+)$", text, re.M))
    assert listed == set(pysv.__all__) - {"__version__"}


def test_the_map_names_every_module():
    text = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    modules = {path.name for path in (ROOT / "pysv").glob("*.py") if not path.name.startswith("_")}
    folders = {path.parent.name + "/" for path in (ROOT / "pysv").glob("*/__init__.py")}
    assert not [name for name in modules | folders if not re.search(rf"[`/]{name}`", text)]


def quiet(words: list[str]) -> list[str]:
    return ["--quiet"] if words[1] in ("run", "resume", "figure", "movie", "sweep") else []


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    build = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(tmp_path),
    ]
    done = subprocess.run(build, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "api" / "pysv.solve.html").exists()
