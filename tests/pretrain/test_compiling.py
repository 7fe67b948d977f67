"""Compiling where it pays, and as the user wants it."""

import pytest

from pretrain.compiling import choose_way


@pytest.mark.parametrize(
    ("wanted", "device", "fixed_shapes", "minutes", "way"),
    [
        (None, "cuda", True, 1, "not"),
        (None, "cuda", True, 5, "fixed shapes"),
        (None, "cuda", True, 60, "any shapes"),
        (None, "cuda", False, 1, "not"),
        (None, "cuda", False, 5, "any shapes"),
        (None, "cpu", False, 600, "not"),
        (False, "cuda", True, 600, "not"),
        (True, "cuda", True, 1, "fixed shapes"),
        (True, "cpu", False, 1, "any shapes"),
    ],
)
def test_way(wanted, device, fixed_shapes, minutes, way):
    assert choose_way(wanted, device, fixed_shapes, 60 * minutes) == way
