"""H on the device: the numbers of `Hamiltonian.table`, looked up row by row instead of block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pysv.sectors.hamiltonian import Hamiltonian
    from pysv.sectors.table import GroupTable, Table


class RowTable(NamedTuple):
    """H of one electron on S^z sectors, as the kernels of `pysv.sectors.cuda.sweep` take it.

    The members of the second group of spins follow those of the first, see `pysv.sectors.table.GroupTable`. An array
    without entries has one that is never read, since a device does not hold empty arrays.

    Parameters
    ----------
    chain : real ndarray (3, places)
        For each site −γ of the bond on its left, −γ of the bond on its right, and ε; 0 beyond the chain. eV.
    rows : int32 ndarray (2, rows)
        All rows, block by block of either group.
    home : int32 ndarray (2, 2, rows)
        For either group, where in `rows` the block of a row begins, and its member.
    diagonal : real ndarray (members,)
        What is diagonal in the spins of the group, eV.
    exchange_first, exchange : int32 ndarray (members + 1,), int32 ndarray (entries,)
        Places in the block that exchange of two spins makes of member k:
        ``exchange[exchange_first[k]:exchange_first[k + 1]]``.
    exchange_weight : real ndarray (entries,) or (1,)
        Their matrix elements, eV; one where all are the same.
    weight_step : int
        1, or 0 where all exchanges have one matrix element.
    site_first, site_spin : int32 ndarray (places + 1,), int32 ndarray (spins, 2)
        Spins on site x: group and number in the group, ``site_spin[site_first[x]:site_first[x + 1]]``.
    partner : int32 ndarray (spins, members)
        Place in the block in which the electron and spin i of the group have traded a unit of spin.
    sd : real ndarray (2, spins, members)
        Matrix elements of the sd exchange with spin i: the diagonal one, and the one to the partner, eV.
    """

    chain: np.ndarray
    rows: np.ndarray
    home: np.ndarray
    diagonal: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    exchange_weight: np.ndarray
    weight_step: int
    site_first: np.ndarray
    site_spin: np.ndarray
    partner: np.ndarray
    sd: np.ndarray


def row_table(hamiltonian: Hamiltonian, real: type, places: int) -> RowTable:
    """H row by row, in the precision `real`, for a device that holds so many places of a row.

    Raises
    ------
    NotReadyError
        If H has a term that the kernels cannot hold.
    """
    table = hamiltonian.table(real)
    groups = table.one, table.other
    members = [group.diagonal.size for group in groups]
    site_first, site_spin = _spins_on_sites(groups, hamiltonian.layout.width, places)
    weights = [np.atleast_1d(group.exchange_weight) for group in groups]
    common = np.ndim(table.one.exchange_weight) == 0
    one, other = groups
    return RowTable(
        chain=_chain(table, hamiltonian.sites, places, real),
        rows=np.stack([group.rows for group in groups]).astype(np.int32),
        home=np.stack([_home(group, before) for group, before in zip(groups, (0, members[0]), strict=True)]),
        diagonal=np.concatenate([group.diagonal for group in groups]),
        exchange_first=np.concatenate(
            [one.exchange_first[:-1], one.exchange.size + other.exchange_first], dtype=np.int32, casting="same_kind"
        ),
        exchange=_filled(np.concatenate([group.exchange for group in groups])),
        exchange_weight=weights[0] if common else _filled(np.concatenate(weights)),
        weight_step=0 if common else 1,
        site_first=site_first,
        site_spin=site_spin,
        partner=_beside([group.partner for group in groups], members),
        sd=np.stack(
            [
                _beside([np.broadcast_to(part, group.partner.shape) for part, group in zip(parts, groups, strict=True)],
                        members)
                for parts in zip(*((group.sd_diagonal, group.sd_trade) for group in groups), strict=True)
            ]
        ).astype(real),
    )  # fmt: skip


def _home(group: GroupTable, before: int) -> np.ndarray:
    """Where the block of each row begins, and the member of each row, counted after `before` others."""
    sizes = np.diff(group.first)
    found = np.empty((2, group.rows.size), np.int32)
    begins = np.repeat(group.first[:-1], sizes)
    found[0, group.rows] = begins
    found[1, group.rows] = before + np.repeat(group.kind_first[group.kind], sizes) + np.arange(begins.size) - begins
    return found


def _chain(table: Table, sites: int, places: int, real: type) -> np.ndarray:
    found: np.ndarray = np.zeros((3, places), real)
    if np.ndim(table.chain) == 0:
        found[0, 1:sites] = found[1, : sites - 1] = -table.chain
    else:
        found[:, :sites] = np.asarray(table.chain).reshape(3, -1)[:, ::2][:, :sites]
    return found


def _spins_on_sites(groups: tuple[GroupTable, ...], width: int, places: int) -> tuple[np.ndarray, np.ndarray]:
    """`RowTable.site_first` and `RowTable.site_spin`."""
    site, spin = [], []
    for number, group in enumerate(groups):
        site.append(group.sites(width))
        spin.append(np.stack([np.full(group.tile_spin.size, number), group.tile_spin], axis=1))
    sites, spins = np.concatenate(site), np.concatenate(spin)
    order = np.argsort(sites, kind="stable")
    first = np.searchsorted(sites[order], np.arange(places + 1)).astype(np.int32)
    return first, _filled(spins[order]).astype(np.int32)


def _beside(parts: list[np.ndarray], members: list[int]) -> np.ndarray:
    """Tables (spins, members) of the groups, the members of the second after those of the first; zeros elsewhere."""
    found: np.ndarray = np.zeros((max(1, *(len(part) for part in parts)), sum(members)), parts[0].dtype)
    before = 0
    for part, count in zip(parts, members, strict=True):
        found[: len(part), before : before + count] = part
        before += count
    return found


def _filled(array: np.ndarray) -> np.ndarray:
    """The array, or one zero entry where it has none."""
    return array if array.size else np.zeros((1, *array.shape[1:]), array.dtype)
