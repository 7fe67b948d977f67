"""Answers as files: what is written can be read back to the last digit, mistakes are readable, spreadsheets calculate nothing."""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.entities import NamedEntity, TaggedText
from data.errors import DataError
from finetune.entity.answers import Answer, FoundEntity
from finetune.entity.files import read_answers, write_answers, write_errors, write_scores
from finetune.entity.metrics import entity_metrics, type_scores

SOME = [
    Answer(
        TaggedText(
            "a-17", "김다온은 새솔대학교를 세웠다.", (NamedEntity(0, 3, "PS"), NamedEntity(5, 10, "OG")), "dev.tsv:7"
        ),
        (FoundEntity(0, 3, "PS", 0.98), FoundEntity(5, 11, "OG", 0.6)),
    ),
    Answer(TaggedText("a-18", '말: "없다"', (), "dev.tsv:9"), ()),
    Answer(TaggedText("a-19", "한별이 왔다", None, "dev.tsv:11"), (FoundEntity(0, 2, "PS", 1.0),)),
]


def same(answers):
    """All but the place, which is that of the file."""
    return [(each.text.id, each.text.text, each.text.entities, each.entities) for each in answers]


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_text_a_line(tmp_path):
    path = tmp_path / "new" / "predictions.jsonl"
    write_answers(path, iter(SOME))
    assert path.read_bytes().count(b"\n") == 3 and b"\r" not in path.read_bytes()
    first, second, third = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert first == {
        "id": "a-17",
        "text": "김다온은 새솔대학교를 세웠다.",
        "entities": [
            {"start": 0, "end": 3, "type": "PS", "surface": "김다온", "score": 0.98},
            {"start": 5, "end": 11, "type": "OG", "surface": "새솔대학교를", "score": 0.6},
        ],
        "gold": [{"start": 0, "end": 3, "type": "PS"}, {"start": 5, "end": 10, "type": "OG"}],
    }
    assert second["gold"] == [] == second["entities"]
    assert "gold" not in third
    assert "김다온".encode() in path.read_bytes()  # for people, too
    read = list(read_answers(path))
    assert same(read) == same(SOME)
    assert [each.text.where for each in read] == [f"predictions.jsonl:{line}" for line in (1, 2, 3)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=20),
            st.floats(0, 1),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_what_is_written_is_read_back_exactly(tmp_path, rows):
    answers = [
        Answer(
            TaggedText(
                name, text, (NamedEntity(0, 1, "PS"), NamedEntity(1, 2, "가-나_1")) if labelled else None, "x:1"
            ),
            (FoundEntity(0, len(text), "LC", score),),
        )
        for name, text, score, labelled in rows
    ]
    write_answers(tmp_path / "p.jsonl", answers)
    assert same(list(read_answers(tmp_path / "p.jsonl"))) == same(answers)


def test_metrics_from_the_file_are_the_same(tmp_path):
    write_answers(tmp_path / "p.jsonl", SOME[:2])
    assert entity_metrics(list(read_answers(tmp_path / "p.jsonl")), ["PS"]) == entity_metrics(SOME[:2], ["PS"])


def line(**changes):
    row = {"id": "b", "text": "가나다라", "entities": [entity()]} | changes
    return json.dumps({key: value for key, value in row.items() if value is not ...}, ensure_ascii=False)


