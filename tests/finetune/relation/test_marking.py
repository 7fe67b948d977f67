"""Marked rows as people read them, and what must hold for any sentence, entities and max_length."""

import unicodedata
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from data.errors import DataError
from data.relations import Entity, Relation
from data.tokenizer import MARKER_TOKENS, SPECIAL_TOKENS, UNUSED_TOKENS, WordPiece
from experiment.errors import UsageError
from finetune.relation.config import MarkerScheme
from finetune.relation.marker_tokens import choose_tokens
from finetune.relation.marking import MarkerOptions, Parts, RelationMarker, fit, shorten

WORDS = ["새솔대학교", "1952", "김다온", "세웠다", "대통령", "사람", "단체", "장소", "관계", "한빛", "##군수"]
CHARACTERS = "새솔대학교는은이가을와과의한빛군수김다온세웠전통령지난년19A52PERCITY@#*^?.,()《》大學기타날량수D"
SCHEMES = get_args(MarkerScheme)
TYPES = ["PER", "ORG"]


def load(folder, vocabulary):
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    return WordPiece.load(folder)


def running_text():
    characters = sorted(set(CHARACTERS))
    return [*characters, *(f"##{character}" for character in characters), *WORDS]


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory):
    """With words that make the examples readable, and each character of them."""
    return load(
        tmp_path_factory.mktemp("tokenizer"), [*SPECIAL_TOKENS, *MARKER_TOKENS, *UNUSED_TOKENS, *running_text()]
    )


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Another BERT's: no markers, six unused tokens in no order."""
    unused = [f"[unused{i}]" for i in (10, 9, 100, 2, 11, 1)]
    return load(tmp_path_factory.mktemp("foreign"), [*SPECIAL_TOKENS, *unused, *running_text()])


@pytest.fixture(scope="module")
def uncased():
    """One that takes syllables apart, as multilingual BERT's does: 과 and 의 are one token alone, but two after a name."""
    jamo = sorted(set(unicodedata.normalize("NFD", CHARACTERS.lower() + "사람단체장소")))
    syllables = [unicodedata.normalize("NFD", syllable) for syllable in "과의"]
    vocabulary = [
        *SPECIAL_TOKENS,
        *MARKER_TOKENS,
        *UNUSED_TOKENS,
        *jamo,
        *(f"##{letter}" for letter in jamo),
        *syllables,
    ]
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=True, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return WordPiece(tokenizer)


def relation(marked, subject_type=None, object_type=None):
    """From "<김다온>이 {새솔대학교}를 …": the subject in <…>, the object in {…}."""
    sentence = "".join(character for character in marked if character not in "<>{}")
    spans = []
    for opening, closing in ("<>", "{}"):
        start = sum(character not in "<>{}" for character in marked[: marked.index(opening)])
        spans.append((start, start + marked.index(closing) - marked.index(opening) - 1))
    subject, object_ = spans
    return Relation("1", sentence, Entity(*subject, subject_type), Entity(*object_, object_type), None, "here")


def marker(wordpiece, scheme, query=False, max_length=512, types=TYPES):
    return RelationMarker(wordpiece, MarkerOptions(scheme, query, max_length), types)


def names(wordpiece, ids):
    return [wordpiece.tokens[index] for index in ids]


def write(wordpiece, scheme, marked, types=("ORG", "PER"), **options):
    """The tokens without [CLS] and the last [SEP]."""
    row = marker(wordpiece, scheme, **options).mark([relation(marked, *types)])[0]
    tokens = names(wordpiece, row.ids)
    assert tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
    return " ".join(tokens[1:-1])


