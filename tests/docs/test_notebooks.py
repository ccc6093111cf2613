"""The notebooks run from top to bottom, and each is the pair of its source."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONG = ("several_electrons", "device_and_sweep", "temperature_and_baths")
TO_RUN = [pytest.param(path, marks=[pytest.mark.slow] * (path.stem in LONG), id=path.stem) for path in NOTEBOOKS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", TO_RUN)
def test_notebook(path, tmp_path, monkeypatch):
    import nbclient
    import nbformat

    # the kernel imports this checkout, and no plot waits for a window
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_paired_with_its_source(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jupytext = pytest.importorskip("jupytext")
        pair = [jupytext.read(path.with_suffix(ending)) for ending in (".ipynb", ".py")]
    assert pair[0].metadata["jupytext"]["formats"] == "ipynb,py:percent"
    texts = [[(cell.cell_type, cell.source) for cell in notebook.cells] for notebook in pair]
    assert texts[0] == texts[1], f"run `jupytext --sync {path.with_suffix('.py').name}`"


def test_there_is_a_notebook():
    assert NOTEBOOKS
