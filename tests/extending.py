"""Files of docs/extending.md, as a user would write them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def imported(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Write the block that the page introduces by `NAME.py` to a folder, and import it from there."""
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(rf"`{name}\.py`.*?^```python\n(.*?)^```$", text, re.M | re.S)
    assert block is not None, f"docs/extending.md shows no {name}.py"
    path = folder / f"{name}.py"
    path.write_text(block[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module
