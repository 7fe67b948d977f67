"""Where a sentence ends in the Korean that people write, where it does not, and what splitting must never do."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import data.sentences
from data.sentences import LONGEST, split_sentences

WORDS = [
    "합니다",
    "해요",
    "했다",
    "이다",
    "그런데",
    "저는",
    "라고",
    "니까",
    "세요",
    "학생",
    "ㅋㅋ",
    "ㅠㅠ",
    "^^",
    "❤️",
    "OK",
]
MARKS = [*" \n.!?…,~()[]\"'“”‘’「」《》①■※○만고a129", "  ", "...", " . ", "3.14", "1. ", "2) "]
PIECES = st.sampled_from(WORDS + MARKS)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)


def split(marked: str) -> tuple[list[str], list[str]]:
    """The sentences expected and found in a text whose boundaries are written as |."""
    expected = [part.strip() for part in marked.split("|")]
    return split_sentences(marked.replace("|", "")), expected


@pytest.mark.parametrize(
    "marked",
    [
        # full stops, with a space and without
        "저는 학생입니다. |그래서 청원합니다.",
        "저는 학생입니다.|그런데 힘듭니다.|도와주세요!!|제발 부탁드립니다",
        "왜 안 됩니까?|국민은 묻습니다",
        "그는 떠났다. |비가 왔다.",
        "갔다.|그리고 왔다",
        "정말 그렇습니다..|이제 끝내 주세요...|부탁드립니다",
        "올립니다 . |저는 부산에 삽니다 !! |도와주세요",
        # none at all
        "안녕하세요 |저는 두 아이의 엄마입니다 |그래서 글을 씁니다 |도와주십시오 |감사합니다",
        "가 보셨나요 |저는 못 갔거든요 |안 되겠죠 |그렇습니까 |아닙니다",
        "힘듭니다|그래서 씁니다",
        "살게 해 주세요|저희도 국민입니다",
        "법은 있다 |하지만 지켜지지 않는다 |그래서 썼다",
        # feelings
        "했습니다ㅠㅠ |정말 슬픕니다~~ |고맙습니다^^ |좋아요❤️ |끝",
        "너무 재밌음ㅋㅋ |또 보고 싶다",
        # lists
        "요구합니다 |1. 처벌 강화 |2. 예산 증액 |3) 사과",
        "다음을 요구 |1.처벌 |2.예산",
        "알립니다 |■ 일시 |■ 장소 |※ 참고",
        # quotations and brackets at the end
        "“가겠습니까?” |모두 그렇게 물었습니다.",
        "했습니다.(2019년 기준) |그러나 늘었습니다.",
        # plain style throughout
        "재미있게 봤다 |배우들 연기는 흠잡을 데가 없었다 |최고",
    ],
)
def test_ends(marked: str) -> None:
    found, expected = split(marked)
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "3.14와 2.5단계는 2019.5.1에 나온 1,234.5의 값입니다",
        "2019. 5. 1. 선고된 판결",
        "https://www.abc.co.kr/a.html?b=1.2를 보십시오",
        '그는 "힘들다."고 말했다.',
        "그는 “못 가겠다! 너무 멀다.”라고 말했다.",
        "“안 된다. 절대로.”라는 말",
        "‘왜 그랬을까?’라는 의문",
        "판사는 무죄! 를 선고했다",
        "고맙습니다 라고 했다",
        "안다고는 합니다만 모릅니다",
        "하니까 되고 아니다 싶어 갔다",
        "그렇다 해도 있다 없다를 따지지 않았다 생각했습니다",
        "필요 없는 주요 인사와 중요 사안의 수요",
        "대표(주식회사. 서울 소재)가 (모두 압니다! 정말) 갔다",
        "중. 소 업체와 대.중.소.경차, 재. 보궐선거",
        "공연.연출.진행을 하는 세월호.메르스",
        "힘들고.. 바쁘지만... 그래도 하는데… 안 됩니다",
        "즉.. 대통령님.. 그게",
        "가. 일반 사항",
        "U.S. 정부의 Mr. 김",
        "다음과 같이 1. 하나",
        "바다 저는 보다 저는 모두 다 제가",
        "정말(?) 그런가",
        "「가나. 다라마. 바사」 제1조",
        "《그것이 알고 싶다》 921화 〈누구인가?〉 편",
        "안녕하세요 , 저는 부산, 김해. 등 여러 곳",
        "속성은 !important 또는 ?query",
        "Ⅳ. 판단",
        "",
    ],
)
def test_does_not_end(text: str) -> None:
    assert split_sentences(text) == ([text] if text else [])


def test_numbers_are_items_only_in_their_order() -> None:
    assert split_sentences("목록 1. 가 2. 나 3. 다") == ["목록", "1. 가", "2. 나", "3. 다"]
    assert split_sentences("우리 반 12. 학생 7) 이야기") == ["우리 반 12. 학생 7) 이야기"]


@given(TEXTS)
@example("가나다." + " " * 600 + "라")
@example("a" + " " * 2000 + "b")
def test_nothing_but_white_space_is_lost(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() and sentence for sentence in sentences)


@given(TEXTS)
def test_no_sentence_of_punctuation_alone(text: str) -> None:
    sentences = split_sentences(text)
    assert len(sentences) < 2 or all(re.search(r"[^\W_]", sentence) for sentence in sentences)


@given(TEXTS, TEXTS)
def test_a_sure_ending_ends_whatever_is_around_it(before: str, after: str) -> None:
    assume(not re.search(r"[(\[\"'“”‘’「」『』《》〈〉]", before + after))
    middle = "그래서 저는 이렇게 생각합니다."
    assert middle in split_sentences(f"{before} 그렇습니다. {middle} 저희는 {after}")


@pytest.mark.parametrize("unit", ["가나다라 ", "가", "가. ", "!"])
def test_monsters_are_cut(unit: str) -> None:
    text = unit * 3000
    sentences = split_sentences(text)
    assert all(0 < len(sentence) <= LONGEST for sentence in sentences)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    if unit == "가나다라 ":
        assert all(sentence.endswith("가나다라") and len(sentence) > LONGEST // 2 for sentence in sentences[:-1])


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        ". ",
        ".) ",
        "(가",
        '"',
        ' "가',
        "“가",
        "다",
        "니다",
        "합니다(가",
        "합니다 ",
        "1. ",
        "1.",
        " ①",
        "ㅋ ",
        "a.",
        ",,",
        "가… ",
        "다\u00a0",
    ],
)
def test_time_is_linear(unit: str) -> None:
    """Anything quadratic would not come to an end with a megabyte of this."""
    text = unit * (1_000_000 // len(unit.encode()))
    assert sum(map(len, split_sentences(text))) > 0


def test_the_docstring_example_holds() -> None:
    raw, *sentences = re.findall(r"^ {4}(\S.*)$", (data.sentences.__doc__ or "").split("One pass")[0], re.MULTILINE)
    assert split_sentences(raw) == sentences
