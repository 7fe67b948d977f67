"""Generators as rows of arrays draw what numpy's own draw."""

import numpy as np
import pytest

from pretrain.draws import Draws, seed_words

NUMBERS = np.array([0, 1, 2, 77, 12_345, 2**32 - 1])
KEYS = {
    "an example": (0, 3, NUMBERS),
    "its masks": (5, 3, NUMBERS, 3),
    "a large seed": (2**70 + 3, 7, NUMBERS),
    "several epochs": (1, NUMBERS[::-1], NUMBERS),
    "short": (NUMBERS,),
}


def key_of(key, row):
    return tuple(part if isinstance(part, int) else int(part[row]) for part in key)


@pytest.fixture(params=KEYS.values(), ids=KEYS)
def key(request):
    return request.param


@pytest.mark.parametrize("count", [1, 8])
def test_seeds_are_those_of_a_seed_sequence(key, count):
    words = seed_words(key, count)
    for row in range(len(NUMBERS)):
        assert np.array_equal(words[:, row], np.random.SeedSequence(key_of(key, row)).generate_state(count))


@pytest.mark.parametrize("high", [1, 2, 1000, 3 * 2**30, 2**31 + 1, 2**32 - 1])
def test_every_row_draws_what_its_generator_does(key, high):
    """In any order of kinds, numbers and rows; every other 32 bits are refused where the interval is just above half of them."""
    rng, draws = np.random.default_rng(0), Draws(*key)
    generators = [np.random.default_rng(key_of(key, row)) for row in range(len(NUMBERS))]
    for _ in range(60):
        chosen = np.sort(rng.choice(len(NUMBERS), rng.integers(1, len(NUMBERS) + 1), replace=False))
        counts = rng.integers(1, 5, len(chosen))
        rows = np.repeat(chosen, counts)
        if rng.random() < 0.5:
            found = draws.random(rows)
            wanted = [generators[row].random(count) for row, count in zip(chosen, counts, strict=True)]
        else:
            found = draws.integers(1, 1 + high, rows)
            wanted = [generators[row].integers(1, 1 + high, count) for row, count in zip(chosen, counts, strict=True)]
        assert np.array_equal(found, np.concatenate(wanted))


def test_each_row_has_an_interval_of_its_own(key):
    highs = np.array([2, 3, 1, 500, 10**6, 2**32 - 1])
    found = Draws(*key).integers(0, highs, np.arange(6))
    assert found.tolist() == [np.random.default_rng(key_of(key, row)).integers(0, highs[row]) for row in range(6)]


def test_a_row_goes_on_as_a_generator(key):
    draws = Draws(*key)
    draws.random(np.array([1, 1, 1, 2]))
    for row, drawn in ((0, 0), (1, 3), (2, 1)):
        own = np.random.default_rng(key_of(key, row))
        own.random(drawn)
        assert np.array_equal(draws.generator(row).permutation(20), own.permutation(20))


def test_what_32_bits_do_not_hold_is_refused():
    with pytest.raises(ValueError, match="4294967296 is no number of 32 bits"):
        Draws(0, np.array([1, 2**32]))
    with pytest.raises(ValueError, match="too many to draw one of"):
        Draws(0, NUMBERS).integers(0, 2**32, np.arange(6))
