"""One form for every character; each rule of cleaning, with its switch, and what it must leave alone."""

import dataclasses
import pickle
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.cleaning import Cleaning, normalize

RULES = ("urls", "repeats", "placeholders", "notices", "characters")
NOTICE = "[본 게시물의 일부 내용이 국민 청원 요건에 위배되어 관리자에 의해 수정되었습니다]"

# Text in which rules meet each other: pieces that they react to, glued in any order.
CHARACTERS = "가각ㅋㅇOoXx0159.,!?:/@()[]*-○〇△ \t\u3000\u200b\u200d\ufe0f\u20e3\u0301ᄏᆨﾡＡ漢あ\U000f0850ᆢ\u3164😀"
WORDS = ["www.", "http://", ".kr", ".com", "a@", "**", "❤️", "👍🏻", "본 게시물의 일부 내용이", NOTICE, "출처"]
PIECES = st.sampled_from([*CHARACTERS, *WORDS])
MIXED = st.lists(PIECES, max_size=24).map("".join) | st.text(max_size=40)


def only(rule: str) -> Cleaning:
    """A cleaning with one rule on."""
    return Cleaning(**{name: name == rule for name in RULES})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("국민청원", "국민청원"),
        (unicodedata.normalize("NFD", "국민 청원 꽃 값"), "국민 청원 꽃 값"),
        ("\u110f\u110f\u116e", "ㅋ쿠"),  # ᄏ쿠: what can form a syllable does
        ("가\u11ab나", "간나"),
        ("각\u11ab", "각ㄴ"),
        ("\u1161\u11b9", "ㅏㅄ"),
        ("ﾡﾢ￦１２Ａ！", "ㄱㄲ₩12A!"),
        ("대법원\uffa02003\u3164\u115f", "대법원 2003 "),
        ("아니\u11a2 구성원\u119e", "아니‥ 구성원ㆍ"),
        ("女", "女"),
        ("Ａ\u0301", "Á"),
        ("① ㎡ ½ ㈜", "① ㎡ ½ ㈜"),
        ("plain ASCII", "plain ASCII"),
    ],
)
def test_normalize_writes_one_form(text: str, expected: str) -> None:
    assert normalize(text) == expected


@given(MIXED)
def test_normalize_is_idempotent(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(MIXED)
def test_decomposed_input_gives_the_same(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert normalize(decomposed) == normalize(composed)
    assert Cleaning().clean(decomposed) == Cleaning().clean(composed)


def test_every_modern_jamo_has_one_form() -> None:
    modern = [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]
    assert all("ㄱ" <= normalize(chr(point)) <= "ㅣ" for point in modern)


@given(MIXED)
@example("O***OO")
@example("http://x/1\ufe0f")
@example("본 게시물의  일부 내용이")
@example("a...com !!! \ufe0f\ufe0f\ufe0f")
@example("O(**)O 〇○○〇")
def test_clean_is_idempotent(text: str) -> None:
    once = Cleaning().clean(text)
    assert Cleaning().clean(once) == once


@given(st.lists(PIECES, max_size=24).map("".join))
def test_every_rule_alone_is_idempotent(text: str) -> None:
    for rule in RULES:
        once = only(rule).clean(text)
        assert only(rule).clean(once) == once, rule


@given(MIXED)
def test_clean_text_is_one_line_with_single_spaces(text: str) -> None:
    cleaned = Cleaning().clean(text)
    assert cleaned == " ".join(cleaned.split())


@given(st.text(alphabet="가나다라마바사 .,\n", max_size=60))
def test_plain_text_only_loses_white_space_and_runs(text: str) -> None:
    assert Cleaning(repeats=False).clean(text) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("자세히는https://abc.kr/12?a=1&b=2에 있다", "자세히는 에 있다"),
        ("나이스(www.neis.go.kr)를 통해", "나이스를 통해"),
        ("기사 (출처 : http://a.co.kr/x.html) 참고", "기사 참고"),
        ("naver.com에서 봤다", "에서 봤다"),
        ("cafe.naver.com/saginara’에", "’에"),
        ("https://youtu.be/iH-gDg, 그리고", ", 그리고"),
        ("youtu.be/iHgD 영상", "영상"),
        ("메일은 lee.ab@daum.net입니다", "메일은 입니다"),
        ("http://news.kr.", "."),
        ("M.net 3.14 2019.5.1 v1.2 ASP.NET 이다.그런데", "M.net 3.14 2019.5.1 v1.2 ASP.NET 이다.그런데"),
        ("빈 괄호()는 그대로", "빈 괄호()는 그대로"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert only("urls").clean(text) == expected
    assert Cleaning(urls=False, repeats=False).clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ㅋㅋㅋㅋ!!!!", "ㅋㅋ!!"),
        ("그래서.....", "그래서.."),
        ("하하하하", "하하"),
        ("ㅠㅠ 네네 !!", "ㅠㅠ 네네 !!"),
        ("1000000원 007", "1000000원 007"),
        ("제III항 AAA등급 nooo", "제III항 AAA등급 noo"),
        ("二〇〇〇年", "二〇〇〇年"),
        ("😀😀😀 ❤️❤️❤️❤️ 👍🏻👍🏻👍🏻", "😀😀 ❤️❤️ 👍🏻👍🏻"),
    ],
)
def test_runs_are_shortened_to_two(text: str, expected: str) -> None:
    assert only("repeats").clean(text) == expected
    assert Cleaning(repeats=False).clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("김OO 의원과 OOO 주임", "김 의원과 주임"),
        ("○○○ 씨, △△교육청, □□ 지구대", "씨, 교육청, 지구대"),
        ("김** 팀장, 010-****-****로", "김 팀장, 로"),
        ("피해자 ***, ***, ***를", "피해자 를"),
        ("개xx ㅇㅇ경찰서", "개 경찰서"),
        ("김ㅇㅇ 씨, ㅇㅇ경찰서", "김 씨, 경찰서"),
        ("송XX은 XXX의", "송은 의"),
        ("〇〇구", "구"),
        ("채용(**)했다", "채용했다"),
    ],
)
def test_placeholders_go(text: str, expected: str) -> None:
    assert only("placeholders").clean(text) == expected
    assert Cleaning(placeholders=False, repeats=False).clean(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "GOOOD",
        "google",
        "LOOOOL",
        "3,000원",
        "1000만 원",
        "00초등학교",
        "XX 염색체",
        "XXL",
        "재밌음ㅇㅇ",
        "네 ㅇㅇ 맞아",
        "二〇〇〇年",
        "5*6",
        "O형 ○ X",
    ],
)
def test_what_only_looks_like_a_placeholder_stays(text: str) -> None:
    assert only("placeholders").clean(text) == text


