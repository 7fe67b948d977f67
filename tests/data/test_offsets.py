"""Every character of the normalised text is led back to the code points that it comes from, spans follow their characters
through normalisation, and no span is led astray."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from data.cleaning import normalize
from data.offsets import CharacterMap, CutCharacter, Place, is_one_character, place_by_offsets, places_of

HANGUL = "ᄀ하ᅵᆨᆫᆢ가각한ㄱㅏ\u115f\u1160\u3164\uffa0ﾡￂㆍ 😀aＡ"
"""Jamo that compose or not, syllables with and without a final, fillers, half and full width."""

MARKS = "\u0301\u0316\u0307\u0323\u0338\u0344\u093c\u0f71\u0f72\u0f73\u09be\u0cd5\u3099\uff9e\uff9f"
LETTERS = "eqdḋéＡ<क\u0958\u09c7\u0cc6\u0cc2金\ufb2aｶハ\U0001d15e\U0001d157\u2adc가"
"""Letters that compose with some marks, are taken apart by NFC, or take marks only when their width has changed."""

texts = st.text(alphabet=HANGUL) | st.text(alphabet=LETTERS + MARKS + HANGUL) | st.text()


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def cuts_of(characters: CharacterMap) -> list[int]:
    """The places of the raw text that lie within no piece."""
    length = len(characters.raw)
    ends = {0, length, *characters.starts.tolist(), *characters.ends.tolist()}
    pieces = set(zip(characters.starts.tolist(), characters.ends.tolist(), strict=True))
    inside = {place for start, end in pieces for place in range(start + 1, end)}
    return sorted((set(range(length + 1)) - inside) | ends)


# --- the map: examples ------------------------------------------------------------------------------------------------


def test_decomposed_hangul():
    characters = CharacterMap(nfd("한빛군") + "에")
    assert characters.text == "한빛군에"
    assert characters.starts.tolist() == [0, 3, 6, 9]
    assert characters.ends.tolist() == [3, 6, 9, 10]
    assert characters.composes
    assert characters.to_raw(1, 3) == (3, 9)
    assert characters.from_raw(3, 9) == (1, 3)
    assert characters.from_raw(3, 8) is None
    assert characters.from_raw(1, 9) is None


def test_a_normalised_text_is_its_own():
    characters = CharacterMap("한빛군에 😀")
    assert (characters.text, characters.composes) == ("한빛군에 😀", False)
    assert characters.starts.tolist() == [0, 1, 2, 3, 4, 5]
    assert characters.ends.tolist() == [1, 2, 3, 4, 5, 6]
    assert characters.starts.dtype == characters.ends.dtype == "int64"
    assert characters.to_raw(1, 3) == characters.from_raw(1, 3) == (1, 3)


@pytest.mark.parametrize(
    ("raw", "text", "spans"),
    [
        ("", "", []),
        ("ＡＢ마트", "AB마트", [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ("金\ufa0c", "金兀", [(0, 1), (1, 2)]),  # a compatibility ideograph
        ("ᄏᄏ큐ᅲ", "ㅋㅋ큐ㅠ", [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ("가\u115f\u1160나", "가나", [(0, 1), (3, 4)]),  # they vanish
        ("\u115f가\u3164", "가 ", [(1, 2), (2, 3)]),
        ("e\u115f\u0301", "é", [(0, 3)]),  # composes when what lay between has vanished
        ("Ａ\u0301b", "Áb", [(0, 2), (2, 3)]),
        ("ｶﾞｶ", "ガカ", [(0, 2), (2, 3)]),
        ("\u0958a", "क\u093ca", [(0, 1), (0, 1), (1, 2)]),  # a composition exclusion: one becomes two
        ("x\u0316\u0301y\u0301", "x\u0316\u0301ý", [(0, 1), (1, 2), (2, 3), (3, 5)]),
        ("q\u0301\u0316a", "q\u0316\u0301a", [(0, 3), (0, 3), (0, 3), (3, 4)]),  # marks change their order
        ("가\u11a8\u11a8", "각ㄱ", [(0, 2), (2, 3)]),
        ("각\u11a8", "각ㄱ", [(0, 1), (1, 2)]),
        ("\u1161\u11a8", "ㅏㄱ", [(0, 1), (1, 2)]),
        ("👩🏽\u200d🚒e\u0301", "👩🏽\u200d🚒é", [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)]),
    ],
)
def test_what_normalising_does(raw, text, spans):
    characters = CharacterMap(raw)
    assert characters.text == text
    assert list(zip(characters.starts.tolist(), characters.ends.tolist(), strict=True)) == spans
    assert characters.composes is any(end - start > 1 for start, end in spans)


def test_what_vanishes_belongs_to_no_span_or_to_the_one_around_it():
    characters = CharacterMap("가\u115f나다")
    assert characters.from_raw(1, 2) is None
    assert characters.from_raw(0, 2) == characters.from_raw(0, 1) == (0, 1)
    assert characters.from_raw(1, 3) == characters.from_raw(2, 3) == (1, 2)
    assert characters.to_raw(0, 2) == (0, 3)


def test_a_part_of_a_piece_leads_to_all_of_it():
    characters = CharacterMap("\u0958a")
    assert characters.to_raw(0, 1) == characters.to_raw(1, 2) == characters.to_raw(0, 2) == (0, 1)
    assert characters.from_raw(0, 1) == (0, 2)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (2, 1), (-1, 1), (0, 4)])
def test_spans_outside_the_text_are_errors(start, end):
    characters = CharacterMap("ＡＢＣ")
    with pytest.raises(ValueError, match="no span of a text with 3 characters"):
        characters.to_raw(start, end)
    with pytest.raises(ValueError, match="no span of a text with 3 characters"):
        characters.from_raw(start, end)


def test_a_long_line_takes_linear_time():
    """A second or so; with work that grows with the square of the length it would be an hour."""
    raw = nfd("한빛군에 간 김다온ＡＢ") * 20_000
    characters = CharacterMap(raw)
    assert len(characters.text) == 12 * 20_000
    assert characters.to_raw(12 * 19_999 + 5, 12 * 20_000) == (len(raw) - len(nfd("간 김다온ＡＢ")), len(raw))


# --- the map: what holds for any text ---------------------------------------------------------------------------------


@given(texts, st.booleans())
def test_the_pieces_are_normalised_on_their_own(raw, decomposed):
    raw = nfd(raw) if decomposed else raw
    characters = CharacterMap(raw)
    assert characters.text == normalize(raw)
    assert len(characters.starts) == len(characters.ends) == len(characters.text)
    cuts = cuts_of(characters)
    pieces = [raw[start:end] for start, end in pairwise(cuts)]
    assert "".join(map(normalize, pieces)) == characters.text
    made = [(start, end) for start, end in pairwise(cuts) for _ in normalize(raw[start:end])]
    assert list(zip(characters.starts.tolist(), characters.ends.tolist(), strict=True)) == made


@given(texts, st.data())
def test_there_and_back(raw, data):
    characters = CharacterMap(raw)
    cuts = cuts_of(characters)
    places = st.integers(0, len(raw))
    start, end = sorted((data.draw(st.sampled_from(cuts) | places), data.draw(st.sampled_from(cuts) | places)))
    if start == end:
        return
    found = characters.from_raw(start, end)
    if found is None:
        assert start not in cuts or end not in cuts or not normalize(raw[start:end])
        return
    assert characters.text[slice(*found)] == normalize(raw[start:end])
    back = characters.to_raw(*found)
    assert start <= back[0] < back[1] <= end  # without what vanishes at its ends
    assert characters.from_raw(*back) == found


@given(st.text(alphabet=HANGUL), st.booleans())
def test_no_span_of_hangul_is_refused_that_could_be_given(raw, decomposed):
    raw = nfd(raw) if decomposed else raw
    text = normalize(raw)
    possible = [place for place in range(len(raw) + 1) if normalize(raw[:place]) + normalize(raw[place:]) == text]
    assert cuts_of(CharacterMap(raw)) == possible


# --- words at offsets -------------------------------------------------------------------------------------------------


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


@given(texts, st.booleans(), st.data())
def test_a_word_is_where_the_map_says(raw, decomposed, data):
    raw = nfd(raw) if decomposed else raw
    assume(raw)
    start = data.draw(st.integers(0, len(raw) - 1))
    end = data.draw(st.integers(start + 1, len(raw)))
    found = CharacterMap(raw).from_raw(start, end)
    word = normalize(raw[start:end])
    assume(found is not None and word == word.strip())
    assert place_by_offsets(raw, normalize(raw), word, start, end) == found


def test_a_word_may_end_between_the_accents_of_a_letter():
    raw = "e\u0301\u0308"
    assert place_by_offsets(raw, "\u00e9\u0308", "\u00e9", 0, 2) == (0, 1)
    assert CharacterMap(raw).from_raw(0, 2) is None


# --- characters to a reader -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("가", " ", "\t", "#", "\u0301", "ㅋ"),
        *(nfd("가"), nfd("각"), "가\u11a8", "ᄠᅳᆮ", "e\u0301", "q\u0323\u0301", "Ａ\u0301", "ｶﾞ", "क्"),
        *(
            "👍🏽",
            "❤\ufe0f",
            "👩\u200d👩\u200d👧",
            "👩🏽\u200d❤\ufe0f\u200d👩",
            "1\ufe0f\u20e3",
            "🇰🇷",
            "🏴\U000e0067\U000e007f",
        ),
    ],
)
def test_one_character(text):
    assert is_one_character(text)


@pytest.mark.parametrize(
    "text",
    ["", "가나", "ab", "ㅋㅋ", "ᄏᄏ", nfd("가나"), "각\u11a8나", "가\u200d나", "👍👍", "🇰🇷🇰", "##", "가 ", " \u3164"],
)
def test_not_one_character(text):
    assert not is_one_character(text)
