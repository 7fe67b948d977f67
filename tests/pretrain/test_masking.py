import numpy as np
import pytest

from pretrain.draws import Draws
from pretrain.masking import Masker

VOCAB, RESERVED, MASK = 500, 20, 4


def masker(**options):
    reserved = np.arange(VOCAB) < RESERVED
    continues = np.arange(VOCAB) >= 300
    return Masker(mask_id=MASK, reserved=reserved, continues=continues, **options)


def mask(masker, ids, rng):
    """One sequence; the generator gives its seed."""
    return masker.mask(ids, np.array([len(ids)]), Draws(rng.integers(1 << 32, size=1)))


def sequence(rng, length=60):
    ids = rng.integers(RESERVED, VOCAB, length)
    ids[[0, length // 2, -1]] = [2, 3, 3]  # [CLS] … [SEP] … [SEP]
    return ids


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_statistics_of_80_10_10(unit):
    rng = np.random.default_rng(0)
    ids, lengths = np.concatenate([sequence(rng) for _ in range(6000)]), np.full(6000, 60)
    shown, positions = masker(unit=unit).mask(ids, lengths, Draws(0, np.arange(6000)))
    hidden, labels = shown[positions], ids[positions]
    kinds = np.array([(hidden == MASK).sum(), ((hidden != MASK) & (hidden != labels)).sum(), (hidden == labels).sum()])
    assert abs(len(positions) / (6000 * 57) - 0.15) < (0.001 if unit == "token" else 0.004)
    np.testing.assert_allclose(kinds / len(positions), [0.8, 0.1, 0.1], atol=0.01)
    untouched = np.ones(len(ids), dtype=bool)
    untouched[positions] = False
    assert np.array_equal(shown[untouched], ids[untouched])


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_reserved_tokens_are_neither_hidden_nor_drawn(unit):
    rng = np.random.default_rng(1)
    ids = np.stack([sequence(rng, 30) for _ in range(6000)])
    ids[:, 5:9] = [10, 1, 19, 3]  # an entity marker, [UNK], an unused token and a [SEP] in running text
    ids = ids.ravel()
    shown, positions = masker(unit=unit, rate=0.5).mask(ids, np.full(6000, 30), Draws(1, np.arange(6000)))
    assert not np.isin(positions % 30, [0, 5, 6, 7, 8, 15, 29]).any()
    drawn = set(shown[positions][(shown[positions] != MASK) & (shown[positions] != ids[positions])].tolist())
    assert drawn == set(range(RESERVED, VOCAB))  # every word can be drawn, nothing else


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_at_least_one_mask_a_sequence(unit):
    rng = np.random.default_rng(2)
    for word in ([30], [30, 301, 302, 303, 304]):  # one token, and one word longer than any budget
        for _ in range(200):
            _, positions = mask(masker(unit=unit, rate=0.01), np.array([2, *word, 3]), rng)
            assert len(positions) >= 1


def test_nothing_but_special_tokens_stays_whole():
    shown, positions = mask(masker(), np.array([2, 3, 3]), np.random.default_rng(0))
    assert shown.tolist() == [2, 3, 3] and not len(positions)


def words_of(ids):
    """Ranges of positions that belong together."""
    words, current = [], []
    for position, token in enumerate(ids):
        if token < RESERVED:
            current = []
        elif token >= 300 and current:
            current.append(position)
        else:
            current = [position]
            words.append(current)
    return words


@pytest.mark.parametrize("unit", ["word", "span"])
def test_words_are_hidden_whole_or_not_at_all(unit):
    rng = np.random.default_rng(3)
    partly = 0
    for _ in range(500):
        ids = sequence(rng)
        _, positions = mask(masker(unit=unit), ids, rng)
        for word in words_of(ids):
            hidden = np.isin(word, positions)
            partly += hidden.any() and not hidden.all()
    assert partly == 0


def test_a_piece_after_a_special_token_begins_a_word_of_its_own():
    ids = np.array([2, 30, 301, 3, 302, 303, 3])  # 302 opens segment B: it does not belong to 30 ##301
    seen = {tuple(mask(masker(unit="word", rate=0.3), ids, np.random.default_rng(s))[1].tolist()) for s in range(60)}
    assert seen == {(1, 2), (4, 5)}


def test_spans_have_geometric_lengths():
    rng = np.random.default_rng(4)
    ids = np.concatenate([[2], rng.integers(RESERVED, 300, 2000), [3]])  # every word one token
    lengths = []
    for _ in range(100):
        _, positions = mask(masker(unit="span", rate=0.05), ids, rng)
        lengths += [len(run) for run in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)]
    # The budget cuts the last span short, and spans that touch count as one here.
    assert np.mean(lengths) == pytest.approx(3.8, abs=0.3) and np.median(lengths) == 3
    assert mask(masker(unit="token", rate=0.01), ids, rng)[1].size in (20, 21)


def test_a_span_is_shown_in_one_way():
    rng = np.random.default_rng(5)
    ids = np.concatenate([[2], rng.integers(RESERVED, 300, 300), [3]])
    mixed = runs = 0
    for _ in range(200):
        shown, positions = mask(masker(unit="span", rate=0.02), ids, rng)
        for run in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1):
            masks = (shown[run] == MASK).mean()
            runs, mixed = runs + 1, mixed + (0 < masks < 1)
    assert mixed / runs < 0.1  # two spans side by side may differ


def test_the_same_generator_gives_the_same_masks():
    ids = sequence(np.random.default_rng(6))
    one, two, other = (mask(masker(), ids, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert not np.array_equal(one[1], other[1])


def test_the_input_is_left_alone():
    ids = sequence(np.random.default_rng(7))
    before = ids.copy()
    mask(masker(rate=0.9), ids, np.random.default_rng(0))
    assert np.array_equal(ids, before)


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_masks_do_not_depend_on_what_else_is_masked(unit):
    rng = np.random.default_rng(8)
    sequences = [sequence(rng, length) for length in (60, 5, 200)] + [np.array([2, 3, 3])]
    ids, lengths, seeds = np.concatenate(sequences), np.array([len(ids) for ids in sequences]), np.arange(4)
    together = masker(unit=unit).mask(ids, lengths, Draws(seeds, 3))
    alone = [
        masker(unit=unit).mask(ids, np.array([len(ids)]), Draws(np.array([s]), 3)) for s, ids in enumerate(sequences)
    ]
    begins = np.cumsum(lengths) - lengths
    assert np.array_equal(together[0], np.concatenate([shown for shown, _ in alone]))
    assert np.array_equal(
        together[1], np.concatenate([places + begin for (_, places), begin in zip(alone, begins, strict=True)])
    )
