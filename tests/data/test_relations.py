"""Relations are read from three formats, their offsets are checked, and nothing is left out without a reason."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import relation_rows, relations
from data.cleaning import normalize
from data.errors import DataError
from data.relations import Entity, Relation, label_order, read_relation_list, read_relations

SENTENCE = "새솔대학교는 1952년 김다온이 세웠다."
SUBJECT = {"word": "새솔대학교", "start_idx": 0, "end_idx": 4, "type": "ORG"}
OBJECT = {"word": "김다온", "start_idx": 13, "end_idx": 15, "type": "PER"}
ROW = {
    "guid": "a-17",
    "sentence": SENTENCE,
    "subject_entity": SUBJECT,
    "object_entity": OBJECT,
    "label": "org:founded_by",
    "source": "wikipedia",
}
MARKED = "<e1>새솔대학교</e1>는 1952년 <e2>김다온</e2>이 세웠다."
RELATION = Relation("a-17", SENTENCE, Entity(0, 5, "ORG"), Entity(13, 16, "PER"), "org:founded_by", "rows, row 1")


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def row(**changes: object) -> dict:
    """ROW with other values; None takes a field away."""
    return {key: value for key, value in {**ROW, **changes}.items() if value is not None}


@pytest.fixture
def read(tmp_path: Path):
    """Reads a file with the given content (rows as a JSON list) and a name that says nothing."""

    def read_content(content: str | bytes | list, **options):
        if isinstance(content, list):
            content = json.dumps(content, ensure_ascii=False)
        path = tmp_path / "rows"
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        return read_relations(path, **options)

    return read_content


def as_csv(rows: list[dict], line_end: str = "\n") -> str:
    """Rows as the competition writes them."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=line_end)
    columns = ["id", "sentence", "subject_entity", "object_entity", "label", "source"]
    writer.writerow(columns)
    for number, fields in enumerate(rows):
        writer.writerow([str({"id": number, **fields}[column]) for column in columns])
    return file.getvalue()


def reasons(file) -> dict[str, int]:
    return {reason: len(places) for reason, places in file.rejected.items()}


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_a_row_of_klue(read):
    file = read([ROW])
    assert file.format == "klue-json"
    assert file.rows == [RELATION]
    assert (file.rows[0].subject_word, file.rows[0].object_word) == ("새솔대학교", "김다온")
    assert (file.ids, file.found_again, file.rejected) == (["a-17"], [], {})


def test_one_object_a_line_and_a_byte_order_mark(read):
    lines = "\r\n".join(json.dumps(each) for each in (ROW, row(guid="b"))) + "\r\n\r\n"
    file = read("\ufeff\n" + lines)
    assert [(each.id, each.where) for each in file.rows] == [("a-17", "rows:2"), ("b", "rows:3")]


def test_ids_are_guids_ids_or_numbers(read):
    file = read([row(), row(guid=None, id="x"), row(guid=None), row(guid=None, id=4), row(guid="", id=True)])
    assert file.ids == ["a-17", "x", "3", "4", "5"]


def test_a_rejected_row_keeps_its_id(read):
    file = read([ROW, row(guid="b", label=None), "no row", row(guid="c")])
    assert [each.id for each in file.rows] == ["a-17", "c"]
    assert file.ids == ["a-17", "b", "3", "c"]
    assert file.rejected == {relations.NO_LABEL: ["rows, row 2 (b)"], relation_rows.MALFORMED_ROW: ["rows, row 3"]}


def test_rows_without_a_label(read):
    rows = [row(label=None), row(label=" "), row(label=" per:title ")]
    assert [each.label for each in read(rows, needs_label=False).rows] == [None, None, "per:title"]
    assert reasons(read(rows)) == {relations.NO_LABEL: 2}


def test_entities_without_a_type(read):
    file = read([row(subject_entity={**SUBJECT, "type": None}, object_entity={**OBJECT, "type": " "})])
    assert (file.rows[0].subject.type, file.rows[0].object.type) == (None, None)


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n"])
def test_a_row_of_the_competition(read, line_end, start):
    file = read(start + as_csv([ROW, ROW], line_end))
    line = 2 + (start == "\n")
    assert file.format == "competition-csv"
    assert file.rows[0] == Relation(
        "0", SENTENCE, Entity(0, 5, "ORG"), Entity(13, 16, "PER"), "org:founded_by", f"rows:{line}"
    )
    assert (file.rows[1].id, file.rows[1].where) == ("1", f"rows:{line + 1}")


