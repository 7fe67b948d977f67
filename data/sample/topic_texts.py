"""Short texts for the sample and what each is about, to be classified.

    고자리읍에 들렀다가 배출량을 회사가 스스로 잰다는 이야기를 들었습니다. 불시에 점검해 주십시오.      환경

They are made of the clauses of the petitions' topics (`data.sample.topics`), three or four topics to a label, so that no word gives
a label away. Where something happens is drawn from all places alike, and is no hint either. A third of the development texts are
made of clauses that no training text has, so that single words have to do.
"""

import random

from data.sample.grammar import Composer, likely_first
from data.sample.lexicon import Lexicon, Place, build_lexicon
from data.sample.topics import topics
from data.sample.vocabulary import read_words

Row = tuple[str, str]
"""A text and its label."""

_CLAUSES = ("문제", "경험", "결과", "요구")
_KEPT_BACK = 4
"""One clause in so many is never in a training text."""
_UNSEEN = 3
"""One development text in so many has only those."""


def compose_topic_texts(train: int, dev: int, seed: int) -> tuple[list[Row], list[Row]]:
    """`train` and `dev` texts with their labels, which are equally frequent; no text is in both, nor twice in one.

    Raises ValueError for fewer texts than labels.
    """
    labels = list(read_words("topic_texts")["분야"])
    if min(train, dev) < len(labels):
        raise ValueError(f"{train} and {dev} texts cannot hold all {len(labels)} labels: ask for more")
    lexicon, rng = build_lexicon(seed), random.Random(f"topic texts {seed}")
    seen: set[str] = set()
    parts: list[list[Row]] = []
    for size, unseen_too in ((train, False), (dev, True)):
        rows: list[Row] = []
        while len(rows) < size:
            turn, number = divmod(len(rows), len(labels))
            text = _text(rng, lexicon, labels[number], unseen=unseen_too and turn % _UNSEEN == 0)
            if text not in seen:
                seen.add(text)
                rows.append((text, labels[number]))
        rng.shuffle(rows)
        parts.append(rows)
    return parts[0], parts[1]


def _text(rng: random.Random, lexicon: Lexicon, label: str, *, unseen: bool) -> str:
    words = read_words("topic_texts")
    topic = topics()[rng.choice(words["분야"][label])]
    registers = list(read_words("petition_registers").values())
    register = rng.choices(registers, weights=[int(each["비중"][0]) for each in registers])[0]
    place = rng.choice(lexicon.of_kind(rng.choice(list(topics().values()))["시설"][0]))
    district = (place if isinstance(place, Place) else place.location).district
    slots = {
        "장소": place.name,
        "지역": district.name,
        "이름": rng.choice(lexicon.persons).name,
        "대상": likely_first(rng, topic["대상"]),
        "때": read_words("petition_frames")["얼개"]["때"][0],
    }
    clauses = {}
    for name in _CLAUSES:
        chosen = [clause for number, clause in enumerate(topic[name], 1) if (number % _KEPT_BACK == 0) is unseen]
        # Shuffled, since the composer prefers the first ones: the rare clauses are not to be too rare to learn from.
        clauses[name] = rng.sample(chosen, len(chosen))
    return Composer(rng, slots, clauses, register).write(likely_first(rng, words["글"]["틀"]))
