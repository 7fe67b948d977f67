"""Spans follow their characters through normalisation, or are refused."""

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from data.cleaning import normalize
from data.offsets import CutCharacter, Place, place_by_offsets, places_of


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def test_decomposed_hangul_is_found_where_it_is_composed():
    raw = nfd("한빛군에")
    assert place_by_offsets(raw, "한빛군에", "빛군", 3, 9) == (1, 3)
    assert place_by_offsets(raw, "한빛군에", nfd("빛군"), 3, 9) == (1, 3)


@pytest.mark.parametrize(
    ("raw", "word", "start", "end", "place"),
    [
        ("ＡＢＣ마트는 크다", "ABC마트", 0, 5, (0, 5)),  # full width: other characters, the same number
        ("ᄏᄏ 비틀스", "비틀스", 3, 6, (3, 6)),  # conjoining jamo outside syllables
        ("ᅟᄏ 비틀스", "비틀스", 3, 6, (2, 5)),  # a filler that vanishes
        ("Cafe\u0301의 주인", "주인", 7, 9, (6, 8)),
        ("金 의원", "金", 0, 1, (0, 1)),  # a compatibility ideograph
        ("😀 비틀스", "비틀스", 2, 5, (2, 5)),  # one code point, two in UTF-16
    ],
)
def test_what_normalisation_changes(raw, word, start, end, place):
    assert place_by_offsets(raw, normalize(raw), word, start, end) == place


def test_white_space_around_the_word_is_left_out_of_the_span():
    assert place_by_offsets("곡 ‘하루’ 는", "곡 ‘하루’ 는", "‘하루’", 1, 7) == (2, 6)
    assert place_by_offsets("가\u3000나", "가\u3000나", "나 ", 1, 3) == (2, 3)
    assert place_by_offsets("조지  해리슨", "조지  해리슨", "조지 해리슨", 0, 7) is None  # inside a word it counts


def test_offsets_counted_on_the_composed_text():
    raw = nfd("한빛군에 간 다온")
    assert place_by_offsets(raw, "한빛군에 간 다온", "다온", 7, 9) == (7, 9)


def test_the_raw_text_is_asked_before_the_composed_one():
    text = "가나가나"
    raw = nfd(text)
    assert raw[2:4] == nfd("나") and text[2:4] == "가나"
    assert place_by_offsets(raw, text, "나", 2, 4) == (1, 2)
    assert place_by_offsets(raw, text, "가나", 2, 4) == (2, 4)


@pytest.mark.parametrize(
    ("raw", "word", "start", "end"),
    [
        (nfd("한국 하늘"), "하", 0, 2),  # and not the 하 of 하늘, which stands there, too
        (nfd("각"), nfd("각")[0], 0, 1),
        ("cafe\u0301", "cafe", 0, 4),
        ("Ａ\u0301b", "A", 0, 1),
    ],
)
def test_a_span_that_ends_within_a_character_has_no_place(raw, word, start, end):
    with pytest.raises(CutCharacter):
        place_by_offsets(raw, normalize(raw), word, start, end)


def test_another_word_has_no_place():
    assert place_by_offsets("비틀스의 앨범", "비틀스의 앨범", "비틀스", 0, 4) is None
    assert place_by_offsets("비틀스의 앨범", "비틀스의 앨범", "비틀스", 1, 4) is None


@pytest.mark.parametrize(
    ("text", "word", "start", "end"),
    [
        ("가 나", "나", 2, 4),  # beyond the end of the composed text
        ("가나나", "나나", 1, 4),  # ᄀ | ᅡ ᄂ ᅡ | ᄂ ᅡ: as many characters, but others
    ],
)
def test_a_word_is_not_found_by_chance(text, word, start, end):
    assert place_by_offsets(nfd(text), text, word, start, end) is None


def test_every_occurrence_is_found_overlapping_ones_too():
    assert places_of("하하", "하하하") == [Place(0, 2), Place(1, 3)]
    assert places_of(f" {nfd('하')} ", "다") == []


# Characters as a reader sees them: each normalises to something, whatever stands beside it.
clusters = st.one_of(
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    st.sampled_from(
        [*"abcXYZ019.,()‘’ \t\n", "é", "e\u0301", "ｶﾞ", "Ａ", "！", "ㅋ", "①", "㎡", "😀", "👨‍👩‍👧", "金", "ﾡ"]
    ),
)
words = st.lists(clusters, min_size=1, max_size=6).map("".join).filter(lambda word: word == word.strip())


@given(st.lists(clusters, max_size=8).map("".join), words, st.lists(clusters, max_size=8).map("".join), st.data())
def test_any_word_between_whole_characters_is_found_exactly(before, word, after, data):
    form = data.draw(st.sampled_from([str, nfd, lambda text: unicodedata.normalize("NFC", text)]))
    before, word, after = form(before), form(word), form(after)
    raw = before + word + after
    text = normalize(raw)
    assume(text == normalize(before) + normalize(word) + normalize(after))  # no lone jamo joins its neighbour
    place = place_by_offsets(raw, text, word, len(before), len(before) + len(word))
    assert place == (len(normalize(before)), len(normalize(before)) + len(normalize(word)))


@given(st.text("한e\u0301ᄒ\u1161\u11ab\u1160 가Ａ\u3099ｶ", max_size=10), st.data())
@example(nfd("한한"), None)
def test_a_place_holds_its_word_whatever_the_span(raw, data):
    text = normalize(raw)
    if data is None:
        spans = [(start, end) for start in range(len(raw)) for end in range(start + 1, len(raw) + 1)]
    else:
        assume(raw)
        start = data.draw(st.integers(0, len(raw) - 1))
        spans = [(start, data.draw(st.integers(start + 1, len(raw))))]
    for start, end in spans:
        word = normalize(raw[start:end]).strip()
        try:
            place = place_by_offsets(raw, text, raw[start:end], start, end)
        except CutCharacter:
            continue
        assert place is not None
        assert text[slice(*place)] == word
