"""The validation page is what its command writes, and the checks on it hold."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path

import pytest
from page import SECTIONS, measure, page
from rows import Row

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def lines(text: str) -> list[list[str]]:
    """Cells of the tables of checks, which have five columns."""
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| ")]
    return [line for line in cells if len(line) == 5 and line[0] not in ("checked", "---")]


@pytest.fixture(scope="module")
def reduced():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(measure(reduced=True))


@pytest.mark.filterwarnings("ignore")
def test_the_page_has_the_rows_of_the_command(reduced):
    committed, now = (lines(text) for text in (PAGE.read_text(encoding="utf-8"), page(reduced)))
    assert [line[:2] for line in committed] == [line[:2] for line in now]
    assert [line[4] for line in committed] == [line[4] for line in now]


def test_the_reduced_checks_hold(reduced):
    rows = [row for _, group in reduced for row in group]
    assert not [row for row in rows if row.fails]
    assert all("Julia" in row.what for row in rows if not row.run)


def test_the_checks_on_the_page_hold():
    for what, _, cases, found, allowed in lines(PAGE.read_text(encoding="utf-8")):
        assert found != "not run" or "Julia" in what
        assert found == "not run" or float(found) <= float(allowed), (what, cases)


def test_what_fails_is_shown():
    rows = [
        Row("a | b", "c", "1 case", 2e-3, 1e-3),
        Row("d", "e", "1 case", math.nan, 1e-3),
        Row("f", "g", "", 1e-4, 1e-3),
    ]
    text = page([(SECTIONS[0], rows)])
    assert "1 of 3 checks hold, 1 **fail**; 1 were not run" in text
    assert "| a \\| b | c | 1 case | **2e-3** | 1e-3 |" in text
    assert "| d | e | 1 case | not run | 1e-3 |" in text