FOUNDED = "<새솔대학교>는 1952년 {김다온}이 세웠다."


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("none", "새솔대학교 ##는 1952 ##년 김다온 ##이 세웠다 ."),
        ("entity_mask", "[SUBJ:ORG] ##는 1952 ##년 [OBJ:PER] ##이 세웠다 ."),
        ("entity_marker", "[SUBJ] 새솔대학교 [/SUBJ] ##는 1952 ##년 [OBJ] 김다온 [/OBJ] ##이 세웠다 ."),
        ("entity_marker_punct", "@ 새솔대학교 @ ##는 1952 ##년 # 김다온 # ##이 세웠다 ."),
        (
            "typed_entity_marker",
            "[SUBJ:ORG] 새솔대학교 [/SUBJ:ORG] ##는 1952 ##년 [OBJ:PER] 김다온 [/OBJ:PER] ##이 세웠다 .",
        ),
        (
            "typed_entity_marker_punct",
            "@ * 단체 * 새솔대학교 @ ##는 1952 ##년 # ^ 사람 ^ 김다온 # ##이 세웠다 .",
        ),
    ],
)
def test_the_example_in_each_scheme(wordpiece, scheme, expected):
    assert write(wordpiece, scheme, FOUNDED) == expected
    query = "[SUBJ:ORG] ##와 [OBJ:PER]" if scheme == "entity_mask" else "새솔대학교 ##와 김다온"
    assert write(wordpiece, scheme, FOUNDED, query=True) == f"{expected} [SEP] {query} ##의 관계 ##는 ?"


def test_spans_and_segments(wordpiece):
    row = marker(wordpiece, "typed_entity_marker_punct", query=True).mark([relation(FOUNDED, "ORG", "PER")])[0]
    tokens = names(wordpiece, row.ids)
    assert tokens[slice(*row.subject)] == ["새솔대학교"] and tokens[slice(*row.object)] == ["김다온"]
    assert tokens[slice(*row.subject_block)] == ["@", "*", "단체", "*", "새솔대학교", "@"]
    assert tokens[slice(*row.object_block)] == ["#", "^", "사람", "^", "김다온", "#"]
    assert row.ids.dtype == row.types.dtype == np.int64
    assert row.types.tolist() == [0] * (tokens.index("[SEP]") + 1) + [1] * 8 and row.cut == ""


def test_the_object_may_stand_first(wordpiece):
    row = marker(wordpiece, "entity_marker").mark([relation("{김다온}이 <새솔대학교>를 세웠다.")])[0]
    tokens = names(wordpiece, row.ids)
    assert " ".join(tokens) == "[CLS] [OBJ] 김다온 [/OBJ] ##이 [SUBJ] 새솔대학교 [/SUBJ] [UNK] 세웠다 . [SEP]"
    assert tokens[slice(*row.subject_block)] == ["[SUBJ]", "새솔대학교", "[/SUBJ]"]
    assert tokens[slice(*row.object)] == ["김다온"]
    assert write(wordpiece, "none", "{김다온}이 <새솔대학교>를", query=True).endswith(
        "[SEP] 새솔대학교 ##와 김다온 ##의 관계 ##는 ?"
    )


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("<새솔대학교>{김다온}은", "@ 새솔대학교 @ # 김다온 # ##은"),
        ("<새솔대학교> {김다온}", "@ 새솔대학교 @ # 김다온 #"),
        ("<새솔대학교>({김다온}), 은", "@ 새솔대학교 @ ( # 김다온 # ) , 은"),
        ("<김다온(大學)>은 {대통령}", "@ 김다온 ( 大 學 ) @ 은 # 대통령 #"),
        ("<大學>은 {대통령}.", "@ 大 學 @ 은 # 대통령 # ."),
        ("<김다온>大學은 {대통령}", "@ 김다온 @ 大 學 은 # 대통령 #"),
        ("《<김다온>》은 {대통령}", "《 @ 김다온 @ 》 은 # 대통령 #"),
        ("전<대통령>은 지난{김다온}와", "전 @ 대통령 @ ##은 지 ##난 # 김다온 # ##와"),
        ("<한빛>군수 {김다온}이가", "@ 한빛 @ ##군수 # 김다온 # ##이 ##가"),
        ("<김다온>뷁은 {1952}년", "@ 김다온 @ [UNK] # 1952 # ##년"),
        ("<뷁>은 {대통령}", "@ [UNK] @ ##은 # 대통령 #"),
        ("<\u200b>은 {대통령}", "@ [UNK] @ 은 # 대통령 #"),
        ("<김다온>\t은 {대통령}", "@ 김다온 @ 은 # 대통령 #"),
        ("<김다온>\u200b은 {대통령}", "@ 김다온 @ ##은 # 대통령 #"),
    ],
)
def test_what_follows_an_entity_goes_on_with_its_word_or_not(wordpiece, sentence, expected):
    assert write(wordpiece, "entity_marker_punct", sentence) == expected


