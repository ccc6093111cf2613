"""How the sites are dealt to ranks, and H on the section of one rank.

A section is a chain of its own: the kernels of `pysv.sectors.numba` run on its tiles as on a whole chain. What they
leave out is the hop between the last site of one section and the first of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import RanksError
from pysv.sectors.layout import Layout, line_width

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.table import GroupTable, Table

Cuts = tuple[int, ...]
"""Rank r holds the sites cuts[r] … cuts[r + 1] − 1, counted from 0. The state is zero before the first and after the
last."""


def deal(hamiltonian: Hamiltonian, dtype: type, window: tuple[int, int], ranks: int) -> Cuts:
    """Deal the sites of a window to the ranks, in equal shares.

    A large state is cut between cache lines. A window with fewer of them than ranks is widened.

    Raises
    ------
    RanksError
        If there are more ranks than sites.
    """
    sites = hamiltonian.sites
    unit = line_width(dtype) if hamiltonian.large else 1
    if sites < unit * ranks:
        unit = 1
    if sites < ranks:
        raise RanksError(f"{ranks} ranks divide a chain of {sites} sites; start at most {sites} of them")
    begin, end = window[0], min(window[1], sites)
    begin = max(0, min(begin, sites - unit * ranks))
    end = min(sites, max(end, begin + unit * ranks))
    count = -(-(end - begin) // unit)
    inner = (begin + unit * (count * rank // ranks) for rank in range(ranks))
    return (*inner, end)


@dataclass(frozen=True, eq=False)
class Section:
    """The sites of one rank.

    Parameters
    ----------
    begin, end : int
        Range of the sites, counted from 0.
    layout : Layout
        How they lie in memory.
    table : Table
        H on them, as the kernels need it.
    left, right : float
        γ of the hops to the sites before and after, eV.
    """

    begin: int
    end: int
    layout: Layout
    table: Table
    left: float
    right: float

    @classmethod
    def of(cls, hamiltonian: Hamiltonian, dtype: type, begin: int, end: int) -> Section:
        """A section of the chain of H, in the precision of a complex type."""
        width = hamiltonian.cut.width(end - begin, dtype) if hamiltonian.large else end - begin
        layout = Layout(end - begin, width)
        whole = hamiltonian.table(np.finfo(dtype).dtype.type)
        one, other = (_moved(group, hamiltonian.layout, begin, layout) for group in (whole.one, whole.other))
        chain = whole.chain
        if isinstance(chain, np.ndarray):
            places = np.zeros((3, 2 * layout.places), chain.dtype)
            places[:, : 2 * layout.sites] = chain.reshape(3, -1)[:, 2 * begin : 2 * end]
            chain = places.reshape(3, layout.tiles, -1)
        hopping = hamiltonian.couplings.hopping
        ends = (hopping.get((site, site + 1), 0.0) for site in (begin, end))
        return cls(begin, end, layout, whole._replace(one=one, other=other, chain=chain), *ends)

    @property
    def everywhere(self) -> tuple[int, int]:
        """The window of the whole section."""
        return 0, self.layout.places

    def window(self, window: tuple[int, int]) -> tuple[int, int]:
        """The part of a window of the chain that lies in the section, counted from the section's first site."""
        begin, end = (min(max(place, self.begin), self.end) - self.begin for place in window)
        return begin, end

    def shape(self, rows: int) -> tuple[int, int, int]:
        """Shape (tiles, rows, width) of the section of a state."""
        return self.layout.tiles, rows, self.layout.width


def _moved(group: GroupTable, whole: Layout, begin: int, layout: Layout) -> GroupTable:
    """A group with those of its spins that are in a section."""
    columns = group.sites(whole.width) - begin
    inside = (columns >= 0) & (columns < layout.sites)
    first, order, column = layout.places_of(columns[inside])
    return group._replace(tile_first=first, tile_spin=group.tile_spin[inside][order], tile_column=column)


def read(psi: np.ndarray, layout: Layout, begin: int, end: int) -> np.ndarray:
    """Columns begin … end − 1 of a state (tiles, rows, width), as a new array (rows, columns)."""
    out = np.empty((psi.shape[1], end - begin), psi.dtype)
    for tile, own, there in _pieces(layout, begin, end):
        out[:, there] = psi[tile, :, own]
    return out


def write(psi: np.ndarray, layout: Layout, begin: int, end: int, values: np.ndarray) -> None:
    """Write values (rows, columns) into the columns begin … end − 1 of a state (tiles, rows, width)."""
    for tile, own, there in _pieces(layout, begin, end):
        psi[tile, :, own] = values[:, there]


def _pieces(layout: Layout, begin: int, end: int) -> list[tuple[int, slice, slice]]:
    """Tiles that hold some columns: number of the tile, columns in it, and columns among those asked for."""
    found = []
    for tile, (sites, _) in enumerate(layout.slices()):
        low, high = max(begin, sites.start), min(end, sites.stop)
        if low < high:
            found.append((tile, slice(low - sites.start, high - sites.start), slice(low - begin, high - begin)))
    return found
