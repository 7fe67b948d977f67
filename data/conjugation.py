"""Conjugation of Korean predicates, for text that is composed from clauses.

A clause is stored once, in its dictionary form, and takes any ending: from "보도가 좁다" come 보도가 좁고, 보도가 좁은데,
보도가 좁습니다; from "보도를 넓히다" come 보도를 넓히는데, 보도를 넓혀서, 보도를 넓혀 주십시오.

    conjugate("보도를 넓히다", "어야 합니다")  ->  "보도를 넓혀야 합니다"
    conjugate("길이 어둡다", "는데")           ->  "길이 어두운데"
    conjugate("큰 문제-이다", "어요")          ->  "큰 문제예요"

Endings are named by their fullest form, as a grammar book lists them (으면, 어서, 는데, 습니다, ㄴ다, 을); words after a space are kept.
`었` before an ending makes it past (었습니다, 었는데). The copula is marked with a hyphen, since 문제-이다 and 보이다 look alike.
Whether a predicate is a verb or an adjective, and whether it is irregular, is looked up in the tables below: what is not
listed there, and not a verb in -하다, -되다, -시키다, -당하다 or -지다, is refused, so that no guess gets into the text.
The tables cover the sample's vocabulary, not the language.
"""

from functools import lru_cache

_ADJECTIVES = frozenset(
    ["가깝다", "가볍다", "강하다", "값비싸다", "가파르다", "같다", "거칠다", "고요하다", "고통스럽다", "곱다", "공평하다", "공정하다", "귀하다", "그렇다", "급하다", "길다", "깊다", "까다롭다", "깨끗하다", "나쁘다", "난감하다", "남다르다", "낮다", "너그럽다", "넉넉하다", "넓다", "높다", "느리다", "능숙하다", "다르다", "다양하다", "단단하다", "단순하다", "달콤하다", "답답하다", "당연하다", "더럽다", "독특하다", "두렵다", "둥글다", "드물다", "따뜻하다", "뚜렷하다", "뛰어나다", "막막하다", "막연하다", "많다", "맑다", "맛있다", "멀다", "모호하다", "무겁다", "무덥다", "무섭다", "뻔하다", "미안하다", "미흡하다", "복잡하다", "부끄럽다", "부드럽다", "부족하다", "부실하다", "분명하다", "불가능하다", "불공평하다", "불리하다", "불안하다", "불편하다", "불투명하다", "비슷하다", "비싸다", "빠듯하다", "빠르다", "뼈아프다", "서늘하다", "서럽다", "서툴다", "섬세하다", "성실하다", "소박하다", "소중하다", "쉽다", "시급하다", "시끄럽다", "심각하다", "심하다", "싶다", "싸다", "쓸쓸하다", "아깝다", "아름답다", "아쉽다", "아프다", "안전하다", "안타깝다", "않다", "약하다", "어둡다", "어렵다", "억울하다", "얕다", "열악하다", "완만하다", "외롭다", "용이하다", "울창하다", "울퉁불퉁하다", "위급하다", "위험하다", "유명하다", "유창하다", "이롭다", "익숙하다", "작다", "잦다", "적다", "절박하다", "절실하다", "젊다", "정교하다", "조용하다", "좁다", "좋다", "지나치다", "지저분하다", "진하다", "짙다", "짧다", "차갑다", "참담하다", "충분하다", "치열하다", "친근하다", "크다", "투명하다", "특별하다", "편하다", "편리하다", "평등하다", "풍부하다", "필요하다", "한가하다", "행복하다", "허술하다", "허탈하다", "험하다", "화려하다", "활발하다", "훌륭하다", "흐리다", "희박하다", "힘겹다", "힘들다", "귀중하다", "쾌적하다", "성대하다", "저렴하다", "검소하다", "과묵하다", "꼼꼼하다", "엄격하다", "담담하다", "경쾌하다", "탄탄하다", "든든하다", "무관심하다", "무책임하다", "소홀하다", "늦다랗다", "수월하다", "선명하다", "은은하다", "아늑하다"]
)
_VERBS = frozenset(
    ["가다", "가로막다", "가로지르다", "가르치다", "가리다", "가지다", "갇히다", "갈다", "감추다", "갖추다", "거두다", "거르다", "거치다", "건너다", "걷다", "걸리다", "걸다", "걸치다", "겪다", "견디다", "고치다", "구하다", "굶다", "그만두다", "그치다", "기다리다", "기르다", "기울이다", "깊어지다", "깎다", "깨다", "꺼리다", "꺼지다", "꼽히다", "꾸리다", "꿈꾸다", "끊기다", "끊다", "끊이다", "끌다", "끌어안다", "끝나다", "끼치다", "나가다", "나누다", "나다", "나서다", "나아가다", "나오다", "나타나다", "날리다", "남기다", "남다", "낳다", "내놓다", "내다", "내리다", "내몰리다", "내버리다", "내쫓기다", "넓히다", "넘기다", "넘다", "넘어서다", "넘어지다", "넘치다", "넣다", "노리다", "놀라다", "놓다", "놓이다", "놓치다", "누리다", "눈감다", "느끼다", "늘다", "늘리다", "늘어나다", "늘어서다", "늦추다", "다가오다", "다녀오다", "다니다", "다다르다", "다루다", "다치다", "닦다", "닫다", "달리다", "달하다", "담기다", "담다", "당하다", "던지다", "덜다", "돌다", "돌리다", "돌보다", "돌아가다", "돌아보다", "돌아서다", "돌아오다", "돕다", "되살리다", "되찾다", "되풀이하다", "두다", "둘러싸다", "드나들다", "드러나다", "드러내다", "듣다", "들다", "들르다", "들리다", "들어가다", "들어서다", "들어주다", "들여다보다", "들이다", "따다", "따르다", "따지다", "때리다", "떠나다", "떠넘기다", "떠돌다", "떠맡다", "떠안다", "떠오르다", "떨다", "떨어지다", "떼이다", "뛰다", "뛰어다니다", "뛰어들다", "뜯다", "뜻하다", "띄다", "띠다", "마련하다", "마치다", "막다", "막히다", "만나다", "만들다", "맞다", "맞서다", "맞추다", "맡기다", "맡다", "매기다", "맺다", "머무르다", "머물다", "먹다", "모르다", "모시다", "모으다", "모이다", "모자라다", "묶이다", "몰다", "몰리다", "몰려들다", "무너지다", "묻다", "묻히다", "물다", "물러나다", "물려받다", "물리다", "미루다", "미치다", "믿다", "밀려나다", "밀리다", "바꾸다", "바뀌다", "바라다", "바라보다", "바로잡다", "받다", "받아들이다", "밝히다", "배우다", "버려지다", "버리다", "버티다", "벌다", "벌어지다", "벌이다", "벗어나다", "베끼다", "보내다", "보다", "보이다", "보태다", "뵙다", "부딪히다", "부르다", "부치다", "부풀리다", "붙다", "붙이다", "비다", "비우다", "빌다", "빌려주다", "빌리다", "빚다", "빚어내다", "빠뜨리다", "빠지다", "빼다", "빼돌리다", "빼앗기다", "빼앗다", "뽑다", "뽑히다", "뿌리다", "사다", "사라지다", "살다", "살리다", "살펴보다", "살피다", "삼다", "새다", "새기다", "생기다", "서다", "서두르다", "선보이다", "선뜻", "세우다", "속다", "속이다", "솟다", "쉬다", "스며들다", "시달리다", "시작하다", "실리다", "싣다", "싸우다", "쌓다", "쌓이다", "쏟다", "쏟아지다", "쓰다", "쓰러지다", "쓰이다", "씌우다", "아끼다", "아우르다", "안기다", "앉다", "알다", "알리다", "앓다", "앞서다", "앞당기다", "애쓰다", "어기다", "어울리다", "얻다", "얽히다", "없애다", "여기다", "열다", "열리다", "오가다", "오다", "오르다", "올라가다", "올리다", "옮기다", "외치다", "우려내다", "울다", "울리다", "움직이다", "움츠리다", "웃다", "웃돌다", "이겨내다", "이기다", "이끌다", "이루다", "이르다", "이어받다", "이어지다", "이웃하다", "일어나다", "일으키다", "일컫다", "읽다", "읽히다", "잃다", "입다", "입히다", "잇다", "잊다", "자라다", "자리잡다", "자르다", "자아내다", "잘못되다", "잠그다", "잠기다", "잠들다", "잡다", "잡히다", "저지르다", "적다", "적시다", "전하다", "접다", "젓다", "정하다", "젖다", "주다", "주고받다", "주저앉다", "죽다", "줄다", "줄어들다", "줄이다", "줍다", "쥐다", "즐기다", "지나가다", "지나다", "지나다니다", "지내다", "지니다", "지다", "지르다", "지우다", "지치다", "지켜보다", "지키다", "짊어지다", "짓다", "짓밟히다", "쫓겨나다", "찍다", "찍히다", "차다", "차리다", "차지하다", "찾다", "찾아가다", "찾아다니다", "찾아오다", "채우다", "챙기다", "쳐다보다", "추다", "취하다", "치다", "치닫다", "치르다", "치솟다", "치우다", "치우치다", "커지다", "켜다", "키우다", "타다", "타오르다", "태어나다", "터뜨리다", "터지다", "털어놓다", "통하다", "트다", "틀리다", "파고들다", "파다", "팔다", "팔리다", "팽개치다", "펴내다", "펴다", "펼쳐지다", "펼치다", "품다", "풀다", "풀리다", "풍기다", "피다", "피우다", "피하다", "하다", "헤매다", "헤아리다", "헤어지다", "헤치다", "헤집다", "휘둘리다", "흐르다", "흔들리다", "흘러가다", "흘리다", "흩어지다", "힘쓰다", "끌어내다", "이어가다", "살아가다", "빠져나가다", "살아남다", "늦어지다", "넘겨주다", "주어지다", "알려지다", "돌아다니다", "불어나다", "떠받치다", "뒤따르다", "감싸다", "밀어붙이다", "불러오다", "알아보다", "내려오다", "되다", "시키다", "넘나들다", "자라나다", "들려주다", "엮다", "뒤집다", "끌어올리다", "앞세우다", "지켜내다", "내걸다", "뒤지다", "바치다", "헐다", "눕다", "누비다", "뒤덮이다", "뒤섞이다", "일하다", "타고나다", "낚다", "튕기다", "쏘다", "겨루다", "거머쥐다", "물들다", "굽다", "찌다", "삶다", "썩다", "쏠리다", "몰아치다"]
) - {"선뜻"}
_EXISTENTIAL = frozenset({"있다", "없다", "끊임없다", "어이없다", "맛있다", "멋있다", "재미있다"})
_B_IRREGULAR_VERBS = frozenset({"돕다", "줍다", "눕다", "굽다"})
_B_REGULAR_ADJECTIVES = frozenset({"좁다"})
_D_IRREGULAR = frozenset({"듣다", "걷다", "묻다", "싣다", "깨닫다", "일컫다", "치닫다"})
_S_IRREGULAR = frozenset({"짓다", "낫다", "붓다", "긋다", "잇다", "젓다"})
_EU_NOT_REU = frozenset({"따르다", "치르다", "들르다", "다다르다", "뒤따르다"})
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
    if word in {"않다", "못하다"} and before.endswith(
        "지"
    ):  # 좁지 않다 is an adjective as 좁다 is; 줄이지 않다 is a verb
        negated = before.rpartition(" ")[2][:-1] + "다"
        return "adjective" if negated in _ADJECTIVES else "verb"
    if word in _ADJECTIVES:
        return "adjective"
    if word in _VERBS or word.endswith(_VERB_SUFFIXES):
        return "verb"
    raise ValueError(f"'{word}' is in none of the tables of data/conjugation.py: add it to the verbs or the adjectives")


