"""Keys that a sweep may vary: their names, and where they lie in the tables of an experiment file."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pysv.errors import quoted
from pysv.keys import tables as file_tables

KeyPath = tuple[str | int, ...]
"""Where a key lies in nested tables: names of tables and of the key, and places in arrays of tables."""
_ARRAYS = ("device.layer", "device.potential")
"""Arrays of tables. A layer is called by its name, a potential by its number."""


def known_keys(tables: Mapping[str, Any]) -> dict[str, KeyPath]:
    """Every key that may be swept, as ``table.key``, and where it lies in the tables of an experiment file.

    Layers and potentials are those that the tables have: ``device.layer.NAME.key``, ``device.potential.NUMBER.key``.
    The name of a layer is no such key.
    """
    found: dict[str, KeyPath] = {}
    for table in file_tables():
        if table.name == "probe":
            continue  # the runs of a sweep do without it
        for name, place in _places(table.name, tables).items():
            own = (key.name for key in table.keys if key.plain and (table.name, key.name) != ("device.layer", "name"))
            found |= {f"{name}.{key}": (*place, key) for key in own}
    return dict(sorted(found.items()))


def unit(key: str) -> str:
    """Unit of a key of a sweep; empty if it has none."""
    for table in file_tables():
        inside = key.startswith(f"{table.name}.") if table.name in _ARRAYS else key.rpartition(".")[0] == table.name
        for own in table.keys if inside else ():
            if own.name == key.rpartition(".")[2] and own.unit:
                return own.unit
    return ""


def _places(table: str, tables: Mapping[str, Any]) -> dict[str, KeyPath]:
    """Names of a table in keys of a sweep, and where it lies; several where it is one of an array."""
    path = tuple(table.split("."))
    if table not in _ARRAYS:
        return {table: path}
    device = tables.get("device")
    listed = device.get(path[-1]) if isinstance(device, Mapping) else None
    found: dict[str, KeyPath] = {}
    for number, entry in enumerate(listed if isinstance(listed, list) else [], start=1):
        if isinstance(entry, Mapping):
            name = entry.get("name") or f"L{number}" if table == "device.layer" else number
            found[f"{table}.{name}"] = (*path, number - 1)
    return found


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Sentence for a key that may not be swept; it suggests the closest one."""
    array = next((array for array in _ARRAYS if key.startswith(f"{array}.")), None)
    where = "an experiment file"
    if array is not None:
        where = "this experiment"
        known = [name for name in known if name.startswith(f"{array}.")]
        if not known:
            return f"{quoted(key)} is not a key of this experiment, which has no [[{array}]]"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{quoted(key)} is not a key of {where}{hint}"


def changed(tables: Mapping[str, Any], settings: Mapping[KeyPath, Any]) -> dict[str, Any]:
    """Copy of nested tables with some keys set.

    What should be a table and is not stays as it is: reading the tables refuses it with a sentence.
    """
    found = copy.deepcopy(dict(tables))
    for (*path, last), value in settings.items():
        table: Any = found
        for part in path:
            table = table.setdefault(part, {}) if isinstance(table, dict) else table[part]
            if not isinstance(table, dict | list):
                break
        else:
            table[last] = value
    return found


def dimension(key: str) -> str:
    """Name of the dimension of a key in the combined dataset; NetCDF takes a slash for the name of a group."""
    return key.replace(".", "_").replace("/", "_")