def entity(**changes):
    row = {"start": 1, "end": 3, "type": "PS", "surface": "나다", "score": 0.5} | changes
    return {key: value for key, value in row.items() if value is not ...}


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("", "this is no line of predictions"),
        ("{", "this is no line of predictions"),
        ("[]", "this is no line of predictions"),
        ('"id"', "this is no line of predictions"),
        ("[" * 200_000, "this is no line of predictions"),
        (line(id=...), "'id' is missing"),
        (line(text=...), "'text' is missing"),
        (line(entities=...), "'entities' is missing"),
        (line(entities=3), "this is no line of predictions"),
        (line(entities=[3]), "this is no line of predictions"),
        (line(id=7), "id and text must be strings"),
        (line(text=["가"]), "id and text must be strings"),
        (line(entities=[entity(score=...)]), "'score' is missing"),
        (line(entities=[entity(surface=...)]), "'surface' is missing"),
        (line(entities=[entity(surface="나다라")]), "characters 1 to 3 are 나다, not 나다라"),
        (line(entities=[entity(end=2)]), "characters 1 to 2 are 나, not 나다"),
        (line(entities=[entity(end=9)]), "1 to 9 is no span of the text's 4 characters"),
        (line(entities=[entity(start=3)]), "3 to 3 is no span"),
        (line(entities=[entity(start=-3)]), "-3 to 3 is no span"),
        (line(entities=[entity(start=1.0)]), "must be whole numbers"),
        (line(entities=[entity(start=True)]), "must be whole numbers"),
        (line(entities=[entity(type=None)]), "must be whole numbers and type a string"),
        (line(entities=[entity(score=1.1)]), "score 1.1 is no probability"),
        (line(entities=[entity(score=-0.1)]), "score -0.1 is no probability"),
        (line(entities=[entity(score=float("nan"))]), "score nan is no probability"),
        (line(entities=[entity(score="0.5")]), "score 0.5 is no probability"),
        (line(entities=[entity(), entity()]), "the entity at 1 begins before the one before it has ended"),
        (line(gold=[{"start": 1, "end": 5, "type": "PS"}]), "1 to 5 is no span"),
        (line(gold=[{"start": 1, "end": 2}]), "'type' is missing"),
        (line(gold=[{"start": 1, "end": 3, "type": "PS"}, {"start": 2, "end": 4, "type": "PS"}]), "the entity at 2"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, written, what):
    path = tmp_path / "p.jsonl"
    path.write_text(f"{line()}\n{written}\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"p\.jsonl:2: .*{what}") as caught:
        list(read_answers(path))
    assert "\n" not in str(caught.value) and "give the file as run_finetune.py" in str(caught.value)


def test_files_that_are_no_predictions(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl cannot be read"):
        list(read_answers(tmp_path / "none.jsonl"))
    (tmp_path / "p.jsonl").write_bytes(line().encode() + b"\n" + line().encode("cp949"))
    with pytest.raises(DataError, match=r"p\.jsonl:2: this is no line"):
        list(read_answers(tmp_path / "p.jsonl"))
    (tmp_path / "p.jsonl").write_bytes(b"")
    assert list(read_answers(tmp_path / "p.jsonl")) == []


def test_a_file_that_another_editor_saved_can_be_read(tmp_path):
    write_answers(tmp_path / "p.jsonl", SOME)
    (tmp_path / "p.jsonl").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "p.jsonl").read_bytes().replace(b"\n", b"\r\n"))
    assert same(list(read_answers(tmp_path / "p.jsonl"))) == same(SOME)


def test_a_score_that_is_rounded_up_is_none_too_many(tmp_path):
    (tmp_path / "p.jsonl").write_text(line(entities=[entity(score=1.0000002)]), encoding="utf-8")
    assert next(read_answers(tmp_path / "p.jsonl")).entities[0].score == 1.0000002


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text("old", encoding="utf-8")

    def broken():
        yield SOME[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_answers(path, broken())
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


def test_mistakes_for_people(tmp_path):
    path = tmp_path / "new" / "errors.csv"
    missing = Answer(TaggedText("b", "한별, 가람", (NamedEntity(0, 2, "PS"), NamedEntity(4, 6, "LC")), "x:1"), ())
    write_errors(path, [missing, *SOME])
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,gold,answer,kinds,score\n")
    assert [tuple(row.values()) for row in rows_of(path)] == [
        (
            "a-17",
            "<김다온:PS>은 <새솔대학교:OG>를 세웠다.",
            "<김다온:PS>은 <새솔대학교를:OG> 세웠다.",
            "boundary 1",
            "0.60000",
        ),
        ("b", "<한별:PS>, <가람:LC>", "한별, 가람", "missed 2", ""),
    ]


def test_a_spreadsheet_shows_every_text_as_it_is(tmp_path):
    texts = ['"인용", 쉼표', "- 1952년 사망", "=가나다라", "@가나다라", "+가나다라"]
    answers = [
        Answer(TaggedText(text, text, (), "x:1"), (FoundEntity(len(text) - 1, len(text), "PS", 0.9),)) for text in texts
    ]
    write_errors(tmp_path / "errors.csv", answers)
    rows = rows_of(tmp_path / "errors.csv")
    for column in ("id", "gold", "answer"):
        assert [row[column].startswith("'") for row in rows] == [False, True, True, True, True]
    assert [row["gold"].removeprefix("'") for row in rows] == texts


def test_the_table_of_types(tmp_path):
    write_scores(tmp_path / "entities.csv", type_scores(SOME[:2], ["OG", "PS", "-이상한-"]))
    assert (
        (tmp_path / "entities.csv").read_bytes().startswith(b"\xef\xbb\xbftype,precision,recall,f1,support,predicted\n")
    )
    assert [tuple(row.values()) for row in rows_of(tmp_path / "entities.csv")] == [
        ("OG", "0.00000", "0.00000", "0.00000", "1", "1"),
        ("PS", "1.00000", "1.00000", "1.00000", "1", "1"),
        ("'-이상한-", "0.00000", "0.00000", "0.00000", "0", "0"),
    ]
