"""The reference of the experiment file: complete, with ranges that are the true ones and defaults that can be read."""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import pysv
from pysv import config, engines, keys
from pysv.cli import main
from pysv.errors import InvalidInputError
from pysv.experiment.checks import Checked, checked, real_number

TABLES = keys.tables()
RANGE = re.compile(
    r"(?:(?P<above>>) |(?P<low>≥) )?(?P<one>[-\d.e]+)?(?: … (?P<high>[-\d.e]+))?(?:(?:, )?≤ (?P<most>[-\d.e]+))?"
)


def below(kind):
    for other in kind.__subclasses__():
        yield other
        yield from below(other)


PARTS = sorted(
    {
        made
        for made in below(Checked)
        if made.__module__.startswith("pysv.") and dataclasses.is_dataclass(made) and not inspect.isabstract(made)
    }
    - {pysv.Experiment},
    key=lambda made: made.__name__,
)
"""Every class of a part of an experiment, and of an engine's options."""


def test_there_are_parts():
    assert {pysv.Layer, pysv.Potential, pysv.Orbital, pysv.Bell, pysv.Every, pysv.TDMRG} < set(PARTS)


@pytest.mark.parametrize("made", PARTS, ids=lambda made: made.__name__)
def test_every_field_has_a_key_with_a_meaning(made):
    listed = [table for table in TABLES if table.made is made]
    assert listed
    renamed = {"layers": {pysv.Device: "layer", pysv.ProductState: "NAME"}}
    for field in dataclasses.fields(made):
        name = renamed.get(field.name, {}).get(made, field.name)
        found = [key for table in listed for key in table.keys if key.name == name]
        assert found, field.name
        for key in found:
            assert key.takes, field.name
            assert key.meaning, field.name
            assert not key.meaning.startswith("See "), field.name
            assert key.unit == field.metadata.get("unit", "")


def test_the_tables_are_those_of_files():
    assert {table.name.partition(".")[0] for table in TABLES} == set(config.TABLES)
    for name, kinds in (("source", config.SOURCES), ("spins", config.SPINS)):
        assert [(table.heading, table.made) for table in TABLES if table.name == name] == [
            (f'[{name}] kind = "{kind}"', made) for kind, made in kinds.items()
        ]
    methods = {f"evolution.{name}": made for name, made in engines.methods().items()}
    assert {table.name: table.made for table in TABLES if table.name.startswith("evolution.")} == methods
    assert {table.name for table in TABLES if "." in table.name} - set(methods) == {
        "device.layer",
        "device.potential",
        "record.every",
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.heading)
def test_defaults_can_be_read(table):
    """A file with all keys of the table at their defaults is the file without them."""
    given = {key.name: tomllib.loads(f"v = {key.default}")["v"] for key in table.keys if key.default}
    for field in dataclasses.fields(table.made):
        if field.name in given and not (table.made is pysv.Bell and "bell" not in table.heading):
            assert table.made(**{field.name: given[field.name]}) == table.made()
    if table.name in ("device.layer", "device.potential", "record.every") or table.name.startswith("evolution."):
        return  # those lie inside other tables
    if table.made is pysv.SpinVector:
        return  # its default does not fit the default device
    text = "".join(
        f"{name} = {default}\n" for name, default in ((key.name, key.default) for key in table.keys) if default
    )
    if kind := re.search(r"kind = (.*)$", table.heading):
        text = f"kind = {kind[1]}\n" + re.sub(r"^kind = .*\n", "", text)
    if table.made is pysv.Bell:
        text += "pair = [1, 2]\n"
    extra = "[[device.layer]]\nsites = [50, 51]\n" if table.made is pysv.Device else ""
    bare = f"[{table.name}]\n" + "".join(re.findall(r"^(?:kind|pair) = .*\n", text, re.M)) + extra
    assert config.loads(f"[{table.name}]\n{text}{extra}") == config.loads(bare)


def ends(key):
    """Lower and upper end of the range that is shown, each with whether it is allowed itself."""
    found = RANGE.fullmatch(key.range)
    assert found, key.range
    low = (float(found["one"]), not found["above"]) if found["one"] else None
    high = next((float(found[name]) for name in ("high", "most") if found[name]), None)
    return low, None if high is None else (high, True)


