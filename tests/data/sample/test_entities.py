"""The sample's named entities: KLUE-NER's layout, tags true to the text, and not to be solved by knowing words."""

import os
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.cleaning import normalize
from data.entities import bio_tags, entities_of, read_entities
from data.sample import files as sample_files
from data.sample.entities import blocks, compose_entities, phrases
from data.sample.entity_slots import Slots, name_of
from data.sample.entity_words import drawn, hanja_of, native, quantity
from data.sample.files import write_entities
from data.sample.lexicon import build_lexicon
from data.sample.names import name_parts

ROOT = Path(__file__).parents[3]
KLUE_SHARES = {"PS": 0.322, "QT": 0.215, "DT": 0.158, "OG": 0.150, "LC": 0.119, "TI": 0.037}
"""Of the entities in the first half of KLUE-NER's development file."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_entities(tmp_path_factory.mktemp("entities"))


@pytest.fixture(scope="module")
def train(files):
    return read_entities(files[0]).rows


@pytest.fixture(scope="module")
def dev(files):
    return read_entities(files[1]).rows


@pytest.fixture(scope="module")
def texts(train, dev):
    return train + dev


def surfaces(texts):
    return [(text.text[entity.start : entity.end], entity.type) for text in texts for entity in text.entities]


def outside(text):
    """The text with a mark for each of its entities."""
    written, end = "", 0
    for entity in text.entities:
        written += text.text[end : entity.start] + "□"
        end = entity.end
    return written + text.text[end:]


# ---------------------------------------------------------------------------------------------------------- layout


def test_files_read_without_a_rejection(files):
    assert [path.name for path in files] == ["klue-ner_sample_train.tsv", "klue-ner_sample_dev.tsv"]
    for path, count in zip(files, (2000, 400), strict=True):
        file = read_entities(path, strict=True)
        assert file.format == "character-tsv" and len(file.rows) == count
        assert not file.rejected and not file.composed
        assert not file.report()["duplicates"]["count"]


def test_layout_is_klues(files):
    lines = files[0].read_text("utf-8").split("\n")
    assert [line[:2] for line in lines[:6]] == ["##"] * 6
    assert lines[4] == "## 컬럼명 : CHAR\tNE_TAG"
    id, marked = lines[5].split("\t")
    assert id == "## sample-ner_train_00000"
    end = lines.index("")
    rows = [line.rsplit("\t", 1) for line in lines[6:end]]
    assert "".join(letter for letter, _ in rows) == re.sub(r"<([^<>]*):[A-Z]{2}>", r"\1", marked)
    assert lines[end + 1].startswith("## sample-ner_train_00001\t")
    assert lines[-3] != "" and lines[-2:] == ["", ""]


def test_comments_mark_what_the_tags_say(files):
    for block in files[1].read_text("utf-8").split("## 컬럼명 : CHAR\tNE_TAG\n")[1].strip("\n").split("\n\n"):
        comment, *lines = block.split("\n")
        letters, tags = zip(*(line.rsplit("\t", 1) for line in lines), strict=True)
        entities = entities_of(tags)
        assert bio_tags(len(tags), entities) == list(tags)
        marked = [("".join(letters[entity.start : entity.end]), entity.type) for entity in entities]
        assert re.findall(r"<([^<>]*):([A-Z]{2})>", comment) == marked


def test_ids(train, dev):
    assert [text.id for text in train] == [f"sample-ner_train_{number:05}" for number in range(2000)]
    assert [text.id for text in dev] == [f"sample-ner_dev_{number:05}" for number in range(400)]


# -------------------------------------------------------------------------------------------------------- proportions


def test_types_are_about_as_frequent_as_in_klue(train, dev):
    for part in (train, dev):
        counts = Counter(type for _, type in surfaces(part))
        assert set(counts) == set(KLUE_SHARES)
        for type, share in KLUE_SHARES.items():
            assert counts[type] / counts.total() == pytest.approx(share, abs=0.07), type
        assert 2.4 < counts.total() / len(part) < 3.6


def test_entities_are_as_awkward_as_in_klue(train, dev):
    for part in (train, dev):
        pairs = [(text.text, entity) for text in part for entity in text.entities]
        inside = sum(text[entity.end : entity.end + 1].strip() != "" for text, entity in pairs)
        spaced = sum(" " in text[entity.start : entity.end] for text, entity in pairs)
        single = sum(entity.end - entity.start == 1 for _, entity in pairs)
        joined = [
            text.text[one.end : other.start]
            for text in part
            for one, other in zip(text.entities, text.entities[1:], strict=False)
        ]
        assert inside > 0.55 * len(pairs)
        assert 0.15 * len(pairs) < spaced < 0.35 * len(pairs)
        assert single > 0.03 * len(pairs)
        assert joined.count("") > 0.01 * len(pairs)
        assert joined.count(" ") > 0.05 * len(pairs)
        assert 0.05 < sum(not text.entities for text in part) / len(part) < 0.11


def test_neighbours_without_a_character_between_are_of_many_kinds(train):
    found = Counter(
        one.type + other.type
        for text in train
        for one, other in zip(text.entities, text.entities[1:], strict=False)
        if one.end == other.start
    )
    assert {"PSPS", "QTQT", "DTDT", "DTTI", "LCOG", "OGOG"} <= set(found)


def test_lengths(train):
    lengths = sorted(len(text.text) for text in train)
    assert lengths[0] >= 5 and 30 < median(lengths) < 60 and 65 < lengths[-1] < 160


# ------------------------------------------------------------------------------------------------- it takes reading


def test_the_same_words_are_of_different_types(train):
    types = defaultdict(set)
    for surface, type in surfaces(train):
        types[surface].add(type)
    assert sum({"LC", "OG"} <= found for found in types.values()) >= 20
    assert {"PS", "DT"} <= types["가을"] and {"LC", "OG"} <= types["프랑스"]


def test_names_that_are_words_are_also_words(texts):
    named = {surface for surface, type in surfaces(texts) if type == "PS"}
    plain = "\n".join(map(outside, texts))
    for words in (name_parts("사람")["낱말 이름"], name_parts("사람")["낱말 성명"]):
        assert len(named & set(words)) > 0.6 * len(words)
        assert sum(word in plain for word in words) >= 8


def test_numbers_that_are_no_entity(train):
    plain = [outside(text) for text in train]
    assert sum(bool(re.search(r"제\d+조", text)) for text in plain) > 20
    assert sum(bool(re.search(r"0\d\d-000-\d{4}", text)) for text in plain) > 20
    assert any(re.search(r"제\d+회", surface) for surface, type in surfaces(train) if type == "QT")
    left = [re.sub(r"제\d+[조항]|0\d\d-000-\d{4}|[A-Z]{2}-\d{2,3}|1\d-\d{4,5}", "", text) for text in plain]
    assert not [text for text in left if re.search(r"\d", text)]


def test_hanja_in_brackets_are_entities_and_are_none(train):
    hanja = re.compile("[\u4e00-\u9fff]+")
    assert sum(bool(hanja.fullmatch(surface)) for surface, type in surfaces(train) if type == "PS") >= 15
    assert sum(bool(hanja.search(outside(text))) for text in train) > 10


def test_people_write_as_they_talk(texts):
    plain = "\n".join(map(outside, texts))
    for mark in ("ㅋㅋ", "ㅠㅠ", "ㅎㅎ", "“", "《", "(", "‘", "!!", "햇", "습니다", "있"):
        assert mark in plain, mark
    short = Counter(surface for surface, type in surfaces(texts) if type in ("QT", "TI", "DT"))
    written = {surface.replace(" ", "") for surface in short if " " in surface}
    assert len(written & set(short)) > 20  # 두 시간 and 두시간


def test_no_sentence_comes_twice(texts):
    assert len({text.text for text in texts}) == len(texts)


KEPT_FROM_TRAINING = (
    "단일화|철새|아랑곳|부총장|예술가로|여든|소리 질렀다|반하고|누구였더라|주임|짓는답니다|쥔 채|대표단"
)


def test_a_quarter_of_the_development_sentences_are_put_in_an_unseen_way(train, dev):
    def kept(texts):
        return sum(any(pattern.search(re.sub(r"\s|[^\w□]", "", outside(text))) for pattern in unseen) for text in texts)

    def shape(frame):
        """What the frame's own words must be like, wherever there are enough of them."""
        words = [re.sub(r"\s|[^\w]", "", part) for part in re.split(r"\{.*\}|\{[^{}]*\}", frame)]
        return ".*".join(words)

    unseen = [
        re.compile(shape(frame))
        for block in blocks()
        for frame in block.unseen
        if len(shape(frame).replace(".*", "")) >= 6
    ]
    assert len(unseen) > 15
    assert not kept(train)
    assert kept(dev) > 0.1 * len(dev)


