"""Named entities for the sample: sentences whose entities are known because the sentence was written from them.

    {사람.성} 모({나이}) 씨는 {날짜} {시각}께 {역}에서 내렸다.
    명 모(32) 씨는 지난 5일 오후 3시 20분께 새솔역에서 내렸다.
    명 PS [0, 1)   32 QT [4, 6)   지난 5일 DT [11, 16)   오후 3시 20분 TI [17, 26)   새솔역 LC [28, 31)

A frame (`words/entity_frames.yaml`) is filled from the left, so that the place of each slot is known as it is written; the facts asked of
somebody ({사람.고향}) are those of the invented world. The types are KLUE-NER's: PS person, LC location, OG organisation, DT date or period, TI time of
day or hours, QT quantity.

Words alone do not tell an entity: 황새벌시 is LC where somebody lives and OG where it decides, 하늘 is a girl or the sky. About a third of
the names in the development sentences are in no training sentence, and a quarter of the sentences are put in a way that none there is.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.entities import NamedEntity, TaggedText
from data.josa import agree
from data.sample.entity_slots import Slots
from data.sample.lexicon import Lexicon, build_lexicon
from data.sample.vocabulary import read_words

_UNSEEN_SHARE = 0.25
"""How many of the development sentences are put in a way that is kept from the training sentences."""
_LOOSE_END, _CARELESS = 0.4, 0.35
"""How often those who write as they talk end a sentence otherwise than with a full stop; and how often they are careless."""
_SPACE_MISSING, _MISSPELT = 0.25, 0.3
"""In a careless sentence: the share of the spaces that are missing, and how often a syllable is wrong."""
_ATTEMPTS, _FILLINGS = 100, 20
"""How many frames to try for a sentence, and how often each."""

_CHOICE = re.compile(r"\{((?:[^{}|]|\{[^{}|]*\})*(?:\|(?:[^{}|]|\{[^{}|]*\})*)+)\}")
_UNNUMBERED = re.compile(r"\{([^{}|.:\d]+)(?=[}.])")
_SLOT = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Block:
    """The frames of one kind of text."""

    name: str
    share: int
    """Of all sentences, in percent."""
    endings: tuple[str, ...]
    """What may stand for a full stop; empty where people write with care."""
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    """Frames that no training sentence is written from."""


def blocks() -> list[Block]:
    """The blocks of `words/entity_frames.yaml`."""
    found = []
    for name, lists in read_words("entity_frames").items():
        seen = tuple(line for line in lists["문장"] if not line.endswith(" *"))
        unseen = tuple(line.removesuffix(" *") for line in lists["문장"] if line.endswith(" *"))
        found.append(Block(name, int(lists["비중"][0]), tuple(lists.get("맺음", ())), seen, unseen))
    return found


def phrases() -> dict[str, list[str]]:
    """The phrases that frames name."""
    return read_words("entity_phrases")["구절"]


def compose_entities(train: int, dev: int, seed: int) -> tuple[list[TaggedText], list[TaggedText]]:
    """`train` and `dev` different sentences with their entities.

    A quarter of the development sentences are written from frames that no training sentence is, and about a third of their names are in
    none. Raises ValueError for fewer than one sentence; RuntimeError for more than there are.
    """
    if min(train, dev) < 1:
        raise ValueError(f"{min(train, dev)} sentences are no sample: ask for 1 or more")
    writer = _Writer(build_lexicon(seed), random.Random(f"entities {seed}"))
    return writer.sentences("train", train), writer.sentences("dev", dev)


class _Writer:
    """Writes sentences, none twice."""

    def __init__(self, lexicon: Lexicon, rng: random.Random):
        self.rng = rng
        self.blocks = blocks()
        self.slots = Slots(lexicon, rng)
        self.phrases = phrases()
        self.phrase = re.compile(rf"\{{({'|'.join(self.phrases)})(\d*)\}}")
        self.wrong = {pair[0]: pair[1] for pair in read_words("entity_words")["맞춤법"]["틀린 글자"]}
        self.written: set[str] = set()

    def sentences(self, name: str, count: int) -> list[TaggedText]:
        development = name == "dev"
        unseen = round(_UNSEEN_SHARE * count) if development else 0
        found = [self._new(development, number < unseen) for number in range(count)]
        self.rng.shuffle(found)
        return [
            TaggedText(f"sample-ner_{name}_{number:05}", text, tuple(entities), where="")
            for number, (text, entities) in enumerate(found)
        ]

    def _new(self, development: bool, unseen: bool) -> tuple[str, list[NamedEntity]]:
        for _ in range(_ATTEMPTS):
            block = self.rng.choices(self.blocks, [block.share for block in self.blocks])[0]
            frame = self.rng.choice(block.unseen if unseen else block.seen)
            for _ in range(_FILLINGS):
                sentence = self._fill(self._open(frame), development)
                if sentence is None:
                    continue
                text, entities = self._loosen(*sentence, block.endings) if block.endings else sentence
                if text not in self.written:
                    self.written.add(text)
                    return text, entities
        raise RuntimeError("data/sample/words/entity_frames.yaml has too few frames for so many sentences: add some")

    def _open(self, frame: str) -> str:
        """The frame with its phrases put in and its alternatives chosen: only slots are left."""

        def phrase(match: re.Match[str]) -> str:
            return _UNNUMBERED.sub(rf"{{\g<1>{match[2]}", self.rng.choice(self.phrases[match[1]]))

        opened = _CHOICE.sub(lambda match: self.rng.choice(match[1].split("|")), self.phrase.sub(phrase, frame))
        return opened if opened == frame else self._open(opened)

    def _fill(self, frame: str, development: bool) -> tuple[str, list[NamedEntity]] | None:
        """The text and the entities in it; None where somebody lacks what the frame tells of them."""
        cast = self.slots.cast(development)
        entities: list[NamedEntity] = []
        written = ""
        for number, part in enumerate(_SLOT.split(frame)):
            if number % 2:
                filled = cast.words(part)
                if filled is None:
                    return None
                words, tag = filled
                if tag:
                    entities.append(NamedEntity(len(written), len(written) + len(words), tag))
                written += words
            else:
                written = agree(written + part) if "(" in part else written + part
        return written, entities

    def _loosen(self, text: str, entities: list[NamedEntity], endings: Sequence[str]) -> tuple[str, list[NamedEntity]]:
        """The sentence as people write who write as they talk: another ending, and now and then a space missing or a slip."""
        if text.endswith(".") and self.rng.random() < _LOOSE_END:
            text = text[:-1] + self.rng.choice(endings)
        if self.rng.random() > _CARELESS:
            return text, entities
        inside = {place for entity in entities for place in range(entity.start, entity.end)}
        slips = [place for place, letter in enumerate(text) if letter in self.wrong and place not in inside]
        if slips and self.rng.random() < _MISSPELT:
            place = self.rng.choice(slips)
            text = text[:place] + self.wrong[text[place]] + text[place + 1 :]
        kept = [letter != " " or self.rng.random() >= _SPACE_MISSING for letter in text]
        moved = [sum(kept[:place]) for place in range(len(text) + 1)]
        entities = [NamedEntity(moved[entity.start], moved[entity.end], entity.type) for entity in entities]
        return "".join(letter for letter, keep in zip(text, kept, strict=True) if keep), entities