BOUNDED = [
    pytest.param(table.made, key, id=f"{table.heading} {key.name}")
    for table in TABLES
    for key in table.keys
    if key.range
]


@pytest.mark.parametrize(("made", "key"), BOUNDED)
def test_the_range_that_is_shown_is_the_one_that_is_checked(made, key):
    whole = key.takes == "A whole number"
    for end, outward in zip(ends(key), (-1, 1), strict=True):
        if end is None:
            continue
        value, allowed = end
        step = outward if whole else outward * max(abs(value), 1) * 1e-9
        for tried, fine in ((value, allowed), (value + step, False)):
            tried = int(tried) if whole else tried
            if whole and abs(tried) > 2**53:
                continue  # not a float
            refused = ""
            try:
                made(**({"min_bond": 1} if key.name == "max_bond" else {}), **{key.name: tried})
            except InvalidInputError as error:
                refused = str(error) if re.search(r"must be (greater|at least|at most|between)", str(error)) else ""
            if not fine:
                assert refused, (key.name, tried)
            elif refused:  # the value is within its own range, and does not fit to another key
                assert f"{key.name} = " not in refused, (key.name, tried)


def test_every_bound_of_a_check_is_shown():
    shown = {(param.values[0], param.values[1].name) for param in BOUNDED}
    for made in PARTS:
        for field in dataclasses.fields(made):
            if {"low", "high", "above"} & set(field.metadata):
                assert (made, field.name) in shown


def test_words_are_shown():
    def takes(made, name):
        return next(key.takes for table in TABLES if table.made is made for key in table.keys if key.name == name)

    assert takes(pysv.SpinValve, "convention") == '"pauli" | "half" | "mixed"'
    assert takes(pysv.WavePacket, "spin").startswith('"unpolarized" | "up" | "down", or a Bloch direction')
    assert takes(pysv.Potential, "sites").endswith(', or "all"')
    for word in engines.engine_names():
        assert f'"{word}"' in takes(pysv.Times, "engine")


def test_a_class_of_ones_own():
    """Fields without a check show their types, and units, bounds and sentences are taken as they are."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Own(Checked):
        """A part.

        Parameters
        ----------
        one, two : float
            Both of
            them.

        Raises
        ------
        InvalidInputError
            Never.
        """

        one: float = checked(0.5, real_number, above=0.0, unit="eV")
        two: float = 1.0

    table = keys._table("own", Own)
    assert (table.heading, table.meaning) == ("[own]", "A part.")
    assert [(key.allowed, key.default, key.unit, key.meaning) for key in table.keys] == [
        ("A real number, > 0", "0.5", "eV", "Both of them."),
        ("A real number", "1.0", "", "Both of them."),
    ]


def test_the_page_is_the_one_that_is_written():
    page = Path(__file__).parents[1] / "docs" / "keys.md"
    assert page.read_text("utf-8") == keys.as_markdown(), "run `make keys`"


def test_the_command(capsys):
    assert main(["keys", "device.layer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[[device.layer]]   pysv.Layer"
    rows = [line for line in lines if re.match(r"  \S", line)]
    assert [row.split()[0] for row in rows] == [field.name for field in dataclasses.fields(pysv.Layer)]
    assert len({row.index("eV") for row in rows if " eV " in row}) == 1
    assert max(map(len, lines)) <= 120
    assert main(["keys"]) == 0
    everything = capsys.readouterr().out
    assert "\n".join(lines) in everything
    assert all(table.heading in everything for table in TABLES)
    assert main(["keys", "--markdown"]) == 0
    assert capsys.readouterr().out == keys.as_markdown()


def test_what_the_command_refuses(capsys):
    for words, sentence in (
        (["device.layr"], "pysv: unknown table 'device.layr'; did you mean 'device.layer'? known: bath, device, "),
        (["bath", "--markdown"], "pysv: keys: bath would be ignored with --markdown, which writes all tables"),
    ):
        assert main(["keys", *words]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(sentence)
        assert shown.err.count("\n") == 1
