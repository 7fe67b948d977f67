"""Conjugation of Korean predicates, for text that is composed from clauses.

A clause is stored once, in its dictionary form, and takes any ending: from "보도가 좁다" come 보도가 좁고, 보도가 좁은데,
보도가 좁습니다; from "보도를 넓히다" come 보도를 넓히는데, 보도를 넓혀서, 보도를 넓혀 주십시오.

    conjugate("보도를 넓히다", "어야 합니다")  ->  "보도를 넓혀야 합니다"
    conjugate("일이 어렵다", "는데")           ->  "일이 어려운데"
    conjugate("큰 문제-이다", "어요")          ->  "큰 문제예요"

Endings are named by their fullest form, as a grammar book lists them (으면, 어서, 는데, 습니다, ㄴ다, 을); words after a space are kept.
`었` before an ending makes it past (었습니다, 었는데). The copula is marked with a hyphen, since 문제-이다 and 보이다 look alike.
Whether a predicate is a verb or an adjective, and whether it is irregular, is looked up in `words/predicates.yaml`: what is not
listed there, and not a verb in -하다, -되다, -시키다, -당하다 or -지다, is refused, so that no guess gets into the text.
The file covers the sample's vocabulary, not the language.
"""

from functools import cache, lru_cache

from data.josa import final_consonant
from data.sample.vocabulary import read_words

_VERB_SUFFIXES = ("하다", "되다", "시키다", "당하다", "지다")

