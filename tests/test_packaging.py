"""What is said of pysv as a package, in seven places, is the same everywhere, and nothing in it is invented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import pysv
from pysv.results.citations import cite

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
CODEMETA = json.loads((ROOT / "codemeta.json").read_text("utf-8"))
ZENODO = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text("utf-8"))
PAPER = (ROOT / "paper" / "paper.md").read_text("utf-8")
FRONT = yaml.safe_load(PAPER.split("---")[1])
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
CONDA = {  # names of conda-forge where they differ from those of PyPI
    "matplotlib": ["matplotlib-base"],
    "dask": ["dask-core", "distributed"],
    "juliacall": ["pyjuliacall"],
}


def julia(path: str) -> str:
    return str(tomllib.loads((ROOT / path).read_text("utf-8"))["version"])


def test_one_version():
    found = {
        "CITATION.cff": str(CITATION["version"]),
        "codemeta.json": CODEMETA["version"],
        ".zenodo.json": ZENODO["version"],
        "conda/recipe.yaml": RECIPE["context"]["version"],
        "julia/Project.toml": julia("julia/Project.toml"),
        "Project.toml": julia("Project.toml"),
    }
    assert found == dict.fromkeys(found, pysv.__version__)


def test_one_name_licence_and_description():
    assert RECIPE["package"]["name"] == CODEMETA["identifier"] == PROJECT["name"]
    assert RECIPE["about"]["license"] == CITATION["license"] == ZENODO["license"] == PROJECT["license"]
    assert CODEMETA["license"] == f"https://spdx.org/licenses/{PROJECT['license']}"
    texts = [RECIPE["about"]["summary"], CITATION["abstract"], CODEMETA["description"], ZENODO["description"]]
    assert texts == [PROJECT["description"]] * 4
    assert CITATION["keywords"] == CODEMETA["keywords"] == ZENODO["keywords"] == PROJECT["keywords"]
    assert CITATION["title"] == ZENODO["title"] == FRONT["title"]
    assert CODEMETA["runtimePlatform"] == f"Python {PROJECT['requires-python']}"


def test_one_date():
    day = CITATION["date-released"]
    assert CODEMETA["dateModified"] == day.isoformat()
    assert FRONT["date"] == f"{day:%d %B %Y}"


def test_the_authors_are_the_developers_and_nothing_is_invented():
    (author,) = PROJECT["authors"]
    assert author == {"name": "The pysv developers"}
    assert CITATION["authors"] == ZENODO["creators"] == FRONT["authors"] == [author]
    assert CODEMETA["author"] == [{"@type": "Organization", **author}]
    paper = cite("Suresh2024").doi
    for path in ("CITATION.cff", "codemeta.json", ".zenodo.json", "conda/recipe.yaml", "paper/paper.md"):
        text = (ROOT / path).read_text("utf-8")
        assert not re.search("orcid|affiliation", text, re.I)
        assert set(re.findall(r"10\.\d{4,}/[\w.]+", text)) <= {paper}
    assert CODEMETA["referencePublication"]["@id"] == f"https://doi.org/{paper}"
    assert [own["identifier"] for own in ZENODO["related_identifiers"]] == [paper]
    assert [own["doi"] for own in CITATION["references"]] == [paper]


def test_the_citation_file_has_what_its_schema_requires():
    """`cffconvert --validate` looks at the whole schema."""
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert str(CITATION["cff-version"]) == "1.2.0"
    assert {"type", "title", "authors"} <= set(CITATION["references"][0])


def conda_packages(requirements: list[str]) -> dict[str, SpecifierSet]:
    """Requirements of PyPI under their names in conda-forge."""
    found = {}
    for text in requirements:
        requirement = Requirement(text)
        found |= dict.fromkeys(CONDA.get(requirement.name, [requirement.name]), requirement.specifier)
    return found


def test_the_conda_recipe_needs_what_pyproject_says():
    context = RECIPE["context"]
    assert RECIPE["schema_version"] == 1
    assert f">={context['python_min']}" == PROJECT["requires-python"]
    run = [line.replace("${{ python_min }}", context["python_min"]) for line in RECIPE["requirements"]["run"]]
    listed = {own.name: own.specifier for own in map(Requirement, run)}
    expected = conda_packages([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["view"]])
    assert listed == expected | {"python": SpecifierSet(PROJECT["requires-python"])}
    system = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    host = RECIPE["requirements"]["host"]
    assert {Requirement(line) for line in system["requires"]} == {Requirement(host[-1])}
    assert host[:2] == ["python ${{ python_min }}.*", "pip"]
    entries = [line.replace(" ", "") for line in RECIPE["build"]["python"]["entry_points"]]
    assert entries == [f"{name}={target}" for name, target in PROJECT["scripts"].items()]


def test_the_source_distribution_is_the_one_of_the_recipe_and_holds_it_all(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = tmp_path.iterdir()
    assert made.name == Path(RECIPE["source"]["path"].replace("${{ version }}", pysv.__version__)).name
    with tarfile.open(made) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {
        "pyproject.toml", "README.md", "LICENSE", "CONTRIBUTING.md", "CITATION.cff", "codemeta.json", ".zenodo.json",
        "conda/recipe.yaml", "paper/paper.md", "paper/paper.bib", ".github/ISSUE_TEMPLATE/fault.yml",
        "julia/src/PySV.jl", "pysv/cli/runs.py", "tests/test_packaging.py",
    } <= names  # fmt: skip
    assert RECIPE["about"]["license_file"] in names


def test_the_paper_is_as_long_as_joss_wants_and_cites_what_there_is():
    text = PAPER.split("---", 2)[2]
    assert 250 <= len(re.findall(r"\b[A-Za-z]\w*", re.sub(r"\[@.*?\]|^\|.*$", "", text, flags=re.M))) <= 1000
    assert "# Summary" in text
    assert "# Statement of need" in text
    bibliography = (ROOT / "paper" / FRONT["bibliography"]).read_text("utf-8")
    entries = {re.match(r"@\w+\{(\w+),", entry)[1]: entry for entry in re.split(r"\n\n", bibliography.strip())}
    assert set(re.findall(r"@(\w+)", text)) == set(entries)
    own = {key: cite(key).bibtex() for key in entries if key != "Weinberg2017"}  # of a program that pysv does not use
    assert {key: entries[key] for key in own} == own


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.yml")), ids=lambda path: path.stem)
def test_issue_templates(path):
    template = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert template == {"blank_issues_enabled": False}
        return
    fields = {field["id"]: field for field in template["body"]}
    assert len(fields) == len(template["body"])
    assert {"name", "description"} <= set(template)
    assert "pysv doctor" in fields["doctor"]["attributes"]["label"]
    assert fields["doctor"].get("validations", {}).get("required", False) == (path.stem == "fault")
    commands = re.findall(r"`pysv (\w+)", path.read_text("utf-8"))
    assert set(commands) <= {"doctor", "info"}
