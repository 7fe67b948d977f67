"""Metrics: cases worked out by hand, an independent slow count of each figure, seqeval where it is installed, and what must
hold for any answers."""

import random
import re
import time
import warnings
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from data.entities import NamedEntity, TaggedText
from finetune.entity.answers import Answer, FoundEntity
from finetune.entity.metrics import (
    MADE_UP,
    MISSED,
    confusion,
    entity_metrics,
    length_scores,
    mistakes,
    type_scores,
)

KLUE = ["PS", "LC", "OG", "DT", "TI", "QT"]


def spans(marked):
    """The text and the spans of <김다온:PS>은."""
    text, found = "", []
    for part in re.split(r"(<[^<>]+:\w+>)", marked):
        if part.startswith("<"):
            inside, kind = part[1:-1].rsplit(":", 1)
            found.append((len(text), len(text) + len(inside), kind))
            part = inside
        text += part
    return text, found


def answer(gold, found, score=0.9, name="a"):
    text, entities = spans(gold)
    same, answers = spans(found)
    assert text == same
    marked = TaggedText(name, text, tuple(NamedEntity(*span) for span in entities), f"dev.tsv:{name}")
    return Answer(marked, tuple(FoundEntity(*span, score) for span in answers))


EXAMPLE = [
    answer(
        "<김다온:PS>은 <1952년:DT> <새솔대학교:OG>를 세웠다.", "<김다온:PS>은 <1952년:DT> <새솔대학교를:OG> 세웠다."
    ),
    answer("<한별:PS>은 <9시:TI>에 왔다.", "<한별:OG>은 9시에 왔다.", 0.6, "b"),
]


# ---- an independent count ----


def tags_of(length, entities):
    tags = ["O"] * length
    for entity in entities:
        for place in range(entity.start, entity.end):
            tags[place] = ("B-" if place == entity.start else "I-") + entity.type
    return tags


def read(tags):
    """Strict IOB2: begins with B-, goes on with I- of the same type."""
    found = set()
    for start, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = start + 1
            while end < len(tags) and tags[end] == f"I-{tag[2:]}":
                end += 1
            found.add((start, end, tag[2:]))
    return found


def f1(gold, found, empty=0.0):
    return 2 * len(gold & found) / (len(gold) + len(found)) if gold or found else empty


def macro(gold, found):
    kinds = {span[-1] for span in gold | found}
    each = [f1({s for s in gold if s[-1] == kind}, {s for s in found if s[-1] == kind}) for kind in kinds]
    return sum(each) / len(each) if each else 0.0


def sequences(answers):
    """Tags of each text, and KLUE's one sequence of all: gold and found each."""
    gold = [tags_of(len(each.text.text), each.text.entities) for each in answers]
    found = [tags_of(len(each.text.text), each.entities) for each in answers]

    def flat(parts):
        sequence = []
        for each, tags in zip(answers, parts, strict=True):
            kept = [tag for character, tag in zip(each.text.text, tags, strict=True) if character != " "]
            sequence += ["O", *kept, "O"]
        return sequence

    return gold, found, flat(gold), flat(found)


def slowly(answers, types):
    gold, found, klue_gold, klue_found = sequences(answers)
    entities, answered = (
        {(number, *span) for number, tags in enumerate(part) for span in read(tags)} for part in (gold, found)
    )
    characters, labels = (
        {(number, place, tag) for number, tags in enumerate(part) for place, tag in enumerate(tags) if tag != "O"}
        for part in (gold, found)
    )
    kinds = {*types, *(span[-1] for span in entities | answered)}
    klue_labels = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
    klue_characters = [
        f1(*({place for place, tag in enumerate(part) if tag == label} for part in (klue_gold, klue_found)), empty=1.0)
        for label in klue_labels
    ]
    return {
        "entity_f1": f1(entities, answered),
        "entity_precision": len(entities & answered) / max(len(answered), 1),
        "entity_recall": len(entities & answered) / max(len(entities), 1),
        "entity_macro_f1": macro(entities, answered),
        "char_f1": f1(characters, labels),
        "klue_entity_f1": macro(read(klue_gold), read(klue_found)),
        "klue_char_f1": sum(klue_characters) / len(klue_labels),
    }


