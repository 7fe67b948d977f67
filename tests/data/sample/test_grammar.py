"""The notation of the sample's sentences."""

import random

import pytest

from data.sample.grammar import WRITTEN, Composer

FORMAL = {"평서": ("습니다",), "요구": ("어 주십시오",)}


def composer(**lists: list[str]) -> Composer:
    return Composer(random.Random(0), {"곳": "달뫼군", "사람": "주민 {곳} 모임"}, lists, FORMAL)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("{곳}은(는) 멀다", "달뫼군은 멀다"),
        ("{사람}이(가)", "주민 달뫼군 모임이"),
        ("{문제+는 것이} {현실-이다+평서}.", "보도가 좁은 것이 현실입니다."),
        ("{{문제+기} 때문-이다+평서}.", "보도가 좁기 때문입니다."),
        ("{지난 일+고}", "역이 들어섰고"),
        ("{지난 일+는 데}", "역이 들어선 데"),
        ("{지난 일+어서}", "역이 들어서서"),
        ("{지난 일+ㄴ다는}", "역이 들어섰다는"),
        ("{지난 일+을 수밖에}", "역이 들어설 수밖에"),
        ("{선물+요구}", "기회를 주십시오"),
        ("{선물+어 주기를}", "기회를 주기를"),
        ("{선물+어 주세요}", "기회를 주세요"),
        ("{수:7-7}명", "7명"),
        ("{수:1249-1249}원", "1200원"),
        ("{수:52000-52000}원", "52,000원"),
    ],
)
def test_frames(frame: str, expected: str) -> None:
    lists = {"문제": ["보도가 좁다"], "지난 일": ["역이 들어서다*"], "선물": ["기회를 주다"]}
    assert composer(**lists).write(frame) == expected


def test_alternatives_are_all_reached_and_share_the_ending() -> None:
    writer = composer()
    assert {writer.write("{막다|넓히다+평서}") for _ in range(40)} == {"막습니다", "넓힙니다"}
    assert {writer.write("{보도|길}이(가)") for _ in range(40)} == {"보도가", "길이"}


def test_no_clause_comes_twice_before_all_came_once() -> None:
    writer = composer(문제=["가다", "오다", "자다"])
    drawn = [writer.write("{문제+평서}") for _ in range(6)]
    assert set(drawn[:3]) == set(drawn[3:]) == {"갑니다", "옵니다", "잡니다"}


def test_a_slot_that_is_missing_is_an_error_and_can_be_asked_for() -> None:
    writer = composer(문제=["보도가 좁다"])
    assert writer.can_write("{곳}에서 {문제+고} {쓰다+평서} {수:1-2} {가|나}")
    assert not writer.can_write("{때}에 {문제+고}")
    assert not writer.can_write("{{직함}-이다+평서}")
    with pytest.raises(KeyError):
        writer.write("{때}에")


def test_the_plain_style_of_pages() -> None:
    writer = Composer(random.Random(0), {}, {}, WRITTEN)
    assert writer.write("{막다+평서} {막다+과거} {막다+추측}") == "막는다 막았다 막을 것이다"