def _attach(word: str, kind: str, ending: str) -> str:
    stem = word[:-1].replace("-", "")
    if ending.startswith("었"):
        return _attach_to_past(_with_final(_infinitive(word, stem, kind, past=True), "ㅆ"), ending[1:])
    if ending.startswith("ㄴ다"):
        return _plain(stem, kind, ending[2:])
    if ending.startswith("어"):
        if kind == "copula":
            return _copula_infinitive(stem, ending)
        return _infinitive(word, stem, kind) + ending[1:]
    if ending in {"습니다", "습니까"}:
        return stem + ending if _final(stem) not in {"", "ㄹ"} else _with_final(stem, "ㅂ") + ending[1:]
    open_stem = _open_stem(word, stem)
    if ending.startswith(("는데", "는지", "는가")) or ending == "는":
        if kind in {"adjective", "copula"}:
            return _with_final(open_stem, "ㄴ") + ending[1:]
        return _without_l(stem) + ending
    if ending.startswith("나요"):
        return _with_final(open_stem, "ㄴ") + "가요" if kind in {"adjective", "copula"} else _without_l(stem) + ending
    if ending[0] in "은을음":
        final = {"은": "ㄴ", "을": "ㄹ", "음": "ㅁ"}[ending[0]]
        if ending[0] == "음" and _final(open_stem) == "ㄹ":
            return open_stem[:-1] + chr(ord(open_stem[-1]) + _FINALS.index("ㄻ") - _FINALS.index("ㄹ"))
        return _with_final(open_stem, final) + ending[1:]
    if ending.startswith("으"):
        drops_l = ending[1] in "니나시세십오"
        return (_without_l(open_stem) if drops_l else open_stem) + ending[1:]
    if ending.startswith(("느", "네", "니")):
        return _without_l(stem) + ending
    return stem + ending


