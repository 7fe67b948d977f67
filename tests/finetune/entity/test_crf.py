"""The CRF against all tag sequences written out, against torchcrf, and against BIO."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchcrf import CRF

from finetune.entity.crf import FORBIDDEN, OUTSIDE, BioCRF, Spans, beginning, find_spans, inside


def is_legal(tags):
    """IOB2: an I- goes on with a B- or I- of its type."""
    before = OUTSIDE
    for tag in tags:
        if tag and tag % 2 == 0 and before not in (tag - 1, tag):
            return False
        before = tag
    return True


def random_crf(kinds, seed=0):
    torch.manual_seed(seed)
    crf = BioCRF(kinds)
    with torch.no_grad():
        for name in ("transitions", "start_transitions"):
            crf.parametrizations[name].original.normal_()
        crf.end_transitions.normal_()
    return crf.double()


def paths(crf, emissions):
    """Every legal tag sequence of a sentence [L, C], and its score."""
    transitions, start = crf.transitions.detach(), crf.start_transitions.detach()
    end = crf.end_transitions.detach()
    found = {}
    for tags in itertools.product(range(crf.num_tags), repeat=len(emissions)):
        if is_legal(tags):
            score = start[tags[0]] + end[tags[-1]] + sum(emissions[i, tag] for i, tag in enumerate(tags))
            found[tags] = float(score + sum(transitions[a, b] for a, b in itertools.pairwise(tags)))
    return found


def entities(tags):
    found, start = set(), None
    for place, tag in enumerate([*tags, OUTSIDE]):
        if start is not None and not (tag and tag % 2 == 0):
            found.add((start, place, (tags[start] - 1) // 2))
            start = None
        if tag % 2 == 1:
            start = place
    return found


def ragged(lengths, tags, seed=0):
    torch.manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), max(lengths), tags, dtype=torch.float64) * 2, mask


@pytest.mark.parametrize("kinds", [1, 2])
def test_likelihood_best_path_and_spans_are_those_of_all_paths_written_out(kinds):
    crf, lengths = random_crf(kinds), [5, 1, 3, 4]
    emissions, mask = ragged(lengths, crf.num_tags)
    best = crf.best_tags(emissions, mask)
    for row, length in enumerate(lengths):
        scores = paths(crf, emissions[row, :length])
        total = torch.logsumexp(torch.tensor(list(scores.values()), dtype=torch.float64), 0)
        assert tuple(best[row, :length].tolist()) == max(scores, key=scores.get)
        assert not best[row, length:].any()
        for tags, score in itertools.islice(scores.items(), 0, None, 7):
            padded = torch.tensor([[*tags, *[99] * (len(mask[row]) - length)]])
            one = crf.log_likelihood(emissions[row : row + 1], padded, mask[row : row + 1])
            assert one.item() == pytest.approx(score - float(total), abs=1e-9)
        spans = [
            (start, end, kind)
            for start in range(length)
            for end in range(start + 1, length + 1)
            for kind in range(kinds)
        ]
        asked = Spans(*torch.tensor([(row, *span) for span in spans]).unbind(1))
        got = crf.span_probabilities(emissions, mask, asked)
        for span, probability in zip(spans, got.tolist(), strict=True):
            with_it = [score - float(total) for tags, score in scores.items() if span in entities(tags)]
            assert probability == pytest.approx(sum(map(math.exp, with_it)), abs=1e-9)


def test_the_best_path_is_the_one_of_torchcrf():
    crf = random_crf(4)
    emissions, mask = ragged([30, 1, 17, 30, 2], crf.num_tags)
    theirs = CRF(crf.num_tags, batch_first=True).double()
    with torch.no_grad():
        for name in ("transitions", "start_transitions", "end_transitions"):
            getattr(theirs, name).copy_(getattr(crf, name))
    best = crf.best_tags(emissions, mask)
    assert [row[kept].tolist() for row, kept in zip(best, mask, strict=True)] == theirs.decode(emissions, mask)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 4), st.booleans())
def test_no_answer_ever_breaks_bio(seed, lengths, kinds, learned):
    crf = random_crf(kinds, seed) if learned else BioCRF(kinds, learned=False).double()
    emissions, mask = ragged(lengths, crf.num_tags, seed)
    emissions = emissions * 100  # scores that would rather have it
    best = crf.best_tags(emissions, mask)
    for tags, length in zip(best.tolist(), lengths, strict=True):
        assert is_legal(tags) and not any(tags[length:])
    spans = find_spans(best)
    by_hand = [(row, *each) for row, tags in enumerate(best.tolist()) for each in sorted(entities(tags))]
    assert torch.stack(spans, 1).tolist() == [list(each) for each in by_hand]


@given(st.integers(0, 10_000))
def test_a_sentence_in_a_batch_is_a_sentence_alone(seed):
    crf, lengths = random_crf(3, seed), [7, 2, 1, 5]
    emissions, mask = ragged(lengths, crf.num_tags, seed)
    best = crf.best_tags(emissions, mask)
    together = crf.log_likelihood(emissions, best, mask).detach()
    for row, length in enumerate(lengths):
        cut, full = emissions[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool)
        alone = crf.best_tags(cut, full)
        assert alone[0].tolist() == best[row, :length].tolist()
        assert crf.log_likelihood(cut, alone, full).item() == pytest.approx(float(together[row]), abs=1e-9)
        spans, batch_spans = find_spans(alone), find_spans(best)
        mine = batch_spans.sentence == row
        probabilities = crf.span_probabilities(emissions, mask, batch_spans)[mine]
        assert torch.allclose(probabilities, crf.span_probabilities(cut, full, spans), atol=1e-9)


def test_what_is_forbidden_stays_forbidden_through_training():
    crf = BioCRF(2)
    optimizer = torch.optim.AdamW(crf.parameters(), lr=1.0, weight_decay=0.1)
    emissions, mask = ragged([6, 4], crf.num_tags)
    tags = torch.tensor([[0, 1, 2, 0, 3, 4], [3, 4, 1, 2, 0, 0]])
    before = crf.transitions.detach().clone()
    losses = []
    for _ in range(20):
        loss = -crf.log_likelihood(emissions.float(), tags, mask).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    after = crf.transitions.detach()
    for kind, other in ((0, 1), (1, 0)):
        for source in (OUTSIDE, beginning(other), inside(other)):
            assert after[source, inside(kind)] == FORBIDDEN
        assert crf.start_transitions[inside(kind)] == FORBIDDEN
    assert not torch.equal(before[0, 1], after[0, 1])


def test_without_learnt_transitions_only_bio_is_left():
    crf = BioCRF(2, learned=False)
    assert not any(parameter.requires_grad for parameter in crf.parameters())
    assert set(crf.transitions.unique().tolist()) == {0.0, FORBIDDEN}
    # Each tag by itself would be I- at the beginning; the best legal sequence begins it properly.
    emissions = torch.zeros(1, 2, 5)
    emissions[0, :, inside(1)] = 5.0
    emissions[0, 0, beginning(1)] = 4.0
    assert crf.best_tags(emissions, torch.ones(1, 2, dtype=torch.bool)).tolist() == [[beginning(1), inside(1)]]


def test_a_thousand_characters_in_fp32_are_as_good_as_in_fp64():
    crf = random_crf(6)
    emissions, mask = ragged([1000, 400], crf.num_tags)
    tags = crf.best_tags(emissions, mask)
    exact = crf.log_likelihood(emissions, tags, mask)
    single = crf.float().log_likelihood(emissions.float(), tags, mask)
    assert torch.allclose(single.double(), exact, atol=0.05)