def test_quotes_commas_and_line_ends_within_a_field(read):
    sentence = '그는 "하루,\n이틀"을\t부른\r\n김다온이다.'
    song = {"word": "하루,\n이틀", "start_idx": 4, "end_idx": 9, "type": None}
    singer = {"word": "김다온", "start_idx": 17, "end_idx": 19, "type": "PER"}
    file = read(as_csv([row(sentence=sentence, subject_entity=song, object_entity=singer), ROW]))
    first, second = file.rows
    assert first.sentence == sentence
    assert (first.subject_word, first.object_word) == ("하루,\n이틀", "김다온")
    assert (first.where, second.where) == ("rows:2", "rows:5")


def test_columns_in_another_order_and_more_of_them(read):
    columns = ["", "label", "object_entity", "sentence", "extra", "subject_entity"]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerows([columns, ["0", "per:title", str(OBJECT), SENTENCE, "x", str(SUBJECT)]])
    found = read(file.getvalue()).rows[0]
    assert (found.id, found.label, found.subject_word) == ("1", "per:title", "새솔대학교")


def test_an_entity_is_read_and_never_run(read, tmp_path):
    trace = tmp_path / "trace"
    code = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    rows = [ROW, row(subject_entity=code), row(subject_entity=f"{{'word': {code}, 'start_idx': 0, 'end_idx': 4}}")]
    assert reasons(read(as_csv(rows))) == {relation_rows.MALFORMED_ENTITY: 2}
    assert not trace.exists()


@pytest.mark.parametrize(
    "entity",
    ["-" * 9000 + "1", "{'word':" * 1200, "[" * 9000, "(" * 100_000, "{'word': 'x" + "y" * 20_000 + "'}", "\0", "{1, 2}", "3"],
    ids=lambda entity: entity[:3],
)  # fmt: skip
def test_an_entity_that_is_no_dictionary_is_counted(read, entity):
    assert reasons(read(as_csv([ROW, row(object_entity=entity)]))) == {relation_rows.MALFORMED_ENTITY: 1}


def test_a_row_of_csv_with_other_columns_is_counted_with_its_id(read):
    heading, line = as_csv([ROW]).splitlines(keepends=True)
    file = read(heading + line + "17,문장\n,,,,,\n" + line)
    assert file.rejected == {relation_rows.WRONG_COLUMNS: ["rows:3"], relation_rows.NO_SENTENCE: ["rows:4"]}
    assert file.ids == ["0", "17", "3", "0"]


def test_the_competition_labels_its_test_rows_100(read):
    rows = as_csv([row(label="100"), row(label="100")])
    assert [each.label for each in read(rows, needs_label=False).rows] == [None, None]
    assert [each.label for each in read(rows).rows] == ["100", "100"]
    mixed = as_csv([row(label="100"), row(label="per:title")])
    assert [each.label for each in read(mixed, needs_label=False).rows] == ["100", "per:title"]
    assert [each.label for each in read(as_csv([row(label="")]), needs_label=False).rows] == [None]


# --- tab-separated text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "id", "label"),
    [
        (["17", "org:founded_by", MARKED], "17", "org:founded_by"),
        ([MARKED, "17", "org:founded_by"], "17", "org:founded_by"),
        (["17", MARKED, "org:founded_by"], "17", "org:founded_by"),
        (["17", "", MARKED], "17", None),
        (["org:founded_by", MARKED], "1", "org:founded_by"),
        ([MARKED, "org:founded_by"], "1", "org:founded_by"),
        ([MARKED], "1", None),
        ([f'"{MARKED}"', "org:founded_by"], "1", "org:founded_by"),
    ],
)
def test_a_marked_sentence(read, columns, id, label):
    for line_end in ("", "\n", "\r\n\r\n"):
        file = read("\t".join(columns) + line_end, needs_label=False)
        assert file.format == "marked-tsv"
        assert file.rows == [Relation(id, SENTENCE, Entity(0, 5, None), Entity(13, 16, None), label, "rows:1")]


def test_the_object_may_stand_first(read):
    found = read("<e2>김다온</e2>이 <e1> 새솔대학교 </e1>를 세웠다.", needs_label=False).rows[0]
    assert (found.subject_word, found.object_word) == ("새솔대학교", "김다온")
    assert found.sentence == "김다온이  새솔대학교 를 세웠다."


def test_quotes_stay_where_not_every_sentence_has_them(read):
    file = read('"<e1>나</e1>"와 "<e2>너</e2>"\n<e1>나</e1>와 <e2>너</e2>\n', needs_label=False)
    assert file.rows[0].sentence == '"나"와 "너"'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<e1>나</e1>와 너", relation_rows.MARKER_MISSING),
        ("<e1>나</e1>와 <e2>너", relation_rows.MARKER_MISSING),
        ("나와 너", relation_rows.MARKER_MISSING),
        ("<e1>나</e1>와 <e2>너</e2>와 <e2>너</e2>", relation_rows.MARKER_TWICE),
        ("<e1><e1>나</e1>와 <e2>너</e2>", relation_rows.MARKER_TWICE),
        ("<e1>나와 <e2>너</e2></e1>", relation_rows.MARKERS_CROSSED),
        ("<e1>나와 <e2>너</e1>다</e2>", relation_rows.MARKERS_CROSSED),
        ("</e1>나<e1>와 <e2>너</e2>", relation_rows.MARKERS_CROSSED),
        ("<e1></e1>나와 <e2>너</e2>", relations.EMPTY_SPAN),
        ("<e1> </e1>나와 <e2>너</e2>", relation_rows.NO_WORD),
        (nfd("<e1>나</e1>") + "\u11ab과 <e2>너</e2>", relations.CUT_CHARACTER),
        ("17\t<e1>나</e1>와 <e2>너</e2>", relation_rows.WRONG_COLUMNS),
    ],
)
def test_broken_markers(read, line, reason):
    whole = "<e1>나</e1>와 <e2>너</e2>\n"
    file = read(f"{whole}{whole}{line}\n", needs_label=False)
    assert file.rejected == {reason: ["rows:3"]}
    assert len(file.ids) == 3
    with pytest.raises(DataError, match="rows:3: "):
        read(f"{whole}{whole}{line}\n", needs_label=False, strict=True)


# --- offsets ----------------------------------------------------------------------------------------------------------


def entity(word: str | None = "김다온", start: object = 13, end: object = 15) -> dict:
    fields = {"word": word, "start_idx": start, "end_idx": end, "type": "PER"}
    return {key: value for key, value in fields.items() if value is not None}


TWICE = "김다온은 새솔대학교를 세운 김다온이다."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (dict(sentence=None), relation_rows.NO_SENTENCE),
        (dict(sentence="  "), relation_rows.NO_SENTENCE),
        (dict(sentence=17), relation_rows.NO_SENTENCE),
        (dict(sentence="\u3164"), relation_rows.NO_SENTENCE),
        (dict(sentence="\ud83d" + SENTENCE), relation_rows.BROKEN_CHARACTER),
        (dict(object_entity=None), relation_rows.NO_ENTITY),
        (dict(object_entity=""), relation_rows.NO_ENTITY),
        (dict(object_entity="김다온"), relation_rows.MALFORMED_ENTITY),
        (dict(object_entity=entity(word=17)), relation_rows.MALFORMED_ENTITY),
        (dict(object_entity=entity(word=None)), relation_rows.NO_WORD),
        (dict(object_entity=entity(word=" ")), relation_rows.NO_WORD),
        (dict(object_entity=entity(word="\u3164")), relation_rows.NO_WORD),
        (dict(object_entity=entity(start=13.0)), relation_rows.NOT_WHOLE),
        (dict(object_entity=entity(end="15")), relation_rows.NOT_WHOLE),
        (dict(object_entity=entity(start=True)), relation_rows.NOT_WHOLE),
        (dict(object_entity=entity(end=12)), relations.EMPTY_SPAN),
        (dict(object_entity=entity(end=11)), relations.REVERSED_SPAN),
        (dict(object_entity=entity(start=-3)), relations.OUTSIDE),
        (dict(object_entity=entity(end=len(SENTENCE))), relations.OUTSIDE),
        (dict(object_entity=entity("이하늘")), relations.NOT_IN_SENTENCE),
        (dict(object_entity=entity("이하늘", None, None)), relations.NOT_IN_SENTENCE),
        (dict(sentence=TWICE, object_entity=entity()), relations.WRONG_OFFSETS),
        (dict(sentence=TWICE, object_entity=entity(end=None)), relations.NO_OFFSETS),
        (dict(object_entity=entity("대학교", 2, 4)), relations.OVERLAP),
        (dict(object_entity=SUBJECT), relations.OVERLAP),
        (dict(object_entity=entity("대학교", 9, 11)), relations.OVERLAP),  # where it is found again
        (dict(sentence=nfd(SENTENCE), subject_entity=entity("새소", 0, 3)), relations.CUT_CHARACTER),
        (dict(label=None), relations.NO_LABEL),
        (dict(label=""), relations.NO_LABEL),
        (dict(label=3), relation_rows.MALFORMED_LABEL),
        (dict(label="org:founded"), relations.UNKNOWN_LABEL),
    ],
)
def test_what_cannot_be_used_is_counted_under_its_reason(read, changes, reason):
    if isinstance(changes.get("sentence"), str) and changes["sentence"] == TWICE:
        changes = {**changes, "subject_entity": {**SUBJECT, "start_idx": 5, "end_idx": 9}}
    rows = [ROW, row(guid="b", **changes) | {key: None for key, value in changes.items() if value is None}]
    content = json.dumps(rows)
    file = read(content, labels=["no_relation", "org:founded_by"])
    assert file.rejected == {reason: ["rows, row 2 (b)"]}
    assert len(file.rows) == 1
    assert file.report()["rejected"] == {reason: {"count": 1, "places": ["rows, row 2 (b)"]}}
    with pytest.raises(DataError) as error:
        read(content, labels=["no_relation", "org:founded_by"], strict=True)
    assert str(error.value).startswith(f"rows, row 2 (b): {reason}")


@pytest.mark.parametrize(("start", "end"), [(12, 14), (0, 2), (13, 16), (None, None), (13, None), (None, 15)])
def test_a_word_that_stands_once_is_found_again(read, start, end):
    rows = [row(object_entity=entity(start=start, end=end))]
    file = read(rows)
    assert file.rows == [RELATION]
    assert file.found_again == ["rows, row 1 (a-17)"]
    with pytest.raises(DataError, match=r"rows, row 1 \(a-17\): offsets"):
        read(rows, strict=True)


def test_right_offsets_choose_between_words_that_stand_twice(read):
    subject = {**SUBJECT, "start_idx": 5, "end_idx": 9}
    file = read([row(sentence=TWICE, subject_entity=subject, object_entity=entity(start=15, end=17))])
    assert file.rows[0].object == Entity(15, 18, "PER")
    assert file.found_again == []


def test_entities_may_adjoin(read):
    file = read([row(subject_entity=entity("새솔", 0, 1), object_entity=entity("대학교", 2, 4))])
    assert (file.rows[0].subject_word, file.rows[0].object_word) == ("새솔", "대학교")


def test_a_decomposed_file_with_offsets_of_either_form(read):
    subject, object_ = {**SUBJECT, "word": nfd("새솔대학교")}, {**OBJECT, "word": nfd("김다온")}
    raw = nfd(SENTENCE)
    start = raw.index(nfd("김다온"))
    last = start + len(nfd("김다온")) - 1
    raw_offsets = row(
        sentence=raw,
        subject_entity={**subject, "end_idx": len(nfd("새솔대학교")) - 1},
        object_entity={**object_, "start_idx": start, "end_idx": last},
    )
    composed_offsets = row(sentence=raw, subject_entity=subject, object_entity=object_)
    file = read([raw_offsets, composed_offsets], strict=True)
    for found in file.rows:
        assert (found.sentence, found.subject, found.object) == (SENTENCE, RELATION.subject, RELATION.object)


pieces = st.lists(
    st.one_of(
        st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
        st.sampled_from([*"abZ09.,'\"\\ \t\n", "é", "ㅋ", "ᄏ ", "Ａ", "①", "😀", "金"]),
    ),
    min_size=1,
    max_size=6,
).map("".join)
solid = pieces.filter(lambda text: text == text.strip())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.tuples(pieces, solid, pieces, solid, pieces), form=st.sampled_from(["NFC", "NFD"]), swapped=st.booleans()
)
def test_every_format_gives_the_same_words(read, parts, form, swapped):
    parts = [unicodedata.normalize(form, part) for part in parts]
    raw = "".join(parts)
    spans = [(len("".join(parts[:i])), len("".join(parts[: i + 1])) - 1) for i in (1, 3)]
    entities = [
        {"word": raw[start : last + 1], "start_idx": start, "end_idx": last, "type": "PER"} for start, last in spans
    ]
    subject, object_ = reversed(entities) if swapped else entities
    fields = row(guid="0", sentence=raw, subject_entity=subject, object_entity=object_)
    files = [read([fields], strict=True), read(json.dumps(fields), strict=True), read(as_csv([fields]), strict=True)]
    if not set(raw) & set("\t\n"):
        first, second = ("e2", "e1") if swapped else ("e1", "e2")
        marked = f"{parts[0]}<{first}>{parts[1]}</{first}>{parts[2]}<{second}>{parts[3]}</{second}>{parts[4]}"
        files.append(read(f"0\torg:founded_by\tx{marked}x", strict=True))
        assert files[-1].rows[0].sentence == normalize(f"x{raw}x")
    for file in files:
        found = file.rows[0]
        assert (found.subject_word, found.object_word) == (normalize(subject["word"]), normalize(object_["word"]))
        assert (found.subject.start < found.object.start) is not swapped
        assert file.format == "marked-tsv" or found.sentence == normalize(raw)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.floats()
    | st.sampled_from(["", "김다온", SENTENCE, "\ud800", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SUBJECT, *ROW]), inner, max_size=4),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(values | st.fixed_dictionaries({}, optional={key: values | st.just(ROW[key]) for key in ROW}), max_size=4)
)
def test_any_json_is_read_row_by_row(read, rows):
    file = read(json.dumps([ROW, *rows]), needs_label=False)
    assert len(file.ids) == len(rows) + 1 == len(file.rows) + sum(reasons(file).values())
    json.dumps(file.report(), ensure_ascii=False).encode()
    for found in file.rows:
        assert found.subject_word and found.object_word
        assert found.subject.end <= found.object.start or found.object.end <= found.subject.start


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text('[{"}],\n\r\t가e<1>/2', max_size=30),
        st.text(max_size=20).map(lambda text: "sentence,subject_entity,object_entity\n" + text),
    )
)
def test_any_file_is_read_or_refused_with_a_sentence(read, content):
    try:
        read(content, needs_label=False)
    except DataError as error:
        assert "rows" in str(error)


