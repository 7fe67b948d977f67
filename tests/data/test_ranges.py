"""Ranges of numbers, many at once."""

import numpy as np

from data.ranges import bounds, ranges


def test_each_range_in_turn():
    assert ranges(np.array([3, 8, 5, 0]), np.array([5, 9, 5, 2])).tolist() == [3, 4, 8, 0, 1]
    assert not len(ranges(np.zeros(0, np.int64), np.zeros(0, np.int64)))


def test_bounds_begin_at_nothing_and_end_with_the_sum():
    found = bounds(np.array([2, 0, 3], dtype=np.uint8))
    assert found.tolist() == [0, 2, 2, 5] and found.dtype == np.int64
