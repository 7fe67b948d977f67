"""The sample's relations: KLUE-RE's layout and labels, true to the invented world, and not to be solved without reading."""

import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

from data.sample import files as sample_files
from data.sample.files import write_relations
from data.sample.lexicon import Organisation, Person, build_lexicon, korean_date
from data.sample.relation_facts import RELATIONS, World, names, stated_relation
from data.sample.relation_sentences import Frame, SentenceWriter
from data.sample.relations import LABEL_COUNTS, NO_RELATION, label_counts, labelled_pairs

ROOT = Path(__file__).parents[3]
Row = dict


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_relations(tmp_path_factory.mktemp("relations"))


@pytest.fixture(scope="module")
def train(files):
    return json.loads(files[0].read_text("utf-8"))


@pytest.fixture(scope="module")
def dev(files):
    return json.loads(files[1].read_text("utf-8"))


@pytest.fixture(scope="module")
def rows(train, dev):
    return train + dev


@pytest.fixture(scope="module")
def world():
    return World(build_lexicon())


def words(row):
    return row["subject_entity"]["word"], row["object_entity"]["word"]


def types(row):
    return row["subject_entity"]["type"], row["object_entity"]["type"]


# ---------------------------------------------------------------------------------------------------------- layout


def test_files_are_a_json_list_with_a_row_a_line(files, train, dev):
    assert [path.name for path in files] == ["klue-re_sample_train.json", "klue-re_sample_dev.json"]
    assert (len(train), len(dev)) == (2000, 400)
    first, *lines, last = files[0].read_text("utf-8").splitlines()
    assert (first, last) == ("[", "]")
    assert [json.loads(line.removesuffix(",")) for line in lines] == train


def test_rows_have_klues_keys_in_klues_order(rows):
    for row in rows:
        assert list(row) == ["guid", "sentence", "subject_entity", "object_entity", "label", "source"]
        for entity in (row["subject_entity"], row["object_entity"]):
            assert list(entity) == ["word", "start_idx", "end_idx", "type"]
        assert row["source"] == "sample"
    assert rows[0]["guid"] == "sample-re_train_00000" and rows[-1]["guid"] == "sample-re_dev_00399"
    assert len({row["guid"] for row in rows}) == 2400


def test_offsets_are_inclusive_and_those_of_the_word(rows):
    repeated = 0
    for row in rows:
        spans = []
        for entity in (row["subject_entity"], row["object_entity"]):
            start, end = entity["start_idx"], entity["end_idx"]
            assert row["sentence"][start : end + 1] == entity["word"]
            assert entity["word"] == entity["word"].strip() != ""
            repeated += row["sentence"].count(entity["word"]) > 1
            spans.append((start, end))
        (_, first_end), (second_start, _) = sorted(spans)
        assert first_end < second_start
    assert repeated > 100  # so that to look for the word would not do


def test_types_are_klues(rows):
    subjects, objects = zip(*map(types, rows), strict=True)
    assert set(subjects) == {"PER", "ORG"}
    assert set(objects) == {"PER", "ORG", "LOC", "DAT", "POH", "NOH"}
    for row in rows:
        if row["label"] != NO_RELATION:
            assert {"per": "PER", "org": "ORG"}[row["label"][:3]] == types(row)[0]


# ---------------------------------------------------------------------------------------------------------- labels


def test_labels_are_all_thirty_and_skewed_as_in_klue(train, dev):
    for part, least in ((train, 6), (dev, 3)):
        counts = Counter(row["label"] for row in part)
        assert set(counts) == set(LABEL_COUNTS) and len(counts) == 30
        assert min(counts.values()) == least
        assert 0.30 <= counts[NO_RELATION] / len(part) <= 0.36
        assert counts == label_counts(len(part), least)
    others = [label for label in LABEL_COUNTS if label != NO_RELATION]
    total = sum(LABEL_COUNTS[label] for label in others)
    for label in others[:15]:
        assert Counter(row["label"] for row in train)[label] == pytest.approx(
            1300 * LABEL_COUNTS[label] / total, rel=0.1
        )


