"""A shuffle of n numbers that needs no list of n numbers.

Shuffling the examples of a large corpus by a permuted array costs eight bytes an example in every worker. A Feistel network
(Black and Rogaway 2002, "Ciphers with arbitrary finite domains") permutes [0, 2^2k) by arithmetic alone; numbers that land
beyond n are sent through again until they fall below it ("cycle walking"), fewer than four times on average.
"""

import numpy as np

_ROUNDS = 6


class Permutation:
    """A pseudo-random bijection of [0, n) onto itself, the same for the same key."""

    def __init__(self, n: int, *key: int) -> None:
        self.n = n
        self._half = max(1, ((n - 1).bit_length() + 1) // 2)  # bits of each half
        self._mask = np.uint64((1 << self._half) - 1)
        self._round_keys = np.random.SeedSequence(key).generate_state(_ROUNDS, np.uint64)

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Where each number goes; int64 of the same shape."""
        result = self._shuffle(numbers.astype(np.uint64))
        while (outside := result >= self.n).any():
            result[outside] = self._shuffle(result[outside])
        return result.astype(np.int64)

    def _shuffle(self, numbers: np.ndarray) -> np.ndarray:
        half, mask = np.uint64(self._half), self._mask
        left, right = numbers >> half, numbers & mask
        for key in self._round_keys:
            left, right = right, left ^ (_mix(right + key) & mask)
        return (left << half) | right


def _mix(values: np.ndarray) -> np.ndarray:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014); arithmetic modulo 2^64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
