"""S^z sectors: sizes, order, and finding a row again."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysv.model.basis import Basis, configurations, sector_rows, spin_signs


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_configurations_are_all_strings_with_so_many_ones(n):
    for d in range(n + 1):
        expected = sorted(int("".join(bits), 2) for bits in product("01", repeat=n) if bits.count("1") == d)
        assert configurations(n, d).tolist() == expected


def test_the_papers_sector_sizes():
    """4+4: 25 326 amplitudes on 201 sites for an incoming up electron; 10+10: 7.09e7."""
    assert sector_rows(8, 4) * 201 == 25_326
    assert sector_rows(20, 10) * 201 == (184_756 + 167_960) * 201


@given(st.integers(1, 7))
def test_sectors_partition_the_product_space(n):
    basis = Basis.of_sectors(n, range(n + 2))
    states = {(int(e), int(c)) for e, c in zip(basis.electron, basis.configuration, strict=True)}
    assert len(states) == basis.rows == 2 ** (n + 1)
    assert sum(sector_rows(n, d) for d in range(n + 2)) == basis.rows


@given(st.integers(1, 6), st.sets(st.integers(0, 7), min_size=1))
def test_rows_are_found_again(n, sectors):
    basis = Basis.of_sectors(n, {d for d in sectors if d <= n + 1} or {0})
    np.testing.assert_array_equal(basis.rows_of(basis.electron, basis.configuration), np.arange(basis.rows))
    everything = Basis.of_sectors(n, range(n + 2))
    found = basis.rows_of(everything.electron, everything.configuration)
    downs = everything.electron + np.bitwise_count(everything.configuration)
    np.testing.assert_array_equal(found >= 0, np.isin(downs, basis.sectors))


def test_groups_cover_the_rows_in_order():
    basis = Basis.of_sectors(4, (0, 2, 5))
    end = 0
    for spin, n_down, rows in basis.groups():
        assert rows.start == end
        assert (basis.electron[rows] == spin).all()
        np.testing.assert_array_equal(basis.configuration[rows], configurations(4, n_down))
        end = rows.stop
    assert end == basis.rows == 1 + (comb(4, 2) + 4) + 1


def test_signs_read_from_the_left():
    assert spin_signs(np.array([0b0110]), 4).tolist() == [[1, -1, -1, 1]]
