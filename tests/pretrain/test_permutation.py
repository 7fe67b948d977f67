import numpy as np
import pytest

from pretrain.permutation import Permutation


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 16, 17, 1000, 65_537])
def test_every_number_once(n):
    assert sorted(Permutation(n, 1, 2)(np.arange(n)).tolist()) == list(range(n))


def test_the_key_alone_decides():
    numbers = np.arange(10_000)
    one = Permutation(10_000, 5, 0)(numbers)
    assert np.array_equal(one, Permutation(10_000, 5, 0)(numbers))
    assert np.array_equal(one[[7]], Permutation(10_000, 5, 0)(np.array([7])))
    for other in ((5, 1), (6, 0)):
        assert np.mean(one == Permutation(10_000, *other)(numbers)) < 0.01


def test_neighbours_are_scattered():
    shuffled = Permutation(100_000, 3)(np.arange(100_000))
    assert abs(np.corrcoef(shuffled[:-1], shuffled[1:])[0, 1]) < 0.02
    # Each tenth of the numbers lands evenly over the tenths: chi-square of 100 cells, 81 degrees of freedom.
    table = np.histogram2d(np.arange(100_000), shuffled, bins=10)[0]
    assert ((table - 1000) ** 2 / 1000).sum() < 150


def test_large_ranges_need_no_memory():
    n = 10**12
    shuffled = Permutation(n, 1)(np.arange(1000))
    assert shuffled.min() >= 0 and shuffled.max() < n and len(set(shuffled.tolist())) == 1000
