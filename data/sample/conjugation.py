"""Conjugation of Korean predicates, for text that is composed from clauses.

A clause is stored once, in its dictionary form, and takes any ending: from "보도가 좁다" come 보도가 좁고, 보도가 좁은데,
보도가 좁습니다; from "보도를 넓히다" come 보도를 넓히는데, 보도를 넓혀서, 보도를 넓혀 주십시오.

    conjugate("보도를 넓히다", "어야 합니다")  ->  "보도를 넓혀야 합니다"
    conjugate("일이 어렵다", "는데")           ->  "일이 어려운데"
    conjugate("큰 문제-이다", "어요")          ->  "큰 문제예요"

Endings are named by their fullest form, as a grammar book lists them (으면, 어서, 는데, 습니다, ㄴ다, 을); words after a space are kept.
`었` before an ending makes it past (었습니다, 었는데). The copula is marked with a hyphen, since 문제-이다 and 보이다 look alike.
Whether a predicate is a verb or an adjective, and whether it is irregular, is looked up in the tables below: what is not
listed there, and not a verb in -하다, -되다, -시키다, -당하다 or -지다, is refused, so that no guess gets into the text.
The tables cover the sample's vocabulary, not the language.
"""

from functools import lru_cache

from data.josa import final_consonant


def _words(table: str) -> frozenset[str]:
    return frozenset(table.split())


_ADJECTIVES = _words("""
    가깝다 가득하다 가볍다 가파르다 간결하다 강렬하다 강하다 같다 거칠다 검소하다 고맙다 곱다 귀하다 길다 깊다 까다롭다 날카롭다 낮다
    넓다 높다 느리다 능숙하다 다르다 단단하다 단순하다 담백하다 답답하다 독특하다 두렵다 드물다 따뜻하다 뛰어나다 만하다 많다 맑다
    맛깔나다 무겁다 묵직하다 밝다 복잡하다 부끄럽다 부드럽다 부족하다 분명하다 불공정하다 불안하다 불편하다 비싸다 빠듯하다 빠르다 뻔하다
    서늘하다 섬세하다 세다 소박하다 소중하다 쉽다 심하다 싸다 아름답다 아쉽다 안전하다 안타깝다 않다 약하다 얇다 얕다 어렵다 어리다
    엄격하다 예쁘다 완만하다 울창하다 울퉁불퉁하다 유리하다 유명하다 은은하다 잦다 저렴하다 적다 정교하다 정확하다 좁다 좋다 중요하다
    지나치다 진하다 짧다 차분하다 치밀하다 치열하다 친절하다 크다 투명하다 편리하다 필요하다 허술하다 혹독하다 화려하다 활발하다 훌륭하다
    흥겹다 힘들다
""")
_VERBS = _words("""
    가꾸다 가다 가라앉다 가로막다 가로채다 가르치다 가리다 가져가다 가지다 갇히다 갈다 갈아엎다 감다 거두다 거두어들이다 건너다 걷다
    걸다 걸리다 겨루다 고르다 고치다 괴롭히다 굽다 그리다 그만두다 그치다 기다리다 기대다 기르다 기울이다 깊어지다 깎다 깎이다 깔다
    깨다 깨닫다 꺼내다 꺼지다 꽃피다 꾸다 꾸리다 꾸미다 꿈꾸다 끄다 끊기다 끊다 끊이다 끌다 끌어안다 끌어올리다 끝나다 끝내다 끼다
    나가다 나누다 나다 나서다 나오다 낡다 남기다 남다 낮추다 내놓다 내다 내려가다 내려다보이다 내리다 내몰리다 내보내다 내주다 넓히다
    넘기다 넘나들다 넘다 넘어가다 넘어지다 넣다 높이다 놓다 놓이다 놓치다 누리다 느끼다 늘다 늘리다 늘어나다 늦추다 다녀가다 다니다
    다루다 다물다 다치다 다투다 닦다 닫다 달다 달래다 달리다 달아나다 담다 당하다 닿다 던지다 덜다 덮다 덮치다 데려가다 데려다주다
    도망치다 돋보이다 돌다 돌려받다 돌려보내다 돌려주다 돌리다 돌보다 돌아가다 돌아보다 돌아오다 돕다 되다 되돌리다 되살리다 되살아나다
    되찾다 되풀이하다 두다 드나들다 드러나다 드러내다 듣다 들다 들려주다 들리다 들어가다 들어서다 들어오다 들여오다 들이다 따내다 따다
    따돌리다 따르다 때리다 때우다 떠나다 떠맡다 떠받치다 떠안다 떠오르다 떨다 떨리다 떨어지다 떼어먹다 뛰다 뛰어들다 띠다 마련하다
    마르다 마시다 마음먹다 마치다 막다 막히다 만나다 만들다 망치다 맞다 맞서다 맡기다 맡다 매기다 매달리다 맺다 머무르다 먹다 멈추다
    모르다 모으다 모이다 모자라다 몰려들다 몰리다 무너지다 묶다 묻다 묻히다 물러나다 물러서다 물려주다 물리다 미루다 미치다 믿다
    밀려나다 밀리다 밀치다 바꾸다 바뀌다 바라다 받다 밟다 배우다 버리다 버티다 벌다 벌어들이다 벌이다 벗어나다 베끼다 보내다 보다
    보이다 부딪히다 부르다 부탁드리다 불어나다 불타다 붐비다 붙이다 붙잡다 비우다 빌다 빌려주다 빌리다 빗나가다 빛나다 빠져나가다
    빠져들다 빠지다 빼다 빼돌리다 빼앗기다 빼앗다 뽑다 뽑히다 사고팔다 사다 사라지다 살다 살리다 살아가다 살아나다 살피다 삼다 새다
    새우다 생각나다 생기다 서다 설치다 세우다 속이다 숨기다 숨다 쉬다 스며들다 시달리다 시작하다 시키다 싣다 실리다 심다 쏟다 쓰다
    쓰러지다 쓰이다 씌우다 씻기다 씻다 아끼다 안다 앉다 알다 알려지다 알리다 앓다 앞세우다 애쓰다 어울리다 얻다 얼다 없애다 여겨지다
    여기다 열다 열리다 오가다 오다 오르다 오르내리다 올라오다 올리다 옮기다 외우다 울다 울리다 움직이다 이기다 이끌다 이루다 이르다 이름나다
    이어받다 이어지다 인정받다 일어나다 일어서다 일하다 읽다 읽히다 잃다 입다 잇다 자다 자라다 잠기다 잠들다 잡다 잡히다 재다 적다
    전하다 접다 정하다 젖다 주다 주저앉다 죽다 줄다 줄어들다 줄이다 즐기다 지나가다 지나다 지나다니다 지내다 지니다 지다 지어내다
    지우다 지치다 지켜보다 지키다 짓다 쫓겨나다 쫓다 쫓아가다 찍다 차다 차리다 차지하다 찾다 찾아가다 찾아오다 채우다 치다 치르다
    치솟다 치우다 치우치다 커지다 키우다 타다 터지다 털어놓다 틀다 파헤치다 팔다 팔리다 퍼뜨리다 퍼붓다 펴내다 풀다 풀리다 피다 피하다
    하다 합치다 헤매다 헤어지다 휘말리다 흐르다 흘러들다 흘리다
""")
_EXISTENTIAL = frozenset({"있다", "없다", "재미있다"})
_B_IRREGULAR_VERBS = frozenset({"돕다", "굽다"})
_B_REGULAR_ADJECTIVES = frozenset({"좁다"})
_D_IRREGULAR = frozenset({"듣다", "걷다", "묻다", "싣다", "깨닫다"})
_S_IRREGULAR = frozenset({"짓다", "잇다", "퍼붓다"})
_EU_NOT_REU = frozenset({"따르다", "치르다"})
_REO_IRREGULAR = frozenset({"이르다"})
_VERB_SUFFIXES = ("하다", "되다", "시키다", "당하다", "지다")

