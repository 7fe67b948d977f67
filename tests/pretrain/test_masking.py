import numpy as np
import pytest

from pretrain.masking import Masker

VOCAB, RESERVED, MASK = 500, 20, 4


def masker(**options):
    reserved = np.arange(VOCAB) < RESERVED
    continues = np.arange(VOCAB) >= 300
    return Masker(mask_id=MASK, reserved=reserved, continues=continues, **options)


def sequence(rng, length=60):
    ids = rng.integers(RESERVED, VOCAB, length)
    ids[[0, length // 2, -1]] = [2, 3, 3]  # [CLS] … [SEP] … [SEP]
    return ids


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_statistics_of_80_10_10(unit):
    rng = np.random.default_rng(0)
    kinds, chosen, candidates = np.zeros(3), 0, 0
    for _ in range(6000):
        ids = sequence(rng)
        shown, positions = masker(unit=unit).mask(ids, rng)
        hidden = shown[positions]
        kinds += [
            (hidden == MASK).sum(),
            ((hidden != MASK) & (hidden != ids[positions])).sum(),
            (hidden == ids[positions]).sum(),
        ]
        chosen, candidates = chosen + len(positions), candidates + 57
        untouched = np.ones(len(ids), dtype=bool)
        untouched[positions] = False
        assert np.array_equal(shown[untouched], ids[untouched])
    assert abs(chosen / candidates - 0.15) < (0.001 if unit == "token" else 0.004)
    np.testing.assert_allclose(kinds / chosen, [0.8, 0.1, 0.1], atol=0.01)


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_reserved_tokens_are_neither_hidden_nor_drawn(unit):
    rng = np.random.default_rng(1)
    drawn = set()
    for _ in range(3000):
        ids = sequence(rng, 30)
        ids[5:9] = [10, 1, 19, 3]  # an entity marker, [UNK], an unused token and a [SEP] in running text
        shown, positions = masker(unit=unit, rate=0.5).mask(ids, rng)
        assert not np.isin(positions, [0, 5, 6, 7, 8, 15, 29]).any()
        changed = shown[positions][(shown[positions] != MASK) & (shown[positions] != ids[positions])]
        drawn.update(changed.tolist())
    assert min(drawn) == RESERVED and max(drawn) == VOCAB - 1  # every word can be drawn, nothing else
    assert len(drawn) == VOCAB - RESERVED


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_at_least_one_mask_a_sequence(unit):
    rng = np.random.default_rng(2)
    for word in ([30], [30, 301, 302, 303, 304]):  # one token, and one word longer than any budget
        for _ in range(200):
            _, positions = masker(unit=unit, rate=0.01).mask(np.array([2, *word, 3]), rng)
            assert len(positions) >= 1


def test_nothing_but_special_tokens_stays_whole():
    shown, positions = masker().mask(np.array([2, 3, 3]), np.random.default_rng(0))
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
        _, positions = masker(unit=unit).mask(ids, rng)
        for word in words_of(ids):
            hidden = np.isin(word, positions)
            partly += hidden.any() and not hidden.all()
    assert partly == 0


def test_a_piece_after_a_special_token_begins_a_word_of_its_own():
    ids = np.array([2, 30, 301, 3, 302, 303, 3])  # 302 opens segment B: it does not belong to 30 ##301
    seen = {tuple(masker(unit="word", rate=0.3).mask(ids, np.random.default_rng(s))[1].tolist()) for s in range(60)}
    assert seen == {(1, 2), (4, 5)}


def test_spans_have_geometric_lengths():
    rng = np.random.default_rng(4)
    ids = np.concatenate([[2], rng.integers(RESERVED, 300, 2000), [3]])  # every word one token
    lengths = []
    for _ in range(100):
        _, positions = masker(unit="span", rate=0.05).mask(ids, rng)
        lengths += [len(run) for run in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)]
    # The budget cuts the last span short, and spans that touch count as one here.
    assert np.mean(lengths) == pytest.approx(3.8, abs=0.3) and np.median(lengths) == 3
    assert masker(unit="token", rate=0.01).mask(ids, rng)[1].size in (20, 21)


def test_a_span_is_shown_in_one_way():
    rng = np.random.default_rng(5)
    ids = np.concatenate([[2], rng.integers(RESERVED, 300, 300), [3]])
    mixed = runs = 0
    for _ in range(200):
        shown, positions = masker(unit="span", rate=0.02).mask(ids, rng)
        for run in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1):
            masks = (shown[run] == MASK).mean()
            runs, mixed = runs + 1, mixed + (0 < masks < 1)
    assert mixed / runs < 0.1  # two spans side by side may differ


def test_the_same_generator_gives_the_same_masks():
    ids = sequence(np.random.default_rng(6))
    one, two, other = (masker().mask(ids, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert not np.array_equal(one[1], other[1])


def test_the_input_is_left_alone():
    ids = sequence(np.random.default_rng(7))
    before = ids.copy()
    masker(rate=0.9).mask(ids, np.random.default_rng(0))
    assert np.array_equal(ids, before)
