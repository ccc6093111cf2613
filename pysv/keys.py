"""The keys of an experiment file: unit, allowed values, default and meaning, read from the dataclasses themselves."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pysv import config
from pysv.engines import BACKENDS, automatic, engine_names, methods
from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import Device, SpinValve
from pysv.experiment.layer import Layer, Potential
from pysv.experiment.probe import Probe
from pysv.experiment.record import Every, Record
from pysv.experiment.spins import ProductState
from pysv.experiment.times import Times

_INNER = {
    (Device, "layers"): ("layer", "Tables [[device.layer]]"),
    (Device, "potential"): ("potential", "Tables [[device.potential]]"),
    (Record, "every"): ("every", "A table [record.every]"),
    (ProductState, "layers"): ("NAME", ""),
}
"""Fields that are tables in a file, or keys by the name of a layer: the key, and what it takes."""
_WIDTH = 110
"""Longest line of the printed tables."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a table.

    Parameters
    ----------
    name : str
        As in the file; NAME stands for the name of a layer.
    takes : str
        Kind of value, or the words that are allowed, e.g. ``"A real number"``.
    range : str
        Bounds of a number; empty if there are none.
    unit : str
    default : str
        As TOML; empty where the key is left out by default.
    meaning : str
        From the docstring.
    plain : bool
        Whether it is one key with one value: neither a table, nor a key by the name of a layer.
    """

    name: str
    takes: str
    range: str = ""
    unit: str = ""
    default: str = ""
    meaning: str = ""
    plain: bool = True

    @property
    def allowed(self) -> str:
        """Kind of value or words, and the range."""
        return ", ".join(filter(None, (self.takes, self.range)))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of an experiment file, or what it holds for one of its kinds.

    Parameters
    ----------
    name : str
        E.g. ``"device.layer"``.
    heading : str
        E.g. ``[source] kind = "orbital"``.
    made : type
        The dataclass that it becomes.
    keys : tuple of Key
    """

    name: str
    heading: str
    made: type
    keys: tuple[Key, ...]

    @property
    def meaning(self) -> str:
        """First paragraph of the docstring of the dataclass."""
        return _summary(self.made)


def tables() -> tuple[Table, ...]:
    """Every table of an experiment file in the order of the file, with one entry for each kind."""
    evolution = (
        Key(
            name="engine",
            takes=_words(engine_names()),
            default=_toml("auto"),
            meaning=f"{_summary(automatic)} Options of an engine are keys of its table [evolution.ENGINE].",
        ),
        Key(
            name="backend",
            takes=_words(BACKENDS),
            default=_toml("auto"),
            meaning='What the engine runs on; "auto" is the backend that it prefers.',
        ),
    )
    return (
        _table("device", SpinValve),
        _table("device", Device, heading="[device] with [[device.layer]]"),
        _table("device.layer", Layer, heading="[[device.layer]]"),
        _table("device.potential", Potential, heading="[[device.potential]]"),
        *_kinds("source", config.SOURCES),
        *_kinds("spins", config.SPINS),
        _table("bath", BosonicBath),
        _table("evolution", Times, also=evolution),
        *(_table(f"evolution.{name}", method) for name, method in methods().items()),
        _table("record", Record),
        _table("record.every", Every),
        _table("probe", Probe),
    )


def tables_named(name: str) -> tuple[Table, ...]:
    """The table of a name, with one entry for each kind.

    Raises
    ------
    InvalidInputError
        If there is no such table.
    """
    known = {table.name: None for table in tables()}
    if name not in known:
        raise InvalidInputError(unknown_name("table", name, known))
    return tuple(table for table in tables() if table.name == name)


def as_text(chosen: Iterable[Table]) -> str:
    """Tables for a terminal: a line for each key with its default, unit and allowed values, its meaning below."""
    return "\n\n".join("\n".join(_lines(table)) for table in chosen)


def _lines(table: Table) -> Iterator[str]:
    yield f"{table.heading}   pysv.{table.made.__name__}"
    yield from textwrap.wrap(_bare(table.meaning), _WIDTH)
    rows = [(key.name, key.default or "-", key.unit or "-", key.allowed) for key in table.keys]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for key, row in zip(table.keys, rows, strict=True):
        yield "  " + "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        yield from textwrap.wrap(_bare(key.meaning), _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _bare(text: str) -> str:
    return text.replace("`", "")


