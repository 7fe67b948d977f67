"""Text is tokenised beforehand where the device would wait longer than that takes."""

import pytest

from pretrain.feeding import LOADERS_SHARE, seconds_waited


def test_seconds_waited():
    loader = 100 / LOADERS_SHARE
    assert seconds_waited(1e6, device=1000, loader=loader, loaders=12) == 0
    assert seconds_waited(1e6, device=1000, loader=loader, loaders=5) == pytest.approx(1000)
    assert seconds_waited(1e6, device=1000, loader=loader, loaders=0) == pytest.approx(10_000), (
        "its own work comes on top"
    )
