"""The page of faults: every class can be injected, and a broken promise is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from faults.__main__ import FAULTS  # noqa: E402
from faults.page import page  # noqa: E402
from faults.process import Ended  # noqa: E402
from faults.promises import Case, broken, first  # noqa: E402

GOOD = Ended(2, "", "pysv: a.toml: no such file\n", 0.1, 200.0, False)


def test_shares_are_those_of_one_hour_glass():
    assert sum(fault.share for fault in FAULTS) <= 1.1
    assert len({fault.title for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hung": True}, "no end after"),
        ({"err": "Traceback (most recent call last):\nValueError: a\n"}, "traceback: ValueError: a"),
        ({"code": -11}, "exit code -11, not 0 or 2"),
        ({"err": ""}, "exit code 2 without a word"),
        ({"err": "overflow\n"}, "no sentence of pysv: overflow"),
        ({"err": "pysv: " + "x" * 5000}, "a sentence of 5006 characters"),
        ({"memory": 3000.0}, "3000 MB taken"),
    ],
)
def test_promises(change, sentence):
    assert broken(GOOD, (0, 2)) == ""
    assert sentence in broken(Ended(**(vars(GOOD) | change)), (0, 2))
    assert first("", "a", "b") == "a"


def test_what_is_broken_is_shown():
    own = [
        Case("a | b", "exit code 2"),
        Case("a | b", "exit code 1", "traceback: x"),
        Case("c", "not possible here: d"),
    ]
    text = page([(FAULTS[0], own)], 19)
    assert "**2 faults; 1 promise broken.**" in text
    assert "| a \\| b | 2 | exit code 2 (1), exit code 1 (1) |" in text
    assert "| c | 0 | not possible here: d |" in text
    assert "- **broken**, a \\| b: traceback: x" in text


def test_the_page_has_all_classes_and_nothing_broken():
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [fault.title for fault in FAULTS]
    assert "no promises broken." in text


@pytest.mark.slow
def test_some_cases_of_every_class(tmp_path):
    line = [sys.executable, "-m", "faults", "--cases", "4", "--minutes", "5", "--out", str(tmp_path / "faults.md")]
    done = subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