@st.composite
def entities(draw, length, types):
    found, place = [], 0
    while place < length:
        place += draw(st.integers(0, 3))
        end = place + draw(st.integers(1, 4))
        if end <= length:
            found.append((place, end, draw(st.sampled_from(types))))
        place = end
    return found


@st.composite
def any_answers(draw):
    """Texts with many spaces; answers that often are those that are marked; types that the model does not know."""
    answers = []
    for number in range(draw(st.integers(1, 5))):
        text = draw(st.text("가나 다 \n\t😀", max_size=14))
        gold = draw(entities(len(text), KLUE[:4]))
        found = draw(st.one_of(st.just(gold), entities(len(text), KLUE[:3]), st.just([])))
        scores = [draw(st.sampled_from([0.25, 0.5, 0.75])) for _ in found]
        answers.append(
            Answer(
                TaggedText(str(number), text, tuple(NamedEntity(*span) for span in gold), f"dev.tsv:{number}"),
                tuple(FoundEntity(*span, score) for span, score in zip(found, scores, strict=True)),
            )
        )
    return answers


@given(any_answers())
def test_every_figure_for_any_answers(answers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics = entity_metrics(answers, KLUE[:3])
    assert metrics == pytest.approx(slowly(answers, KLUE[:3]), abs=1e-12)
    _, _, gold, found = sequences(answers)
    kinds = {*KLUE[:3], *(entity.type for each in answers for entity in each.text.entities)}
    labels = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
    by_sklearn = f1_score(gold, found, labels=labels, average="macro", zero_division=1)
    assert metrics["klue_char_f1"] == pytest.approx(by_sklearn, abs=1e-12)


@given(any_answers())
def test_seqeval_says_the_same(answers):
    seqeval = pytest.importorskip("seqeval.metrics")
    scheme = pytest.importorskip("seqeval.scheme").IOB2
    gold, found, klue_gold, klue_found = sequences(answers)
    if not any(each.text.entities or each.entities for each in answers):
        return  # its mean of nothing is not a number

    def of(function, gold, found, average):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(gold, found, average=average, mode="strict", scheme=scheme)

    metrics = entity_metrics(answers, KLUE[:3])
    assert metrics["entity_f1"] == pytest.approx(of(seqeval.f1_score, gold, found, "micro"))
    assert metrics["entity_precision"] == pytest.approx(of(seqeval.precision_score, gold, found, "micro"))
    assert metrics["entity_recall"] == pytest.approx(of(seqeval.recall_score, gold, found, "micro"))
    assert metrics["entity_macro_f1"] == pytest.approx(of(seqeval.f1_score, gold, found, "macro"))
    if read(klue_gold) or read(klue_found):
        assert metrics["klue_entity_f1"] == pytest.approx(of(seqeval.f1_score, [klue_gold], [klue_found], "macro"))


# ---- by hand ----


def test_the_example_of_the_module_by_hand():
    metrics = entity_metrics(EXAMPLE, KLUE)
    assert metrics["entity_precision"] == 2 / 4 and metrics["entity_recall"] == 2 / 5
    assert metrics["entity_f1"] == pytest.approx(4 / 9)
    assert metrics["entity_macro_f1"] == pytest.approx((2 / 3 + 1 + 0 + 0) / 4) == metrics["klue_entity_f1"]
    assert metrics["char_f1"] == pytest.approx(2 * 13 / (16 + 17))
    # B-PS, I-PS, B-DT, I-DT, B-OG, I-OG, B-TI, I-TI, then the four of LC and QT, then O.
    tags = [2 / 3, 4 / 5, 1, 1, 2 / 3, 8 / 10, 0, 0, 1, 1, 1, 1, 28 / 31]
    assert metrics["klue_char_f1"] == pytest.approx(sum(tags) / 13)
    assert set(metrics) == set(slowly(EXAMPLE, KLUE))


def test_klue_drops_spaces():
    # The answer takes the space along: wrong by characters, right for KLUE.
    with_space = [answer("<김다온:PS> 왔다", "<김다온 :PS>왔다")]
    metrics = entity_metrics(with_space, ["PS"])
    assert metrics["entity_f1"] == 0 and metrics["klue_entity_f1"] == 1 == metrics["klue_char_f1"]
    # It begins at a space: its I- is left, which is no entity.
    metrics = entity_metrics([answer("또 <김다온:PS>", "또< 김다온:PS>")], ["PS"])
    assert metrics["klue_entity_f1"] == 0
    assert metrics["klue_char_f1"] == pytest.approx((1 + 0 + 2 * 2 / (2 + 3)) / 3)  # O, B-PS, I-PS
    # What is left goes on with the entity before it: one entity in place of two.
    metrics = entity_metrics([answer("<가나 다:PS>", "<가나:PS>< 다:PS>")], ["PS"])
    assert metrics["entity_f1"] == 0 and metrics["klue_entity_f1"] == 1
    # Other white space is a character.
    assert entity_metrics([answer("<가\u3000나:PS>", "<가:PS>\u3000나")], ["PS"])["klue_entity_f1"] == 0


def test_an_entity_ends_with_its_sentence():
    metrics = entity_metrics([answer("<가:PS>", "<가:PS>"), answer("<가:PS>", "<가:PS>")], ["PS"])
    assert metrics["entity_f1"] == metrics["klue_entity_f1"] == metrics["klue_char_f1"] == 1


def test_where_figures_degenerate():
    nothing = entity_metrics([answer("아무것도 없다", "아무것도 없다")], KLUE)
    assert nothing.pop("klue_char_f1") == 1 and set(nothing.values()) == {0}
    missed = entity_metrics([answer("<가나:PS>다", "가나다")], ["PS"])
    assert missed.pop("klue_char_f1") == pytest.approx((2 * 3 / (3 + 5) + 0 + 0) / 3) and set(missed.values()) == {0}
    made_up = entity_metrics([answer("가나", "<가:PS>나")], ["PS"])
    assert made_up["entity_f1"] == made_up["klue_entity_f1"] == 0
    perfect = entity_metrics([answer("<가:PS>나", "<가:PS>나")], KLUE)
    assert set(perfect.values()) == {1}
    assert set(entity_metrics([answer("", "")], []).values()) == {0, 1}


def test_a_type_that_the_model_does_not_know_is_missed():
    answers = [answer("<가:PS> <나:EV>", "<가:PS> 나")]
    metrics = entity_metrics(answers, ["PS"])
    assert metrics == entity_metrics(answers, ["PS", "EV"])
    assert metrics["entity_recall"] == 0.5 and metrics["entity_macro_f1"] == 0.5
    assert [(each.type, each.f1, each.support) for each in type_scores(answers, ["PS"])] == [("PS", 1, 1), ("EV", 0, 1)]
    assert confusion(answers, ["PS"]) == {("PS", "PS"): 1, ("EV", MISSED): 1}


def test_the_table_of_types():
    scores = type_scores([*EXAMPLE, answer("<가람:LC>", "<가람:LC>")], KLUE)
    # The most entities first, then in the order of the model's types.
    assert [score.type for score in scores] == ["PS", "LC", "OG", "DT", "TI", "QT"]
    first = scores[0]
    assert (first.precision, first.recall, first.f1) == pytest.approx((1, 1 / 2, 2 / 3))
    assert (first.support, first.predicted) == (2, 1)
    last = scores[-1]
    assert (last.precision, last.recall, last.f1, last.support, last.predicted) == (0, 0, 0, 0, 0)


@given(any_answers())
def test_tables_add_up(answers):
    metrics, scores, lengths = entity_metrics(answers, KLUE), type_scores(answers, KLUE), length_scores(answers)
    support = sum(len(each.text.entities) for each in answers)
    predicted = sum(len(each.entities) for each in answers)
    for table in (scores, lengths):
        assert (sum(row.support for row in table), sum(row.predicted for row in table)) == (support, predicted)
        right = sum(row.f1 * (row.support + row.predicted) / 2 for row in table)
        assert 2 * right == pytest.approx(metrics["entity_f1"] * (support + predicted))
    assert [row.support for row in scores] == sorted((row.support for row in scores), reverse=True)
    occurring = [row.f1 for row in scores if row.support + row.predicted]
    assert metrics["entity_macro_f1"] == pytest.approx(sum(occurring) / max(len(occurring), 1))
    counts = confusion(answers, KLUE)
    assert sum(count for (gold, _), count in counts.items() if gold != MADE_UP) == support
    assert all(counts.values()) and (MADE_UP, MISSED) not in counts
    assert all(count <= predicted for (gold, _), count in counts.items() if gold == MADE_UP)


@given(any_answers(), st.randoms(use_true_random=False))
def test_the_order_of_texts_and_types_does_not_matter(answers, random):
    kinds, moved = list(KLUE), list(answers)
    random.shuffle(kinds)
    random.shuffle(moved)
    assert entity_metrics(moved, kinds) == pytest.approx(entity_metrics(answers, KLUE))
    assert confusion(moved, kinds) == confusion(answers, KLUE)


def test_lengths():
    scores = length_scores(
        [answer("<가나다:PS> <라:LC>", "<가나다 :PS><라:LC>"), answer("가" * 20, f"<{'가' * 20}:PS>")]
    )
    ranges = [(score.shortest, score.longest) for score in scores]
    assert ranges == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 7), (8, 10), (11, 15), (16, None)]
    counted = {score.shortest: (score.f1, score.support, score.predicted) for score in scores}
    assert counted[1] == (1, 1, 1) and counted[3] == (0, 1, 0) and counted[4] == (0, 0, 1)
    assert counted[16] == (0, 0, 1) and counted[2] == counted[11] == (0, 0, 0)
    for length in (5, 6, 7, 8, 10, 11, 15, 16, 400):
        same = f"<{'가' * length}:PS>"
        (score,) = (score for score in length_scores([answer(same, same)]) if score.support)
        assert score.f1 == 1 and score.shortest <= length <= (score.longest or length)


