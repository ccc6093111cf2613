"""Whom a result is to be cited with."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import pysv
from pysv import config
from pysv.cli import main
from pysv.engines import engine_names
from pysv.errors import InvalidInputError
from pysv.measures.registry import measures
from pysv.model.baths import equations
from pysv.results.citations import PAPER, cite, every_reference, references, write

ROOT = Path(__file__).parents[2]


def cited(data) -> set[str]:
    return {reference.key for group in references(data).values() for reference in group}


def test_without_a_result_only_pysv_and_the_paper(capsys):
    assert main(["cite"]) == 0
    shown = capsys.readouterr().out
    assert "J. M. Viana Parente Lopes, A. Ferreira, A. E. Feiguin, P. Plecháč and B. K. Nikolić, Electron-medi" in shown
    assert "Phys. Rev. A 109, 022414 (2024), doi:10.1103/PhysRevA.109.022414" in shown
    assert cited(None) == {"pysv", "Suresh2024"}


def test_a_result_names_what_it_stands_on(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pysv.save(pysv.solve(small, progress=False), "run.nc")
    assert main(["cite", "run.nc"]) == 0
    shown = capsys.readouterr().out
    for part in ("engine chebyshev:\n  H. Tal-Ezer and R. Kosloff", "negativity", "Fisher", "libraries (numpy "):
        assert part in shown
    for part in ("QuTiP", "TeNPy", "Lindblad", "Julia", "quadrature"):
        assert part not in shown


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_engines_and_baths(small):
    closed = pysv.solve(small, engine="qutip", progress=False)
    assert "Lambert2026" in cited(closed)
    assert "TalEzer1984" not in cited(closed)
    assert "Nathan2020" not in cited(closed)
    bathed = dataclasses.replace(small, bath=pysv.BosonicBath(), times=pysv.times(stop=1, step=1))
    sampled = pysv.solve(bathed, engine=pysv.Trajectories(ntraj=4), progress=False)
    assert {"Nathan2020", "Nathan2021", "Dalibard1992", "TalEzer1984"} <= cited(sampled)
    assert "Ubaru2017" not in cited(sampled)  # its errors are the jackknife's


def test_what_the_run_has_left_out_is_not_cited(small):
    data = pysv.solve(small, progress=False)
    assert not {"Vidal2002", "Hyllus2012"} & cited(data.drop_vars(["log_negativity", "qfi"]))
    large = data.assign(log_negativity_error=data.log_negativity)
    assert "Ubaru2017" in cited(large)


@pytest.mark.parametrize(("backend", "key"), [("python", "Hauschild2018"), ("julia", "Fishman2022")])
def test_backends_stand_on_different_libraries(small, backend, key):
    data = pysv.solve(small, progress=False).assign_attrs(engine="tdmrg", backend=backend)
    assert key in cited(data)
    assert ("Bezanson2017" in cited(data)) == (backend == "julia")


def test_every_engine_but_rk4_names_a_source(small):
    data = pysv.solve(small, progress=False)
    engines = set(engine_names()) - {"auto"}
    silent = {name for name in engines if f"engine {name}" not in references(data.assign_attrs(engine=name))}
    assert silent == {"rk4"}


def test_bibtex(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pysv.save(pysv.solve(small, progress=False), "run.nc")
    assert main(["cite", "run.nc", "--bibtex"]) == 0
    shown = capsys.readouterr().out
    keys = re.findall(r"^@\w+\{(\w+),$", shown, re.M)
    assert len(keys) == len(set(keys)) == len(cited(pysv.load("run.nc")))
    assert shown.count("\n}\n") == len(keys)
    assert shown.count("{") == shown.count("}")
    assert "author  = {Suresh, A. and Soares, R. D. and" in shown
    assert "van der Walt, S. J. and others}" in shown
    assert "author  = {{The pysv developers}}" in write(bibtex=True)


def test_a_file_that_is_no_result_is_refused(tmp_path, capsys):
    path = tmp_path / "run.nc"
    path.write_text("nothing")
    assert main(["cite", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_bibliography_and_the_citation_file_agree():
    page = (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8")
    missing = [reference.key for reference in every_reference() if (reference.doi or reference.url) not in page]
    assert not missing
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PAPER.doi in citation
    assert PAPER.title in citation
    assert all(name.split(", ")[0] in citation for name in PAPER.authors)
    assert f"version: {pysv.__version__}" in citation


def test_what_measures_cite_is_in_the_bibliography():
    known = {reference.key for reference in every_reference()}
    cited = {key for measure in measures() for key in measure.cites}
    assert cited | {key for measure in measures() if measure.probes for key in measure.probes.cites} <= known
    assert {"Vidal2002", "Hyllus2012"} <= cited


def test_references_have_keys():
    assert str(cite("Plenio2005")) == (
        "M. B. Plenio, Logarithmic negativity: A full entanglement monotone that is not convex, Phys. Rev. Lett. 95, "
        "090503 (2005), doi:10.1103/PhysRevLett.95.090503"
    )
    with pytest.raises(InvalidInputError, match="unknown reference 'Plenio2004'; did you mean 'Plenio2005'"):
        cite("Plenio2004")


def test_no_reference_is_idle(small):
    """Every table of the file is cited for some run, or by the comparison of master equations."""
    data = pysv.solve(small, progress=False)
    open_system = dataclasses.replace(small, bath=pysv.BosonicBath())
    found = cited(data.assign_attrs(experiment=config.dumps(open_system)))
    found |= cited(data.assign(log_negativity_error=data.log_negativity))
    variational = config.dumps(small, engine=pysv.TDMRG(method="tdvp"))
    for engine in engine_names():
        for backend in ("python", "julia"):
            named = data.assign_attrs(engine=engine, backend=backend)
            found |= cited(named) | cited(named.assign_attrs(experiment=variational))
    found |= set(equations.CITES)
    assert found == {"pysv", *(reference.key for reference in every_reference())}


def test_keys_and_dois_are_unique():
    found = every_reference()
    assert len({reference.key for reference in found}) == len(found)
    assert len({reference.doi or reference.url for reference in found}) == len(found)
