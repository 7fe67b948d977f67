"""Answers: what one may hold, and what several models find together."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.entities import NamedEntity, TaggedText
from data.errors import DataError
from finetune.entity.answers import Answer, FoundEntity, inline, mean_answers

TEXT = TaggedText("a-1", "김다온은 새솔대학교를 세웠다.", None, "test.txt:1")


def found(*entities, text=TEXT):
    return Answer(text, tuple(FoundEntity(*entity) for entity in entities))


def together(*answers):
    (answer,) = mean_answers({str(number): [answer] for number, answer in enumerate(answers)})
    return [(entity.start, entity.end, entity.type, pytest.approx(entity.score)) for entity in answer.entities]


def test_the_example_of_the_module():
    assert together(
        found((0, 3, "PS", 0.98), (5, 10, "OG", 0.91)),
        found((0, 3, "PS", 0.95), (5, 10, "OG", 0.64)),
        found((0, 3, "PS", 0.99), (5, 11, "OG", 0.55)),
    ) == [(0, 3, "PS", 2.92 / 3), (5, 10, "OG", 1.55 / 3)]


def test_half_of_all_votes_is_enough():
    assert together(found((0, 3, "PS", 1.0)), found()) == [(0, 3, "PS", 0.5)]
    assert together(found((0, 3, "PS", 0.99)), found()) == []
    assert together(found((0, 3, "PS", 0.9)), found((0, 3, "LC", 0.9))) == []  # another type is another entity


def test_of_two_that_overlap_the_higher_score_stays():
    # 0.5 and 0.5: the earlier one; from the same place, the longer one; of the same span, the first by name.
    assert together(found((1, 3, "PS", 1.0)), found((0, 2, "PS", 1.0))) == [(0, 2, "PS", 0.5)]
    assert together(found((0, 2, "PS", 1.0)), found((0, 3, "PS", 1.0))) == [(0, 3, "PS", 0.5)]
    assert together(found((0, 3, "PS", 1.0)), found((0, 3, "LC", 1.0))) == [(0, 3, "LC", 0.5)]
    # What touches does not overlap.
    assert together(found((0, 2, "PS", 1.0), (2, 4, "LC", 1.0)), found((2, 4, "LC", 1.0))) == [
        (0, 2, "PS", 0.5),
        (2, 4, "LC", 1.0),
    ]
    # A rounding above 1 lets two of them have more than half each.
    assert together(found((0, 4, "PS", 1.0)), found((2, 6, "LC", 1.0001), (7, 8, "OG", 1.0))) == [
        (2, 6, "LC", 0.50005),
        (7, 8, "OG", 0.5),
    ]


def test_one_model_keeps_what_it_is_not_sure_of():
    alone = [found((0, 3, "PS", 0.2))]
    assert mean_answers({"alone": alone}) == alone


@st.composite
def several(draw):
    """What up to four models find in the same text of twelve characters."""
    text = TaggedText("a", "가" * 12, None, "x:1")
    parts = []
    for _ in range(draw(st.integers(2, 4))):
        edges = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
        parts.append(
            found(
                *(
                    (start, end, draw(st.sampled_from(["PS", "LC"])), draw(st.sampled_from([0.4, 0.7, 0.9, 1.0])))
                    for start, end in zip(edges[::2], edges[1::2], strict=False)
                ),
                text=text,
            )
        )
    return parts


@given(several(), st.randoms(use_true_random=False))
def test_any_models_in_any_order(parts, random):
    (mean,) = mean_answers({str(number): [part] for number, part in enumerate(parts)})
    votes = [{(e.start, e.end, e.type): e.score for e in part.entities} for part in parts]
    scores = {span: sum(vote.get(span, 0) for vote in votes) / len(parts) for vote in votes for span in vote}
    kept = {(e.start, e.end, e.type): e.score for e in mean.entities}
    for span, score in kept.items():
        assert score == pytest.approx(scores[span]) and score >= 0.5
    for span, score in scores.items():
        if score >= 0.5 + 1e-9 and span not in kept:
            assert any(other[0] < span[1] and span[0] < other[1] and kept[other] >= score - 1e-9 for other in kept)
    random.shuffle(parts)
    assert mean_answers({str(number): [part] for number, part in enumerate(parts)}) == [mean]


def test_what_is_marked_comes_from_whichever_model_knows():
    marked = TaggedText("a-1", TEXT.text, (NamedEntity(0, 3, "PS"),), "dev.tsv:7")
    for order in (("A", "B"), ("B", "A")):
        parts = {"A": [found(text=TEXT)], "B": [found(text=marked)]}
        (mean,) = mean_answers({name: parts[name] for name in order})
        assert mean.text.entities == marked.entities
    nothing = TaggedText("a-1", TEXT.text, (), "dev.tsv:7")
    with pytest.raises(
        DataError, match=r"A and B cannot be averaged: other entities are marked in text 1, a-1 \(김다온은"
    ):
        mean_answers({"A": [found(text=marked)], "B": [found(text=nothing)]})


def test_models_that_do_not_go_together():
    with pytest.raises(DataError, match="A and B cannot be averaged: one has 1 texts, the other 2"):
        mean_answers({"A": [found()], "B": [found(), found()]})
    for other in (TaggedText("a-2", TEXT.text, None, "x:1"), TaggedText("a-1", "다른 글", None, "x:1")):
        with pytest.raises(DataError, match=r"text 2 is a-1 \(김다온은 .*\) in one, a-\d \(.*\) in the other"):
            mean_answers({"A": [found(), found()], "B": [found(), found(text=other)]})


@pytest.mark.parametrize(
    "entities",
    [
        [(0, 0, "PS", 0.5)],
        [(3, 2, "PS", 0.5)],
        [(-1, 2, "PS", 0.5)],
        [(0, len(TEXT.text) + 1, "PS", 0.5)],
        [(0, 3, "PS", 0.5), (2, 4, "PS", 0.5)],
        [(5, 6, "PS", 0.5), (0, 3, "PS", 0.5)],
    ],
)
def test_answers_are_checked(entities):
    with pytest.raises(ValueError, match=r"test\.txt:1: FoundEntity.* is no entity of the text"):
        found(*entities)


def test_entities_are_marked_for_people():
    answer = found((0, 3, "PS", 0.9), (5, 10, "OG", 0.9))
    assert inline(TEXT.text, answer.entities) == "<김다온:PS>은 <새솔대학교:OG>를 세웠다."
    assert inline("가나", [NamedEntity(0, 1, "PS"), NamedEntity(1, 2, "LC")]) == "<가:PS><나:LC>"
    assert inline("a < b", []) == "a < b"


def test_a_long_text_is_no_trouble():
    count = 20_000
    text = TaggedText("a", "가나 " * count, None, "x:1")
    parts = [found(*((3 * n, 3 * n + 2, "PS", 0.9) for n in range(count)), text=text) for _ in range(2)]
    start = time.process_time()
    (mean,) = mean_answers({"A": parts[:1], "B": parts[1:]})
    assert mean == parts[0] and time.process_time() - start < 2