def test_a_third_of_the_development_names_are_unseen(train, dev):
    seen = {surface for surface, _ in surfaces(train)}
    names = [surface for surface, type in surfaces(dev) if type in ("PS", "LC", "OG")]
    assert 0.25 < sum(name not in seen for name in names) / len(names) < 0.42


def test_words_alone_do_not_suffice(train, dev):
    """Entity F1 of the most frequent tags of each word, and of each known entity wherever it stands."""
    by_word, by_surface = defaultdict(Counter), defaultdict(Counter)
    for text in train:
        tags = bio_tags(len(text.text), text.entities)
        for word in re.finditer(r"\S+", text.text):
            by_word[word[0]][tuple(tags[word.start() : word.end()])] += 1
    for surface, type in surfaces(train):
        by_surface[surface][type] += 1
    right = Counter()
    found = Counter()
    for text in dev:
        tags = ["O"] * len(text.text)
        for word in re.finditer(r"\S+", text.text):
            if word[0] in by_word:
                tags[word.start() : word.end()] = by_word[word[0]].most_common(1)[0][0]
        for start, tag in enumerate(tags[:-2]):  # a space within an entity belongs to it
            if text.text[start + 1] == " " and tag != "O" and tags[start + 2] == f"I-{tag[2:]}":
                tags[start + 1] = f"I-{tag[2:]}"
        longest = re.compile("|".join(map(re.escape, sorted(by_surface, key=len, reverse=True))))
        answers = {
            "words": entities_of(tags),
            "entities": [
                (m.start(), m.end(), by_surface[m[0]].most_common(1)[0][0]) for m in longest.finditer(text.text)
            ],
        }
        gold = {(entity.start, entity.end, entity.type) for entity in text.entities}
        answers["words"] = [(entity.start, entity.end, entity.type) for entity in answers["words"]]
        for name, answer in answers.items():
            right[name] += len(gold & set(answer))
            found[name] += len(gold) + len(answer)
    scores = {name: 2 * right[name] / found[name] for name in found}
    assert 0.3 < scores["words"] < 0.6 and scores["entities"] < 0.62, scores