def _attach_to_past(stem: str, ending: str) -> str:
    """Endings after 았/었, which takes them as a verb with a final consonant does, but for the plain form 았다."""
    if ending.startswith("ㄴ다"):
        return stem + "다" + ending[2:]
    return stem + ending


def _plain(stem: str, kind: str, rest: str) -> str:
    """The plain present, alone or in reported speech: 막는다, 한다고, 좁다는, 문제라면."""
    if kind == "verb":
        return (stem + "는다" if _final(stem) not in {"", "ㄹ"} else _with_final(stem, "ㄴ") + "다") + rest
    if kind == "copula":
        noun = stem[:-1]
        return (stem if _final(noun) else noun) + ("라" if rest else "다") + rest
    return stem + "다" + rest


def _copula_infinitive(stem: str, ending: str) -> str:
    noun = stem[:-1]
    closed = bool(_final(noun))
    if ending == "어요":
        return noun + ("이에요" if closed else "예요")
    if ending.startswith("어야"):
        return noun + ("이어야" if closed else "여야") + ending[2:]
    return noun + ("이라" if closed else "라") + ending[1:]


def _infinitive(word: str, stem: str, kind: str, past: bool = False) -> str:
    """The form before 서, 야, 요 and the past ㅆ: 막아, 넓혀, 도와, 몰라, 해."""
    if kind == "copula":
        return stem[:-1] + ("이어" if _final(stem[:-1]) else "여")
    if stem.endswith("하"):
        return stem[:-1] + "해"
    if word in _REO_IRREGULAR:
        return stem + "러"
    last = stem[-1]
    vowel, final = _vowel(last), _final(last)
    if vowel == "ㅡ" and not final:
        harmony = "ㅏ" if len(stem) > 1 and _vowel(stem[-2]) in "ㅏㅗ" else "ㅓ"
        if last == "르" and word not in _EU_NOT_REU:
            return _with_final(stem[:-1], "ㄹ") + ("라" if harmony == "ㅏ" else "러")
        return stem[:-1] + _with_vowel(last, harmony)
    opened = _open_stem(word, stem)
    if final == "ㅎ" and opened != stem and not opened.endswith("으"):  # 그렇다 → 그래
        return opened[:-1] + _with_vowel(opened[-1], "ㅐ")
    if final == "ㅂ" and opened.endswith("우"):
        return opened[:-1] + ("와" if word == "돕다" or word == "곱다" else "워")
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
    final = _final(stem)
    if final in {"", "ㄹ"}:
        return stem
    b_irregular = word in _B_IRREGULAR_VERBS or (word in _ADJECTIVES and word not in _B_REGULAR_ADJECTIVES)
    if final == "ㅂ" and b_irregular:
        return _with_final(stem, "") + "우"
    if final == "ㄷ" and word in _D_IRREGULAR:
        return _with_final(stem, "ㄹ") + "으"
    if final == "ㅅ" and word in _S_IRREGULAR:
        return _with_final(stem, "") + "으"
    if final == "ㅎ" and word in {"그렇다", "이렇다", "어떻다"}:
        return _with_final(stem, "")
    return stem + "으"


def _without_l(stem: str) -> str:
    return _with_final(stem, "") if _final(stem) == "ㄹ" else stem


def _final(text: str) -> str:
    """The final consonant of the last character; a noun before the copula may end in a digit or a Latin letter."""
    from data.josa import final_consonant

    return final_consonant(text)


def _vowel(syllable: str) -> str:
    return _VOWELS[(ord(syllable) - ord("가")) // 28 % 21]


def _with_final(text: str, final: str) -> str:
    """`text` whose last syllable ends in `final`; after 으 that stands for a bare stem, 막으 + ㄴ gives 막은."""
    code = ord(text[-1]) - ord("가")
    return text[:-1] + chr(ord("가") + code - code % 28 + _FINALS.index(final))


def _with_vowel(syllable: str, vowel: str) -> str:
    code = ord(syllable) - ord("가")
    return chr(ord("가") + (code // 588) * 588 + _VOWELS.index(vowel) * 28 + code % 28)
