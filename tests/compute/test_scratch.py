"""Memory that serves again."""

import numpy as np

from pysv.compute.scratch import Scratch


def test_memory_that_is_given_back_serves_again():
    scratch = Scratch()
    one = scratch.take(3, 4)
    one[...] = 1
    scratch.give(one)
    other = scratch.take(2, 5)
    assert other.shape == (2, 5)
    assert np.shares_memory(one, other)


def test_memory_that_is_in_use_is_not_taken():
    scratch = Scratch()
    one, other = scratch.take(3, 4), scratch.take(3, 4)
    assert not np.shares_memory(one, other)
    scratch.give(one[1:])  # a view is as good
    scratch.give(one)  # a second time it is nothing
    third, fourth = scratch.take(9), scratch.take(9)
    assert np.shares_memory(one, third)
    assert not np.shares_memory(third, fourth)
    assert not np.shares_memory(other, fourth)


def test_arrays_from_elsewhere_are_left_alone():
    scratch = Scratch()
    own = np.ones((2, 3), complex)
    scratch.give(own)
    scratch.give(own[:1])
    assert not np.shares_memory(own, scratch.take(2, 3))


def test_memory_that_is_outgrown_is_not_kept():
    scratch = Scratch()
    for count in range(100, 200):
        scratch.give(scratch.take(count))
    assert len(scratch._free) == 1


def test_small_arrays_leave_large_memory_to_large_ones():
    scratch = Scratch()
    large = scratch.take(1000)
    scratch.give(large)
    small = scratch.take(10)
    assert not np.shares_memory(large, small)
    assert np.shares_memory(large, scratch.take(1000))


def test_free_memory_can_be_left_to_others():
    scratch = Scratch()
    scratch.give(scratch.take(10))
    scratch.clear()
    assert not scratch._free
