"""Slices of files, read when asked for."""

import os
import pickle

import numpy as np
import pytest

from data.columns import Bytes, Column, read_ranges
from data.errors import DataError


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / "numbers"
    np.arange(1000, dtype="<u4").tofile(path)
    return path


def test_a_slice_is_what_the_file_holds_there(numbers):
    column = Column(numbers, "<u4")
    assert len(column) == 1000
    assert column.read(0, 1000).tolist() == list(range(1000))
    assert column.read(997, 1000).tolist() == [997, 998, 999]
    assert len(column.read(5, 5)) == 0
    assert column.read(3, 4).dtype == np.uint32


def test_ranges_of_several_columns_come_one_after_the_other(numbers, tmp_path):
    np.arange(1000, 1100, dtype="<u4").tofile(tmp_path / "more")
    one, two = Column(numbers, "<u4"), Column(tmp_path / "more", "<u4")
    found = read_ranges([two, one, two, one], np.array([98, 3, 5, 0]), np.array([100, 6, 5, 1]))
    assert found.tolist() == [1098, 1099, 3, 4, 5, 0] and found.dtype == np.uint32


def test_a_read_that_the_system_cuts_short_is_gone_on_with(numbers, monkeypatch):
    whole = numbers.read_bytes()
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, place: pread(file, min(size, 7), place))
    assert Bytes(numbers).read(1, 4000) == whole[1:]


def test_a_file_that_became_shorter_is_named(numbers):
    column = Column(numbers, "<u4")
    assert len(column) == 1000
    os.truncate(numbers, 100)
    with pytest.raises(DataError, match=r"numbers has become shorter .* run again"):
        column.read(0, 30)


def test_a_copy_opens_the_file_itself(numbers):
    column = Column(numbers, "<u4")
    column.read(0, 1)
    again = pickle.loads(pickle.dumps(column))
    assert again.read(10, 12).tolist() == [10, 11]
    column.close()
    assert column.read(10, 12).tolist() == [10, 11]