def test_the_query_names_entities_as_they_are(wordpiece):
    assert write(wordpiece, "none", "<은(는)>과 {대통령}", query=True) == (
        "은 ( 는 ) 과 대통령 [SEP] 은 ( 는 ) 과 대통령 ##의 관계 ##는 ?"
    )
    assert "한빛 ##과 大 學 의 관계" in write(wordpiece, "none", "<한빛>과 {大學}", query=True)


# ---- types ----


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("entity_mask", "[SUBJ] ##은 [OBJ:PER]"),
        ("typed_entity_marker", "[SUBJ] 한빛 [/SUBJ] ##은 [OBJ:PER] 김다온 [/OBJ:PER]"),
        ("typed_entity_marker_punct", "@ 한빛 @ ##은 # ^ 사람 ^ 김다온 #"),
    ],
)
def test_rows_without_a_type_and_with_one_that_is_unknown(wordpiece, scheme, expected):
    ours = marker(wordpiece, scheme)
    rows = ours.mark([relation("<한빛>은 {김다온}", kind, "PER") for kind in (None, "CITY", "CITY")])
    assert {" ".join(names(wordpiece, row.ids)[1:-1]) for row in rows} == {expected}
    assert ours.unknown_types == {"CITY": 2}


def test_schemes_without_types_count_none(wordpiece):
    for scheme in ("none", "entity_marker", "entity_marker_punct"):
        ours = marker(wordpiece, scheme, types=[])
        ours.mark([relation("<한빛>은 {김다온}", "CITY", "PER")])
        assert not ours.unknown_types
    assert write(wordpiece, "entity_mask", "<한빛>은 {김다온}", types=[None, None]) == "[SUBJ] ##은 [OBJ]"


@pytest.mark.parametrize("scheme", ["typed_entity_marker", "typed_entity_marker_punct"])
def test_typed_schemes_want_types(wordpiece, scheme):
    with pytest.raises(DataError, match=f"{scheme} needs entity types.*use --markers {scheme.removeprefix('typed_')}$"):
        marker(wordpiece, scheme, types=[])


def test_types_in_words(wordpiece):
    kinds = ["PER", "ORG", "LOC", "DAT", "POH", "NOH", "CITY"]
    tokens = choose_tokens(wordpiece, "typed_entity_marker_punct", kinds)
    assert tokens["SUBJ:LOC"] == "@ * 장소 *" and tokens["OBJ:CITY"] == "# ^ C ##I ##T ##Y ^"
    assert tokens["/SUBJ:LOC"] == tokens["/SUBJ"] == tokens["SUBJ"] == "@"
    assert tokens["SUBJ:NOH"] == "@ * 수 ##량 *"
    assert tokens["SUBJ:DAT"] == "@ * D ##A ##T *", "its name, since 날짜 cannot be written"
    with pytest.raises(DataError, match=r"cannot write the entity type 도시.*--markers typed_entity_marker$"):
        choose_tokens(wordpiece, "typed_entity_marker_punct", ["도시"])


# ---- tokens of the vocabulary ----


def test_own_tokens_first_then_unused_ones(wordpiece):
    tokens = choose_tokens(wordpiece, "typed_entity_marker", ["PER", "CITY", "PER", "ART"])
    assert tokens == {
        **{name: f"[{name}]" for name in ("SUBJ", "/SUBJ", "OBJ", "/OBJ")},
        **{name: f"[{name}]" for name in ("SUBJ:PER", "/SUBJ:PER", "OBJ:PER", "/OBJ:PER")},
        **{"SUBJ:ART": "[unused0]", "/SUBJ:ART": "[unused1]", "OBJ:ART": "[unused2]", "/OBJ:ART": "[unused3]"},
        **{"SUBJ:CITY": "[unused4]", "/SUBJ:CITY": "[unused5]", "OBJ:CITY": "[unused6]", "/OBJ:CITY": "[unused7]"},
    }
    assert choose_tokens(wordpiece, "typed_entity_marker", ["ART", "CITY", "PER"]) == tokens