@given(rows=st.integers(60, 40_000), least=st.integers(1, 9))
def test_label_counts_add_up(rows, least):
    counts = label_counts(rows, least)
    assert sum(counts.values()) == rows and set(counts) == set(LABEL_COUNTS)
    assert min(counts.values()) >= min(least, rows // 60)
    in_order = [counts[label] for label in sorted(LABEL_COUNTS, key=lambda label: LABEL_COUNTS[label])]
    assert all(after >= before - 1 for before, after in pairwise(in_order))


def test_too_few_rows_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="59 rows are too few for 30 labels: ask for 60 or more"):
        write_relations(tmp_path / "new", train=200, dev=59)
    assert not (tmp_path / "new").exists()


def test_small_files(tmp_path):
    for path in write_relations(tmp_path, train=90, dev=60, seed=4):
        assert {row["label"] for row in json.loads(path.read_text("utf-8"))} == set(LABEL_COUNTS)


# --------------------------------------------------------------------------------------------- true to the world


def test_labels_are_true_in_the_world(rows, world):
    """Each label against the lexicon itself: by name, and without what the sentence was composed from."""
    lexicon = world.lexicon
    by_name = {name: entity for entity in [*lexicon.persons, *lexicon.organisations] for name in names(entity)}
    by_name |= {entity.name: entity for entity in [*lexicon.persons, *lexicon.organisations]}

    def employs(organisation, person):
        return person.employer is organisation or organisation.head is person

    def parent(child, elder):
        return elder in (child.father, child.mother)

    def day(text, when):
        return when is not None and text in (korean_date(when), f"{when.year}년")

    def near(one):
        return {one, one.spouse, one.father, one.mother, *one.children, *one.siblings} - {None}

    def kin(one, other):
        return any(other in near(relative) for relative in near(one))

    checks = {
        "per:employee_of": lambda s, o: employs(by_name[o], s),
        "org:top_members/employees": lambda s, o: employs(s, by_name[o]),
        "per:title": lambda s, o: o == s.title or any(one.head is s for one in lexicon.organisations),
        "per:date_of_birth": lambda s, o: day(o, s.born),
        "per:date_of_death": lambda s, o: day(o, s.died),
        "per:place_of_birth": lambda s, o: o == s.birthplace.name,
        "per:place_of_death": lambda s, o: o == s.deathplace.name,
        "per:place_of_residence": lambda s, o: o == s.residence.name,
        "per:origin": lambda s, o: o in (s.country, s.birthplace.name),
        "per:religion": lambda s, o: o == s.religion,
        "per:schools_attended": lambda s, o: o in names(s.school),
        "per:product": lambda s, o: o in {work.title for work in s.works},
        "per:spouse": lambda s, o: by_name[o] is s.spouse,
        "per:parents": lambda s, o: parent(s, by_name[o]),
        "per:children": lambda s, o: parent(by_name[o], s),
        "per:siblings": lambda s, o: by_name[o] in s.siblings,
        "per:other_family": lambda s, o: (
            kin(s, by_name[o]) and not parent(s, by_name[o]) and s.spouse is not by_name[o]
        ),
        "per:colleagues": lambda s, o: by_name[o].employer is s.employer,
        "per:alternate_names": lambda s, o: {o} < {s.name, s.alias},
        "org:alternate_names": lambda s, o: {o} < {s.name, s.alias},
        "org:member_of": lambda s, o: s.parent is by_name[o],
        "org:members": lambda s, o: by_name[o].parent is s,
        "org:founded_by": lambda s, o: s.founder is by_name[o],
        "org:founded": lambda s, o: day(o, s.founded),
        "org:dissolved": lambda s, o: day(o, s.dissolved),
        "org:place_of_headquarters": lambda s, o: o == s.location.name,
        "org:product": lambda s, o: (
            o in s.products or any(o == work.title and work.publisher is s for work in lexicon.works)
        ),
        "org:political/religious_affiliation": lambda s, o: o == s.affiliation,
        "org:number_of_employees/members": lambda s, o: o == f"{s.employees:,}명",
    }
    assert set(checks) == set(LABEL_COUNTS) - {NO_RELATION}
    aliases = Counter(entity.alias for entity in lexicon.persons)
    seen = Counter()
    for row in rows:
        subject, other = words(row)
        if row["label"] == NO_RELATION or aliases[subject] > 1 or aliases[other] > 1:
            continue
        assert checks[row["label"]](by_name[subject], other), row
        seen[row["label"]] += 1
    assert min(seen[label] for label in checks) >= 6


