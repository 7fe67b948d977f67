"""Characters to tokens and back, on any Unicode, in every unit, in windows of any length."""

import tempfile
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.cleaning import normalize
from data.entities import NamedEntity
from data.tokenizer import WordPiece
from finetune.entity.alignment import NO_PLACE, PLACES, Aligner, AlignmentOptions, spans_of
from finetune.entity.answers import FoundEntity
from finetune.entity.crf import OUTSIDE
from finetune.entity.model import _apart

UNITS = ["both", "subword", "character"]
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
KOREAN = st.text(
    st.sampled_from("김새솔은 한빛군 3월2일에 태어났다. 學校👍🏽é\tㅋㅎ가\u1100\u1161\u11a8\u200b"), max_size=60
)
TEXTS = ANY | KOREAN | KOREAN.map(lambda text: unicodedata.normalize("NFD", text))


@pytest.fixture(scope="module")
def aligner(wordpiece):
    return lambda unit="both", length=64: Aligner(wordpiece, AlignmentOptions(unit, length))


@st.composite
def texts_with_entities(draw):
    """A normalised text, whose characters are those of the file, and entities that do not overlap."""
    text = normalize(draw(TEXTS))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    kinds = st.sampled_from(["DT", "PS", None])
    entities = [NamedEntity(a, b, kind) for a, b in pairwise(cuts) if (kind := draw(kinds))]
    return text, tuple(entities)


@given(texts_with_entities(), st.integers(8, 64))
@settings(max_examples=300)
def test_tags_of_characters_give_the_entities_back(aligner, pair, length):
    text, entities = pair
    (aligned,) = aligner("both", length).align([text])
    tags = aligned.tags(entities, ["DT", "PS"])
    assert tuple(aligned.entities(spans_of(tags), ["DT", "PS"])) == entities
    assert len(tags) == len(text)


@given(TEXTS, st.integers(8, 64), st.sampled_from(UNITS))
@settings(max_examples=300)
def test_every_element_looks_at_a_token_of_its_text(aligner, text, length, unit):
    (aligned,) = aligner(unit, length).align([text])
    assert aligned.map.raw == text and aligned.map.text == normalize(text)
    assert all(2 <= len(window) <= length for window in aligned.windows)
    laid_out = np.concatenate(aligned.windows)
    (whole,) = aligner(unit, 4096).align([text])
    assert len(whole.windows) == 1
    if len(whole.windows[0]) == 2:  # nothing that the tokenizer keeps
        assert set(aligned.token.tolist()) <= {0}
    else:
        # Whatever the windows, an element looks at the same token, and never at [CLS] or [SEP].
        assert laid_out[aligned.token].tolist() == whole.windows[0][whole.token].tolist()
        edges = np.cumsum([0, *map(len, aligned.windows)])
        assert not set(aligned.token.tolist()) & {*edges.tolist(), *(edges[1:] - 1).tolist()}
    assert (aligned.spans == whole.spans).all() and (aligned.places == whole.places).all()
    assert (aligned.spans[:, 0] < aligned.spans[:, 1]).all()
    assert (aligned.spans[1:, 0] >= aligned.spans[:-1, 1]).all()
    assert ((aligned.places >= 0) & (aligned.places < PLACES)).all()


@given(texts_with_entities(), st.sampled_from(UNITS))
def test_tags_are_legal_even_where_a_unit_cannot_express_an_entity(aligner, pair, unit):
    text, entities = pair
    (aligned,) = aligner(unit).align([text])
    before = OUTSIDE
    for tag in aligned.tags(entities, ["DT", "PS"]).tolist():
        assert not (tag and tag % 2 == 0) or before in (tag - 1, tag)
        before = tag


def test_the_example_of_the_documentation():
    # A vocabulary with just these pieces.
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "오에",
        "겐",
        "##자부",
        "##로는",
        "##자",
        "##부",
        "##로",
        "##는",
    ]
    wordpiece = vocabulary(words)
    text = "오에 겐자부로는 소설가다"
    entity = (NamedEntity(0, 7, "PS"),)
    (both,) = Aligner(wordpiece, AlignmentOptions("both", 32)).align([text])
    assert [words[index] for index in both.windows[0]] == ["[CLS]", "오에", "겐", "##자부", "##로는", "[UNK]", "[SEP]"]
    assert (both.token - 1).tolist() == [0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4]
    assert both.places[2] == both.places[8] == NO_PLACE
    assert both.places[0] != both.places[1] != both.places[3]  # 1/2, 2/2, 1/1
    assert both.places[6] == both.places[0] and both.places[7] == both.places[1]
    assert both.entities(spans_of(both.tags(entity, ["PS"])), ["PS"]) == [*entity]
    (subword,) = Aligner(wordpiece, AlignmentOptions("subword", 32)).align([text])
    assert subword.tags(entity, ["PS"]).tolist() == [1, 2, 2, 2, 0]
    assert subword.entities(spans_of(subword.tags(entity, ["PS"])), ["PS"]) == [NamedEntity(0, 8, "PS")]
    (character,) = Aligner(wordpiece, AlignmentOptions("character", 32)).align([text])
    names = [words[index] for index in character.windows[0][1:-1]]
    assert names == ["[UNK]", "[UNK]", "겐", "##자", "##부", "##로", "##는", "[UNK]", "[UNK]", "[UNK]", "[UNK]"]
    assert character.entities(spans_of(character.tags(entity, ["PS"])), ["PS"]) == [*entity]


def vocabulary(words):
    """A tokenizer of these words, read as a BERT's `vocab.txt` is."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
        return WordPiece.load(Path(folder))


def test_spans_lead_back_to_decomposed_text(aligner):
    raw = unicodedata.normalize("NFD", "한빛군에서 김새솔은")
    entity = NamedEntity(raw.index("ᄀ"), raw.index("ᄋ"), "LC")  # 군
    (aligned,) = aligner().align([raw])
    assert aligned.map.text == "한빛군에서 김새솔은"
    assert aligned.entities(spans_of(aligned.tags([entity], ["LC"])), ["LC"]) == [entity]


def test_entities_that_meet_within_one_character_of_the_file_do_not_overlap_there():
    # U+0958 is two characters in NFC; the second entity has nothing left of it.
    found = _apart([NamedEntity(0, 2, "PS"), NamedEntity(1, 2, "LC"), NamedEntity(1, 4, "DT")], [0.9, 0.8, 0.7])
    assert found == (FoundEntity(0, 2, "PS", 0.9), FoundEntity(2, 4, "DT", 0.7))


def test_windows_overlap_and_each_token_counts_where_it_stands_farthest_from_an_edge(aligner):
    text = " ".join(["김새솔은"] * 40)
    (aligned,) = aligner("both", 16).align([text])
    room = 14
    tokens = sum(len(window) - 2 for window in aligned.windows)
    (whole,) = aligner("both", 4096).align([text])
    assert tokens > len(whole.windows[0]) - 2  # they overlap
    assert all(len(window) == 16 for window in aligned.windows)
    window, within = np.divmod(aligned.token, 16)
    inner = (window > 0) & (window < len(aligned.windows) - 1)
    # No nearer to an edge than half of the overlap, but for rounding.
    assert (within[inner] >= int(0.25 * room) // 2).all() and (within[inner] <= 16 - int(0.25 * room) // 2).all()


def test_a_text_of_a_hundred_thousand_characters_takes_no_longer_than_its_length(aligner):
    (aligned,) = aligner("both", 64).align(["김새솔은 한빛군에서 태어났다. " * 6000])
    assert len(aligned.token) == 6000 * 17 and len(aligned.windows) > 500


def test_the_characters_of_an_unknown_word_have_places_of_their_own():
    wordpiece = vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "온", "##다"])
    (aligned,) = Aligner(wordpiece, AlignmentOptions("both", 32)).align(["뷁쀍은 온다"])
    assert aligned.windows[0].tolist() == [2, 1, 5, 6, 3]
    assert aligned.token.tolist() == [1, 1, 1, 1, 2, 3] and len(set(aligned.places[:3].tolist())) == 3
