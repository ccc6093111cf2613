"""How a state lies in memory: tiles of whole cache lines, nothing lost on the way there and back."""

import numpy as np
import pytest

from pysv import layout
from pysv.layout import Layout

LARGE = 10**6
"""Rows that make any state large."""


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("sites", [1, 7, 60, 150, 201, 333, 1000])
def test_rows_of_tiles_are_whole_cache_lines(sites, dtype):
    found = Layout.for_rows(LARGE, sites, dtype)
    size = found.width * np.dtype(dtype).itemsize
    assert (found.tiles - 1) * found.width < sites <= found.tiles * found.width
    assert size % 64 == 0
    if found.tiles > 1:
        assert 1200 < size < 1700
    else:
        assert found.width - sites < 64 // np.dtype(dtype).itemsize


@pytest.mark.parametrize(("dtype", "line"), [(np.complex128, 4), (np.complex64, 8)])
@pytest.mark.parametrize("layout", [Layout(201, 201), Layout(201, 208), Layout(201, 104), Layout(20, 7), Layout(9, 1)])
def test_a_window_is_of_whole_cache_lines(layout, dtype, line):
    for first in range(layout.sites):
        for last in range(first, layout.sites):
            begin, end = layout.window(first, last + 1, dtype)
            assert 0 <= begin <= first <= last < end <= layout.tiles * layout.width
            assert first - begin < line
            assert end - last - 1 < line
            assert begin % layout.width % line == 0
            assert end % layout.width % line == 0 or end % layout.width == 0


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
