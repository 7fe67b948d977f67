"""Particles agree with what is read aloud before them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.josa import agree, final_consonant


def closes(syllable: str) -> str:
    """The final consonant by Unicode's own decomposition: independent of the arithmetic in `data.josa`."""
    last = unicodedata.normalize("NFD", syllable)[-1]
    return last if "\u11a8" <= last <= "\u11c2" else ""


@given(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3))
def test_every_hangul_syllable(syllable: str) -> None:
    closed = bool(closes(syllable))
    assert agree(f"{syllable}은(는)") == syllable + ("은" if closed else "는")
    assert agree(f"{syllable}이(가)") == syllable + ("이" if closed else "가")
    assert agree(f"{syllable}을(를)") == syllable + ("을" if closed else "를")
    assert agree(f"{syllable}과(와)") == syllable + ("과" if closed else "와")
    assert agree(f"{syllable}아(야)") == syllable + ("아" if closed else "야")
    assert agree(f"{syllable}(이)라고") == syllable + ("이라고" if closed else "라고")
    assert agree(f"{syllable}(이)었다") == syllable + ("이었다" if closed else "였다")
    assert agree(f"{syllable}(이)에요") == syllable + ("이에요" if closed else "예요")
    to = "으로" if closed and closes(syllable) != "\u11af" else "로"
    assert agree(f"{syllable}(으)로") == syllable + to


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("교실(으)로 병원(으)로 학교(으)로", "교실로 병원으로 학교로"),
        ("0을(를) 1을(를) 2을(를) 13과(와) 45과(와)", "0을 1을 2를 13과 45와"),
        ("10이(가) 300이(가) 5,000이(가) 20000이(가) 100000000이(가)", "10이 300이 5,000이 20000이 100000000이"),
        ("1000000000000은(는)", "1000000000000는"),  # 조 ends in a vowel
        ("7(으)로 1(으)로 6(으)로 10(으)로 3.2(으)로", "7로 1로 6으로 10으로 3.2로"),
        ("40%이(가) 12km을(를) 8kg을(를) 70cm은(는) 300m이(가)", "40%가 12km를 8kg을 70cm는 300m가"),
        ("TV을(를) CCTV이(가) SNS은(는) URL(으)로 FM을(를) LG이(가)", "TV를 CCTV가 SNS는 URL로 FM을 LG가"),
        ("《하루》은(는) “봄날”을(를) ‘나’이(가)", "《하루》는 “봄날”을 ‘나’가"),
        ("달뫼군(옛 이름 새터)은(는) 김(26)이(가)", "달뫼군(옛 이름 새터)은 김(26)이"),
        ("ㅋㅋ을(를)", "ㅋㅋ를"),
        ("값을 매기는 사람은 나가 아니다", "값을 매기는 사람은 나가 아니다"),
    ],
)
def test_readings(text: str, expected: str) -> None:
    assert agree(text) == expected


def test_final_consonant_is_told_by_name() -> None:
    assert [final_consonant(word) for word in ("길", "강", "값", "나무", "3", "L", "", "?", "٣")] == [
        *("ㄹ", "ㅇ", "ㅄ", "", "ㅁ", "ㄹ", "", "", ""),
    ]