def test_no_relation_is_claimed_of_strangers_only(rows, world):
    by_name = {entity.name: entity for entity in [*world.lexicon.persons, *world.lexicon.organisations]}
    for row in rows:
        subject, other = words(row)
        if row["label"] == NO_RELATION and subject in by_name:
            one = by_name[subject]
            assert not world.related(one, other), row
            if isinstance(one, Person):
                assert other not in {
                    one.title,
                    one.country,
                    korean_date(one.born),
                    one.birthplace.name,
                    one.residence.name,
                }
                assert other not in {one.employer.name, one.school.name, *(work.title for work in one.works)}
                assert other not in {near.name for near in (one.father, one.mother, one.spouse, *one.children) if near}
            else:
                assert other not in {korean_date(one.founded), one.location.name, *one.products}
                assert not isinstance(by_name.get(other), Person) or by_name[other].employer is not one


def test_relations_by_path():
    assert stated_relation("p", "p.employer") == "per:employee_of"
    assert stated_relation("p.employer", "p") == "org:top_members/employees"
    assert stated_relation("o.head", "o.head.post") == "per:title"
    assert stated_relation("p", "p.child2") == "per:children"
    assert stated_relation("p.child", "p.child2") == "per:siblings"
    assert stated_relation("p.father", "p.mother") == "per:spouse"
    assert stated_relation("q", "p.employer") is None
    assert stated_relation("p", "q") is None
    assert stated_relation("o", "o.head.post") is None
    assert {label for both in RELATIONS.values() for label in both if label} | {
        "per:alternate_names",
        "org:alternate_names",
        NO_RELATION,
    } == set(LABEL_COUNTS)


def test_every_attribute_is_known_of_somebody(world):
    for attribute in RELATIONS:
        owners = [*world.lexicon.persons, *world.lexicon.organisations]
        found = 0
        for owner in owners:
            try:
                found += bool(world.facts(owner, attribute))
            except KeyError:
                continue
        assert found >= 5, attribute


def test_a_stranger_is_not_related_and_a_cousin_is(world):
    person = next(person for person in world.lexicon.persons if person.grandparents)
    assert world.related(person, person.grandparents[0].name)
    assert world.related(person, person.employer.name) and world.related(person.employer, person.name)
    stranger = next(
        other
        for other in world.lexicon.persons
        if other.employer.kind != person.employer.kind and other.name[0] != person.name[0] and not other.spouse
    )
    assert not world.related(person, stranger.name) and not world.related(stranger, person.name)


# -------------------------------------------------------------------------------------------------------- sentences


def test_no_sentence_is_in_both_files_and_a_fifth_have_two_rows(train, dev):
    assert not {row["sentence"] for row in train} & {row["sentence"] for row in dev}
    for part in (train, dev):
        counts = Counter(row["sentence"] for row in part)
        assert max(counts.values()) == 2
        assert 0.12 < sum(count > 1 for count in counts.values()) / len(counts) < 0.28
    pairs = [
        (row["sentence"], *(tuple(row[key].values()) for key in ("subject_entity", "object_entity"))) for row in train
    ]
    assert len(set(pairs)) == len(pairs)


KEPT_FROM_TRAINING = "토박이 동문인 백년가약 혼례를 첫울음 현수막 통칭 간판을 주춧돌 창립일 보금자리 반려로"


def test_part_of_the_development_rows_are_said_in_an_unseen_way(train, dev):
    training, development = ("\n".join(row["sentence"] for row in part) for part in (train, dev))
    kept = KEPT_FROM_TRAINING.split()
    assert not [word for word in kept if word in training]
    assert len([word for word in kept if word in development]) >= 4