# ---- what was taken for what ----


@pytest.mark.parametrize(
    ("gold", "found", "pairs", "kinds"),
    [
        ("<가나:PS>다라", "<가나:PS>다라", {("PS", "PS"): 1}, None),
        ("<가나:PS>다라", "<가나:LC>다라", {("PS", "LC"): 1}, {"type": 1}),
        ("<가나:PS>다라", "<가나다:PS>라", {("PS", "PS"): 1}, {"boundary": 1}),
        ("<가나:PS>다라", "가<나다:LC>라", {("PS", "LC"): 1}, {"type": 1, "boundary": 1}),
        ("<가나:PS>다라", "가나다라", {("PS", MISSED): 1}, {"missed": 1}),
        ("가나다라", "<가나:PS>다라", {(MADE_UP, "PS"): 1}, {"made up": 1}),
        ("<가나:PS>다라", "가나<다라:PS>", {("PS", MISSED): 1, (MADE_UP, "PS"): 1}, {"missed": 1, "made up": 1}),
        # In pieces: the one with the most characters counts, the first of equal ones.
        ("<가나다라:PS>", "<가:LC>나<다라:OG>", {("PS", "OG"): 1}, {"type": 1, "boundary": 1}),
        ("<가나다라:PS>", "<가나:LC><다라:OG>", {("PS", "LC"): 1}, {"type": 1, "boundary": 1}),
        # Two in one answer.
        ("<가나:PS><다라:LC>", "<가나다라:PS>", {("PS", "PS"): 1, ("LC", "PS"): 1}, {"type": 1, "boundary": 2}),
        # An entity's own span, whatever else touches it.
        ("가<나다:PS>라", "<가:LC><나다:OG><라:LC>", {("PS", "OG"): 1, (MADE_UP, "LC"): 2}, {"made up": 2, "type": 1}),
    ],
)
def test_what_was_taken_for_what(gold, found, pairs, kinds):
    one = answer(gold, found)
    assert confusion([one], KLUE) == pairs
    wrong = mistakes([one])
    assert [mistake.kinds for mistake in wrong] == ([] if kinds is None else [kinds])
    assert [list(mistake.kinds) for mistake in wrong] == [list(kinds)] if kinds else not wrong


