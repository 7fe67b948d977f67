"""Random numbers for many examples at once, each from a generator of its own.

    Draws(seed, epoch, indices).random(rows)      what default_rng((seed, epoch, index)).random() gives, for each index

An example is a function of (seed, epoch, index), so each has its own generator. To seed one of numpy's takes 30 µs and to
draw one number up to 10, more than all else that an example needs. Here all are seeded together, each gives its outputs at
once, and the numbers are made of these for all rows together. They are numpy's, to the last bit.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random.bit_generator import ISeedSequence

_LOW, _HALF = np.uint64((1 << 32) - 1), np.uint64(32)

_FIRST = 8
"""Outputs of a generator that are taken at first: about what a pair of sentences needs."""


class Draws:
    """Generators, one a row.

    Args:
        key: of the generators: integers, and arrays [N] of integers below 2^32, of which each row has one.
    """

    def __init__(self, *key: int | np.ndarray) -> None:
        words = seed_words(key, 8).astype(np.uint64)
        self._seeds = np.ascontiguousarray((words[::2] | words[1::2] << _HALF).T)
        self._bits = [_bit_generator(seed) for seed in self._seeds]
        self._outputs = self._next_outputs(_FIRST)
        self._used = np.zeros(len(self._bits), dtype=np.int64)
        self._kept = np.full(len(self._bits), -1)
        """Of which output the upper half is the next 32 bits; -1: of none."""

    def random(self, rows: np.ndarray) -> np.ndarray:
        """As `Generator.random`, from [0, 1).

        Args:
            rows: int64 [D], ascending; a row that stands there several times draws as often.

        Returns:
            float64 [D].
        """
        counts, places = self._places(rows)
        outputs = self._output(rows, self._used[rows] + places)
        self._used += counts
        return (outputs >> np.uint64(11)) * 2.0**-53

    def integers(self, low: int, high: int | np.ndarray, rows: np.ndarray) -> np.ndarray:
        """As `Generator.integers`, from `low` to `high` - 1 (Lemire 2019, "Fast random integer generation in an interval").

        Args:
            low, high: fewer than 2^32 apart; `high` may be int64 [D], the same wherever a row is the same.
            rows: as for `random`.

        Returns:
            int64 [D].

        Raises:
            ValueError: they are further apart.
        """
        size = np.broadcast_to(high - low, rows.shape).astype(np.uint64)
        if size.max(initial=0) > _LOW:
            raise ValueError(f"{size.max()} numbers are too many to draw one of")
        found = np.zeros(len(rows), dtype=np.uint64)
        left = np.flatnonzero(size > 1)  # nothing is drawn where there is no choice
        while len(left):
            product = self._words(rows[left]) * size[left]
            refused = (product & _LOW) < (np.uint64(1 << 32) - size[left]) % size[left]
            if refused.any():  # what its row has drawn after it moves up
                order = np.argsort(2 * rows[left] + refused, kind="stable")
                product, refused = product[order], refused[order]
            found[left] = product >> _HALF
            left = left[refused]
        return low + found.astype(np.int64)

    def generator(self, row: int) -> np.random.Generator:
        """A row as numpy's own generator, for what cannot be drawn in rows; it begins with the output that is next."""
        return np.random.Generator(_bit_generator(self._seeds[row]).advance(int(self._used[row])))

    def _words(self, rows: np.ndarray) -> np.ndarray:
        """32 bits a draw, uint64 [D]: an output gives its lower half, then its upper half."""
        counts, places = self._places(rows)
        kept = self._kept >= 0
        places -= kept[rows]
        outputs = self._output(rows, np.where(places < 0, self._kept[rows], self._used[rows] + places // 2))
        fresh = np.where(counts > 0, counts - kept, 0)
        self._used += (fresh + 1) // 2
        self._kept = np.where(counts > 0, np.where(fresh % 2, self._used - 1, -1), self._kept)
        return np.where(places % 2, outputs >> _HALF, outputs & _LOW)

    def _places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How often each row draws, int64 [N], and the number of each draw among those of its row, int64 [D]."""
        counts = np.bincount(rows, minlength=len(self._used))
        return counts, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)

    def _output(self, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        count = self._outputs.shape[1]
        if (missing := int(numbers.max(initial=-1)) + 1 - count) > 0:
            more = self._next_outputs(max(missing, count // 2))
            self._outputs = np.concatenate((self._outputs, more), axis=1)
        return self._outputs[rows, numbers]

    def _next_outputs(self, count: int) -> np.ndarray:
        """uint64 [N, count]."""
        return np.array([bits.random_raw(count) for bits in self._bits])


def _bit_generator(words: np.ndarray) -> np.random.PCG64:
    """What numpy seeds with these words, uint64 [4]."""
    return np.random.PCG64(_Seed(words))  # type: ignore[arg-type]  # its types know the one seed sequence only


class _Seed(ISeedSequence):
    """Words that are known already."""

    def __init__(self, words: np.ndarray) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: object = np.uint32) -> np.ndarray:
        return self._words


def seed_words(key: Sequence[int | np.ndarray], count: int) -> np.ndarray:
    """`SeedSequence(key).generate_state(count)` for each row of a key (O'Neill 2015, "Developing a seed_seq alternative").

    Args:
        key: as for `Draws`.
        count: words a row.

    Returns:
        uint32 [count, N].

    Raises:
        ValueError: an array has a number that needs more than 32 bits.
    """
    entropy = [np.array(word, dtype=np.uint32, ndmin=1) for part in key for word in _words_of(part)]
    entropy += [np.zeros(1, dtype=np.uint32)] * (4 - len(entropy))
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in entropy[:4]]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = _mixed(pool[target], hashed(pool[source]))
    for word in entropy[4:]:
        pool = [_mixed(part, hashed(word)) for part in pool]
    hashed = _Hash(0x8B51F9DD, 0x58F38DED)
    return np.stack(np.broadcast_arrays(*(hashed(pool[word % 4]) for word in range(count))))


def _words_of(part: int | np.ndarray) -> list[int | np.ndarray]:
    """Of 32 bits, the lowest first."""
    if isinstance(part, np.ndarray) and part.max(initial=0) > 0xFFFFFFFF:
        raise ValueError(f"{part.max()} is no number of 32 bits")
    if isinstance(part, np.ndarray) or part <= 0xFFFFFFFF:
        return [part]
    return [part & 0xFFFFFFFF, *_words_of(part >> 32)]


class _Hash:
    """Scrambles 32 bits, with other constants each time."""

    def __init__(self, constant: int, multiplier: int) -> None:
        self._constant, self._multiplier = constant, multiplier

    def __call__(self, words: np.ndarray) -> np.ndarray:
        words = words ^ np.uint32(self._constant)
        self._constant = self._constant * self._multiplier & 0xFFFFFFFF
        words = words * np.uint32(self._constant)
        return words ^ (words >> np.uint32(16))


def _mixed(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    words: np.ndarray = one * np.uint32(0xCA01F9DD) - two * np.uint32(0x4973F715)
    return words ^ (words >> np.uint32(16))
