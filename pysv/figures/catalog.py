"""The figures that there are: one file each in a package inside `pysv.figures`, `paper` or `beyond`.

A file holds the whole figure: which runs it needs, how they are drawn, and what the paper's text claims about them. Its
last line puts them together as a `Recipe`. The number or the name of the figure is that of the file: `fig3.py` holds
Fig. 3 of the paper, and a file `probe.py` would hold a figure called probe. A new figure is a new file. A file that
begins with an underscore and a package inside such a package are no figures.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError, unknown_name
from pysv.figures.planned import Planned, Version

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pysv.figures.claims import Claim, Passes
    from pysv.figures.marks import Marks
    from pysv.figures.style import Curves

Name = int | str
"""Number of a figure of the paper, or name of another figure."""


@dataclass(frozen=True)
class Recipe:
    """How a figure is made.

    Parameters
    ----------
    runs : callable
        The runs that a version of the figure needs, by the labels of their curves.
    draw : callable
        Draws the finished runs.
    claims : callable, optional
        What the paper's text says about the runs, claim by claim, and in a figure beyond the paper what is expected of
        them. A page lists them. It leaves out a figure that has none.
    remark : callable, optional
        A paragraph, in Markdown, that the page adds to the claims.
    ways : tuple of str
        In which ways the figure may differ from its usual version; see `Version`.
    """

    runs: Callable[[Version], Mapping[str, Planned]]
    draw: Callable[[Curves, Marks], Figure]
    claims: Callable[[Passes], Iterator[Claim]] | None = None
    remark: Callable[[Passes], str] | None = None
    ways: tuple[str, ...] = ("quick",)


@cache
def _modules() -> dict[Name, str]:
    """Module of each figure: first the numbers, then the names."""
    found: dict[Name, str] = {}
    for package in pkgutil.iter_modules(import_module("pysv.figures").__path__, "pysv.figures."):
        if package.ispkg:
            for module in pkgutil.iter_modules(import_module(package.name).__path__):
                if module.ispkg or module.name.startswith("_"):
                    continue
                number = re.fullmatch(r"fig(\d+)", module.name)
                found[int(number[1]) if number else module.name] = f"{package.name}.{module.name}"
    return dict(sorted(found.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def names() -> tuple[Name, ...]:
    """All figures: those of the paper by number, then others by name."""
    return tuple(_modules())


def of_paper() -> tuple[Name, ...]:
    """The figures in the package `paper`."""
    return tuple(name for name, module in _modules().items() if module.startswith("pysv.figures.paper."))


def named(text: str) -> Name:
    """The figure that a word means.

    Parameters
    ----------
    text : str
        ``"3"`` for Fig. 3, or a name.

    Raises
    ------
    InvalidInputError
        If there is no such figure.
    """
    known = {str(name): name for name in names()}
    if text not in known:
        raise InvalidInputError(f"figure {text!r}: {unknown_name('number', text, ['all', *known])}")
    return known[text]


def recipe(name: Name) -> Recipe:
    """How a figure is made.

    Parameters
    ----------
    name : int or str

    Raises
    ------
    InvalidInputError
        If there is no such figure.
    """
    found: Recipe = import_module(_modules()[named(str(name))]).RECIPE
    return found


def stem(name: Name) -> str:
    """Name of a figure's picture, without its ending: ``figure3``, or ``figure-NAME``."""
    return f"figure{name}" if isinstance(name, int) else f"figure-{name}"


def runs(name: Name, version: Version) -> Mapping[str, Planned]:
    """The runs that a version of a figure needs, by the labels of their curves.

    Parameters
    ----------
    name : int or str
    version : Version

    Raises
    ------
    InvalidInputError
        If there is no such figure, or it has no such version.
    """
    made = recipe(name)
    for way in ("full", "thermal", "quick"):
        if way in version.ways and way not in made.ways:
            others = with_way(way)
            have = f"{listed(others)} {'has' if len(others) == 1 else 'have'} one" if others else "no figure has one"
            raise InvalidInputError(f"figure {name} has no --{way} version; {have}")
    return made.runs(version)


def with_way(way: str) -> tuple[Name, ...]:
    """Figures that have a version of their own for a way; see `Version`."""
    return tuple(name for name in names() if way in recipe(name).ways)


def listed(chosen: Sequence[Name]) -> str:
    """Figures in words: "figure 4", "figures 3 and 5"."""
    *others, last = map(str, chosen)
    return f"figures {', '.join(others)} and {last}" if others else f"figure {last}"