def test_the_order_of_the_confusion():
    answers = [answer("<가:QT><나:EV>다", "<가:PS>나<다:LC>"), answer("<가:PS>", "<가:PS>")]
    assert list(confusion(answers, KLUE)) == [("PS", "PS"), ("QT", "PS"), ("EV", MISSED), (MADE_UP, "LC")]


def test_the_surest_mistakes_come_first():
    answers = [
        answer("<가나:PS>", "<가나:PS>", name="right"),
        answer("<가나:PS>", "가나", name="missed"),
        answer("<가나:PS>다", "<가나다:PS>", 0.6, "less"),
        answer("가나", "가<나:PS>", 0.8, "sure"),
        answer("<가:LC>나", "<가:PS>나", 0.6, "after less"),
    ]
    unlabelled = Answer(TaggedText("unlabelled", "가나", None, "x:1"), (FoundEntity(0, 1, "PS", 0.99),))
    found = mistakes([*answers, unlabelled])
    names = [mistake.answer.text.id for mistake in found]
    assert names == ["sure", "less", "after less", "missed"]
    assert [mistake.score for mistake in found] == [0.8, 0.6, 0.6, None]
    assert (found[1].gold, found[1].found) == ("<가나:PS>다", "<가나다:PS>")


def test_a_right_answer_does_not_make_a_mistake_surer():
    text = TaggedText("a", "가나다", (NamedEntity(0, 1, "PS"),), "x:1")
    (mistake,) = mistakes([Answer(text, (FoundEntity(0, 1, "PS", 0.99), FoundEntity(1, 2, "LC", 0.3)))])
    assert mistake.score == 0.3


