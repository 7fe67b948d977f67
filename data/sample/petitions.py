"""Invented petitions, as people write them to a government's petition board.

Each holds to one topic, one scene and one authority from the first sentence to the last, and its sentences follow one another as an
argument does: who writes, what is wrong, what happened to them, figures, causes, what was done, demands. A petition in the
polite style reads like

    안녕하세요. 저는 머루골초등학교에 두 아이를 보내는 학부모입니다. 머루골초등학교 앞에서는 보도가 좁은 데다가 … 하루빨리 보도를 넓혀 주십시오.

A fifth of them are written carelessly, as in the archive: full stops and spaces forgotten, ㅠㅠ and !! added. Words are spelt
correctly throughout.
"""

import random
from datetime import date, timedelta

from data.josa import agree
from data.sample.grammar import Composer, likely_first
from data.sample.lexicon import Lexicon, Place
from data.sample.topics import topics
from data.sample.vocabulary import read_words

_ESSENTIAL = {"문제", "요구"}
_SENTENCES_IN = {"반론": 2, "순서": 4}
_ROOM_FOR_A_LIST = 9
_CLAUSES = ("문제", "경험", "원인", "결과", "수치", "대응", "반론", "요구", "기대")
_OF_REGISTER = ("저", "저희", "아시나요")
_NOUNS = ("현장", "글쓴이", "대상", "화제")


def write_petition(rng: random.Random, lexicon: Lexicon, number: int) -> dict[str, str | int]:
    """One petition with the archive's keys, in the archive's order; `number` becomes part of its identifier."""
    topic = topics()[likely_first(rng, list(topics()))]
    registers = list(read_words("petition_registers").values())
    register = rng.choices(registers, weights=[int(each["비중"][0]) for each in registers])[0]
    composer = Composer(rng, _slots(rng, lexicon, topic, register), {name: topic[name] for name in _CLAUSES}, register)
    title = composer.write(likely_first(rng, _outline()["제목"]))
    sentences = _sentences(rng, composer, rng.randint(5, 14))
    begin = date(2017, 8, 19) + timedelta(days=number // 2)
    magnitude = rng.choices((1, 2, 3, 4, 5), weights=(20, 40, 25, 12, 3))[0]
    agreed = rng.randrange(10**magnitude, 4 * 10**magnitude)
    return {
        "category": topic["분류"][0],
        "begin": begin.isoformat(),
        "end": (begin + timedelta(days=30)).isoformat(),
        "content": _flatten(rng, sentences),
        "num_agree": agreed,
        "petition_idx": str(1_000_001 + 7 * number),
        "status": "브리핑" if agreed >= 200_000 else "청원종료",
        "title": title,
    }


def _outline() -> dict[str, list[str]]:
    """Titles, plans and what else a petition is put together from."""
    return read_words("petition_frames")["얼개"]


def _slots(
    rng: random.Random, lexicon: Lexicon, topic: dict[str, list[str]], register: dict[str, list[str]]
) -> dict[str, str]:
    """What stays the same throughout one petition: the scene, who answers for it, whom it hurts, who writes."""
    scene = rng.choice(lexicon.of_kind(topic["시설"][0]))
    district = (scene if isinstance(scene, Place) else scene.location).district
    towns = [town.full_name for town in lexicon.towns_of(district)]
    return {
        **{name: likely_first(rng, topic[name]) for name in _NOUNS},
        "시설": scene.name,
        "이곳": topic["이곳"][0],
        "기관": topic["기관"][0],
        "곳": rng.choice(towns or [district.name]),
        "지역": district.name,
        "지역이름": district.root,
        "이름": rng.choice(lexicon.persons).name,
        "모임": likely_first(rng, _outline()["모임"]),
        "때": _outline()["때"][0],
        **{name: register[name][0] for name in _OF_REGISTER},
    }


def _sentences(rng: random.Random, composer: Composer, length: int) -> list[str]:
    """`length` sentences, or one fewer, in the order of one of the plans, thinned out to what there is room for."""
    frames = read_words("petition_frames")["문장"]
    plan = [
        step for step in likely_first(rng, _outline()["짜임"]).split() if step != "순서" or length >= _ROOM_FOR_A_LIST
    ]
    optional = [step for step in plan if step not in _ESSENTIAL and step != "순서"]
    rng.shuffle(optional)
    while (planned := sum(_SENTENCES_IN.get(step, 1) for step in plan)) > length:
        plan.remove(optional.pop())
    sentences = [likely_first(rng, frames["인사"])] if rng.random() < 0.5 and planned < length else []
    for step in plan:
        sentences.append(likely_first(rng, frames[step]))
        if step == "반론":
            sentences.append(likely_first(rng, frames["반박"]))
        elif step == "순서":
            sentences += [ordinal + ", {요구+요구}." for ordinal in _outline()["차례"]]
    return [_once(composer.write(sentence), agree(composer.slots["대상"] + "이(가) ")) for sentence in sentences]


def _once(sentence: str, subject: str) -> str:
    """`sentence` without the second mention of its subject, which Korean leaves out: 아이들이 다치고 (아이들이) 학교에 못 간다."""
    before, found, after = sentence.partition(subject)
    return before + found + after.replace(subject, "")


def _flatten(rng: random.Random, sentences: list[str]) -> str:
    """The sentences as one line, as the archive keeps them; one petition in five is punctuated carelessly."""
    careless = rng.random() < 0.2
    text = sentences[0]
    for sentence in sentences[1:]:
        if careless:
            text = _blur(rng, text)
        text += sentence if text[-1] in ".!?" and careless and rng.random() < 0.25 else " " + sentence
    return text


def _blur(rng: random.Random, text: str) -> str:
    """`text` without its full stop, or with one of the marks that people put in its place."""
    if not text.endswith(".") or rng.random() < 0.45:
        return text
    return text[:-1] + rng.choice(("", "", "", "..", "...", "!!", "!", "ㅠㅠ", " ㅠㅠ"))
