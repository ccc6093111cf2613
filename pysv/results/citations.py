"""Whom to cite for a result: the paper, and the sources of the engine, the measures and the baths.

The references themselves are data: `citations.toml`, one table each.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from pysv import config
from pysv.engines import methods
from pysv.errors import InvalidInputError, unknown_name
from pysv.measures.registry import measures
from pysv.results.versions import __version__
from pysv.sectors import backend as backends

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Reference:
    """One entry of a bibliography.

    Parameters
    ----------
    key : str
        BibTeX key.
    authors : tuple of str
        "Family, Given"; without a comma the name of a group, or "others".
    title : str
    year : int
    journal : str
        Empty for software.
    volume, pages : str
    doi : str
        Without a resolver; empty if there is none.
    url : str
        Of software without a DOI.
    """

    key: str
    authors: tuple[str, ...]
    title: str
    year: int
    journal: str = ""
    volume: str = ""
    pages: str = ""
    doi: str = ""
    url: str = ""

    def __str__(self) -> str:
        """The reference in one line, as the field writes it."""
        names = [" ".join(reversed(name.split(", "))) for name in self.authors]
        who = " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))).replace(" and others", " et al.")
        where = ", ".join(filter(None, (f"{self.journal} {self.volume}".strip(), self.pages)))
        source = f"doi:{self.doi}" if self.doi else self.url
        return ", ".join(filter(None, (who, self.title, where))) + f" ({self.year})" + (source and f", {source}")

    def bibtex(self) -> str:
        """The reference as a BibTeX entry, in UTF-8."""
        names = " and ".join(name if ", " in name or name == "others" else f"{{{name}}}" for name in self.authors)
        fields = {
            "title": f"{{{self.title}}}", "author": names, "journal": self.journal, "volume": self.volume,
            "pages": self.pages.replace("–", "--"), "year": str(self.year), "doi": self.doi, "url": self.url,
        }  # fmt: skip
        lines = [f"  {name:<7} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{'article' if self.journal else 'software'}{{{self.key},", *lines, "}"])


@cache
def _library() -> dict[str, Reference]:
    """The references of `citations.toml` by key."""
    text = resources.files("pysv.results").joinpath("citations.toml").read_text(encoding="utf-8")
    return {
        key: Reference(key=key, **entry | {"authors": tuple(entry["authors"])})
        for key, entry in tomllib.loads(text).items()
    }


def every_reference() -> tuple[Reference, ...]:
    """All references of `citations.toml`: what `references` may return, except pysv itself."""
    return tuple(_library().values())


def cite(key: str) -> Reference:
    """A reference by its BibTeX key.

    Parameters
    ----------
    key : str
        A table of `citations.toml`, e.g. ``"Vidal2002"``.

    Returns
    -------
    Reference

    Raises
    ------
    InvalidInputError
        If there is no such reference.
    """
    if key not in _library():
        raise InvalidInputError(f"citations.toml: {unknown_name('reference', key, _library())}")
    return _library()[key]


PYSV = Reference(
    "pysv", ("The pysv developers",),
    f"pysv {__version__}: electron-mediated entanglement in a quantum spin valve", 2026,
)  # fmt: skip
PAPER = cite("Suresh2024")

_LIBRARIES = {"numpy": "Harris2020", "scipy": "Virtanen2020", "numba": "Lam2015", "xarray": "Hoyer2017"}


def references(data: xr.Dataset | None = None) -> dict[str, tuple[Reference, ...]]:
    """References to cite for a result.

    Parameters
    ----------
    data : xarray.Dataset, optional
        A result of pysv; its attributes and variables say what it stands on. Without it only pysv and the paper.

    Returns
    -------
    dict of str to tuple of Reference
        What they are cited for, in the order of importance.
    """
    found: dict[str, tuple[Reference, ...]] = {"pysv": (PYSV,), "model and idea": (PAPER,)}
    if data is None:
        return found
    for purpose, cited in _of_run(data):
        if cited:
            found[purpose] = tuple(one if isinstance(one, Reference) else cite(one) for one in cited)
    return found


def _of_run(data: xr.Dataset) -> Iterator[tuple[str, Sequence[str | Reference]]]:
    """What a run stands on, by its own provenance: purposes, and references or their keys."""
    engine, backend = str(data.attrs["engine"]), str(data.attrs["backend"])
    asked = config.loads(str(data.attrs["experiment"]))
    if engine in methods():
        method = asked.engine if isinstance(asked.engine, methods()[engine]) else methods()[engine]()
        yield f"engine {engine}", method.citations(backend)
    if asked.experiment.bath is not None and asked.experiment.bath.couples:
        yield "baths", ("Nathan2020", "Nathan2021")
    yield from _of_measures(data)
    if backend in backends.names():
        yield backend.capitalize(), backends.backend(backend).cites
    packages = json.loads(str(data.attrs["versions"]))
    used = [name for name in _LIBRARIES if name in packages]
    versions = ", ".join(f"{name} {packages[name]}" for name in used)
    yield f"libraries ({versions})", tuple(_LIBRARIES[name] for name in used)


def _of_measures(data: xr.Dataset) -> Iterator[tuple[str, Sequence[str | Reference]]]:
    """What the measures in a dataset stand on; errors with a bias beside them are the jackknife's, not of probes."""
    for measure in measures():
        name, probes = measure.name, measure.probes
        if measure.cites and name in data:
            yield measure.cited_for or measure.long_name, measure.cites
        if probes and f"{name}_error" in data and f"{name}_bias" not in data:
            yield probes.cited_for, probes.cites


def write(data: xr.Dataset | None = None, *, bibtex: bool = False) -> str:
    """What `pysv cite` prints.

    Parameters
    ----------
    data : xarray.Dataset, optional
        See `references`.
    bibtex : bool
        Entries of a BibTeX file in place of sentences.

    Returns
    -------
    str
    """
    found = references(data)
    if bibtex:
        unique = {reference.key: reference for cited in found.values() for reference in cited}
        return "\n".join(reference.bibtex() for reference in unique.values())
    blocks = [
        "\n".join([f"{purpose}:", *(f"  {reference}" for reference in cited)]) for purpose, cited in found.items()
    ]
    return "\n\n".join(blocks)