@given(any_answers())
def test_every_text_that_is_not_right_is_a_mistake(answers):
    found = {mistake.answer.text.id: mistake for mistake in mistakes(answers)}
    for each in answers:
        is_right = [(e.start, e.end, e.type) for e in each.text.entities] == [
            (e.start, e.end, e.type) for e in each.entities
        ]
        assert is_right == (each.text.id not in found)
        if not is_right:
            assert sum(found[each.text.id].kinds.values()) > 0
    counts = confusion(answers, KLUE)
    kinds = sum((Counter(mistake.kinds) for mistake in found.values()), Counter())
    assert kinds["missed"] == sum(count for (_, answered), count in counts.items() if answered == MISSED)
    assert kinds["made up"] == sum(count for (gold, _), count in counts.items() if gold == MADE_UP)
    assert kinds["type"] == sum(
        count for pair, count in counts.items() if pair[0] != pair[1] and pair[0] != MADE_UP and pair[1] != MISSED
    )


# ---- what cannot be measured, and how fast the rest is ----


@pytest.mark.parametrize(
    "measure",
    [
        lambda answers: entity_metrics(answers, KLUE),
        lambda answers: type_scores(answers, KLUE),
        length_scores,
        lambda answers: confusion(answers, KLUE),
    ],
)
def test_what_cannot_be_measured(measure):
    with pytest.raises(ValueError, match="no texts"):
        measure([])
    with pytest.raises(ValueError, match=r"raw\.txt:1: the entities of this text are not known"):
        measure([*EXAMPLE, Answer(TaggedText("a", "가", None, "raw.txt:1"), ())])


def test_fast_enough_to_be_called_often():
    rng = random.Random(0)
    answers = []
    for number in range(5000):
        text = "".join(rng.choice("가나다라 마") for _ in range(60))
        starts = [place for place in range(0, 56, 8) if rng.random() < 0.5]
        gold = tuple(NamedEntity(start, start + 4, rng.choice(KLUE)) for start in starts)
        found = tuple(FoundEntity(start, start + rng.choice([3, 4]), rng.choice(KLUE), 0.9) for start in starts)
        answers.append(Answer(TaggedText(str(number), text, gold, "dev.tsv:1"), found))
    start = time.process_time()
    entity_metrics(answers, KLUE)
    assert time.process_time() - start < 1


def test_a_long_text_takes_no_longer_than_many_short_ones():
    count = 20_000
    gold = tuple(NamedEntity(3 * number, 3 * number + 2, "PS") for number in range(count))
    found = tuple(FoundEntity(3 * number + 1, 3 * number + 3, "PS", 0.9) for number in range(count))
    long = [Answer(TaggedText("a", "가나 " * count, gold, "x:1"), found)]
    start = time.process_time()
    assert confusion(long, ["PS"]) == {("PS", "PS"): count}
    assert mistakes(long)[0].kinds == {"boundary": count}
    assert time.process_time() - start < 2