# ------------------------------------------------------------------------------------------------------- the sentences


def test_korean_without_leftovers(texts):
    for text in texts:
        assert not re.search(r"[{}|+*_]|\((?:는|가|를|와|이|으)\)|None|  ", text.text), text.text
        assert text.text == text.text.strip() == normalize(text.text)
        assert not set(re.sub(r"[가-힣㄰-㆏A-Za-z0-9\u4e00-\u9fff .,()\[\]《》‘’“”~·…?!%:/▶☎-]", "", text.text)), (
            text.text
        )
        for entity in text.entities:
            surface = text.text[entity.start : entity.end]
            assert surface == surface.strip()


def test_particles_agree(texts):
    """Particles right after a name that ends in Hangul, judged by Unicode's own decomposition."""
    seen = Counter()
    for text in texts:
        for entity in text.entities:
            after = re.match(r"(은|는|이|가|을|를|과|와|으로|로)(?= )", text.text[entity.end :])
            word = text.text[entity.start : entity.end]
            if not after or not "가" <= word[-1] <= "힣":
                continue
            last = unicodedata.normalize("NFD", word)[-1]
            final = last if "\u11a8" <= last <= "\u11c2" else ""
            if after[1] in ("으로", "로"):
                assert (after[1] == "로") == (final in ("", "\u11af")), text.text
            else:
                assert (after[1] in "은이을과") == bool(final), text.text
            seen[after[1]] += 1
    assert len(seen) >= 9 and seen.total() > 1500


