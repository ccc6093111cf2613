"""Sphinx configuration; `make docs` builds the site into docs/_build/html."""

from __future__ import annotations

from importlib.metadata import version as version_of

from sphinx.ext import autosummary

project = "pysv"
author = "The pysv developers"
copyright = "2026, the pysv developers"
version = release = version_of("pysv-spinvalve")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",  # formulas without network
    "numpydoc",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

autosummary_generate = True
autosummary.WELL_KNOWN_ABBREVIATIONS += ("Eq.", "Eqs.", "Fig.", "Figs.", "Sec.", "Secs.")  # no sentence ends here
autosummary_imported_members = True
autodoc_typehints = "none"  # the docstrings give shapes and units, which say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
default_role = "code"

html_theme = "furo"
html_title = "pysv"
html_show_sphinx = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["pysv.css"]


def _plain_bars(app, what, name, obj, options, lines) -> None:  # type: ignore[no-untyped-def]
    """|ψ|² in a docstring is a modulus, not a substitution of reStructuredText."""
    lines[:] = [line.replace("|", "\\|") for line in lines]


def _benchmarks(app, docname, source) -> None:  # type: ignore[no-untyped-def]
    """The page beside the benchmarks is part of the site, too."""
    source[0] = source[0].replace("](../benchmarks/README.md", "](benchmarks.md")


def setup(app) -> None:  # type: ignore[no-untyped-def]
    app.connect("source-read", _benchmarks)
    app.connect("autodoc-process-docstring", _plain_bars, priority=900)  # after numpydoc