def test_anothers_vocabulary(foreign):
    assert choose_tokens(foreign, "entity_marker", []) == {
        "SUBJ": "[unused1]",
        "/SUBJ": "[unused2]",
        "OBJ": "[unused9]",
        "/OBJ": "[unused10]",
    }
    assert write(foreign, "entity_marker", FOUNDED) == (
        "[unused1] 새솔대학교 [unused2] ##는 1952 ##년 [unused9] 김다온 [unused10] ##이 세웠다 ."
    )
    assert choose_tokens(foreign, "entity_mask", TYPES)["OBJ:PER"] == "[unused100]"
    with pytest.raises(
        DataError, match=r"only 6 .*none for OBJ:ORG, /OBJ:ORG, SUBJ:PER,.*use --markers entity_marker_punct"
    ):
        choose_tokens(foreign, "typed_entity_marker", TYPES)


def test_punctuation_that_the_vocabulary_lacks(tmp_path):
    without = [token for token in running_text() if token not in ("@", "^")]
    tokens = choose_tokens(load(tmp_path, [*SPECIAL_TOKENS, "[unused7]", "[unused5]", *without]), SCHEMES[4], ["PER"])
    assert tokens["SUBJ:PER"] == "[unused5] * 사람 *" and tokens["/SUBJ"] == "[unused5]"
    assert tokens["OBJ:PER"] == "# [unused7] 사람 [unused7]"
    bare = load(tmp_path, [*SPECIAL_TOKENS, *without])
    with pytest.raises(DataError, match=r"none for @\); use --markers entity_marker$"):
        choose_tokens(bare, "entity_marker_punct", [])
    assert SCHEMES[4] == "typed_entity_marker_punct"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_saved_marker_writes_the_same(wordpiece, scheme):
    options = MarkerOptions(scheme, True, 64)
    rows = [relation(FOUNDED, *kinds) for kinds in (("ORG", "CITY"), ("CITY", None), ("LOC", "PER"))]
    first = RelationMarker(wordpiece, options, ["CITY", "ORG", "PER"])
    again = RelationMarker(wordpiece, options, tokens=first.tokens)
    for one, other in zip(first.mark(rows), again.mark(rows), strict=True):
        assert one.ids.tolist() == other.ids.tolist() and one[2:] == other[2:]
    assert again.unknown_types == first.unknown_types and again.tokens == first.tokens


def test_a_vocabulary_without_the_saved_tokens(foreign):
    with pytest.raises(DataError, match=r"no token \[SUBJ\]"):
        RelationMarker(foreign, MarkerOptions("entity_mask", False, 64), tokens={"SUBJ": "[SUBJ]", "OBJ": "[OBJ]"})


def test_an_unknown_scheme():
    with pytest.raises(ValueError, match=r"markers must be one of entity_mask .* not 'marker'"):
        MarkerOptions("marker", False, 64)


# ---- fitting ----


def numbered(*lengths):
    """Parts in which each token is its place in the sentence."""
    ends = np.cumsum([0, *lengths])
    return Parts(*(list(range(start, end)) for start, end in pairwise(ends.tolist())))


@pytest.mark.parametrize(
    ("lengths", "room", "kept", "cut"),
    [
        ((3, 2, 3, 2, 3), 13, [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9], [10, 11, 12]], ""),
        ((3, 2, 3, 2, 3), 11, [[1, 2], [3, 4], [5, 6, 7], [8, 9], [10, 11]], "context"),
        ((1, 2, 3, 2, 5), 12, [[0], [1, 2], [3, 4, 5], [6, 7], [8, 9, 10, 11]], "context"),
        ((5, 2, 3, 2, 0), 9, [[3, 4], [5, 6], [7, 8, 9], [10, 11], []], "context"),
        ((3, 2, 3, 2, 3), 7, [[], [3, 4], [5, 6, 7], [8, 9], []], "context"),
        ((3, 2, 4, 2, 3), 7, [[], [3, 4], [5, 6, 8], [9, 10], []], "middle"),
        ((3, 2, 4, 2, 3), 4, [[], [3, 4], [], [9, 10], []], "middle"),
        ((3, 5, 4, 2, 3), 6, [[], [3, 4, 6, 7], [], [12, 13], []], "entity"),
        ((0, 5, 0, 5, 0), 5, [[], [0, 1, 4], [], [5, 9], []], "entity"),
        ((1, 5, 1, 1, 1), 2, [[], [1], [], [7], []], "entity"),
    ],
)
def test_what_gives_way(lengths, room, kept, cut):
    assert fit(numbered(*lengths), room) == (Parts(*kept), cut)