def test_notices_go() -> None:
    assert only("notices").clean(f"도와주세요. {NOTICE}") == "도와주세요."
    assert only("notices").clean(f"도와주세요. {NOTICE[:-1]}") == "도와주세요."
    assert only("notices").clean("[참고] 본 게시물의 일부 내용이 틀립니다") == "[참고] 본 게시물의 일부 내용이 틀립니다"
    assert Cleaning(notices=False).clean(NOTICE) == NOTICE


def test_characters_of_korean_text_stay() -> None:
    text = "「법」 『책』 《글》 〈시〉 가·나 … “왜” ‘응’ 50% 20℃ 3°×±÷≤ €₩£ ㎡ ㈜ ① ㉠ Ⅱ ※ ■ ○ → ★ ~ café Straße 憲法 ㅋㅠ Ω"
    assert only("characters").clean(text) == text


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧", "👍🏻", "🇰🇷", "❤️", "1️⃣", "🏳️‍🌈"])
def test_emoji_stay_whole(emoji: str) -> None:
    assert Cleaning().clean(f"좋아요{emoji}!") == f"좋아요{emoji}!"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("안녕こんにちは Привет عربى", "안녕"),
        ("크다\U000f0851고 \uf0e8입원", "크다 고 입원"),
        ("정말\u200e 그\u200b래\ufeff", "정말 그래"),
        ("\u00a0가\u3000나\u2028다\t", "가 나 다"),
        ("가\u200d나 다\ufe0f", "가나 다"),
        ("──가━", "가"),
        ("\ufffd가", "가"),
    ],
)
def test_other_characters_go(text: str, expected: str) -> None:
    assert only("characters").clean(text) == expected


def test_hanja_can_be_turned_off() -> None:
    assert Cleaning(hanja=False).clean("대한민국(大韓民國) 憲法은") == "대한민국 은"
    with pytest.raises(ValueError, match="characters"):
        Cleaning(hanja=False, characters=False)


def test_all_rules_off_only_normalises() -> None:
    off = Cleaning(**dict.fromkeys(RULES, False))
    assert off.clean(" www.a.kr  あ ㅋㅋㅋㅋ\u110f OOO ") == "www.a.kr あ ㅋㅋㅋㅋㅋ OOO"


def test_settings_are_checked_compared_and_sent_to_workers() -> None:
    with pytest.raises(ValueError, match="min_chars"):
        Cleaning(min_chars=-1)
    assert pickle.loads(pickle.dumps(Cleaning())) == Cleaning()
    assert dataclasses.asdict(Cleaning())["min_chars"] == 10


def test_the_docstring_example_holds() -> None:
    import data.cleaning

    raw, cleaned = re.findall(r"^ {4}(?:raw|clean) +(.+)$", data.cleaning.__doc__ or "", re.MULTILINE)
    assert Cleaning().clean(raw) == cleaned


@pytest.mark.parametrize(
    "unit", ["*", "O", "O ", "1-", "a@", "http://.", "a.a.com ", "[본 게시물의 일부 내용이", "(", "😀\u200d", "○,", "0"]
)
def test_no_text_takes_more_than_linear_time(unit: str) -> None:
    """A rule that looked back over a whole run would not come to an end here."""
    text = unit * (200_000 // len(unit))
    assert len(Cleaning().clean(text)) <= len(text)
