"""How a state lies in memory: tiles of whole cache lines, nothing lost on the way there and back."""

import numpy as np
import pytest

from pysv.sectors import layout
from pysv.sectors.layout import Layout

LARGE = 10**6
"""Rows that make any state large."""


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("sites", [1, 7, 60, 104, 105, 112, 150, 201, 208, 209, 221, 333, 1000])
def test_rows_of_tiles_are_whole_cache_lines(sites, dtype):
    """As few tiles as rows of 26 lines allow, and less than a line lost in each."""
    found = Layout.for_rows(LARGE, sites, dtype)
    size, line = found.width * np.dtype(dtype).itemsize, 64 // np.dtype(dtype).itemsize
    assert size % 64 == 0
    assert size <= 26 * 64
    assert (found.tiles - 1) * 26 * line < sites <= found.places
    assert found.places - sites < found.tiles * line


@pytest.mark.parametrize(("dtype", "line"), [(np.complex128, 4), (np.complex64, 8)])
@pytest.mark.parametrize("tiling", [Layout(201, 201), Layout(201, 208), Layout(201, 104), Layout(20, 7), Layout(9, 1)])
def test_a_window_is_of_whole_cache_lines(tiling, dtype, line):
    for first in range(tiling.sites):
        for last in range(first, tiling.sites):
            begin, end = tiling.window(first, last + 1, dtype)
            assert 0 <= begin <= first <= last < end <= tiling.places
            assert first - begin < line
            assert end - last - 1 < line
            assert begin % tiling.width % line == 0
            assert end % tiling.width % line == 0


def test_single_precision_has_tiles_of_more_sites():
    assert Layout.for_rows(LARGE, 201, np.complex64).width > Layout.for_rows(LARGE, 201).width


def test_a_small_state_is_one_tile():
    assert Layout.for_rows(10, 201) == Layout.for_rows(10, 201, np.complex64) == Layout(201, 201)


@pytest.mark.parametrize("width", [1, 3, 8, 20])
def test_there_and_back(width):
    psi = np.random.default_rng(width).standard_normal((5, 20)) + 1j
    tiled = Layout(20, width).tiled(psi)
    assert tiled.shape == (-(-20 // width), 5, width)
    np.testing.assert_array_equal(Layout(20, width).flat(tiled), psi)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_zeros_begin_with_a_cache_line(dtype):
    for count in (1, 3, 1000):
        found = layout.zeros(count, dtype)
        assert found.ctypes.data % 64 == 0
        assert found.shape == (count,)
        assert not found.any()