def test_every_label_can_be_said_in_several_ways_and_in_an_unseen_one(world):
    writer = SentenceWriter(world, random.Random(0))
    ways = Counter(label for frames in writer.phrases.values() for frame in frames for label in frame.labels())
    unseen = {
        label for frames in writer.phrases.values() for frame in frames if frame.unseen for label in frame.labels()
    }
    for label in set(LABEL_COUNTS) - {NO_RELATION}:
        assert ways[label] >= (8 if LABEL_COUNTS[label] > 300 else 5), label
        assert label in unseen


def test_every_slot_of_every_frame_is_known(world):
    writer = SentenceWriter(world, random.Random(0))
    for place, frames in writer.phrases.items():
        role = place[0]
        for frame in frames:
            assert frame.text.count("{") == frame.text.count("}")
            assert {slot[0] for slot in frame.slots} <= {role}
            entities = world.lexicon.persons if role == "p" else world.lexicon.organisations
            assert any(writer._can_tell(entity, frame) for entity in entities), frame.text
    assert len({frame.text for frames in writer.phrases.values() for frame in frames}) == sum(
        map(len, writer.phrases.values())
    )


@given(
    seed=st.integers(0, 10_000), label=st.sampled_from(sorted(set(LABEL_COUNTS) - {NO_RELATION})), unseen=st.booleans()
)
def test_mentions_stand_where_they_say(seed, label, unseen):
    world = World(build_lexicon())
    sentence = SentenceWriter(world, random.Random(seed)).write(label, unseen)
    if sentence is None:
        return
    assert label in {pair.label for pair in labelled_pairs(world, sentence)}
    end = 0
    for mention in sentence.mentions:
        assert end <= mention.start < mention.end
        end = mention.end
        assert sentence.text[mention.start : mention.end] in (
            names(mention.fact) if isinstance(mention.fact, Person | Organisation) else names(mention.fact)[:1]
        )


def test_a_frame_knows_what_it_states():
    frame = Frame("{p.employer} 소속 {p.title} {p}*", "p 소개")
    assert frame.unseen and frame.text == "{p.employer} 소속 {p.title} {p}"
    assert frame.labels() == {"per:employee_of", "org:top_members/employees", "per:title"}
    assert Frame("{p.spouse}과(와) 결혼했", "p 생애").labels() == {"per:spouse"}
    assert Frame("{o}({o.alias})", "o 소개").labels() == {"org:alternate_names"}
    assert not Frame("{p+소개}은(는) {q+소개}을(를) 찾아갔다.").labels()


def test_korean_without_leftovers(rows):
    for row in rows:
        sentence = row["sentence"]
        assert not re.search(r"[{}|+*]|\((?:는|가|를|와|이|으)\)|None|  ", sentence), sentence
        assert sentence.endswith(".")
        assert not set(re.sub(r"[가-힣A-Za-z0-9 .,()《》〈〉‘’“”~·]", "", sentence)), sentence


def test_particles_agree(rows):
    """Particles right after an entity that ends in Hangul, judged by Unicode's own decomposition."""
    seen = Counter()
    for row in rows:
        for entity in (row["subject_entity"], row["object_entity"]):
            after = re.match(r"(은|는|이|가|을|를|과|와|으로|로)(?= )", row["sentence"][entity["end_idx"] + 1 :])
            last = unicodedata.normalize("NFD", entity["word"])[-1]
            if not after or not "가" <= entity["word"][-1] <= "힣":
                continue
            final = last if "\u11a8" <= last <= "\u11c2" else ""
            if after[1] in ("으로", "로"):
                assert (after[1] == "로") == (final in ("", "\u11af")), row
            else:
                assert (after[1] in "은이을과") == bool(final), row
            seen[after[1]] += 1
    assert len(seen) >= 9 and seen.total() > 800


def test_lengths(train):
    lengths = sorted(len(row["sentence"]) for row in train)
    assert lengths[0] >= 20 and 70 < median(lengths) < 110
    assert sum(30 <= length <= 120 for length in lengths) > 0.75 * len(lengths)
    assert sum(length >= 150 for length in lengths) > 0.04 * len(lengths)
    apart = [abs(row["subject_entity"]["start_idx"] - row["object_entity"]["start_idx"]) for row in train]
    assert sum(distance > 100 for distance in apart) >= 20


