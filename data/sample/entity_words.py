"""Dates, times of day, quantities and look-alikes for the sample's named entities, each in the many ways in which Korean writes them.

    12 of 명       →  12명, 열두 명                     21:20           →  오후 9시 20분, 저녁 9시 20분, 21시 20분, 21:20
    38,500 of 원   →  38,500원, 3만 8500원, 3만 8천5백 원   a day gone by    →  3월 5일, 지난 5일, 5일, 2018년 3월 5일, 지난주 화요일

`drawn` lists what a sentence may ask for by a word alone, with KLUE-NER's tag for it; `quantity` counts in a unit. Numbers that
are no entity (제3조, a telephone number) are drawn in the same way, without a tag; the telephone numbers' exchange is nobody's.
The words and patterns stand in `words/entity_words.yaml`.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache

from data.sample.names import name_parts
from data.sample.vocabulary import read_words

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")

_TAGS = ("DT", "TI", "QT", "PS", "OG")
"""The blocks of words that are entities by themselves."""

Words = Callable[[random.Random], str]


def native(number: int) -> str:
    """The native Korean numeral that stands before a counter: 한, 스무, 스물한, 쉰. ValueError beyond 1 to 99."""
    if not 0 < number < 100:
        raise ValueError(f"native numerals go from 1 to 99, not to {number}")
    return "스무" if number == 20 else _TENS[number // 10] + _ONES[number % 10]


def quantity(rng: random.Random, unit: str, low: int, high: int) -> str:
    """A number from `low` to `high`, both included, of `unit`, which may have a power of ten before it (만 원)."""
    number = rng.randint(low, high)
    units = read_words("entity_words")["단위"]
    if unit == "원":
        return _money(rng, number)
    if unit == "번째" and number == 1:
        return "첫 번째"
    if unit in units["고유어로 세는"] and number < 100 and rng.random() < (0.6 if number < 20 else 0.2):
        return f"{native(number)} {unit}"
    if unit in units["소수로 쓰는"] and number < high and rng.random() < 0.5:
        return f"{number}.{rng.randint(1, 9)}{unit}"
    if number >= 10_000:
        ten_thousands, thousands = f"{number // 10_000}만", number % 10_000 // 1000
        spelled = f"{ten_thousands} {thousands}천" if thousands else ten_thousands
        return rng.choice((f"{number:,}{unit}", f"{spelled} {unit}", f"{spelled}여 {unit}"))
    if unit in units["어림하는"] and number >= 30 and rng.random() < 0.4:
        return f"{number // 10 * 10}여 {unit}"
    return f"{round(number, -1):,}{unit}" if number >= 1000 else f"{number}{unit}"


def _money(rng: random.Random, number: int) -> str:
    """A sum to the nearest hundred, in one of four ways: 38,500원, 3만 8500원, 3만8500원, 3만 8천5백 원."""
    number = round(number, -2)
    ten_thousands, rest = divmod(number, 10_000)
    digits = ((rest // 1000, "천"), (rest % 1000 // 100, "백"))
    spelled = "".join(f"{digit}{power}" for digit, power in digits if digit)
    if not ten_thousands:
        return rng.choice((f"{number:,}원", f"{number}원", f"{spelled} 원"))
    if not rest:
        return rng.choice((f"{number:,}원", f"{ten_thousands}만 원"))
    whole = f"{ten_thousands}만"
    return rng.choice((f"{number:,}원", f"{whole} {rest}원", f"{whole}{rest}원", f"{whole} {spelled} 원"))


def _one_of(words: Sequence[str]) -> Words:
    return lambda rng: rng.choice(words)


def _weighted(*ways: tuple[int, Words]) -> Words:
    weights, makers = [weight for weight, _ in ways], [make for _, make in ways]
    return lambda rng: rng.choices(makers, weights)[0](rng)


def _dates(patterns: Sequence[str]) -> Words:
    """One of the patterns, filled: {y} is a year, {m} a month, {d} a day, {w} a day of the week."""
    choose = _one_of(patterns)
    return lambda rng: choose(rng).format(
        y=rng.randint(2003, 2019), m=rng.randint(1, 12), d=rng.randint(1, 28), w=rng.choice("월화수목금토일")
    )


_PARTS_OF_THE_DAY = ((6, "새벽"), (10, "아침"), (12, "오전"), (15, "낮"), (18, "오후"), (21, "저녁"), (24, "밤"))


def _while(rng: random.Random) -> str:
    return rng.choice(read_words("entity_words")["때"]["동안"])


def _days(rng: random.Random) -> str:
    """A while, of half a year at most."""
    number = rng.randint(2, 6)
    return rng.choice((_while(rng), _while(rng), f"{number * 7 - 3}일", f"{number}주", f"{number}개월"))


def _duration(rng: random.Random) -> str:
    """Days, months or years."""
    number = rng.randint(2, 15)
    counted = (f"{number}년", f"{number}개월", f"{number}일", f"{number}주", f"{rng.randrange(10, 50, 10)}여 년")
    return rng.choice((_while(rng), _while(rng), *counted))


def _prison_term(rng: random.Random) -> str:
    years = rng.randint(1, 7)
    return rng.choice((f"{years}년", f"{years}년 6개월", f"{rng.randint(4, 11)}개월"))


def _time_of_day(rng: random.Random, first: int = 0, last: int = 23) -> str:
    """A time from the hour `first` on, before the end of the hour `last`."""
    hour, minute = rng.randint(first, last), rng.choice((0, 0, 0, 10, 15, 20, 25, 30, 30, 40, 45, 50, 55))
    if minute == 0 and hour % 12 == 0:
        return "정오" if hour else "자정"
    if hour == 0:
        return f"0시 {minute}분"
    minutes = f" {minute}분" if minute else ""
    on_twelve = f"{(hour - 1) % 12 + 1}시"
    part = next(name for until, name in _PARTS_OF_THE_DAY if hour < until)
    ways = (
        (4, f"{'오전' if hour < 12 else '오후'} {on_twelve}{minutes}"),
        (3, f"{part} {on_twelve}{' 반' if minute == 30 else minutes}"),
        (1, f"{hour}시{minutes}" if hour > 12 else f"{part} {on_twelve}{minutes}"),
        (1, f"{hour:02}:{minute:02}"),
    )
    return rng.choices([way for _, way in ways], [weight for weight, _ in ways])[0]


def _hours(rng: random.Random) -> str:
    hours = rng.randint(1, 8)
    spelled = (f"{native(hours)} 시간", f"{native(hours)} 시간 반")
    counted = (f"{hours}시간", f"{hours}시간 {rng.randrange(10, 60, 10)}분", f"{rng.randrange(20, 100, 5)}분")
    return rng.choice((*spelled, *counted, f"{rng.randrange(10, 50, 10)}여 분"))


def _score(rng: random.Random) -> str:
    loser = rng.randint(0, 3)
    winner = loser + rng.randint(1, 4)
    return rng.choice((f"{winner} 대 {loser}", f"{winner}대 {loser}", f"{winner}-{loser}", f"{winner}:{loser}"))


def _article(rng: random.Random) -> str:
    article = f"제{rng.randint(2, 98)}조"
    return rng.choice((article, article, f"{article} 제{rng.randint(1, 6)}항"))


@cache
def drawn() -> dict[str, tuple[str | None, Words]]:
    """What a slot of this name draws: its tag in KLUE-NER, None for what is no entity, and the words."""
    words = read_words("entity_words")
    dates = {name: _dates(patterns) for name, patterns in words["날짜 틀"].items()}
    times = {name: _one_of(choices) for name, choices in words["때"].items()}
    day = _weighted((12, dates["가까운 날"]), (7, dates["먼 날"]), (1, times["어제"]))
    return {
        "날": ("DT", _weighted((8, day), (2, dates["지난달"]), (1, times["지난때"]))),
        "날짜": ("DT", day),
        "앞날": ("DT", _weighted((5, dates["앞날짜"]), (1, dates["앞달"]), (2, times["앞때"]))),
        **{name: ("DT", dates[name]) for name in ("앞날짜", "행사날", "해")},
        "기간": ("DT", _duration),
        "날수": ("DT", _days),
        "형기": ("DT", _prison_term),
        "시각": ("TI", _time_of_day),
        "행사시각": ("TI", lambda rng: _time_of_day(rng, 9, 20)),
        "시간": ("TI", _hours),
        "잠깐": ("TI", lambda rng: rng.choice((f"{rng.randint(2, 15)}분", f"{rng.randrange(10, 60, 10)}초"))),
        "몇분": ("TI", lambda rng: f"{rng.randrange(10, 60, 5)}분"),
        "경기시각": ("TI", lambda rng: f"{rng.choice(('전반', '후반'))} {rng.randint(2, 44)}분"),
        "나이": ("QT", lambda rng: str(rng.randint(21, 78))),
        "점수": ("QT", _score),
        "회차": ("QT", lambda rng: rng.choice((f"제{rng.randint(2, 40)}회", f"{rng.randint(2, 40)}회"))),
        **{name: (tag, _one_of(choices)) for tag in _TAGS for name, choices in words[tag].items()},
        "조항": (None, _article),
        "전화": (None, lambda rng: f"0{rng.randint(31, 64)}-000-{rng.randint(0, 9999):04}"),
        "모델": (None, lambda rng: f"{rng.choice('BDGHVXZ')}{rng.choice('LNR')}-{rng.randrange(10, 990, 10)}"),
        "접수번호": (None, lambda rng: f"{rng.randint(10, 19)}-{rng.randint(1000, 99999)}"),
    }


@cache
def _hanja(kind: str) -> dict[str, str]:
    return {pair[0]: pair[1] for pair in name_parts("사람")[kind]}


def hanja_of(name: str) -> str | None:
    """The name, or family name, in Hanja; None where a syllable of it has none, as in most names of the sample's world."""
    family = _hanja("성의 한자").get(name[0])
    given = [_hanja("이름의 한자").get(syllable, "") for syllable in name[1:]]
    return family + "".join(given) if family and all(given) else None
