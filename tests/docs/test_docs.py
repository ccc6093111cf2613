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
from chromium import CHROMIUM, in_browser

import pysv
from pysv import config, engines
from pysv.cli import _parser, main
from pysv.measures import registry as measures
from pysv.model import terms

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.M | re.S)
EXECUTED = ("python", "sh", "toml")
MARKUP = ("{toctree}", "{eval-rst}", "{include}", "text")  # text: what a program has printed
ELSEWHERE = {  # first words of what is shown and not executed here: why not
    "make demo": "the command of continuous integration, and `pysv figure 3` in test_figures.py",
    "make test": "this",
    "make bench": "test_benchmark.py runs the script",
    'pip install "pysv-spinvalve[cuda]"': "needs an index",
    "python benchmarks/gpu.py": "needs a GPU; its measurements run in the simulator in test_cuda.py",
    "pip wheel": "needs an index; the wheel itself is made in test_julia.py",
    "python3 -m venv": "needs the wheels; `pysv doctor` in test_cli.py",
    "#!/bin/bash #SBATCH --job-name=pysv": "test_cluster.py, with a stand-in for SLURM",
    "#!/bin/bash #SBATCH --ntasks=8": "needs SLURM; `pysv sweep --dask` has tests of its own",
    "#!/bin/bash #SBATCH --nodes=4": "test_cluster.py, with mpirun in place of SLURM",
    "pip install 'pysv-spinvalve[mpi]'": "test_ranks.py starts mpirun",
    "FROM python": "needs a container engine",
    "Bootstrap: docker": "needs a container engine",
    "julia --project=/shared/pysv": "needs Julia's registry",
    "export JULIA_DEPOT_PATH": "needs Julia; test_julia.py sets the same variables",
    "pysv convergence run.toml": "takes an hour for the file above it; test_several_runs.py runs a small one",
}
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


def blocks_of(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def test_every_block_is_executed_or_accounted_for():
    shown = [block for page in PAGES for block in blocks_of(page)]
    others = [" ".join(text.split()) for kind, text in shown if kind not in (*EXECUTED, *MARKUP)]
    assert not [text for text in others if not text.startswith(tuple(ELSEWHERE))]
    assert not [start for start in ELSEWHERE if not any(text.startswith(start) for text in others)], "nobody shows this"
    for kind, text in shown:
        if kind == "sh":
            lines = [line for line in text.splitlines() if line.strip()]
            assert all(line.startswith("pysv ") for line in lines), "a line that is not executed needs another block"


@pages
def test_nothing_waits_to_be_filled_in(page):
    assert not re.findall(r"^[A-Z]{3,}$|\bTODO\b|\bTBD\b", prose(page), re.M)


RUNNING = [page for page in PAGES if any(kind in EXECUTED for kind, _ in blocks_of(page))]


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.name)
@pytest.mark.filterwarnings("ignore")
def test_blocks_run(page, tmp_path, monkeypatch, capsys):
    """Python and sh blocks run in the order of the page, in one folder and one namespace."""
    import matplotlib

    from pysv.figures import movie

    matplotlib.use("Agg")
    monkeypatch.setattr(movie, "_DPI", {"mp4": 40, "gif": 40})  # fewer pixels than a user gets
    for room in (engines, measures, terms):
        monkeypatch.setattr(room, "_registered", dict(room._registered))  # as it was, after what a page shows
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pysv.solve(pysv.Experiment(times=pysv.times(stop=2, step=1)), progress=False)
    shown = types.ModuleType("shown")  # dataclasses look their module up
    shown.__dict__.update(pysv=pysv, data=data)
    monkeypatch.setitem(sys.modules, "shown", shown)
    for kind, text in blocks_of(page):
        if kind == "toml":
            config.loads(text)
            named = re.match(r"# (\w+\.toml)\n", text)
            (tmp_path / (named.group(1) if named else "run.toml")).write_text(text, encoding="utf-8")
        elif kind == "python":
            exec(compile(text, f"{page.name}: {text[:30]!r}", "exec", dont_inherit=True), shown.__dict__)
        elif kind == "sh":
            for line in text.splitlines():
                if words := shlex.split(line, comments=True):
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
    if CHROMIUM is not None:  # the search of the site needs no server and no network
        became, said = in_browser((tmp_path / "search.html").as_uri() + "?q=negativity", tmp_path / "profile")
        assert "finished" in became, said[-500:]
        assert 'href="bibliography.html#negativity"' in became
