"""Dates, times of day, quantities and look-alikes for the sample's named entities, each in the many ways in which Korean writes them.

    12 of 명       →  12명, 열두 명                     21:20           →  오후 9시 20분, 저녁 9시 20분, 21시 20분, 21:20
    38,500 of 원   →  38,500원, 3만 8500원, 3만 8천5백 원   a day gone by    →  3월 5일, 지난 5일, 5일, 2018년 3월 5일, 지난주 화요일

`DRAWN` lists what a sentence may ask for by a word alone, with KLUE-NER's tag for it; `quantity` counts in a unit. Numbers that
are no entity (제3조, a telephone number) are drawn in the same way, without a tag; the telephone numbers' exchange is nobody's.
"""

import random
from collections.abc import Callable

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_COUNTED_IN_NATIVE_WORDS = frozenset(
    ["명", "개", "번", "살", "마리", "대", "권", "장", "곳", "가지", "그루", "채", "편", "번째", "잔", "남매"]
)
_ROUNDED = frozenset(["명", "곳", "마리", "그루"])
_WITH_DECIMALS = frozenset(["%", "km", "점"])

Words = Callable[[random.Random], str]


def native(number: int) -> str:
    """The native Korean numeral that stands before a counter: 한, 스무, 스물한, 쉰. ValueError beyond 1 to 99."""
    if not 0 < number < 100:
        raise ValueError(f"native numerals go from 1 to 99, not to {number}")
    return "스무" if number == 20 else _TENS[number // 10] + _ONES[number % 10]


def quantity(rng: random.Random, unit: str, low: int, high: int) -> str:
    """A number from `low` to `high`, both included, of `unit`, which may have a power of ten before it (만 원)."""
    number = rng.randint(low, high)
    if unit == "원":
        return _money(rng, number)
    if unit == "번째" and number == 1:
        return "첫 번째"
    if unit in _COUNTED_IN_NATIVE_WORDS and number < 100 and rng.random() < (0.6 if number < 20 else 0.2):
        return f"{native(number)} {unit}"
    if unit in _WITH_DECIMALS and number < high and rng.random() < 0.5:
        return f"{number}.{rng.randint(1, 9)}{unit}"
    if number >= 10_000:
        ten_thousands, thousands = f"{number // 10_000}만", number % 10_000 // 1000
        spelled = f"{ten_thousands} {thousands}천" if thousands else ten_thousands
        return rng.choice((f"{number:,}{unit}", f"{spelled} {unit}", f"{spelled}여 {unit}"))
    if unit in _ROUNDED and number >= 30 and rng.random() < 0.4:
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


def _one_of(words: str) -> Words:
    """One of the words, which are divided by " / "."""
    choices = words.split(" / ")
    return lambda rng: rng.choice(choices)


def _weighted(*ways: tuple[int, Words]) -> Words:
    weights, makers = [weight for weight, _ in ways], [make for _, make in ways]
    return lambda rng: rng.choices(makers, weights)[0](rng)


def _dates(patterns: str) -> Words:
    """One of the patterns, filled: {y} is a year, {m} a month, {d} a day, {w} a day of the week."""
    choose = _one_of(patterns)
    return lambda rng: choose(rng).format(
        y=rng.randint(2003, 2019), m=rng.randint(1, 12), d=rng.randint(1, 28), w=rng.choice("월화수목금토일")
    )


_DAY = _weighted(
    (12, _dates("{m}월 {d}일 / 지난 {d}일 / {d}일")),
    (
        7,
        _dates(
            "지난달 {d}일 / {y}년 {m}월 {d}일 / 지난 {m}월 {d}일 / 지난해 {m}월 {d}일 / {m}월 {d}일({w}) / 지난주 {w}요일"
        ),
    ),
    (1, _one_of("어제 / 그제")),
)
_PAST = _weighted(
    (8, _DAY), (2, _dates("지난해 {m}월 / {y}년 {m}월")), (1, _one_of("지난주 / 지난달 / 지난해 말 / 올해 초 / 작년"))
)
_COMING_DAY = _dates("오는 {d}일 / 오는 {d}일 / 다음 달 {d}일 / 오는 {m}월 {d}일 / 내달 {d}일 / 다음 주 {w}요일")
_COMING = _weighted(
    (5, _COMING_DAY),
    (1, _dates("내년 {m}월")),
    (2, _one_of("내년 / 다음 달 / 내년 상반기 / 올해 말 / 내년 초 / 다음 주 / 2020년 / 2021년 말")),
)
_ANNOUNCED = _dates(
    "{m}월 {d}일({w}) / {m}월 {d}일({w}) / {m}월 {d}일 / 2019년 {m}월 {d}일 / 2019. {m}. {d}. / {m}/{d}({w}) / {m}월 {d}일 {w}요일"
)
_PERIODS = _one_of(
    "올해 1분기 / 올해 2분기 / 올해 3분기 / 올해 상반기 / 올 1분기 / 올 3분기 / 지난해 2분기 / 지난해 4분기 / 지난해 하반기 / 지난 분기 / 2018년 1분기 / 2017년 상반기"
)
_DURATIONS = _one_of(
    "이틀 / 사흘 / 나흘 / 닷새 / 열흘 / 보름 / 일주일 / 한 달 / 두 달 / 석 달 / 넉 달 / 여섯 달 / 반년"
)
_PARTS_OF_THE_DAY = ((6, "새벽"), (10, "아침"), (12, "오전"), (15, "낮"), (18, "오후"), (21, "저녁"), (24, "밤"))


def _days(rng: random.Random) -> str:
    """A while, of half a year at most."""
    number = rng.randint(2, 6)
    return rng.choice((_DURATIONS(rng), _DURATIONS(rng), f"{number * 7 - 3}일", f"{number}주", f"{number}개월"))


def _duration(rng: random.Random) -> str:
    """Days, months or years."""
    number = rng.randint(2, 15)
    counted = (f"{number}년", f"{number}개월", f"{number}일", f"{number}주", f"{rng.randrange(10, 50, 10)}여 년")
    return rng.choice((_DURATIONS(rng), _DURATIONS(rng), *counted))


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


DRAWN: dict[str, tuple[str | None, Words]] = {
    "날": ("DT", _PAST),
    "날짜": ("DT", _DAY),
    "앞날": ("DT", _COMING),
    "앞날짜": ("DT", _COMING_DAY),
    "행사날": ("DT", _ANNOUNCED),
    "이날": ("DT", _one_of("이날 / 이날 / 같은 날 / 다음 날 / 전날")),
    "해": ("DT", _dates("{y}년")),
    "올해": ("DT", _one_of("올해 / 내년 / 내년도 / 2020년")),
    "분기": ("DT", _PERIODS),
    "연대": ("DT", _one_of("1970년대 / 1980년대 / 1990년대 / 80년대 / 90년대 / 2000년대 초반 / 1990년대 후반")),
    "철": ("DT", _one_of("봄 / 여름 / 가을 / 겨울")),
    "요일": ("DT", _one_of("월요일 / 화요일 / 수요일 / 목요일 / 금요일 / 토요일 / 일요일 / 주말")),
    "명절": ("DT", _one_of("추석 / 설날 / 어린이날 / 한글날 / 설 연휴 / 추석 연휴")),
    "기간": ("DT", _duration),
    "날수": ("DT", _days),
    "형기": ("DT", _prison_term),
    "하루": ("DT", _one_of("하루")),
    "시각": ("TI", _time_of_day),
    "행사시각": ("TI", lambda rng: _time_of_day(rng, 9, 20)),
    "시간": ("TI", _hours),
    "잠깐": ("TI", lambda rng: rng.choice((f"{rng.randint(2, 15)}분", f"{rng.randrange(10, 60, 10)}초"))),
    "몇분": ("TI", lambda rng: f"{rng.randrange(10, 60, 5)}분"),
    "때": ("TI", _one_of("새벽 / 아침 / 낮 / 저녁 / 밤 / 한밤중 / 오전 / 오후")),
    "경기시각": ("TI", lambda rng: f"{rng.choice(('전반', '후반'))} {rng.randint(2, 44)}분"),
    "나이": ("QT", lambda rng: str(rng.randint(21, 78))),
    "하나": ("QT", _one_of("하나")),
    "점수": ("QT", _score),
    "회차": ("QT", lambda rng: rng.choice((f"제{rng.randint(2, 40)}회", f"{rng.randint(2, 40)}회"))),
    "익명": ("PS", _one_of("A / A / A / B / B / C / D / ㄱ / ㄴ")),
    "수사기관": ("OG", _one_of("경찰 / 경찰 / 검찰")),
    "구조대": ("OG", _one_of("경찰 / 소방 당국 / 소방 본부")),
    "당국": ("OG", _one_of("정부 / 교육 당국 / 보건 당국 / 환경 당국 / 국회")),
    "조항": (None, _article),
    "전화": (None, lambda rng: f"0{rng.randint(31, 64)}-000-{rng.randint(0, 9999):04}"),
    "모델": (None, lambda rng: f"{rng.choice('BDGHVXZ')}{rng.choice('LNR')}-{rng.randrange(10, 990, 10)}"),
    "접수번호": (None, lambda rng: f"{rng.randint(10, 19)}-{rng.randint(1000, 99999)}"),
}
"""What a slot of this name draws: its tag in KLUE-NER, None for what is no entity, and the words."""

WORD_NAMES = [
    "하늘",
    "보라",
    "이슬",
    "노을",
    "가을",
    "여름",
    "겨울",
    "봄",
    "소라",
    "나래",
    "별",
    "샘",
    "바다",
    "초롱",
    "송이",
    "구슬",
    "단비",
    "슬기",
    "바람",
    "시내",
    "누리",
    "새벽",
    "빛",
]
"""Given names that are words as well: 하늘이가 왔다, 하늘이 흐리다; 새벽 is a time of day, too."""

WORD_FULL_NAMES = [
    "민들레",
    "오솔길",
    "안개비",
    "구름",
    "모래",
    "노래",
    "강나루",
    "조약돌",
    "고드름",
    "소나기",
    "방울",
    "도라지",
    "고사리",
    "전나무",
    "한지",
    "이끼",
    "우산",
    "함박눈",
    "진달래",
    "하모니",
    "배추",
    "주사위",
]
"""Full names, family name and all, that are words as well."""

COUNTRY_SIGNS = {"프랑스": "佛", "독일": "獨", "캐나다": "加", "인도": "印", "브라질": "伯", "호주": "濠"}
"""The Hanja by which headlines call a country."""

_FAMILY_HANJA = dict(
    zip(
        "강고구권길나노도류맹명문민반방배변봉서선설소송심안양어엄여오옥우원위유윤은임장전정조주지진차채천최추탁태표하한함허현홍황",
        "姜高具權吉羅盧都柳孟明文閔潘方裵卞奉徐宣薛蘇宋沈安梁魚嚴呂吳玉禹元魏劉尹殷林張全鄭趙朱池陳車蔡千崔秋卓太表河韓咸許玄洪黃",
        strict=True,
    )
)
_GIVEN_HANJA = dict(
    zip(
        "가다단달도라마모보선소아여온찬초해휘겸담래령린안율채향",
        "佳多丹達道羅馬慕寶善素雅如溫燦草海輝謙潭來玲麟安律彩香",
        strict=True,
    )
)


def hanja_of(name: str) -> str | None:
    """The name, or family name, in Hanja; None where a syllable of it has none, as in most names of the sample's world."""
    family, given = _FAMILY_HANJA.get(name[0]), [_GIVEN_HANJA.get(syllable, "") for syllable in name[1:]]
    return family + "".join(given) if family and all(given) else None
