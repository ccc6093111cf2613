"""The house: a room imports from rooms below it, and no files import each other in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PYSV = Path(__file__).parents[1] / "pysv"
FLOORS = (
    ("errors", "units"),
    ("compute", "experiment", "julia"),
    ("model",),
    ("snapshot",),
    ("sectors",),
    ("classical", "mps", "pairs"),
    ("measures",),
    ("engines",),
    ("config",),
    ("keys", "results"),
    ("run",),
    ("probes",),
    ("browser", "doctor", "figures"),
    ("cli",),
    ("__main__",),
)
"""From the ground up; rooms of one floor do not import from each other."""


def modules() -> dict[str, Path]:
    """Every file of the package by its dotted name within it."""
    found = {}
    for path in PYSV.rglob("*.py"):
        parts = path.relative_to(PYSV).with_suffix("").parts
        if parts[0] != "_julia":
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """Modules of pysv that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "pysv":
            base = node.module.removeprefix("pysv").lstrip(".")
            for alias in node.names:
                whole = f"{base}.{alias.name}".lstrip(".")
                found.add(whole if whole in known else base)
    return found - {""}


def test_every_arrow_points_down():
    known = modules()
    floor = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
    assert {name.split(".")[0] for name in known} - {"__init__"} == set(floor)
    wrong = [
        f"{name} -> {other}"
        for name, path in known.items()
        for other in imports(path, set(known))
        if name != "__init__"
        and name.split(".")[0] != other.split(".")[0]
        and floor[name.split(".")[0]] <= floor[other.split(".")[0]]
    ]
    assert not wrong


def test_no_circle():
    known = modules()
    graph = {name: imports(path, set(known)) - {name} for name, path in known.items()}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError
