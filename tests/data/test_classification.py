"""Labelled texts are read from the published layouts, columns are never guessed at, and nothing is left out without a reason."""

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import classification, classification_formats, relation_rows
from data.classification import ClassificationFile, Columns, LabelledText, label_order, read_classification
from data.cleaning import normalize
from data.errors import DataError
from data.splits import split_by_sentence


@pytest.fixture
def read(tmp_path):
    """Reads a file with the given content (rows as a JSON list) and a name that says nothing."""

    def read_content(content: str | bytes | list, **options) -> ClassificationFile:
        if isinstance(content, list):
            content = json.dumps(content)
        path = tmp_path / "rows"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_classification(path, **options)

    return read_content


def tsv(*rows: str) -> str:
    """Rows with "|" for a tab, none at the end of the file."""
    return "\n".join(rows).replace("|", "\t")


def reasons(file: ClassificationFile) -> dict[str, int]:
    return {reason: len(places) for reason, places in file.rejected.items()}


def labels(file: ClassificationFile) -> list[str | float | None]:
    return [row.score if file.numbers else row.label for row in file.rows]


PREMISE, HYPOTHESIS = "김다온이 새솔대학교를 세웠다.", "김다온은 학교를 세운 적이 없다."

# --- published layouts ------------------------------------------------------------------------------------------------

PUBLISHED = {
    "NSMC": (
        tsv("id|document|label", f"9620|{PREMISE}|1", "9621|별로|0"),
        Columns("document", None, "label", "id"),
        LabelledText("9620", PREMISE, None, "1", None, "rows:2"),
    ),
    "KorNLI": (
        tsv("sentence1|sentence2|gold_label", f"{PREMISE}|{HYPOTHESIS}|contradiction"),
        Columns("sentence1", "sentence2", "gold_label", None),
        LabelledText("1", PREMISE, HYPOTHESIS, "contradiction", None, "rows:2"),
    ),
    "KorSTS": (
        tsv("genre|filename|year|id|score|sentence1|sentence2", f"main|news|2012|0007|3.800|{PREMISE}|{HYPOTHESIS}"),
        Columns("sentence1", "sentence2", "score", "id"),
        LabelledText("0007", PREMISE, HYPOTHESIS, None, 3.8, "rows:2"),
    ),
    "PAWS-X": (
        tsv("id|sentence1|sentence2|label", f"5|{PREMISE}|{HYPOTHESIS}|0"),
        Columns("sentence1", "sentence2", "label", "id"),
        LabelledText("5", PREMISE, HYPOTHESIS, "0", None, "rows:2"),
    ),
    "question pairs": (
        f'id,qid1,qid2,question1,question2,is_duplicate\n8,1,2,"{PREMISE}",{HYPOTHESIS},1\n',
        Columns("question1", "question2", "is_duplicate", "id"),
        LabelledText("8", PREMISE, HYPOTHESIS, "1", None, "rows:2"),
    ),
    "YNAT": (
        [
            {
                "guid": "y-1",
                "title": PREMISE,
                "predefined_news_category": "경제",
                "label": "사회",
                "url": "…",
                "date": "…",
            }
        ],
        Columns("title", None, "label", "guid"),
        LabelledText("y-1", PREMISE, None, "사회", None, "rows, row 1"),
    ),
    "YNAT without label": (
        [{"guid": "y-1", "title": PREMISE, "predefined_news_category": "경제"}],
        Columns("title", None, "predefined_news_category", "guid"),
        LabelledText("y-1", PREMISE, None, "경제", None, "rows, row 1"),
    ),
    "KLUE-NLI": (
        [
            {"guid": "n-1", "source": "wikitree", "premise": PREMISE, "hypothesis": HYPOTHESIS, "gold_label": "neutral"}
            | {"author": "entailment", "label2": "entailment"}
        ],
        Columns("premise", "hypothesis", "gold_label", "guid"),
        LabelledText("n-1", PREMISE, HYPOTHESIS, "neutral", None, "rows, row 1"),
    ),
    "KLUE-STS": (
        [
            {"guid": "s-1", "source": "airbnb-rtt", "sentence1": PREMISE, "sentence2": HYPOTHESIS}
            | {"labels": {"label": 3.7, "real-label": 3.714285714285714, "binary-label": 1}}
        ],
        Columns("sentence1", "sentence2", "labels", "guid"),
        LabelledText("s-1", PREMISE, HYPOTHESIS, None, 3.714285714285714, "rows, row 1"),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_layouts(read, name):
    content, columns, row = PUBLISHED[name]
    file = read(content)
    assert (file.columns, file.rows[0], file.rejected) == (columns, row, {})
    assert file.numbers is (row.score is not None)


def test_one_row_in_four_formats(read):
    fields = {"id": "a", "document": PREMISE, "label": "1"}
    contents = {
        "tsv": "\t".join(fields) + "\n" + "\t".join(fields.values()) + "\n",
        "csv": ",".join(fields) + "\n" + ",".join(fields.values()) + "\n",
        "json": json.dumps([fields]),
        "json-lines": json.dumps(fields),
    }
    for format, content in contents.items():
        file = read(content)
        where = "rows, row 1" if format == "json" else "rows:1" if format == "json-lines" else "rows:2"
        assert (file.format, file.rows) == (format, [LabelledText("a", PREMISE, None, "1", None, where)])


def test_json_below_data_and_json_with_white_space(read):
    rows = [{"title": PREMISE, "label": "경제"}, {"title": "비가 왔다.", "label": "사회"}]
    for content in (json.dumps({"version": "1.1", "data": rows}, indent=2), "\ufeff\n " + json.dumps(rows, indent=4)):
        file = read(content)
        assert (file.format, file.ids, labels(file)) == ("json", ["1", "2"], ["경제", "사회"])


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n"])
def test_line_ends_byte_order_mark_and_blank_lines(read, line_end, start):
    rows = ["ID|Document|LABEL", "a|좋다|1", "", "b|싫다|0", "  "]
    file = read((start + tsv(*rows)).replace("\n", line_end))
    first = 2 + (start == "\n")
    assert [(row.id, row.label, row.where) for row in file.rows] == [
        ("a", "1", f"rows:{first}"),
        ("b", "0", f"rows:{first + 2}"),
    ]
    assert file.columns == Columns("Document", None, "LABEL", "ID")  # names in capitals are recognised as well


def test_a_single_column_of_texts_can_be_predicted(read):
    file = read("document\n좋다\n1,200원, 비싸다\n", needs_label=False)
    assert [row.text for row in file.rows] == ["좋다", "1,200원, 비싸다"]


# --- quotes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ['"', '"좋다"', '"좋다', '좋다"', '그는 "갈게" 했다', '"갈게" 했다', '""', '"가"\'나"'],
    ids=["lone", "whole", "first", "last", "within", "begins", "two", "more"],
)
def test_quotes_of_a_tsv_are_text(read, text):
    file = read(tsv("id|document|label", f"a|{text}|1", 'b|그의 "꿈|0', "c|다시|1"))
    assert [row.text for row in file.rows] == [text, '그의 "꿈', "다시"]
    alone = read(tsv("id|document|label", f"a|{text}|1", "b|다시|0"))
    assert [row.text for row in alone.rows] == [text, "다시"]


def test_a_quote_that_another_line_closes_swallows_no_rows(read):
    file = read(tsv("id|document|label", 'a|"좋다|1', "b|싫다|0", 'c|다시"|1'))
    assert [row.text for row in file.rows] == ['"좋다', "싫다", '다시"']
    at_the_end = read(tsv("label|document", '1|"좋다', "0|싫다", '1|다시"'))
    assert [row.text for row in at_the_end.rows] == ['"좋다', "싫다", '다시"']
    not_all = read(tsv("document|label", '"좋다|1', '""싫다""|0', '그의 "꿈|1'))
    assert [row.text for row in not_all.rows] == ['"좋다', '""싫다""', '그의 "꿈']


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_quotes_of_spreadsheets_and_pandas_enclose(read, delimiter, quoting):
    texts = ['그는 "갈게"라고 했다', "한 줄\n두 줄", "값이 1,200원", "보통"]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerows([("id", "document", "label"), *((f"r{number}", text, "1") for number, text in enumerate(texts))])
    file = read(written.getvalue())
    assert [row.text for row in file.rows] == texts
    assert [row.where for row in file.rows] == ["rows:2", "rows:3", "rows:5", "rows:6"]


def test_broken_csv_is_refused_by_its_line(read):
    with pytest.raises(DataError, match=r"rows:3 is broken CSV"):
        read('document,label\n좋다,1\n"싫다" 정말,0\n')


# --- rows that are left out -------------------------------------------------------------------------------------------


def test_rows_that_cannot_be_used(read):
    file = read(
        tsv("id|document|label", "a|좋다|1", "b|싫다", "c||0", "d| |0", "e|보통|", "f|다시|1|x", "||", "g|또| 0 "),
    )
    assert file.rejected == {
        classification_formats.RAGGED: ["rows:3", "rows:7"],
        classification.NO_TEXT: ["rows:4", "rows:5", "rows:8"],
        classification.NO_LABEL: ["rows:6"],
    }
    assert [(row.id, row.label) for row in file.rows] == [("a", "1"), ("g", "0")]
    assert (file.ids, file.size, file.left_out) == (["a", "2", "c", "d", "e", "6", "7", "g"], 8, 6)
    assert file.notes("train") == [
        "6 of 8 train rows are left out: 2 another number of columns than the heading, 3 no text, 1 no label (places in "
        "data_report.json)."
    ]


def test_ragged_rows_at_the_beginning(read):
    file = read(tsv("document|label", "좋다", "싫다", "보통|1"))
    assert (len(file.rows), reasons(file)) == (1, {classification_formats.RAGGED: 2})


def test_rows_of_json_that_cannot_be_used(read):
    good = {"id": 1, "text": "좋다", "label": 1}
    rows = [good, "no row", {"text": 3}, {"text": "\ud83d 좋다"}, {"text": "좋다", "label": ["1", "2"]}]
    rows += [
        {"id": "\ud83d", "text": "좋다", "label": "\ud83d"},
        good | {"id": None, "label": None},
        {"id": True, "text": "좋다", "label": True},
    ]
    for content in (rows, "\n".join(map(json.dumps, rows))):
        file = read(content)
        assert reasons(file) == {
            relation_rows.MALFORMED_ROW: 1,
            classification.NO_TEXT: 1,
            relation_rows.BROKEN_CHARACTER: 2,
            classification.MALFORMED_LABEL: 1,
            classification.NO_LABEL: 1,
        }
        assert [(row.id, row.label) for row in file.rows] == [("1", "1"), ("8", "True")]
        assert file.ids == ["1", "2", "3", "4", "5", "?", "7", "8"]


def test_without_a_second_text_there_is_no_pair(read):
    file = read(tsv("sentence1|sentence2|label", "하나|둘|1", "하나||0"))
    assert reasons(file) == {classification.NO_TEXT: 1}


def test_strict_names_the_first_row_with_a_mistake(read):
    with pytest.raises(DataError, match=r"rows:3: another number of columns than the heading \(1 instead of 2\); corr"):
        read(tsv("document|label", "좋다|1", "싫다", "보통"), strict=True)


def test_repeated_and_contradicting_rows_are_kept_and_counted(read):
    file = read(
        tsv(
            "id|document|label",
            "a|좋다|1",
            "b|좋다|0",
            "c|싫다|0",
            "a|좋다|1",
            "e|또|1",
            "f|새|1",
            *[f"r{n}|{n}|1" for n in range(9)],
        )
    )
    report = file.report()
    assert len(file.rows) == 15
    assert report["duplicates"] == {"count": 2, "places": ["rows:3", "rows:5"]}
    assert report["conflicting_labels"] == {"count": 1, "places": ["rows:3"]}
    assert report["repeated_ids"] == {"count": 1, "places": ["a"]}
    pairs = read(tsv("text|text_pair|label", "가|나|1", "가|다|0"))
    assert pairs.report()["duplicates"]["count"] == 0


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        (["0", "1", "2"], False),
        (["5.000", "3.8"], True),
        (["0", "-1.5", "2e-1"], True),
        (["1.5", "nan", "2"], True),
        (["긍정", "2.5", "부정"], False),
        (["v1.5", "v2.0"], False),
        ([1, 2.5], True),
        ([True, False], False),
        (["1.0", "0.0", "2."], False),
        ([1.0, 0.0], False),
        (["1e-3", "5e-2"], True),
    ],
    ids=[
        "whole",
        "decimals",
        "mixed",
        "nan",
        "words",
        "versions",
        "json",
        "bool",
        "pandas",
        "pandas_json",
        "exponents",
    ],
)
def test_fractions_are_numbers_and_whole_numbers_classes(read, written, numbers):
    file = read([{"text": "좋다", "label": label} for label in written])
    assert file.numbers is numbers
    for chosen in (True, False):
        assert read([{"text": "좋다", "label": "1.5"}], numbers=chosen).numbers is chosen


def test_numbers_that_are_none_are_left_out(read):
    rows = ["nan", "inf", "-inf", "1e999", "세 개", "1_0", "0x1", "2.5", "-3", ".5", "1e1", "+4."]
    file = read([{"text": "좋다", "label": label} for label in rows], numbers=True)
    assert labels(file) == [2.5, -3.0, 0.5, 10.0, 4.0]
    assert file.rejected == {classification.NOT_A_NUMBER: [f"rows, row {number}" for number in range(1, 8)]}
    assert file.report()["scores"] == {"least": -3.0, "mean": pytest.approx(2.8), "most": 10.0}


def test_nan_of_json_is_no_class(read):
    rows = [{"text": "좋다", "label": label} for label in ("경제", float("nan"), "사회")]
    file = read(rows)
    assert (labels(file), file.rejected) == (["경제", "사회"], {classification.NO_LABEL: ["rows, row 2"]})
    assert labels(read(rows, needs_label=False)) == ["경제", None, "사회"]
    assert reasons(read([*rows, {"text": "좋다", "label": 2.5}], numbers=True)) == {classification.NOT_A_NUMBER: 3}


def test_klue_sts_as_classes(read):
    content, _, row = PUBLISHED["KLUE-STS"]
    assert labels(read(content, numbers=False)) == ["1"]
    assert labels(read(content)) == [row.score]
    whole = [content[0] | {"labels": {"label": 3, "real-label": 3, "binary-label": 1}}]
    assert labels(read(whole)) == [3.0]


def test_no_gold_label(read):
    rows = tsv("sentence1|sentence2|gold_label", "가|나|neutral", "가|다|-", "가|라|entailment")
    file = read(rows)
    assert file.rejected == {classification.NO_LABEL: ["rows:3"]}
    assert labels(read(rows, needs_label=False)) == ["neutral", None, "entailment"]
    # Elsewhere it may be a class.
    assert labels(read(tsv("document|label", "좋다|+", "싫다|-"))) == ["+", "-"]


def test_rows_without_labels_are_kept_where_none_is_needed(read):
    with_column = read(tsv("id|document|label", "a|좋다|", "b|싫다|0"), needs_label=False)
    assert [(row.label, row.has_label) for row in with_column.rows] == [(None, False), ("0", True)]
    assert with_column.report()["unlabelled"] == 1
    without = read(tsv("id|document", "a|좋다"), needs_label=False)
    assert (without.columns.label, labels(without), without.numbers) == (None, [None], False)
    numbers = read(tsv("document|score", "좋다|2.5", "싫다|"), needs_label=False)
    assert [(row.score, row.has_label) for row in numbers.rows] == [(2.5, True), (None, False)]


def test_order_of_labels():
    assert label_order(["10", "2", "-1", "2"]) == ["-1", "2", "10"]
    assert label_order(["contradiction", "neutral", "entailment"]) == ["entailment", "neutral", "contradiction"]
    assert label_order(["neutral", "entailment"]) == ["entailment", "neutral"]
    assert label_order(["사회", "IT과학", "경제"]) == ["IT과학", "경제", "사회"]
    assert label_order(["neutral", "other", "10", "9"]) == ["10", "9", "neutral", "other"]
    assert label_order(["1.0", "1", "01"]) == ["01", "1", "1.0"]


# --- columns ----------------------------------------------------------------------------------------------------------


def test_columns_can_be_named(read):
    rows = tsv("제목|본문|분류|원래", "가|나|1|2.5", "다|라|0|3")
    assert read(rows, text="본문", label="분류").columns == Columns("본문", None, "분류", None)
    both = read(rows, text="제목", pair="본문", label="원래")
    assert (both.rows[0].text, both.rows[0].pair, both.rows[0].score) == ("가", "나", 2.5)


def test_what_is_named_is_not_recognised_again(read):
    rows = tsv("sentence1|sentence2|document|label|score", "가|나|다|1|2.5")
    named = {"text": "document", "label": "score"}
    assert read(rows, **named).columns == Columns("document", None, "score", None)
    assert read(tsv("title|document|label", "가|나|1"), label="title").columns == Columns(
        "document", None, "title", None
    )
    other = read(tsv("premise|hypothesis|other|label", "가|나|다|1"), pair="other")
    assert other.columns == Columns("premise", "other", "label", None)
    # With the one text alone, the other is none.
    assert read(rows, text="sentence1", label="label").columns.pair is None


@pytest.mark.parametrize(
    ("heading", "options", "message"),
    [
        (
            "title|document|label",
            {},
            r"several columns that may be the text \(document, title\); say which with --text\.",
        ),
        (
            "document|label|score",
            {},
            r"several columns that may be the label \(label, score\); say which with --label\.",
        ),
        (
            "premise|hypothesis|sentence1|sentence2|label",
            {},
            r"the texts \(premise and hypothesis, sentence1 and sentence2\); say which with --text and --text_pair\.",
        ),
        ("본문|분류", {}, r"no column is recognised as the text; name it with --text .*its columns are 본문, 분류\."),
        ("document|분류", {}, r"no column is recognised as the label; name it with --label.*document, 분류\."),
        ("sentence2|label", {}, "no column is recognised as the text"),
        ("document|label", {"text": "본문"}, r"has no column 본문 \(--text\); its columns are document, label\."),
        ("document|label", {"pair": "둘"}, r"has no column 둘 \(--text_pair\)"),
        ("document|label", {"label": "Label"}, r"has no column Label \(--label\)"),
        ("document|label", {"text": "label", "label": "label"}, "name one column twice"),
        ("document|label|label", {}, "has two columns label"),
    ],
)
def test_columns_are_not_guessed_at(read, heading, options, message):
    with pytest.raises(DataError, match=message):
        read(tsv(heading, "|".join(heading.split("|"))), **options)


def test_a_file_without_a_heading_is_refused(read):
    with pytest.raises(DataError, match=r"give the file a heading if it has none: its columns are 9620, 나름 교훈이"):
        read(tsv("9620|나름 교훈이 있는 영화|1", "9621|별로|0"))


def test_a_metadata_column_does_not_hide_a_pair(read):
    assert read(tsv("title|premise|hypothesis|label", "가|나|다|1")).columns.text == "premise"


def test_an_id_that_does_not_tell_rows_apart_is_none(read):
    rows = [f"{number % 4}|{number}|1" for number in range(10)]
    file = read(tsv("id|document|label", *rows))
    assert (file.columns.id, file.ids) == (None, [str(number) for number in range(1, 11)])


# --- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("document\tlabel\n\n", "has no rows"),
        ("[]", "has no rows"),
        ('{"data": []}', "has no rows"),
        ('[{"text": "좋다", "label": 1},\n {"text": ]', "rows:2 is broken JSON"),
        ('{"text": "좋다", "label": 1}\n{"text": ', "rows:2 is no JSON object on one line"),
        ('{"text": "좋다"\n, "label": 1}', "rows:1 is no JSON object on one line"),
        ('[["좋다", 1], ["싫다", 0]]', "holds no JSON object with keys"),
        ('["좋다", "싫다"]', "holds no JSON object with keys"),
        ("[{}, {}]", "holds no JSON object with keys"),
        ('[{"a":' * 100_000, "is JSON that cannot be read"),
        ("좋다\t1\n".encode("cp949"), "rows:1 is not UTF-8"),
        (
            tsv("document|label", "|1", "|0"),
            "has no usable row: of 2 rows 2 were left out because of “no text”, first rows:2",
        ),
        (
            tsv("document|label", "좋다", "싫다"),
            "has no usable row: of 2 rows 2 were left out because of “another number",
        ),
        ("한 문장뿐이다.\n또 한 문장.", "no column is recognised"),
    ],
    ids=[
        "empty",
        "blank",
        "heading",
        "list",
        "data",
        "list_cut",
        "lines_cut",
        "indented",
        "lists",
        "strings",
        "empty_objects",
        "deep",
        "cp949",
        "no_text",
        "ragged",
        "prose",
    ],
)
def test_files_that_cannot_be_used(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_classification(tmp_path / "none")


# --- what holds for any file ------------------------------------------------------------------------------------------


def test_texts_are_in_one_form(read):
    raw = unicodedata.normalize("NFD", "좋다") + " ＡＢＣ ᄏᄏ"
    file = read([{"text": raw, "text_pair": raw, "label": unicodedata.normalize("NFD", "긍정")}])
    assert (file.rows[0].text, file.rows[0].pair, file.rows[0].label) == (normalize(raw), normalize(raw), "긍정")
    assert file.rows[0].text == "좋다 ABC ㅋㅋ"


def test_the_fingerprint_is_that_of_all_that_is_learnt_from(read):
    row = {"id": "a", "text": "하나", "text_pair": "둘", "label": "1"}
    other = row | {"id": "b"}
    same = read([row, other]).fingerprint
    assert read("\n".join(map(json.dumps, (row, other)))).fingerprint == same
    changes = ({"id": "x"}, {"text": "x"}, {"text_pair": "x"}, {"label": "2"})
    others = [read([row | change, other]).fingerprint for change in changes]
    others += [read([other, row]).fingerprint, read([row, other], numbers=True).fingerprint]
    assert len({same, *others}) == 7 and len(same) == 16


def test_rows_of_one_premise_stay_together(read):
    rows = [f"전제 {number // 3}|가설 {number}|{number % 2}" for number in range(60)]
    file = read(tsv("premise|hypothesis|label", *rows))
    train, held = split_by_sentence(file.rows, 0.2, 0)
    assert held and not {file.rows[row].text for row in train} & {file.rows[row].text for row in held}


_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\t\x00"), max_size=12)


@given(st.lists(st.tuples(_CELLS, st.sampled_from(["0", "1"])), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_used_or_counted(read, rows):
    good = ("다시", "0")
    lines = [f"{number}\t{text}\t{label}" for number, (text, label) in enumerate([good, *rows])]
    file = read(
        "id\tdocument\tlabel\n" + "\n".join(lines) + '\n100\t"\t1\n'
    )  # a quote that encloses nothing: all are text
    assert len(file.rows) + file.left_out == len(lines) + 1
    texts = [normalize(text) for text, _ in [good, *rows] if normalize(text).strip()]
    assert [row.text for row in file.rows] == [*texts, '"']
