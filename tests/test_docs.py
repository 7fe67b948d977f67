"""The documents' Python runs, and their links lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from bert_core.config import BertConfig
from bert_core.model import Bert
from bert_core.pretrained import save_pretrained
from data.tokenizer import train_wordpiece
from finetune.classification.model import BertForClassification, ClassificationModel
from finetune.entity.alignment import AlignmentOptions
from finetune.entity.head import BertForEntities
from finetune.entity.head import HeadOptions as TaggerOptions
from finetune.entity.model import EntityModel
from finetune.relation.head import BertForRelation, HeadOptions
from finetune.relation.marking import MarkerOptions, RelationMarker
from finetune.relation.model import RelationModel

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with the runs that the documents ask, all of them untrained."""
    folder = tmp_path_factory.mktemp("runs")
    text = folder / "text.txt"
    words = [f"{chr(0xAC00 + 28 * number)}동은 {chr(0xAC00 + 28 * (number + 7))}구이다." for number in range(90)]
    text.write_text("새솔대학교는 1952년 김다온이 세웠다.\n" * 50 + "\n".join(words * 4), encoding="utf-8")
    wordpiece = train_wordpiece(text, 300)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=wordpiece.vocab_size, hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    base = folder / "runs" / "pretrain" / "latest" / "model"
    save_pretrained(Bert(config), base)
    wordpiece.save(base)
    tuned = folder / "runs" / "finetune"
    tagger = BertForEntities(Bert(config), TaggerOptions("both", True, 0.0), 2, 2)
    EntityModel(tagger, wordpiece, AlignmentOptions("both", 64), ["OG", "PS"], "김").save(tuned / "ner/latest/model")
    labels = ["no_relation", "org:founded_by"]
    marker = RelationMarker(wordpiece, MarkerOptions("entity_marker", False, 64))
    head = HeadOptions("split", "cls,e1,e2", "mean", "hidden", "tanh", False, 0.0)
    network = BertForRelation(Bert(config), head, labels)
    RelationModel(network, wordpiece, marker, labels, [1, 1], "no_relation").save(tuned / "re/latest/model")
    classifier = BertForClassification(Bert(config), 2, 0.0)
    model = ClassificationModel(classifier, wordpiece, ["길", "학교"], [0.5, 0.5], 64)
    model.save(tuned / "classification/latest/model")
    return folder


def test_the_python_of_the_documents_runs(runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    vectors = names["vectors"]
    assert isinstance(vectors, np.ndarray) and vectors.shape == (2, 24)
    assert names["answer"].label in ("no_relation", "org:founded_by")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["README.md", "README.ko.md", "CONTRIBUTING.md", "docs/design.md", "docs/python.md"])
def test_links_lead_somewhere(name):
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_what_the_design_names_exists():
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8") + (ROOT / "CONTRIBUTING.md").read_text(
        encoding="utf-8"
    )
    for path in re.findall(r"`((?:bert_core|data|pretrain|finetune|experiment|tests)/[\w/]+\.py)`", text):
        if "pos" not in path:
            assert (ROOT / path).exists(), path