def test_shortened_entities():
    assert shorten([1, 2, 3, 4], [5, 6, 7, 8], 100) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert shorten([1, 2, 3, 4], [5, 6, 7, 8], 5) == ([1, 2, 4], [5, 8])


@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("tokenizer", "longest"), [("wordpiece", "CITY"), ("uncased", "ORG")])
def test_the_least_max_length_is_told_and_is_enough(request, tokenizer, longest, scheme, query):
    wordpiece, kinds = request.getfixturevalue(tokenizer), ["PER", "ORG", "CITY"]
    with pytest.raises(UsageError, match=r"give (\d+) or more") as error:
        marker(wordpiece, scheme, query, max_length=1, types=kinds)
    least = int(str(error.value).split("give ")[1].split()[0])
    with pytest.raises(UsageError):
        marker(wordpiece, scheme, query, max_length=least - 1, types=kinds)
    long = "지난 " * 20 + "<한 빛 세 수 군>은" + " 지난" * 20 + " {김 다 온 온 온 온}의 " + "지난 " * 20
    row = marker(wordpiece, scheme, query, max_length=least, types=kinds).mark([relation(long, longest, longest)])[0]
    assert len(row.ids) == least
    if scheme != "entity_mask":
        lengths = row.subject[1] - row.subject[0], row.object[1] - row.object[0]
        assert row.cut == "entity" and lengths == (1, 1)


def test_a_long_query_gives_way_before_the_sentence(wordpiece):
    long = "<한 빛 군 수 세 웠 전 통 령>은 {김 다 온 지 난 년 세 웠 전}을 세웠다."
    whole = marker(wordpiece, "none", query=True).mark([relation(long)])[0]
    assert len(whole.ids) == 48
    cut = marker(wordpiece, "none", query=True, max_length=47).mark([relation(long)])[0]
    assert cut.cut == "" and names(wordpiece, cut.ids[:24]) == names(wordpiece, whole.ids[:24])
    question = names(wordpiece, cut.ids[24:])
    assert len(question) == 47 // 3
    assert " ".join(question) == "한 빛 군 통 령 ##과 김 다 웠 전 ##의 관계 ##는 ? [SEP]"
    assert len(marker(wordpiece, "none", query=True, max_length=48).mark([relation(long)])[0].ids) == 48


# ---- any sentence ----

ENTITIES = st.text("새솔한빛군수김온1A大)뷁", min_size=1, max_size=8)
TEXTS = st.builds(str.__mul__, st.text("새솔대은이가 .,(大1A", max_size=12), st.integers(1, 4))


@st.composite
def relations(draw):
    before, first, between, second, after = (draw(part) for part in (TEXTS, ENTITIES, TEXTS, ENTITIES, TEXTS))
    types = [draw(st.sampled_from([None, "PER", "ORG", "CITY"])) for _ in range(2)]
    at = len(before) + len(first) + len(between)
    entities = [
        Entity(len(before), len(before) + len(first), types[0]),
        Entity(at, at + len(second), types[1]),
    ]
    if draw(st.booleans()):
        entities.reverse()
    return Relation("1", before + first + between + second + after, *entities, None, "here")


def blocks_in_order(row):
    pairs = [(row.subject_block, row.subject), (row.object_block, row.object)]
    return sorted(pairs)


def sections(row):
    """Ids of: before, opening, first, closing, between, opening, second, closing, after, query."""
    ids = row.ids.tolist()
    sentence = int((row.types == 0).sum())
    places = [1]
    for block, own in blocks_in_order(row):
        places += [block[0], own[0], own[1], block[1]]
    places += [sentence - 1]
    assert places == sorted(places)
    parts = [ids[start:end] for start, end in pairwise(places)]
    return parts, ids[sentence:]


