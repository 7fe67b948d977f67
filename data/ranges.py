"""Many ranges of numbers at once, each given by where it begins and where it ends."""

import numpy as np


def ranges(firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
    """The numbers first … last - 1 of each range in turn: ([3, 8], [5, 9]) gives [3, 4, 8].

    Args:
        firsts, lasts: int64 [N].

    Returns:
        int64 [the sum of the ranges' lengths].
    """
    lengths = lasts - firsts
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(firsts - before, lengths)


def bounds(lengths: np.ndarray) -> np.ndarray:
    """Where things of these lengths begin that lie one after the other, and where the last ends; int64 [N + 1]."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))
