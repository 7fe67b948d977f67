"""The sample's words are read from files that people edit: what is written wrongly is refused, and nothing is read before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from data.sample import vocabulary
from data.sample.vocabulary import read_words

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "data" / "sample" / "words").glob("*.yaml"))


def read(tmp_path, monkeypatch, text):
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "mine.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(vocabulary, "files", lambda package: tmp_path)
    return read_words.__wrapped__("mine")


def test_a_list_is_written_in_one_of_three_ways(tmp_path, monkeypatch):
    text = "# 머리말\n통학로:\n  기관: 교육 당국\n  수: 12\n  대상: |\n    {시설} 학생들\n    때: 밤 / 낮 *\n  화제: [통학로 안전,\n    등굣길]\n직책: {대표: []}\n"
    assert read(tmp_path, monkeypatch, text) == {
        "통학로": {
            "기관": ["교육 당국"],
            "수": ["12"],
            "대상": ["{시설} 학생들", "때: 밤 / 낮 *"],
            "화제": ["통학로 안전", "등굣길"],
        },
        "직책": {"대표": []},
    }


@pytest.mark.parametrize("entries", ["[학생, {시설}]", "{시설}", "[네, no]", "[1, 2]", "1.5", ""])
def test_what_yaml_takes_for_something_else_is_refused(tmp_path, monkeypatch, entries):
    with pytest.raises(ValueError, match=r"words/mine\.yaml, 통학로, 대상 is no list of words: put entries"):
        read(tmp_path, monkeypatch, f"통학로:\n  대상: {entries}\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_list_hides_another_of_its_name(path):
    def names(node):
        return [key.value for key, _ in node.value]

    file = yaml.compose(path.read_text("utf-8"))
    for node in (file, *(block for _, block in file.value)):
        assert len(set(names(node))) == len(names(node))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_entries_are_whole_and_braces_closed(path):
    for lists in read_words(path.stem).values():
        for entries in lists.values():
            for entry in entries:
                assert entry.strip() == entry != ""
                assert entry.count("{") == entry.count("}"), entry


def test_nothing_is_read_before_it_is_needed():
    program = (
        "import data.sample.files; from data.sample.vocabulary import read_words; print(read_words.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
