"""Blocks of rows: the tables of a layer, against the configurations themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import pysv
from pysv.model.basis import Basis
from pysv.sectors.blocks import Blocks
from pysv.sectors.hamiltonian import Hamiltonian


@pytest.fixture(params=[(3, 2, (0, 2, 3, 6)), (1, 4, (1, 2)), (2, 1, (4,))], ids=str)
def system(request):
    """A basis of several sectors, and the blocks of its layers with the place of each spin's digit."""
    n_polarizer, n_analyzer, sectors = request.param
    basis = Basis.of_sectors(n_polarizer + n_analyzer, sectors)
    spins, digits = range(1, basis.spins.count + 1), list(reversed(range(basis.spins.count)))
    layers = (spins[:n_polarizer], digits[:n_polarizer]), (spins[n_polarizer:], digits[n_polarizer:])
    return basis, [(Blocks.of_group(basis, own, dict.fromkeys(pairwise(spins), 0.1)), places) for own, places in layers]


def places(blocks, rows):
    """First row of the block of each row, and which member of its kind the row is, as a place and among all members."""
    begins = np.repeat(blocks.first[:-1], np.diff(blocks.first))
    place = np.arange(rows) - begins
    member = place + np.repeat(blocks.kind_first[blocks.kind], np.diff(blocks.first))
    found = np.empty((2, rows), dtype=np.int64)
    found[:, blocks.rows] = begins, member
    return found


def exchanges(blocks, rows):
    """Rows, and the rows that one exchange makes of them."""
    begins, member = places(blocks, rows)
    for row in range(rows):
        for place in blocks.exchange[blocks.exchange_first[member[row]] : blocks.exchange_first[member[row] + 1]]:
            yield row, int(blocks.rows[begins[row] + place])


def test_blocks_hold_every_row_once_and_share_the_other_layer(system):
    basis, layers = system
    for blocks, digits in layers:
        mine = sum(1 << digit for digit in digits)
        np.testing.assert_array_equal(np.sort(blocks.rows), np.arange(basis.rows))
        others = []
        for begin, end in pairwise(blocks.first):
            rows = blocks.rows[begin:end]
            sector = np.bitwise_count(basis.configuration[rows]) + basis.electron[rows]
            (other,) = set(basis.configuration[rows] & ~mine)
            others.append((other, *set(sector.tolist())))
        assert len(set(others)) == len(others)


def test_exchange_and_trades_are_those_of_the_configurations(system):
    basis, layers = system
    rows = {
        pair: row for row, pair in enumerate(zip(basis.electron.tolist(), basis.configuration.tolist(), strict=True))
    }
    for blocks, digits in layers:
        expected = set()
        for (electron, c), row in rows.items():
            for high, low in pairwise(digits):
                if (c >> high & 1) != (c >> low & 1):
                    expected.add((row, rows[electron, c ^ (1 << high) ^ (1 << low)]))
        found = list(exchanges(blocks, basis.rows))
        assert sorted(found) == sorted(expected)
        begins, member = places(blocks, basis.rows)
        for spin, digit in enumerate(digits):
            traded = [
                rows[1 - electron, c ^ (1 << digit)] if (c >> digit & 1) != electron else row
                for (electron, c), row in rows.items()
            ]
            np.testing.assert_array_equal(blocks.rows[begins + blocks.partner[spin, member]], traded)


def test_members_have_the_configurations_of_their_rows(system):
    basis, layers = system
    for blocks, digits in layers:
        _, member = places(blocks, basis.rows)
        own = sum((basis.configuration >> digit & 1) << (len(digits) - 1 - k) for k, digit in enumerate(digits))
        np.testing.assert_array_equal(blocks.configuration[member], own)


@pytest.mark.parametrize("layers", [((2, 4), (6, 7)), ((6, 6), (1, 4))])
def test_the_diagonal_is_the_alignment_of_the_bonds(layers):
    device = pysv.SpinValve(sites=7, polarizer=layers[0], analyzer=layers[1], exchange_z=0.3, convention="half")
    hamiltonian = Hamiltonian.of_device(device, Basis.of_sectors(device.n_spins, (2, 3)))
    table, digits = hamiltonian.table(), list(reversed(range(device.n_spins)))
    n_p = device.n_polarizer
    for layer, blocks, own in (
        (table.one, hamiltonian.groups[0], digits[:n_p]), (table.other, hamiltonian.groups[1], digits[n_p:]),
    ):  # fmt: skip
        signs = 1 - 2 * (hamiltonian.basis.configuration[:, None] >> np.array(own) & 1)
        _, member = places(blocks, hamiltonian.basis.rows)
        expected = -0.3 / 4 * (signs[:, 1:] * signs[:, :-1]).sum(axis=1)
        np.testing.assert_allclose(layer.diagonal[member], expected, atol=1e-15)