@given(row=relations(), scheme=st.sampled_from(SCHEMES), query=st.booleans(), data=st.data())
def test_a_marked_row_of_any_length(wordpiece, row, scheme, query, data):
    whole = marker(wordpiece, scheme, query).mark([row])[0]
    max_length = data.draw(st.integers(24, max(24, len(whole.ids))))
    kept = marker(wordpiece, scheme, query, max_length).mark([row])[0]
    assert whole.cut == "" and len(kept.ids) == len(kept.types) <= max_length
    if len(whole.ids) <= max_length:
        assert kept.ids.tolist() == whole.ids.tolist() and kept[2:] == whole[2:]
        return
    assert kept.ids[0] == whole.ids[0] == wordpiece.id_of("[CLS]")
    sep = wordpiece.id_of("[SEP]")
    assert kept.ids[-1] == kept.ids[kept.types == 0][-1] == sep
    all_parts, all_query = sections(whole)
    parts, question = sections(kept)
    assert all(parts[i] == all_parts[i] for i in (1, 3, 5, 7)), "markers"
    assert (kept.subject < kept.object) == (whole.subject < whole.object) == (row.subject.start < row.object.start)

    for own, full in ((parts[2], all_parts[2]), (parts[6], all_parts[6])):
        assert len(own) >= 1
        assert own == full or (
            kept.cut == "entity" and own == full[: -(-len(own) // 2)] + full[len(full) - len(own) // 2 :]
        )
    before, between, after = parts[0], parts[4], parts[8]
    all_before, all_between, all_after = all_parts[0], all_parts[4], all_parts[8]
    if kept.cut:
        assert len(kept.ids) == max_length, "no room is wasted"
    assert before == all_before[len(all_before) - len(before) :] and after == all_after[: len(after)]
    match kept.cut:
        case "":
            assert parts == all_parts and len(question) < len(all_query)
        case "context":
            assert between == all_between and (before, after) != (all_before, all_after)
            if before != all_before and after != all_after:
                assert abs(len(before) - len(after)) <= 1
            assert before == all_before or len(before) + 1 >= len(after)
            assert after == all_after or len(after) + 1 >= len(before)
        case "middle":
            assert not before and not after and len(between) < len(all_between)
            half = -(-len(between) // 2)
            assert between == all_between[:half] + all_between[len(all_between) - len(between) // 2 :]
        case "entity":
            assert not before and not between and not after
            assert (parts[2], parts[6]) != (all_parts[2], all_parts[6])
    if query:
        assert names(wordpiece, question[-4:]) == ["관계", "##는", "?", "[SEP]"]
        assert len(question) <= max(max_length // 3, 9) or question == all_query
    else:
        assert not question


@given(
    parts=st.tuples(*[TEXTS] * 3),
    words=st.tuples(*[st.text("새솔한빛군수김온1A", min_size=1, max_size=8)] * 2),
)
@example(parts=("", "는 1952년 ", "이 세웠다."), words=("새솔대학교", "김다온"))
@example(parts=("(", ") ", "大"), words=("大)", "한빛"))
def test_without_markers_the_tokens_are_those_of_the_sentence(wordpiece, parts, words):
    before, between, after = parts
    first, second = words
    sentence = before + first + between + second + after
    at = len(before), len(before + first + between)
    entities = [Entity(start, start + len(word), None) for start, word in zip(at, words, strict=True)]
    row = marker(wordpiece, "none").mark([Relation("1", sentence, *entities, None, "here")])[0]
    whole = wordpiece.tokenizer.encode(sentence, add_special_tokens=False)
    begins_word = {
        start for (start, _), token in zip(whole.offsets, whole.tokens, strict=True) if not token.startswith("##")
    }
    boundaries = {place for offsets in whole.offsets for place in offsets}
    if all(entity.start in begins_word and entity.end in boundaries for entity in entities):
        assert row.ids[1:-1].tolist() == whole.ids
        ends = [[end for _, end in whole.offsets].index(entity.end) + 2 for entity in entities]
        assert [row.subject[1], row.object[1]] == ends


def test_no_rows(wordpiece):
    assert marker(wordpiece, "entity_marker", query=True).mark([]) == []
