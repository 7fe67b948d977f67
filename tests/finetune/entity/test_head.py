"""The tagger: one text alone is one text in a batch, windows give what one window gives, and one batch can be learnt."""

import numpy as np
import pytest
import torch

from bert_core.config import BertConfig
from bert_core.model import Bert
from data.entities import entity_types, read_entities
from finetune.entity.alignment import Aligner, AlignmentOptions
from finetune.entity.crf import OUTSIDE
from finetune.entity.head import BertForEntities, HeadOptions, make_batch
from finetune.entity.model import EntityModel, known_characters

UNITS = ["both", "subword", "character"]


@pytest.fixture
def build(wordpiece, texts_file):
    texts = read_entities(texts_file).rows

    def make(unit="both", crf=True, length=64, dropout=0.0):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=wordpiece.vocab_size, hidden_size=26, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=39, max_position_embeddings=64, initializer_range=0.2, hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )  # fmt: skip
        options = AlignmentOptions(unit, length)
        aligned = Aligner(wordpiece, options).align([text.text for text in texts])
        types, characters = entity_types(texts), known_characters(aligned)
        network = BertForEntities(Bert(config), HeadOptions(unit, crf, dropout), len(types), 1 + len(characters))
        return EntityModel(network, wordpiece, options, types, characters), texts, aligned

    return make


def batch_of(model, texts, aligned, rows):
    tags = [each.tags(text.entities, model.outputs) for text, each in zip(texts, aligned, strict=True)]
    return make_batch(aligned, [model.numbers(each) for each in aligned], rows, tags)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("crf", [True, False])
def test_a_text_in_a_batch_is_a_text_alone(build, unit, crf):
    model, texts, aligned = build(unit, crf)
    model.network.eval()
    rows = [3, 0, 17, 5]
    with torch.no_grad():
        batch = batch_of(model, texts, aligned, rows)
        together = model.network(batch)
        losses = model.network.head.losses(together, batch)
        for number, row in enumerate(rows):
            one = batch_of(model, texts, aligned, [row])
            alone = model.network(one)
            length = len(aligned[row].token)
            assert alone.shape[1] == length
            torch.testing.assert_close(together[number, :length], alone[0], atol=1e-5, rtol=1e-4)
            assert not together[number, length:].any()
            torch.testing.assert_close(losses[number], model.network.head.losses(alone, one)[0], atol=1e-3, rtol=1e-4)


def test_tags_lie_where_their_characters_do(build):
    model, texts, aligned = build()
    batch = batch_of(model, texts, aligned, [1, 2, 3])
    for number, row in enumerate(batch.rows):
        tags = batch.tags[number][batch.mask[number]].numpy()
        assert np.array_equal(tags, aligned[row].tags(texts[row].entities, model.outputs))
        assert (batch.tags[number][~batch.mask[number]] == OUTSIDE).all()
    firsts = batch.packed.input_ids[batch.token]
    assert model.wordpiece.id_of("[CLS]") not in firsts.tolist()


@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("unit", UNITS)
def test_one_batch_can_be_learnt_by_heart(build, unit, crf):
    model, texts, aligned = build(unit, crf)
    batch = batch_of(model, texts, aligned, list(range(12)))
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=5e-3)
    for _ in range(120):
        loss = model.network.head.losses(model.network(batch), batch).sum() / batch.mask.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.02
    model.network.eval()
    with torch.no_grad():
        best = model.network.head.crf.best_tags(model.network(batch), batch.mask)
    assert torch.equal(best, batch.tags)


def test_the_tagger_can_tell_the_characters_of_an_unknown_word_apart(build):
    model, _, _ = build()
    (aligned,) = model.aligner.align(["뷁김새"])
    assert len(set(aligned.token.tolist())) < 3 or len(aligned.token) == 3
    batch = make_batch([aligned], [model.numbers(aligned)], [0])
    scores = model.network(batch)[0]
    assert not torch.allclose(scores[0], scores[1]) and not torch.allclose(scores[1], scores[2])


def test_autocast_does_not_reach_the_crf(build):
    model, texts, aligned = build()
    batch = batch_of(model, texts, aligned, [0, 1, 2, 3])
    model.network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        scores = model.network(batch)
        assert scores.dtype == torch.float32
        losses = model.network.head.losses(scores, batch)
    with torch.no_grad():
        assert torch.equal(losses, model.network.head.losses(scores, batch))


def test_a_character_that_training_has_once_is_unknown(build):
    model, _, _ = build()
    assert "김" in model.characters and "뷁" not in model.characters
    (odd,) = model.aligner.align(["뷁김"])
    assert model.numbers(odd).tolist() == [0, 1 + model.characters.index("김")]