_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ["", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"]
_CONTRACTED = {"ㅗ": "ㅘ", "ㅜ": "ㅝ", "ㅣ": "ㅕ", "ㅚ": "ㅙ"}


@lru_cache(maxsize=65536)
def conjugate(clause: str, ending: str) -> str:
    """`clause`, whose last word is in dictionary form, with `ending`; ValueError for a predicate that is not listed."""
    ending, space, rest = ending.partition(" ")
    before, gap, word = clause.rpartition(" ")
    return before + gap + _attach(word, _kind(word, before), ending) + space + rest


@cache
def _listed(kind: str) -> frozenset[str]:
    """The predicates that are listed as of one kind, or as irregular in one way."""
    return frozenset(word for lists in read_words("predicates").values() for word in lists.get(kind, ()))


def _kind(word: str, before: str) -> str:
    if word.endswith("-이다"):
        return "copula"
    if word in _listed("존재사"):
        return "existential"
    if word in {"않다", "못하다"} and before.endswith("지"):
        negated = (
            before.rpartition(" ")[2][:-1] + "다"
        )  # 좁지 않다 is an adjective as 좁다 is, 줄이지 않다 a verb as 줄이다
        return "adjective" if negated in _listed("형용사") else "verb"
    if word in _listed("형용사"):
        return "adjective"
    if word in _listed("동사") or word.endswith(_VERB_SUFFIXES):
        return "verb"
    raise ValueError(f"'{word}' is not in data/sample/words/predicates.yaml: add it to the verbs or the adjectives")


def _attach(word: str, kind: str, ending: str) -> str:
    stem = word[:-1].replace("-", "")
    if ending.startswith("었"):
        past = _with_final(_infinitive(word, stem, kind), "ㅆ")
        return past + ("다" + ending[3:] if ending.startswith("었ㄴ다") else ending[1:])
    if ending.startswith("ㄴ다"):
        return _plain(stem, kind, ending[2:])
    if ending.startswith("어"):
        if kind == "copula":
            return _copula_infinitive(stem, ending)
        return _infinitive(word, stem, kind) + ending[1:]
    if ending in {"습니다", "습니까"}:
        return stem + ending if final_consonant(stem) not in {"", "ㄹ"} else _with_final(stem, "ㅂ") + ending[1:]
    open_stem = _open_stem(word, stem)
    if ending.startswith(("는데", "는지", "는가")) or ending == "는":
        if kind in {"adjective", "copula"}:
            return _with_final(open_stem, "ㄴ") + ending[1:]
        return _without_l(stem) + ending
    if ending.startswith("나요"):
        return _with_final(open_stem, "ㄴ") + "가요" if kind in {"adjective", "copula"} else _without_l(stem) + ending
    if ending[0] in "은을음":
        final = {"은": "ㄴ", "을": "ㄹ", "음": "ㅁ"}[ending[0]]
        if ending[0] == "음" and final_consonant(open_stem) == "ㄹ":
            return open_stem[:-1] + chr(ord(open_stem[-1]) + _FINALS.index("ㄻ") - _FINALS.index("ㄹ"))
        return _with_final(open_stem, final) + ending[1:]
    if ending.startswith("으"):
        drops_l = ending[1] in "니나시세십오"
        return (_without_l(open_stem) if drops_l else open_stem) + ending[1:]
    if ending.startswith(("느", "네", "니")):
        return _without_l(stem) + ending
    return stem + ending


def _plain(stem: str, kind: str, rest: str) -> str:
    """The plain present, alone or in reported speech: 막는다, 한다고, 좁다는, 문제라면."""
    if kind == "verb":
        return (stem + "는다" if final_consonant(stem) not in {"", "ㄹ"} else _with_final(stem, "ㄴ") + "다") + rest
    if kind == "copula":
        noun = stem[:-1]
        return (stem if final_consonant(noun) else noun) + ("라" if rest else "다") + rest
    return stem + "다" + rest


def _copula_infinitive(stem: str, ending: str) -> str:
    noun = stem[:-1]
    closed = bool(final_consonant(noun))
    if ending == "어요":
        return noun + ("이에요" if closed else "예요")
    if ending.startswith("어야"):
        return noun + ("이어야" if closed else "여야") + ending[2:]
    return noun + ("이라" if closed else "라") + ending[1:]


def _infinitive(word: str, stem: str, kind: str) -> str:
    """The form before 서, 야, 요 and the past ㅆ: 막아, 넓혀, 도와, 몰라, 해."""
    if kind == "copula":
        return stem[:-1] + ("이어" if final_consonant(stem[:-1]) else "여")
    if stem.endswith("하"):
        return stem[:-1] + "해"
    if word in _listed("러 불규칙"):
        return stem + "러"
    last = stem[-1]
    vowel, final = _vowel(last), final_consonant(last)
    if vowel == "ㅡ" and not final:
        harmony = "ㅏ" if len(stem) > 1 and _vowel(stem[-2]) in "ㅏㅗ" else "ㅓ"
        if last == "르" and word not in _listed("르로 끝나는 으 탈락"):
            return _with_final(stem[:-1], "ㄹ") + ("라" if harmony == "ㅏ" else "러")
        return stem[:-1] + _with_vowel(last, harmony)
    opened = _open_stem(word, stem)
    if final == "ㅂ" and opened.endswith("우"):
        return opened[:-1] + ("와" if word in _listed("와로 바뀌는 ㅂ 불규칙") else "워")
    if final:
        base = opened[:-1] if opened.endswith("으") else stem
        return base + ("아" if vowel in "ㅏㅗㅑ" else "어")
    if vowel in "ㅏㅐㅓㅔㅕ":
        return stem
    if vowel in _CONTRACTED:
        return stem[:-1] + _with_vowel(last, _CONTRACTED[vowel])
    return stem + "어"


def _open_stem(word: str, stem: str) -> str:
    """The stem as it stands before 으-endings, ending in a vowel or ㄹ: 막으, 넓히, 어두우, 지으, 들으, 늘."""
    final = final_consonant(stem)
    if final in {"", "ㄹ"}:
        return stem
    b_irregular = word in _listed("ㅂ 불규칙 동사") or (
        word in _listed("형용사") and word not in _listed("ㅂ 규칙 형용사")
    )
    if final == "ㅂ" and b_irregular:
        return _with_final(stem, "") + "우"
    if final == "ㄷ" and word in _listed("ㄷ 불규칙"):
        return _with_final(stem, "ㄹ") + "으"
    if final == "ㅅ" and word in _listed("ㅅ 불규칙"):
        return _with_final(stem, "") + "으"
    return stem + "으"


def _without_l(stem: str) -> str:
    return _with_final(stem, "") if final_consonant(stem) == "ㄹ" else stem


def _vowel(syllable: str) -> str:
    return _VOWELS[(ord(syllable) - ord("가")) // 28 % 21]


def _with_final(text: str, final: str) -> str:
    """`text` whose last syllable ends in `final`; after 으 that stands for a bare stem, 막으 + ㄴ gives 막은."""
    code = ord(text[-1]) - ord("가")
    return text[:-1] + chr(ord("가") + code - code % 28 + _FINALS.index(final))


def _with_vowel(syllable: str, vowel: str) -> str:
    code = ord(syllable) - ord("가")
    return chr(ord("가") + (code // 588) * 588 + _VOWELS.index(vowel) * 28 + code % 28)
