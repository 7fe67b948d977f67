"""The network against `transformers.BertForPreTraining`, weights copied both ways, at sizes that hide no transposed axis."""

import json

import pytest
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file

from bert_core.config import BertConfig
from bert_core.model import Bert, BertForPreTraining
from bert_core.packing import pack
from bert_core.pretrained import (
    PretrainedError,
    from_hugging_face,
    from_pretrained,
    save_pretrained,
    to_hugging_face,
)

SIZES = [
    dict(vocab_size=97, hidden_size=21, num_hidden_layers=3, num_attention_heads=7, intermediate_size=13),
    dict(vocab_size=131, hidden_size=64, num_hidden_layers=2, num_attention_heads=1, intermediate_size=256),
    dict(vocab_size=50, hidden_size=40, num_hidden_layers=1, num_attention_heads=5, intermediate_size=11),
]
LENGTHS = [13, 7, 1, 29, 13]


def networks(size: dict, seed: int = 0) -> tuple[BertForPreTraining, transformers.BertForPreTraining]:
    """Ours with random weights (biases and LayerNorms too, so that none can be forgotten) and theirs, not yet equal."""
    torch.manual_seed(seed)
    config = BertConfig(max_position_embeddings=37, **size)
    ours = BertForPreTraining(config).eval()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    theirs = transformers.BertForPreTraining(transformers.BertConfig(**json.loads(config.to_json()))).eval()
    return ours, theirs