# --- files that cannot be used ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\ufeff \n", "is empty"),
        ("[]", "has no rows"),
        ("sentence,subject_entity,object_entity\n", "has no rows"),
        (b"[\n{}\n\xb0\xa1]", "rows:3 is not UTF-8"),
        ("문장입니다.\n", "no relations in a known format"),
        ("label,sentence\nx,y\n", "no relations in a known format"),
        ('["no_relation"]', "no relations in a known format"),
        ('[\n{"guid": 1},\n{"guid" 2}]', "rows:3 is broken JSON"),
        ('[{"guid": 1', "rows:1 is broken JSON"),
        ('{"guid": 1}\n{"guid": 2', "rows:2 is no JSON object on one line"),
        ('{\n"relations": []}', "rows:1 is no JSON object on one line"),
        ('[{"guid": ' + "[" * 100_000 + "]}]", "rows is JSON that cannot be read"),
        ('[{"guid": ' + "9" * 5000 + "}]", "rows is JSON that cannot be read"),
        ("sentence,subject_entity\nx,y\n", "no column object_entity"),
        (as_csv([ROW]) + '1,"문장,x\n', "rows:3 is broken CSV"),
        (as_csv([ROW, ROW]) + '1,"문"장,x\n', "rows:4 is broken CSV"),
        ("1\t2\t3\t<e1>나</e1>와 <e2>너</e2>\n", "has 4 columns"),
        (
            json.dumps([row(label=None)] * 3 + [{}]),
            "of 4 rows 3 were left out because of “no label”, first rows, row 1",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(read, content, message):
    with pytest.raises(DataError) as error:
        read(content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match=r"no-file does not exist: give"):
        read_relations(tmp_path / "no-file")
    with pytest.raises(DataError, match="cannot be read"):
        read_relations(tmp_path)


# --- report -----------------------------------------------------------------------------------------------------------


def test_a_report_counts_everything(read):
    rows = [
        ROW,
        row(guid="b"),
        row(guid="c", label="no_relation"),
        row(guid="c", sentence=SENTENCE + "!"),
        row(guid="d", subject_entity=OBJECT, object_entity={**SUBJECT, "type": None}),
        row(guid="e", object_entity=entity(start=0)),
        *[row(guid=str(number), label=None) for number in range(120)],
    ]
    report = read(rows).report()
    places = report["rejected"][relations.NO_LABEL].pop("places")
    assert places == [f"rows, row {number + 7} ({number})" for number in range(100)]
    assert {key: value for key, value in report.items() if key not in ("file", "fingerprint")} == {
        "format": "klue-json",
        "rows": 126,
        "usable": 6,
        "rejected": {relations.NO_LABEL: {"count": 120}},
        "found_again": {"count": 1, "places": ["rows, row 6 (e)"]},
        "duplicates": {"count": 3, "places": ["rows, row 2", "rows, row 3", "rows, row 6"]},
        "conflicting_labels": {"count": 1, "places": ["rows, row 3"]},
        "repeated_ids": {"count": 1, "places": ["c"]},
        "labels": {"org:founded_by": 5, "no_relation": 1},
        "unlabelled": 0,
        "subject_types": {"ORG": 5, "PER": 1},
        "object_types": {"PER": 5},
    }


def test_a_fingerprint_is_of_the_rows_and_their_order(read):
    rows = [ROW, row(guid="b", label="no_relation")]
    fingerprint = read(rows).fingerprint
    assert len(fingerprint) == 16 and int(fingerprint, 16) >= 0
    assert read("\n".join(map(json.dumps, rows))).fingerprint == fingerprint
    assert read([*rows, row(label=None)]).fingerprint == fingerprint
    others = [rows[::-1], rows[:1], [ROW, row(guid="c", label="no_relation")], [ROW, row(guid="b")]]
    others.append([row(object_entity={**OBJECT, "type": "ORG"}), rows[1]])
    assert fingerprint not in {read(other).fingerprint for other in others}


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", ['{"relations": ["no_relation", " 인물:직업"], "num": 2}', '["no_relation", "인물:직업"]']
)
def test_a_list_of_relations(tmp_path, content):
    path = tmp_path / "list"
    path.write_text("\ufeff" + content, encoding="utf-8")
    assert read_relation_list(path) == ["no_relation", "인물:직업"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no JSON"),
        (b"\xff", "is no JSON"),
        ("{}", "lists no relations"),
        ("[]", "lists no relations"),
        ('"no_relation"', "lists no relations"),
        ('{"relations": {"no_relation": 0}}', "lists no relations"),
        ('["a", 3]', "entry 2"),
        ('["a", " "]', "entry 2"),
        ('["\\ud800"]', "entry 1"),
        ('["a", "b", "a "]', "entry 3 lists a for a second time"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_list_of_relations(tmp_path, content, message):
    path = tmp_path / "list"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        read_relation_list(path)


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_relation_list(tmp_path / "list")
    with pytest.raises(DataError, match="cannot be read"):
        read_relation_list(tmp_path)


def test_labels_are_compared_in_one_form(read):
    rows = [row(label=nfd("인물:직업"))]
    assert read(rows, labels=["인물:직업"]).rows[0].label == "인물:직업"
    assert read(rows, labels=[nfd("인물:직업")]).rows[0].label == "인물:직업"


def test_the_negative_label_comes_first():
    labels = ["per:title", "no_relation", "org:founded", "per:title"]
    assert label_order(labels, "no_relation") == ["no_relation", "org:founded", "per:title"]
    assert label_order(labels, "Other") == ["no_relation", "org:founded", "per:title"]
