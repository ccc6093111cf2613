"""Values of the keys of a sweep: from the command line, ranges among them, and in the types of a TOML parser."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pysv.errors import InvalidInputError, quoted
from pysv.experiment.checks import is_list
from pysv.results.points import same

MAX_POINTS = 100_000
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"  # digits in one place only: no backtracking
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER}):({_NUMBER})")


def setting(text: str) -> tuple[str, list[Any]]:
    """Key and values of ``--set KEY=V1,V2,…`` from the command line.

    Values are TOML; a bare word is a string; ``START:STOP:STEP`` is a range, STOP included where a step meets it.

    >>> setting("bath.temperature=10,30")
    ('bath.temperature', [10, 30])
    >>> setting("source.spin=up,[1.5, 0.0]")
    ('source.spin', ['up', [1.5, 0.0]])
    >>> setting("device.exchange=0.1:0.3:0.1,1.0")
    ('device.exchange', [0.1, 0.2, 0.3, 1.0])
    """
    return _setting(f"--set {quoted(text)}", text, "KEY=V1,V2,…, e.g. bath.temperature=10,30,100")


def _setting(where: str, text: str, form: str) -> tuple[str, list[Any]]:
    """As `setting`; error sentences begin with `where` and name the form."""
    if not text.isprintable():
        raise InvalidInputError(f"{where} has a line break or a control character; leave it out")
    key, equals, given = text.partition("=")
    if not equals or not given.strip():
        raise InvalidInputError(f"{where} must be {form}")
    pieces, depth, inside = [""], 0, False
    for letter in given:
        inside ^= letter == '"'
        depth += (letter == "[") - (letter == "]") if not inside else 0
        if letter == "," and depth == 0 and not inside:
            pieces.append("")
        else:
            pieces[-1] += letter
    return key.strip(), [value for piece in pieces for value in _values(piece.strip(), where, form)]


def one_setting(text: str) -> tuple[str, Any]:
    """Key and value of ``--at KEY=VALUE`` from the command line."""
    where, form = f"--at {quoted(text)}", "KEY=VALUE with one value, e.g. source.spin=up"
    key, values = _setting(where, text, form)
    if len(values) != 1:
        raise InvalidInputError(f"{where} must be {form}")
    return key, values[0]


def _values(piece: str, where: str, form: str) -> list[Any]:
    """The value that a piece of text means, or those of a range."""
    if not piece:
        raise InvalidInputError(f"{where} has an empty value; write {form}")
    if (found := _RANGE.fullmatch(piece)) is not None:
        return _range(found.group(1), found.group(2), found.group(3), where)
    try:
        return [tomllib.loads(f"value = {piece}")["value"]]
    except RecursionError as error:
        raise InvalidInputError(f"{where} has lists too deep in each other; write fewer") from error
    except ValueError:  # also whole numbers of thousands of digits
        return [piece]


def _range(start: str, stop: str, step: str, where: str) -> list[int | float]:
    """Numbers from `start` to `stop`, in decimal arithmetic, so that 0.1:0.3:0.1 ends with 0.3."""
    first, last, width = map(Decimal, (start, stop, step))
    if not width or (last - first) / width < 0:
        raise InvalidInputError(
            f"{where}: a range START:STOP:STEP must lead from START to STOP; change the sign of STEP, and "
            "let it not be 0"
        )
    count = int((last - first) / width) + 1
    if count > MAX_POINTS:
        raise InvalidInputError(f"{where} has {count} values; the limit is {MAX_POINTS}; take a larger STEP")
    whole = all(re.fullmatch(r"[+-]?\d+", part) for part in (start, stop, step))
    return [int(value) if whole else float(value) for value in (first + n * width for n in range(count))]


def plain(value: Any) -> Any:
    """A value of a grid in the types of a TOML parser: NumPy's scalars and arrays become Python's."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if is_list(value) else value


def words(value: Any) -> str:
    """A value of a grid as text; a date, which TOML knows and JSON does not, is one, too."""
    return json.dumps(value, default=str)


def alike(value: Any) -> str:
    """Text that is the same for equal values: 1 and 1.0 are one."""
    return words(same(value))