_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ["", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"]
_CONTRACTED = {"ㅗ": "ㅘ", "ㅜ": "ㅝ", "ㅣ": "ㅕ", "ㅚ": "ㅙ"}


@lru_cache(maxsize=65536)
def conjugate(clause: str, ending: str) -> str:
    """`clause`, whose last word is in dictionary form, with `ending`; ValueError for a predicate that the tables do not know."""
    ending, space, rest = ending.partition(" ")
    before, gap, word = clause.rpartition(" ")
    return before + gap + _attach(word, _kind(word, before), ending) + space + rest


def _kind(word: str, before: str) -> str:
    if word.endswith("-이다"):
        return "copula"
    if word in _EXISTENTIAL:
        return "existential"
    if word in {"않다", "못하다"} and before.endswith("지"):
        negated = (
            before.rpartition(" ")[2][:-1] + "다"
        )  # 좁지 않다 is an adjective as 좁다 is, 줄이지 않다 a verb as 줄이다
        return "adjective" if negated in _ADJECTIVES else "verb"
    if word in _ADJECTIVES:
        return "adjective"
    if word in _VERBS or word.endswith(_VERB_SUFFIXES):
        return "verb"
    raise ValueError(f"'{word}' is in none of the tables of data/conjugation.py: add it to the verbs or the adjectives")


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
    if word in _REO_IRREGULAR:
        return stem + "러"
    last = stem[-1]
    vowel, final = _vowel(last), final_consonant(last)
    if vowel == "ㅡ" and not final:
        harmony = "ㅏ" if len(stem) > 1 and _vowel(stem[-2]) in "ㅏㅗ" else "ㅓ"
        if last == "르" and word not in _EU_NOT_REU:
            return _with_final(stem[:-1], "ㄹ") + ("라" if harmony == "ㅏ" else "러")
        return stem[:-1] + _with_vowel(last, harmony)
    opened = _open_stem(word, stem)
    if final == "ㅂ" and opened.endswith("우"):
        return opened[:-1] + ("와" if word in {"돕다", "곱다"} else "워")
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
    b_irregular = word in _B_IRREGULAR_VERBS or (word in _ADJECTIVES and word not in _B_REGULAR_ADJECTIVES)
    if final == "ㅂ" and b_irregular:
        return _with_final(stem, "") + "우"
    if final == "ㄷ" and word in _D_IRREGULAR:
        return _with_final(stem, "ㄹ") + "으"
    if final == "ㅅ" and word in _S_IRREGULAR:
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