# ------------------------------------------------------------------------------------------- it takes reading


def test_types_do_not_give_the_label_away(train):
    labels = {}
    for row in train:
        labels.setdefault(types(row), Counter())[row["label"]] += 1
    for pair in (
        ("PER", "ORG"),
        ("PER", "PER"),
        ("ORG", "DAT"),
        ("PER", "DAT"),
        ("PER", "POH"),
        ("ORG", "ORG"),
        ("PER", "LOC"),
    ):
        assert NO_RELATION in labels[pair] and len(labels[pair]) >= 3, pair
    assert NO_RELATION in labels["ORG", "LOC"]
    assert len(labels["PER", "PER"]) >= 7


def test_sentences_with_two_rows_have_other_labels(train):
    labels = {}
    for row in train:
        labels.setdefault(row["sentence"], []).append(row["label"])
    twice = [found for found in labels.values() if len(found) == 2]
    assert sum(len(set(found)) == 2 for found in twice) > 0.6 * len(twice)


def bag(row):
    """The sentence's character n-grams, wherever they stand, and the types."""
    text = row["sentence"]
    return ["-".join(types(row)), *(text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1))]


def around(row):
    """The character n-grams between the entities and beside them."""
    text = row["sentence"]
    first, second = sorted((row["subject_entity"], row["object_entity"]), key=lambda entity: entity["start_idx"])
    key = "-".join(types(row)) + ("<" if first is row["subject_entity"] else ">")
    between = text[first["end_idx"] + 1 : second["start_idx"]]
    parts = {
        "left": text[max(0, first["start_idx"] - 6) : first["start_idx"]] + "|",
        "middle": f"|{between if len(between) < 25 else between[:12] + '~' + between[-12:]}|",
        "right": "|" + text[second["end_idx"] + 1 : second["end_idx"] + 11],
    }
    grams = [
        (place, part[i : i + n]) for place, part in parts.items() for n in (2, 3, 4) for i in range(len(part) - n + 1)
    ]
    return [key, *(place + gram for place, gram in grams), *(key + place + gram for place, gram in grams)]


def test_a_bag_of_words_fails_where_the_places_of_the_entities_suffice(train, dev):
    """Micro-F1 without no_relation, as KLUE-RE counts it, of a linear model."""
    gold = [row["label"] for row in dev]
    scores = []
    for features in (bag, around):
        counter = CountVectorizer(analyzer=features, binary=True, min_df=2)
        model = LinearSVC(C=0.05, random_state=0).fit(counter.fit_transform(train), [row["label"] for row in train])
        predicted = model.predict(counter.transform(dev))
        relations = sorted(set(LABEL_COUNTS) - {NO_RELATION})
        scores.append(f1_score(gold, predicted, labels=relations, average="micro"))
    assert scores[0] < 0.55 and scores[1] > 0.75, scores


# ---------------------------------------------------------------------------------------------------------- writing


def written_in_a_process(directory, hash_seed, seed):
    program = f"from pathlib import Path; from data.sample.files import write_relations as w; w(Path({str(directory)!r}), 80, 60, {seed})"
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def test_the_same_bytes_whatever_the_hash_seed(tmp_path):
    first = written_in_a_process(tmp_path / "a", hash_seed=0, seed=5)
    assert first == written_in_a_process(tmp_path / "b", hash_seed=1, seed=5)
    other = written_in_a_process(tmp_path / "c", hash_seed=0, seed=6)
    assert first[0] != other[0] and first[1] != other[1]


def test_files_that_are_there_already_are_left_alone(tmp_path):
    paths = write_relations(tmp_path, 80, 60)
    for path in paths:
        os.utime(path, ns=(1, 1))
    assert write_relations(tmp_path, 80, 60) == paths
    assert [path.stat().st_mtime_ns for path in paths] == [1, 1]


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(sample_files.Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_relations(tmp_path, 80, 60)
    assert not list(tmp_path.iterdir())
