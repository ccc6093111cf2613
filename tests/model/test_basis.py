"""S^z sectors: sizes, order, and finding a row again."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysv.model.basis import Basis, Spins, configurations, spin_signs


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_configurations_are_all_strings_with_so_many_ones(n):
    for d in range(n + 1):
        expected = sorted(int("".join(bits), 2) for bits in product("01", repeat=n) if bits.count("1") == d)
        assert configurations(n, d).tolist() == expected


def test_the_papers_sector_sizes():
    """4+4: 25 326 amplitudes on 201 sites for an incoming up electron; 10+10: 7.09e7."""
    assert Spins.of(8).sector_rows(4) * 201 == 25_326
    assert Spins.of(20).sector_rows(10) * 201 == (184_756 + 167_960) * 201


@given(st.integers(1, 7))
def test_sectors_partition_the_product_space(n):
    basis = Basis.of_sectors(n, range(n + 2))
    states = {(int(e), int(c)) for e, c in zip(basis.electron, basis.configuration, strict=True)}
    assert len(states) == basis.rows == 2 ** (n + 1)
    assert sum(map(Spins.of(n).sector_rows, range(n + 2))) == basis.rows


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


@given(st.lists(st.integers(2, 6), min_size=1, max_size=4), st.data())
def test_any_spins_are_digits(levels, data):
    """Configurations by down count, digits, moments and rows, against all tuples of m."""
    spins = Spins(tuple(levels))
    everything = list(product(*(range(own) for own in levels)))  # S − m of each spin, in the order of the product
    index = np.arange(spins.size)
    assert len(everything) == spins.size
    for spin in range(spins.count):
        np.testing.assert_array_equal(spins.digit(index, spin), [own[spin] for own in everything])
    np.testing.assert_array_equal(
        spins.moments(index), [[n - 1 - 2 * k for n, k in zip(levels, own, strict=True)] for own in everything]
    )
    downs = np.array([sum(own) for own in everything])
    np.testing.assert_array_equal(spins.down(index), downs)
    for down in range(-1, spins.lowest + 2):
        np.testing.assert_array_equal(spins.configurations(down), np.flatnonzero(downs == down))
        assert spins.multiplicity(down) == (downs == down).sum()
    basis = Basis.of_sectors(spins, range(spins.lowest + 2))
    assert basis.rows == 2 * spins.size == sum(map(spins.sector_rows, range(spins.lowest + 2)))
    np.testing.assert_array_equal(basis.rows_of(basis.electron, basis.configuration), np.arange(basis.rows))
    chosen = data.draw(st.permutations(range(spins.count)))[: data.draw(st.integers(1, spins.count))]
    smaller = spins.chosen(chosen)
    for c, own in zip(spins.restricted(index, chosen), everything, strict=True):
        assert [int(smaller.digit(np.array([c]), n)[0]) for n in range(smaller.count)] == [own[n] for n in chosen]
