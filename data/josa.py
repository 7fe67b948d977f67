"""Korean particles (josa) that agree with the sound before them.

A Korean particle has two forms, and the final consonant of the word before it chooses one: 병원은 but 학교는, 병원으로 but 학교로,
and, because a final ㄹ counts as none for 으로, 교실로. Text that is composed from parts writes both forms as a marker, and `agree`
keeps the one that fits:

    agree("새솔대학교은(는) 한빛군(으)로 옮겼다.")  ->  "새솔대학교는 한빛군으로 옮겼다."
    agree("《하루》을(를) 펴냈고 조회 수는 120(이)다.")  ->  "《하루》를 펴냈고 조회 수는 120이다."

Closing quotes and brackets are looked through, and a bracketed remark is skipped: 한빛군(옛 이름 달뫼)은 agrees with 군. Digits are
read as Sino-Korean numbers (10 is 십, 100 is 백) and Latin letters by their names (TV is 티브이), except the units
in `READINGS`. It does not guess how other English words are pronounced, and it knows no morphology.
"""

import re

READINGS = {"km": "킬로미터", "m": "미터", "cm": "센티미터", "kg": "킬로그램"}
"""Latin words that are not spelt out letter by letter."""

_LETTERS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "이비시디이프지치이이이엘엠엔오피큐알스티유이유스이트", strict=True))
"""The last syllable of each letter's name: 이 for A (에이), 엘 for L."""
_DIGITS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))
_POWERS = {1: "십", 2: "백", 3: "천", 4: "만", 5: "만", 6: "만", 7: "만", 8: "억"}
_MARKERS = {
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "과(와)": ("과", "와"),
    "아(야)": ("아", "야"),
    "(으)로": ("으로", "로"),
    "(이)었": ("이었", "였"),
    "(이)에요": ("이에요", "예요"),
    "(이)": ("이", ""),
}
_MARKER = re.compile("|".join(re.escape(marker) for marker in _MARKERS))
_CLOSING = "\"'”’》〉」』)]}"
_NUMBER = re.compile(r"[0-9][0-9,]*(\.[0-9]+)?$")
_LATIN = re.compile(r"[A-Za-z]+$")


def final_consonant(text: str) -> str:
    """The final consonant (받침) with which `text` ends when read aloud, as a compatibility jamo; '' if it ends in a vowel."""
    text = _before_closing(text)
    if number := _NUMBER.search(text):
        text = _read_number(number.group())
    elif latin := _LATIN.search(text):
        word = latin.group()
        text = READINGS.get(word) or _LETTERS[word[-1].upper()]
    elif text.endswith("%"):
        text = "퍼센트"
    if not text or not "가" <= text[-1] <= "힣":
        return ""
    return ["", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"][(ord(text[-1]) - ord("가")) % 28]


def agree(text: str) -> str:
    """`text` with each marker, such as 은(는), 이(가), 을(를), 과(와), 아(야), (으)로 or (이), replaced by the form that fits."""

    def choose(match: re.Match[str]) -> str:
        after_consonant, after_vowel = _MARKERS[match.group()]
        final = final_consonant(text[: match.start()])
        if match.group() == "(으)로" and final == "ㄹ":
            return after_vowel
        return after_consonant if final else after_vowel

    return _MARKER.sub(choose, text)


def _before_closing(text: str) -> str:
    """`text` without closing quotes and brackets at its end, and without a remark in round brackets after a word."""
    while text and text[-1] in _CLOSING:
        opening = text.rfind("(") if text[-1] == ")" else -1
        text = text[:opening] if opening > 0 and not text[opening - 1].isspace() else text[:-1]
    return text


def _read_number(number: str) -> str:
    """The last word of a number read aloud: 삼 for 13, 백 for 1,200, 오 for 3.5."""
    digits = number.replace(",", "")
    zeros = len(digits) - len(digits.rstrip("0"))
    if "." in digits or not zeros or zeros == len(digits):
        return _DIGITS[digits[-1]]
    return _POWERS.get(zeros, "억" if zeros < 12 else "조")