def batch(vocab_size: int):
    """One batch as both want it: packed, and padded with a mask."""
    generator = torch.Generator().manual_seed(1)
    ids = [torch.randint(0, vocab_size, (length,), generator=generator) for length in LENGTHS]
    types = [(torch.arange(length) > length // 2).long() for length in LENGTHS]
    pad = torch.nn.utils.rnn.pad_sequence
    padded = dict(
        input_ids=pad(ids, batch_first=True),
        token_type_ids=pad(types, batch_first=True),
        attention_mask=pad([torch.ones(length) for length in LENGTHS], batch_first=True),
    )
    return pack([row.tolist() for row in ids], [row.tolist() for row in types]), padded


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("direction", ["ours to theirs", "theirs to ours"])
def test_same_hidden_states_logits_and_loss(size, direction):
    ours, theirs = networks(size)
    if direction == "ours to theirs":
        result = theirs.load_state_dict(to_hugging_face(ours.state_dict(), ours.config), strict=False)
        assert not result.unexpected_keys
        assert set(result.missing_keys) <= {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
        theirs.tie_weights()
    else:
        for parameter in theirs.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        ours.load_state_dict(from_hugging_face(theirs.state_dict(), ours.config))
    packed, padded = batch(size["vocab_size"])
    real = padded["attention_mask"].bool()
    masked = torch.tensor([0, 5, 12, 14, 20, 40, 61])
    labels = torch.full((packed.tokens,), -100)
    labels[masked] = torch.randint(0, size["vocab_size"], (len(masked),), generator=torch.Generator().manual_seed(2))
    next_sentence = torch.tensor([0, 1, 1, 0, 1])
    padded_labels = torch.full(real.shape, -100)
    padded_labels[real] = labels

    with torch.no_grad():
        expected = theirs(**padded, labels=padded_labels, next_sentence_label=next_sentence, output_hidden_states=True)
        hidden = ours.bert(packed)
        logits = ours(packed, masked)
    close = dict(atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(hidden, expected.hidden_states[-1][real], **close)
    torch.testing.assert_close(logits.mlm, expected.prediction_logits[real][masked], **close)
    torch.testing.assert_close(logits.nsp, expected.seq_relationship_logits, **close)
    loss = F.cross_entropy(logits.mlm, labels[masked]) + F.cross_entropy(logits.nsp, next_sentence)
    torch.testing.assert_close(loss, expected.loss, **close)


def test_round_trip_of_names_is_exact():
    ours, _ = networks(SIZES[0])
    weights = ours.state_dict()
    back = from_hugging_face(to_hugging_face(weights, ours.config), ours.config)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_transformers_loads_the_folder_with_no_missing_or_unexpected_key(tmp_path):
    ours, _ = networks(SIZES[1])
    save_pretrained(ours, tmp_path)
    theirs, info = transformers.AutoModelForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert isinstance(theirs, transformers.BertForPreTraining)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    packed, padded = batch(SIZES[1]["vocab_size"])
    with torch.no_grad():
        expected = theirs.eval()(**padded).seq_relationship_logits
        torch.testing.assert_close(ours(packed, torch.tensor([0])).nsp, expected, atol=1e-5, rtol=1e-5)


def test_our_folder_comes_back_bit_for_bit(tmp_path):
    ours, _ = networks(SIZES[0])
    save_pretrained(ours, tmp_path)
    again = from_pretrained(BertForPreTraining, tmp_path)
    assert again.config == ours.config
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True))
    encoder = from_pretrained(Bert, tmp_path, hidden_dropout_prob=0.3)
    assert encoder.config.hidden_dropout_prob == 0.3
    assert torch.equal(encoder.blocks[0].attention.qkv.weight, ours.bert.blocks[0].attention.qkv.weight)
    save_pretrained(ours, tmp_path, hidden_dropout_prob=0.2)
    assert from_pretrained(Bert, tmp_path).config.hidden_dropout_prob == 0.2


def test_transformers_loads_an_encoder_alone_with_no_missing_or_unexpected_key(tmp_path):
    ours = networks(SIZES[0])[0].bert
    save_pretrained(ours, tmp_path, hidden_dropout_prob=0.3)
    theirs, info = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(theirs) is transformers.BertModel and theirs.config.architectures == ["BertModel"]
    assert theirs.config.hidden_dropout_prob == 0.3
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    assert load_file(tmp_path / "model.safetensors").keys() == theirs.state_dict().keys()
    packed, padded = batch(SIZES[0]["vocab_size"])
    with torch.no_grad():
        expected, hidden = theirs.eval()(**padded), ours(packed)
    close = dict(atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(hidden, expected.last_hidden_state[padded["attention_mask"].bool()], **close)
    torch.testing.assert_close(ours.pool(hidden, packed), expected.pooler_output, **close)


def test_an_encoder_alone_comes_back_bit_for_bit(tmp_path):
    ours = networks(SIZES[0])[0].bert
    save_pretrained(ours, tmp_path)
    again = from_pretrained(Bert, tmp_path)
    assert again.config == ours.config
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True))
    with pytest.raises(PretrainedError, match="of BertForPreTraining"):
        from_pretrained(BertForPreTraining, tmp_path)


@pytest.mark.parametrize("layout", ["safetensors", "shards", "bin", "bare names"])
def test_a_folder_written_by_transformers_loads(tmp_path, layout):
    _, theirs = networks(SIZES[1], seed=3)
    if layout == "bare names":
        theirs.bert.save_pretrained(tmp_path)
    elif layout == "bin":
        theirs.config.save_pretrained(tmp_path)
        torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    else:
        theirs.save_pretrained(tmp_path, max_shard_size="60KB" if layout == "shards" else "5GB")
        assert (tmp_path / "model.safetensors.index.json").exists() == (layout == "shards")
    encoder = from_pretrained(Bert, tmp_path).eval()
    packed, padded = batch(SIZES[1]["vocab_size"])
    with torch.no_grad():
        expected = theirs.bert(**padded).last_hidden_state[padded["attention_mask"].bool()]
        torch.testing.assert_close(encoder(packed), expected, atol=1e-5, rtol=1e-5)


def test_old_layer_norm_names_load(tmp_path):
    ours, _ = networks(SIZES[0])
    weights = to_hugging_face(ours.state_dict(), ours.config)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in weights.items()
    }
    assert old.keys() != weights.keys()
    back = from_hugging_face(old, ours.config)
    assert back.keys() == ours.state_dict().keys()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda d: (d / "config.json").unlink(), "holds no config.json"),
        (lambda d: (d / "config.json").write_text("{"), "is not valid JSON"),
        (lambda d: (d / "config.json").write_text('{"model_type": "gpt2", "vocab_size": 5}'), "model_type = 'gpt2'"),
        (lambda d: (d / "model.safetensors").unlink(), "holds neither"),
        (lambda d: (d / "model.safetensors").write_bytes(b"not weights"), "cannot be read"),
        (lambda d: _set(d, "vocab_size", 98), "has shape [97, 21]"),
        (lambda d: _set(d, "num_hidden_layers", 4), "lack"),
    ],
)
def test_a_bad_folder_is_one_sentence(tmp_path, damage, sentence):
    save_pretrained(networks(SIZES[0])[0], tmp_path)
    damage(tmp_path)
    with pytest.raises(PretrainedError) as caught:
        from_pretrained(BertForPreTraining, tmp_path)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_an_encoder_alone_is_no_pretraining_network(tmp_path):
    _, theirs = networks(SIZES[0])
    theirs.bert.save_pretrained(tmp_path)
    with pytest.raises(PretrainedError, match="lack"):
        from_pretrained(BertForPreTraining, tmp_path)


def _set(directory, name, value):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