def as_markdown() -> str:
    """All tables as the page docs/keys.md."""
    lines = [
        "# Keys of the experiment file",
        "",
        "Every table and every key is optional; [files and commands](files.md) says how a file is read. This page is",
        "written by `pysv keys --markdown` from the classes that check the keys. `pysv keys` prints it for a terminal,",
        "`pysv keys TABLE` one table of it, such as `device.layer`.",
    ]
    for table in tables():
        lines += ["", f"## {table.heading}", "", f"`pysv.{table.made.__name__}`: {_cell(table.meaning)}", ""]
        if not table.keys:
            lines.append("No further keys.")
            continue
        lines += ["| key | default | unit | allowed | meaning |", "|---|---|---|---|---|"]
        for key in table.keys:
            default = f"`{key.default}`" if key.default else ""
            cells = (f"`{key.name}`", default, key.unit, _cell(key.allowed), _cell(key.meaning))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text in a cell of a table: signs that Markdown would read are escaped, code keeps its quotes."""
    pieces = re.split(r"(`[^`]*`)", text.replace("``", "`").replace("|", "\\|"))
    return "".join(piece if piece[:1] == "`" else re.sub(r"([\[\]_*<])", r"\\\1", piece) for piece in pieces)


def _kinds(name: str, kinds: Mapping[str, Any]) -> Iterator[Table]:
    """What a table holds for each of its kinds."""
    usual = next(iter(kinds))
    for kind, made in kinds.items():
        choice = Key(
            name="kind",
            takes=_words(kinds),
            default=_toml(usual),
            meaning="Which of the following; each has its own keys.",
        )
        also = (choice,) if kind == usual else ()
        fixed = ("phase",) if kind in config.PHASES else ()
        yield _table(name, made, heading=f"[{name}] kind = {_toml(kind)}", also=also, leave=fixed)


def _table(
    name: str, made: type, *, heading: str = "", also: tuple[Key, ...] = (), leave: tuple[str, ...] = ()
) -> Table:
    meanings = _meanings(made)
    own = [_key(made, field, meanings) for field in dataclasses.fields(made) if field.name not in leave]
    return Table(name=name, heading=heading or f"[{name}]", made=made, keys=(*also, *own))


def _key(made: type, field: dataclasses.Field[Any], meanings: Mapping[str, str]) -> Key:
    name, takes = _INNER.get((made, field.name), (field.name, ""))
    plain = (made, field.name) not in _INNER
    return Key(
        name=name,
        takes=takes or _takes(field),
        range=_range(field.metadata),
        unit=field.metadata.get("unit", ""),
        default=_toml(field.default) if plain else "",
        meaning=meanings.get(field.name, ""),
        plain=plain,
    )


def _takes(field: dataclasses.Field[Any]) -> str:
    """Kind of value: the first sentence of the docstring of the field's check up to a semicolon, with the words in it.

    A field without a check gives its type.
    """
    known = field.metadata
    said = inspect.getdoc(known["rule"]) if "rule" in known else None
    if said is None:
        return {"str": "Text", "int": "A whole number", "float": "A real number"}.get(str(field.type), str(field.type))
    kind = re.split(r"[;.](?:\s|$)", said)[0]
    words = _words(known.get("words") or next(iter(known["arguments"]), ()))
    if not words:
        return kind
    return kind.replace("A word", words) if "A word" in kind else f"{kind}, or {words}"


def _range(metadata: Mapping[str, Any]) -> str:
    """Bounds of a number, as the check of a field got them."""
    low, high, above = (metadata.get(bound) for bound in ("low", "high", "above"))
    if low is not None and high is not None:
        return f"{_number(low)} … {_number(high)}"
    given = ((">", above), ("≥", low), ("≤", high))
    return ", ".join(f"{sign} {_number(bound)}" for sign, bound in given if bound is not None)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else re.sub(r"e\+?(-?)0*", r"e\1", f"{value:g}")


def _words(words: Iterable[str]) -> str:
    return " | ".join(map(_toml, words))


def _toml(value: Any) -> str:
    """A value as TOML; empty for None."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # TOML writes booleans, numbers and texts as JSON does


def _summary(thing: Any) -> str:
    """First paragraph of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def _meanings(made: type) -> dict[str, str]:
    """Meaning of each field, from the docstring of the class that defines it."""
    found: dict[str, str] = {}
    for base in reversed(made.__mro__):
        own = inspect.get_annotations(base)
        found |= {name: text for name, text in _parameters(base).items() if name in own}
    return found


def _parameters(made: type) -> dict[str, str]:
    """Texts of the section "Parameters" of a docstring by the name of the parameter."""
    doc = inspect.cleandoc(made.__doc__ or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n\S|\Z)", doc, re.M | re.S)
    found = {}
    for entry in re.split(r"\n(?=\S)", section.group(1) if section else ""):
        head, _, text = entry.partition("\n")
        for name in head.partition(":")[0].split(","):
            found[name.strip()] = " ".join(text.split())
    return found
