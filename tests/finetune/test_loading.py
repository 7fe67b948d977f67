"""`load`: what it imports, what it finds, and what it says where there is nothing; folders of earlier versions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bert_core.config import BertConfig
from bert_core.model import Bert
from bert_core.pretrained import save_pretrained
from data.errors import DataError
from data.tokenizer import train_wordpiece
from experiment.errors import UsageError
from finetune import load
from finetune.entity.alignment import AlignmentOptions
from finetune.entity.head import BertForEntities, HeadOptions
from finetune.entity.model import EntityModel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory):
    text = tmp_path_factory.mktemp("text") / "text.txt"
    words = [f"{chr(0xAC00 + 28 * number)}동은 {chr(0xAC00 + 28 * (number + 7))}구이다." for number in range(90)]
    text.write_text(
        "서울특별시는 한국의 수도이다.\n부산은 항구 도시이다.\n" * 50 + "\n".join(words * 4), encoding="utf-8"
    )
    return train_wordpiece(text, 300)


@pytest.fixture
def network(wordpiece):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=wordpiece.vocab_size, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=16, initializer_range=0.3,
    )  # fmt: skip
    return Bert(config)


@pytest.fixture
def entities(network, wordpiece, tmp_path):
    """The folder of a run with an untrained tagger."""
    options = AlignmentOptions("both", 16)
    tagger = BertForEntities(network, HeadOptions("both", True, 0.0), 2, 4)
    EntityModel(tagger, wordpiece, options, ["LC", "PS"], "서울부").save(tmp_path / "run" / "model")
    return tmp_path / "run"


def test_neither_lightning_nor_mlflow_nor_a_benchmark_is_needed(entities):
    program = f"""
import sys
from finetune import load
model = load({str(entities)!r}, device="cpu")
answers = model.predict(["서울특별시는 한국의 수도이다."])
assert isinstance(answers[0], list)
loaded = [name for name in ("pytorch_lightning", "lightning", "mlflow", "matplotlib", "sklearn", "rich") if name in sys.modules]
assert not loaded, loaded
assert "experiment.speed" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_spans_are_of_the_given_text_whatever_its_length(entities):
    model = load(entities, task="ner", device="cpu")
    texts = ["서울특별시는 한국의 수도이다.", "", "서울 부산 " * 40, "부산은\u1112\u1161\u11ab 항구"]
    answers = model.predict(texts)
    assert [len(answer) > 0 for answer in answers][1] is False
    found = [entity for answer in answers for entity in answer]
    assert found
    for text, answer in zip(texts, answers, strict=True):
        for entity in answer:
            assert text[entity.start : entity.end] == entity.surface and entity.type in ("LC", "PS")
            assert 0 <= entity.probability <= 1.001


def test_vectors_of_any_model_folder(entities, network, wordpiece, tmp_path):
    save_pretrained(network, tmp_path / "plain")
    wordpiece.save(tmp_path / "plain")
    texts = ["서울특별시는 한국의 수도이다.", "부산은 항구 도시이다.", "서울 " * 100, ""]
    plain, tagger = load(tmp_path / "plain", device="cpu"), load(entities, task="encoder", device="cpu")
    vectors = plain.encode(texts)
    assert vectors.shape == (4, 24) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, tagger.encode(texts), atol=1e-6)
    np.testing.assert_allclose(vectors[1:2], plain.encode(texts[1:2]), atol=1e-5)
    assert not np.allclose(plain.encode(texts, pooling="cls"), vectors)
    assert not hasattr(plain, "predict")
    with pytest.raises(ValueError, match="pooling must be"):
        plain.encode(texts, pooling="max")


def test_a_long_text_is_the_mean_of_all_its_tokens(network, wordpiece, tmp_path):
    save_pretrained(network, tmp_path)
    wordpiece.save(tmp_path)
    model = load(tmp_path, device="cpu")
    ids = wordpiece.encode(["서울 부산 " * 20])[0]
    cls, sep = wordpiece.id_of("[CLS]"), wordpiece.id_of("[SEP]")
    from bert_core.packing import pack

    with torch.inference_mode():
        parts = [
            network.eval()(pack([np.array([cls, *ids[start : start + 14], sep])]))[1:-1]
            for start in range(0, len(ids), 14)
        ]
    np.testing.assert_allclose(model.encode(["서울 부산 " * 20])[0], torch.cat(parts).mean(0).numpy(), atol=1e-5)


def test_folders_of_before_there_was_a_format_are_read(entities):
    model, texts = load(entities, task="ner", device="cpu"), ["서울특별시는 한국의 수도이다."]
    before, folder = model.predict(texts), entities / "model"
    description = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    del description["format"], description["task"]
    (folder / "entities.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    (folder / "task.json").unlink()
    (folder / "head.safetensors").rename(folder / "entity_head.safetensors")
    assert load(entities, device="cpu").predict(texts) == before


def test_what_is_not_there_is_said(entities, tmp_path):
    with pytest.raises(UsageError, match="holds no model"):
        load(tmp_path)
    with pytest.raises(UsageError, match="holds a model of task ner, not of re"):
        load(entities, task="re")
    with pytest.raises(UsageError, match="there is no device gpu9"):
        load(entities, device="gpu9")
    shutil.copytree(entities, tmp_path / "grid" / "runs" / "seed=0")
    with pytest.raises(UsageError, match="several models; name one"):
        load(tmp_path / "grid")
    path = entities / "model" / "task.json"
    later = json.loads(path.read_text(encoding="utf-8")) | {"format": 99}
    path.write_text(json.dumps(later), encoding="utf-8")
    with pytest.raises(DataError, match="is of format 99"):
        load(entities)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="is damaged"):
        load(entities)


def test_memory_stays_bounded(entities, monkeypatch):
    """Texts are answered in blocks, in their order."""
    monkeypatch.setattr("finetune.entity.model.BLOCK", 3)
    model = load(entities, task="ner", device="cpu")
    asked, ask = [], type(model).ask
    monkeypatch.setattr(type(model), "ask", lambda self, rows: asked.append(len(rows)) or ask(self, rows))
    texts = [f"서울 {number} 부산" for number in range(8)]
    answers = model.predict(texts)
    assert asked == [3, 3, 2] and len(answers) == 8
    assert all(entity.surface in text for text, answer in zip(texts, answers, strict=True) for entity in answer)
