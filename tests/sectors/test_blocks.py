"""Blocks of rows: the tables of a layer, against the configurations themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pysv.model.basis import Basis
from pysv.sectors.blocks import Blocks


@pytest.fixture(params=[(3, 2, (0, 2, 3, 6)), (1, 4, (1, 2)), (2, 1, (4,))], ids=str)
def system(request):
    """A basis of several sectors, and the blocks of its layers with the place of each spin's digit."""
    n_polarizer, n_analyzer, sectors = request.param
    basis = Basis.of_sectors(n_polarizer + n_analyzer, sectors)
    polarizer, analyzer = Blocks.of_layers(basis, n_polarizer)
    digits = list(reversed(range(basis.n_spins)))
    return basis, ((polarizer, digits[:n_polarizer]), (analyzer, digits[n_polarizer:]))


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
        source, target = blocks.exchanges()
        assert sorted(zip(source.tolist(), target.tolist(), strict=True)) == sorted(expected)
        np.testing.assert_array_equal(blocks.exchange_count(), np.bincount(source, minlength=basis.rows))
        for spin, digit in enumerate(digits):
            traded = [
                rows[1 - electron, c ^ (1 << digit)] if (c >> digit & 1) != electron else row
                for (electron, c), row in rows.items()
            ]
            np.testing.assert_array_equal(blocks.traded(spin), traded)


def test_alignment_is_that_of_the_bonds(system):
    basis, layers = system
    for blocks, digits in layers:
        signs = 1 - 2 * (basis.configuration[:, None] >> np.array(digits) & 1)
        np.testing.assert_array_equal(blocks.alignment[blocks.of_rows[1]], (signs[:, 1:] * signs[:, :-1]).sum(axis=1))