def own_words(frame):
    """What a frame says outside its slots, alternatives included."""
    frame = re.sub(r"\{[^{}|]*\}", "□", frame)
    return re.split(r"[{}|]", frame)


NO_ENTITIES = re.compile(
    r"\d|어제|오늘|내일|올해|작년|지난해|이날|하루(?!빨리)|요일|정부|경찰|검찰|국회|(?<![가-힣])(?:두|세|네|첫) [가-힣]|(?<![가-힣])(?:둘|셋|하나)(?![가-힣])"
    r"|(?<![가-힣])한 (?:명|개|번|번째|편|시간|달|해|가지)|새벽|정오|자정"
)


def frames():
    return [frame for block in blocks() for frame in (*block.seen, *block.unseen)]


def test_a_frames_own_words_hold_no_entity():
    for frame in [*frames(), *(phrase for choices in phrases().values() for phrase in choices)]:
        for words in own_words(frame):
            assert not NO_ENTITIES.search(words), (words, frame)
    assert NO_ENTITIES.search("두 번") and NO_ENTITIES.search("제3조") and not NO_ENTITIES.search("한 식당에서")


def test_blocks():
    found = blocks()
    assert sum(block.share for block in found) == 100
    assert len(frames()) == len(set(frames())) > 120
    for block in found:
        assert block.unseen and len(block.seen) > 3 * len(block.unseen)
        assert all(frame.count("{") == frame.count("}") for frame in (*block.seen, *block.unseen))
    assert [block.name for block in found if not block.endings] == ["기사", "백과", "없음"]


def test_every_slot_is_known_and_every_word_used():
    written = "\n".join(frames())
    in_phrases = "\n".join(phrase for choices in phrases().values() for phrase in choices)
    named = set(re.findall(r"\{([^{}|.:\d]+)\d*(?=[}.:])", f"{written}\n{in_phrases}"))
    quantities = set(re.findall(r"\{([^{}|.:]+):\d", written))
    slots = Slots(build_lexicon(), random.Random(0))
    assert named - quantities <= {*drawn(), *phrases(), *slots.pools}
    assert {*drawn(), *phrases()} <= named
    for tag, known, kept in slots.pools.values():
        assert known and tag in {*KLUE_SHARES, None}
        assert not {name_of(thing) for thing in known} & {name_of(thing) for thing in kept}


def test_an_unknown_slot_is_refused():
    with pytest.raises(KeyError, match="임금"):
        Slots(build_lexicon(), random.Random(0)).cast(development=True).words("임금")


def test_facts_are_those_of_the_world():
    lexicon = build_lexicon()
    by_name = {person.name: person for person in lexicon.persons}
    slots = Slots(lexicon, random.Random(3))
    for _ in range(50):
        cast = slots.cast(development=True)
        name, type = cast.words("사람")
        person = by_name[name]
        assert type == "PS" and cast.words("사람") == (name, "PS")
        assert cast.words("사람.소속") == (person.employer.name, "OG")
        assert cast.words("사람.직함") == (person.title, None)
        assert cast.words("사람.나이") == (str(2019 - person.born.year), "QT")
        assert cast.words("사람.성") == (name[0], "PS")
        assert (cast.words("사람2") or ("nobody new",))[0] != name


def test_training_sentences_have_no_kept_names(train):
    kept = Slots(build_lexicon(), random.Random("entities 0")).kept
    assert len(kept) > 400
    assert not kept & {surface for surface, type in surfaces(train) if type in ("PS", "LC", "OG")}


# ------------------------------------------------------------------------------------------------------------ words


def test_native_numerals():
    assert [native(number) for number in (1, 2, 11, 20, 21, 34, 99)] == [
        "한",
        "두",
        "열한",
        "스무",
        "스물한",
        "서른네",
        "아흔아홉",
    ]
    for number in (0, 100):
        with pytest.raises(ValueError, match=f"from 1 to 99, not to {number}"):
            native(number)


