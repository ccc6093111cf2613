"""The benchmark runs, and the page and the paragraph written from kept results are those in the checkout."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def writer():
    """The module benchmarks/page.py; its name is taken by the validation's."""
    sys.path.append(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("performance_page", BENCHMARKS / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_the_benchmark_runs_to_its_end_and_keeps_what_the_page_shows(writer, tmp_path):
    path = tmp_path / "one.json"
    command = [sys.executable, "one_electron.py", "--repeat", "1", "--stop", "1", "--keep", str(path)]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    for line in ("pysv chebyshev", "QuTiP adams", "all measures of one 4+4 snapshot", "pysv figure 3"):
        assert line in done.stdout
    now, kept = writer.Result.read(path), writer.results()["one_electron"]
    assert now.output in done.stdout
    assert now.machine in done.stdout
    assert [judgement.name for judgement in now.judged] == [judgement.name for judgement in kept.judged]
    assert {name for name in kept.figures if "QuSpin" not in name} == {n for n in now.figures if "QuSpin" not in n}
    said = writer.paragraph(now, writer.results()["large"]).replace("\n", " ")
    assert f"{1e3 * now.figures['all measures of one 4+4 snapshot']:.1f} ms" in said


def test_the_page_and_the_readme_say_what_the_kept_results_say(writer):
    found = writer.results()
    assert writer.PAGE.read_text(encoding="utf-8") == writer.page(found)
    text = writer.README.read_text(encoding="utf-8")
    assert text == writer.rewritten(text, writer.paragraph(found["one_electron"], found["large"]))
    paper = writer.PAPER.read_text(encoding="utf-8")
    assert paper == writer.rewritten(paper, writer.comparison(found["one_electron"], found["several_electrons"]))
    for result in found.values():
        left_out = set(result.output.splitlines()) - set(writer.shown(result).splitlines()) - {""}
        assert {line.split("  ")[0] for line in left_out} == {judgement.name for judgement in result.judged}
