"""The built-in sample: its layouts, its Korean, and that it is the same everywhere."""

import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path
from statistics import mean, median

import pytest

from data.cleaning import Cleaning
from data.corpus import open_corpus
from data.sample import files as sample_files
from data.sample.files import write_sample
from data.sample.lexicon import build_lexicon
from data.sample.topics import topics

ROOT = Path(__file__).parents[2]
KEYS = ["category", "begin", "end", "content", "num_agree", "petition_idx", "status", "title"]
CATEGORIES = {
    *("보건복지", "기타", "육아/교육", "교통/건축/국토", "안전/환경", "인권/성평등", "행정", "정치개혁", "일자리"),
    *("외교/통일/국방", "문화/예술/체육/언론", "경제민주화", "반려동물", "미래", "성장동력", "농산어촌"),
    "저출산/고령화대책",
}
END_OF_SENTENCE = re.compile(r"[.!?ㅠ]+(?=\s|$|[가-힣])")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def petitions(files: list[Path]) -> list[dict]:
    return [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def wiki(files: list[Path]) -> str:
    return files[1].read_text("utf-8")


@pytest.fixture(scope="module")
def pages(wiki: str) -> list[str]:
    return re.split(r"(?m)^(?= = [^=])", wiki)[1:]


@pytest.fixture(scope="module")
def prose(petitions: list[dict], wiki: str) -> str:
    """All of the text, without the marks of headings."""
    written = [petition[key] for petition in petitions for key in ("title", "content")]
    return "\n".join([*written, re.sub(r"(?m)^(?: =)+ (.+?)(?: =)+$", r"\1", wiki)])


def closes(syllable: str) -> str:
    """The final consonant by Unicode's decomposition, independently of `data.josa`; '' for none."""
    last = unicodedata.normalize("NFD", syllable)[-1]
    return last if "\u11a8" <= last <= "\u11c2" else ""


# ---------------------------------------------------------------------------------------------------------- layouts


def test_files_and_size(files: list[Path]) -> None:
    assert [path.name for path in files] == ["petitions_sample", "namuwiki_sample.txt"]
    assert 2e6 < sum(path.stat().st_size for path in files) < 4e6


def test_petitions_have_the_archives_keys_and_types(petitions: list[dict]) -> None:
    assert len(petitions) == 2000
    for petition in petitions:
        assert list(petition) == KEYS
        assert isinstance(petition["num_agree"], int) and petition["num_agree"] > 0
        assert all(isinstance(petition[key], str) and petition[key] for key in KEYS if key != "num_agree")
        assert "\n" not in petition["content"]
        assert (date.fromisoformat(petition["end"]) - date.fromisoformat(petition["begin"])).days == 30
        assert petition["status"] == ("브리핑" if petition["num_agree"] >= 200_000 else "청원종료")
    assert len({petition["petition_idx"] for petition in petitions}) == 2000
    assert {petition["category"] for petition in petitions} == CATEGORIES


def test_pages_have_namuwikitexts_layout(wiki: str, pages: list[str]) -> None:
    assert len(pages) == 1000 and wiki == "".join(pages)
    titles = []
    for page in pages:
        assert page.endswith("\n\n") and "\n\n\n" not in page
        title, *sections = page.strip("\n").split("\n\n")
        titles.append(re.fullmatch(r" = (.+) =", title)[1])  # type: ignore[index]
        assert 4 <= len(sections) <= 12 and len(sections) % 2 == 0
        for heading, text in zip(sections[::2], sections[1::2], strict=True):
            assert re.fullmatch(r" = = .+ = =", heading)
            assert text and not text.startswith(" ")
        assert sections[0] == " = = 개요 = ="
    assert len(set(titles)) == 1000


def test_the_corpus_reader_takes_it_all(files: list[Path], tmp_path: Path) -> None:
    corpus = open_corpus(files, tmp_path, Cleaning())
    report = corpus.report.as_dict()
    assert [file["format"] for file in report["files"]] == ["petitions", "namuwikitext"]  # type: ignore[attr-defined]
    assert len(corpus) == 3000 and not report["rejected"] and not report["duplicates"]
    assert min(len(corpus.sentences(number)) for number in range(len(corpus))) >= 2


# ---------------------------------------------------------------------------------------------------------- writing


def written_in_a_process(directory: Path, hash_seed: int, seed: int) -> list[bytes]:
    program = f"from pathlib import Path; from data.sample.files import write_sample as w; w(Path({str(directory)!r}), 90, 60, {seed})"
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def test_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    first = written_in_a_process(tmp_path / "a", hash_seed=0, seed=5)
    assert first == written_in_a_process(tmp_path / "b", hash_seed=1, seed=5)
    other = written_in_a_process(tmp_path / "c", hash_seed=0, seed=6)
    assert first[0] != other[0] and first[1] != other[1]


def test_the_programs_own_random_state_neither_matters_nor_changes(tmp_path: Path) -> None:
    random.seed(1)
    before = random.getstate()
    first = [path.read_bytes() for path in write_sample(tmp_path / "a", 20, 20)]
    assert random.getstate() == before
    random.seed(2)
    assert first == [path.read_bytes() for path in write_sample(tmp_path / "b", 20, 20)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_seeds_and_counts(tmp_path: Path, seed: int) -> None:
    first, second = write_sample(tmp_path, petitions=7, pages=1200, seed=seed)
    assert len(first.read_text("utf-8").splitlines()) == 7
    assert len(re.findall(r"(?m)^ = [^=]", second.read_text("utf-8"))) == 1200
    empty = write_sample(tmp_path / "none", petitions=0, pages=0)
    assert [path.read_bytes() for path in empty] == [b"", b""]


def test_more_pages_than_subjects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"subjects for \d+ pages"):
        write_sample(tmp_path, petitions=1, pages=100_000)
    assert not list(tmp_path.iterdir())


def test_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [path.read_bytes() for path in write_sample(tmp_path, 5, 5)]
    real = sample_files.write_petition
    monkeypatch.setattr(
        sample_files, "write_petition", lambda rng, lexicon, number: real(rng, lexicon, 5 // (3 - number))
    )
    with pytest.raises(ZeroDivisionError):
        write_sample(tmp_path, 9, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["namuwiki_sample.txt", "petitions_sample"]
    assert [(tmp_path / name).read_bytes() for name in ("petitions_sample", "namuwiki_sample.txt")] == before


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_sample(tmp_path, 5, 5)
    assert not list(tmp_path.iterdir())


def test_files_that_are_there_already_are_left_alone(tmp_path: Path) -> None:
    paths = write_sample(tmp_path, 5, 5)
    for path in paths:
        os.utime(path, ns=(1, 1))
    write_sample(tmp_path, 5, 5)
    assert [path.stat().st_mtime_ns for path in paths] == [1, 1]
    write_sample(tmp_path, 6, 5)
    assert [path.stat().st_mtime_ns == 1 for path in paths] == [False, True]


# ----------------------------------------------------------------------------------------------------------- Korean


def test_no_slot_is_left_and_no_stray_character(prose: str) -> None:
    for leftover in ("{", "}", "|", "+", "*", "-이다", "(는)", "(가)", "(를)", "(와)", "(이)", "(으)", "None", "  "):
        assert leftover not in prose, leftover
    allowed = r"[가-힣A-Za-z0-9 \n.,!?%:()《》“”ㅠ]"
    assert not set(re.sub(allowed, "", prose))


def test_particles_after_names(prose: str) -> None:
    """Each name of the lexicon with each particle after it, judged by Unicode's own decomposition."""
    lexicon = build_lexicon()
    kinds = (lexicon.persons, lexicon.organisations, lexicon.places, lexicon.events)
    last_words = {entity.name.split()[-1] for entities in kinds for entity in entities}
    seen: Counter[str] = Counter()
    for word in re.findall(r"[가-힣]+", prose):
        for particle in ("으로", "은", "는", "이", "가", "을", "를", "과", "와", "로"):
            name = word.removesuffix(particle)
            if name == word or name not in last_words:
                continue
            final = closes(name)
            if particle in {"로", "으로"}:
                assert (particle == "로") == (final in {"", "\u11af"}), word
            else:
                assert (particle in "은이을과") == bool(final), word
            seen[particle] += 1
            break
    assert sum(seen.values()) > 3000 and len(seen) == 10


def test_particles_throughout(prose: str) -> None:
    """를 and 으로 are particles wherever they end a word, and 을 but in a few words."""
    words = re.findall(r"[가-힣]+", prose)
    others = ("마을", "가을", "고을", "지을", "퍼부을")
    ends = {
        ending: [word[: -len(ending)] for word in words if word.endswith(ending) and word != ending]
        for ending in ("를", "으로", "을")
    }
    assert all(len(found) > 1000 for found in ends.values())
    assert not [stem for stem in ends["를"] if closes(stem)]
    assert not [stem for stem in ends["으로"] if closes(stem) in {"", "\u11af"}]
    assert not [stem for stem in ends["을"] if not closes(stem) and not (stem + "을").endswith(others)]


def test_particles_after_numbers_and_letters(prose: str) -> None:
    forms = {form: len(re.findall(rf"\d{form}(?=[ .,])", prose)) for form in ("%를", "%가", "%에", "km를", "kg이나")}
    assert forms["%를"] and forms["km를"] and forms["kg이나"]
    assert not re.search(
        r"\d%(을|이|은|과|으로)(?=[ .,])|km(을|이|은)|kg(를|가|는)|CCTV(을|이|은)|SNS(을|이|은)|FC(을|이|은)", prose
    )
    assert re.search(r"CCTV(를|가)", prose)


def test_titles_in_quotes_agree(wiki: str) -> None:
    found = re.findall(r"《(.+?)》(은|는|이|가|을|를)(?=[ .])", wiki)
    assert len(found) > 200
    assert not [title for title, particle in found if (particle in "은이을") != bool(closes(title))]


def test_sentences_of_one_style_end_alike(petitions: list[dict], pages: list[str]) -> None:
    polite = sum("습니다" in petition["content"] or "요." in petition["content"] for petition in petitions)
    clipped = sum(bool(re.search(r"[음임함됨]\.", petition["content"])) for petition in petitions)
    assert polite > 1400 and clipped > 60
    assert not any(re.search(r"습니다|세요|어요\.", page) for page in pages)


def test_careless_petitions_are_some_but_not_most(petitions: list[dict]) -> None:
    careless = [petition for petition in petitions if re.search(r"ㅠㅠ|!!|\.\.|[.!]\S", petition["content"])]
    assert 0.1 < len(careless) / len(petitions) < 0.4


# ----------------------------------------------------------------------------------------------------- what it is like


def test_no_two_documents_are_alike(petitions: list[dict], pages: list[str]) -> None:
    assert len({petition["content"] for petition in petitions}) == 2000
    assert len({page.split("\n", 1)[1] for page in pages}) == 1000


def test_lengths(petitions: list[dict], pages: list[str]) -> None:
    tidy = [petition["content"] for petition in petitions if petition["content"].endswith(".")]
    counts = [len(END_OF_SENTENCE.findall(content)) for content in tidy]
    assert max(counts) <= 14 and 7 <= median(counts) <= 11
    assert sum(count >= 4 for count in counts) > 0.97 * len(counts)  # the others lack full stops
    lengths = [len(petition["content"]) for petition in petitions]
    assert min(lengths) > 50 and max(lengths) < 1200 and 250 < median(lengths) < 600
    assert max(lengths) > 3 * min(lengths)
    assert 200 < median(len(page) for page in pages) < 700


def test_the_vocabulary_is_not_a_handful(prose: str, petitions: list[dict]) -> None:
    counts = Counter(prose.split())
    assert len(counts) > 15_000 and sum(count >= 5 for count in counts.values()) > 5_000
    sentences = [sentence for petition in petitions for sentence in re.split(r"(?<=[.?!]) ", petition["content"])]
    assert len(set(sentences)) > 0.7 * len(sentences)
    assert len(topics()) >= 30


def stems(text: str) -> set[str]:
    """Content words, roughly: the first two syllables of each word of three or more."""
    return {word[:2] for word in re.findall(r"[가-힣]{3,}", text)}


@pytest.mark.parametrize("kind", ["petitions", "pages"])
def test_a_document_keeps_to_its_topic(kind: str, petitions: list[dict], pages: list[str]) -> None:
    """What makes "is next" learnable: halves of a document share more of their rarer words than halves of two documents do."""
    documents = [petition["content"] for petition in petitions] if kind == "petitions" else pages
    halves = [(stems(text[: len(text) // 2]), stems(text[len(text) // 2 :])) for text in documents]
    spread = Counter(stem for first, second in halves for stem in first | second)
    rare = {stem for stem, count in spread.items() if count < 0.1 * len(halves)}
    rng = random.Random(0)
    same, other = [], []
    for first, second in halves:
        stranger = rng.choice(halves)[1]
        same.append(len(first & second & rare))
        other.append(len(first & stranger & rare))
    assert mean(same) > 3 * mean(other)
    wins = mean((mine > theirs) + 0.5 * (mine == theirs) for mine, theirs in zip(same, other, strict=True))
    assert wins > 0.8


def test_pages_tell_what_the_lexicon_knows(pages: list[str]) -> None:
    lexicon = build_lexicon()
    by_name = {person.name: person for person in lexicon.persons}
    born = 0
    for page in pages:
        name = re.match(r" = (.+) =", page)[1]  # type: ignore[index]
        if name in by_name and (told := re.search(r"(\d{4})년 (\d+)월 (\d+)일[에]? .*태어났다", page)):
            person = by_name[name]
            assert tuple(map(int, told.groups())) == (person.born.year, person.born.month, person.born.day)
            born += 1
    assert born > 50


def test_years_of_a_section_go_forward(pages: list[str]) -> None:
    histories = [
        text
        for page in pages
        for text in re.findall(r" = = (?:역사|활동|선수 경력) = =\n\n(.+?)\n\n", page, flags=re.DOTALL)
    ]
    assert len(histories) > 300
    for history in histories:
        years = [int(year) for year in re.findall(r"(\d{4})년", history)]
        assert years == sorted(years) and len(years) >= 2