NATIVE = {native(number): number for number in range(1, 100)} | {"첫": 1}


@given(
    seed=st.integers(0, 10_000),
    low=st.integers(1, 99),
    more=st.integers(0, 60_000),
    unit=st.sampled_from(["명", "개", "점", "표", "%", "번째"]),
)
def test_quantities_are_within_their_range(seed, low, more, unit):
    words = quantity(random.Random(seed), unit, low, low + more)
    number = words.removesuffix(unit).removesuffix("여 ").removesuffix(" ")
    if number in NATIVE:
        value = NATIVE[number]
    elif "만" in number:
        ten_thousands, _, thousands = number.partition("만")
        value = int(ten_thousands) * 10_000 + int(thousands.removesuffix("천") or 0) * 1000
    else:
        value = float(number.replace(",", ""))
    assert words.endswith(unit) and low - 1000 * (more >= 1000) - 10 <= value <= low + more + 10


@given(seed=st.integers(0, 10_000), number=st.integers(900, 90_000))
def test_sums_of_money(seed, number):
    words = quantity(random.Random(seed), "원", number, number).removesuffix("원").replace(",", "").replace(" ", "")
    value = 0
    for digits, power in re.findall(r"(\d+)([만천백]?)", words):
        value += int(digits) * {"만": 10_000, "천": 1000, "백": 100, "": 1}[power]
    assert value == round(number, -2)


def test_times_of_day_are_some(train):
    times = [surface for surface, type in surfaces(train) if type == "TI"]
    for pattern in (
        "오[전후] \\d+시",
        "시 \\d+분$",
        "^\\d\\d:\\d\\d$",
        "시간 반$",
        "^[전후]반 ",
        "^(새벽|밤|아침)$",
        "^정오|자정$",
        "분$",
    ):
        assert any(re.search(pattern, time) for time in times), pattern
    assert not [time for time in times if re.search("오전 12시|오후 0시|24시", time)]


def test_names_in_hanja():
    assert hanja_of("강") == "姜" and hanja_of("명소휘") == "明素輝" and hanja_of("명누봄") is None
    signs = "".join(hanja_of(name) or "" for name in {person.name for person in build_lexicon().persons})
    assert signs and normalize(signs) == signs


# ---------------------------------------------------------------------------------------------------------- writing


def written_in_a_process(directory, hash_seed, seed):
    program = f"from pathlib import Path; from data.sample.files import write_entities as w; w(Path({str(directory)!r}), 80, 60, {seed})"
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def test_the_same_bytes_whatever_the_hash_seed(tmp_path):
    first = written_in_a_process(tmp_path / "a", hash_seed=0, seed=5)
    assert first == written_in_a_process(tmp_path / "b", hash_seed=1, seed=5)
    other = written_in_a_process(tmp_path / "c", hash_seed=0, seed=6)
    assert first[0] != other[0] and first[1] != other[1]


def test_files_that_are_there_already_are_left_alone(tmp_path):
    paths = write_entities(tmp_path, 80, 60)
    for path in paths:
        os.utime(path, ns=(1, 1))
    assert write_entities(tmp_path, 80, 60) == paths
    assert [path.stat().st_mtime_ns for path in paths] == [1, 1]


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(sample_files.Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_entities(tmp_path, 80, 60)
    assert not list(tmp_path.iterdir())


def test_no_sentences_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="0 sentences are no sample: ask for 1 or more"):
        write_entities(tmp_path / "new", train=20, dev=0)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_seeds_do_as_well(seed):
    train, dev = compose_entities(400, 100, seed)
    assert {type for _, type in surfaces(train)} == {type for _, type in surfaces(dev)} == set(KLUE_SHARES)
    seen = {surface for surface, _ in surfaces(train)}
    names = [surface for surface, type in surfaces(dev) if type in ("PS", "LC", "OG")]
    assert sum(name not in seen for name in names) > 0.25 * len(names)
