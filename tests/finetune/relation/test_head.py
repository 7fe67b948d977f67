"""The head against its formula in plain Python, an entity, a row and a term at a time."""

import itertools
import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_core.config import BertConfig
from bert_core.dropout import Dropout
from bert_core.model import Bert
from bert_core.packing import pack, pad
from finetune.relation.config import Activation, ClsInput, Concat, EntityLayer, EntityPooling
from finetune.relation.head import (
    BertForRelation,
    HeadOptions,
    HierarchicalClassifier,
    RelationHead,
    Spans,
    entity_means,
    entity_spans,
)
from finetune.relation.marking import Marked

LABELS = ["no_relation", "per:title", "org:members", "per:alias", "org:product", "per:origin"]
CONFIG = BertConfig(
    vocab_size=31, hidden_size=6, num_hidden_layers=1, num_attention_heads=3, intermediate_size=7,
    max_position_embeddings=16,
)  # fmt: skip
PAPER = dict(
    entity_layer="shared", concat="cls,e1,e2", entity_pooling="mean", cls="hidden", activation="tanh",
    hierarchical=False, dropout=0.0,
)  # fmt: skip
CONCATS = {
    "cls,e1,e2": lambda c, a, b: [c, a, b],
    "cls,e1,e2,e1*e2": lambda c, a, b: [c, a, b, [x * y for x, y in zip(a, b, strict=True)]],
    "cls,e1,e2,|e1-e2|": lambda c, a, b: [c, a, b, [abs(x - y) for x, y in zip(a, b, strict=True)]],
    "cls,e1,e2,e1*e2,|e1-e2|": lambda c, a, b: [
        c, a, b, [x * y for x, y in zip(a, b, strict=True)], [abs(x - y) for x, y in zip(a, b, strict=True)],
    ],
    "cls*e1,cls*e2": lambda c, a, b: [[x * y for x, y in zip(c, v, strict=True)] for v in (a, b)],
    "cls*e1,cls*e2,e1*e2": lambda c, a, b: [
        [x * y for x, y in zip(v, w, strict=True)] for v, w in ((c, a), (c, b), (a, b))
    ],
    "e1,e2": lambda c, a, b: [a, b],
    "cls": lambda c, a, b: [c],
}  # fmt: skip
CHOICES = dict(
    entity_layer=get_args(EntityLayer), entity_pooling=get_args(EntityPooling), cls=get_args(ClsInput),
    activation=get_args(Activation), hierarchical=(False, True),
)  # fmt: skip


def combinations(concat):
    """Every HeadOptions with this concat."""
    for values in itertools.product(*CHOICES.values()):
        yield HeadOptions(concat=concat, dropout=0.0, **dict(zip(CHOICES, values, strict=True)))


def options(**changes):
    return HeadOptions(**(PAPER | changes))


def row(ids, subject, object, marked=True):
    """A row whose blocks reach one marker further on either side."""
    block = 1 if marked else 0
    blocks = [(start - block, end + block) for start, end in (subject, object)]
    return Marked(np.array(ids), np.zeros(len(ids), dtype=np.int64), subject, object, *blocks, "")


ROWS = [
    row(range(2, 14), (2, 4), (7, 8)),
    row([2, 20, 21, 22, 23, 24, 25, 26, 3], (5, 8), (2, 3)),
    row([2, 9, 8, 3], (1, 3), (1, 2), marked=False),  # one entity within the other
    row([2, 28, 29, 30, 27, 26, 25, 24, 23, 3], (2, 6), (8, 9)),
]


def batch(rows=ROWS):
    packed = pack([row.ids for row in rows])
    return packed, entity_spans(rows, packed)


def with_large_weights(module):
    """Gives all parameters values that make every part of the output matter."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def by_hand(head, hidden, pooled, rows):
    """Probabilities of each row, from lists of numbers: the formulas of the paper and of the options."""
    weights = {name: tensor.double().tolist() for name, tensor in head.state_dict().items()}
    chosen = head.options

    def linear(name, vector):
        pairs = zip(weights[f"{name}.weight"], weights[f"{name}.bias"], strict=True)
        return [sum(w * x for w, x in zip(row, vector, strict=True)) + bias for row, bias in pairs]

    def activate(vector):
        if chosen.activation == "tanh":
            return [math.tanh(x) for x in vector]
        return [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in vector]

    def softmax(scores):
        return [math.exp(x) / sum(math.exp(y) for y in scores) for x in scores]

    def entity(states, own, block):
        if chosen.entity_pooling == "mean":
            return [sum(states[i][d] for i in range(*own)) / (own[1] - own[0]) for d in range(len(states[0]))]
        if chosen.entity_pooling == "start":
            return states[block[0]]
        return states[block[0]] + states[block[1] - 1]

    answers, begin = [], 0
    for number, row in enumerate(rows):
        states = hidden[begin : begin + len(row.ids)]
        begin += len(row.ids)
        c = a = b = None
        if "cls" in chosen.concat:
            c = linear("layers.cls.linear", pooled[number] if chosen.cls == "pooler" else activate(states[0]))
        if "e" in chosen.concat:
            layers = ["entity", "entity"] if chosen.entity_layer == "shared" else ["subject", "object"]
            a = linear(f"layers.{layers[0]}.linear", activate(entity(states, row.subject, row.subject_block)))
            b = linear(f"layers.{layers[1]}.linear", activate(entity(states, row.object, row.object_block)))
        features = [x for vector in CONCATS[chosen.concat](c, a, b) for x in vector]
        scores = linear("classifier.relation", features)
        if chosen.hierarchical:
            none, per, org = softmax(linear("classifier.group", features))
            title, alias, origin = softmax([scores[1], scores[3], scores[5]])
            members, product = softmax([scores[2], scores[4]])
            answers.append([none, per * title, org * members, per * alias, org * product, per * origin])
        else:
            answers.append(softmax(scores))
    return answers


def test_the_example_of_the_docstring():
    _, spans = batch([ROWS[0]])
    assert spans.tokens.tolist() == [2, 3, 7] and spans.owners.tolist() == [0, 0, 1]
    assert spans.first.tolist() == [1, 6] and spans.last.tolist() == [4, 8]
    hidden = torch.arange(12.0)[:, None].expand(12, 6)
    assert entity_means(hidden, spans)[:, 0].tolist() == [2.5, 7]


def test_subjects_come_before_objects_and_count_from_their_own_row():
    _, spans = batch(ROWS[:3])
    assert spans.tokens.tolist() == [2, 3, 17, 18, 19, 22, 23, 7, 14, 22]
    assert spans.owners.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 4, 5]
    assert spans.first.tolist() == [1, 16, 22, 6, 13, 22]
    assert spans.last.tolist() == [4, 20, 23, 8, 15, 22]
    assert {tensor.dtype for tensor in vars(spans).values()} == {torch.int64}


def test_the_concats_are_those_of_the_command_line():
    assert set(CONCATS) == set(get_args(Concat))


@pytest.mark.parametrize("concat", CONCATS)
def test_every_head_is_its_formula(concat):
    packed, spans = batch()
    torch.manual_seed(1)
    hidden, pooled = torch.randn(packed.tokens, 6), torch.randn(len(ROWS), 6)
    for chosen in combinations(concat):
        head = with_large_weights(RelationHead(CONFIG, chosen, LABELS))
        probabilities = head(hidden, pooled, packed, spans).exp()
        expected = torch.tensor(by_hand(head, hidden.double().tolist(), pooled.double().tolist(), ROWS))
        torch.testing.assert_close(probabilities, expected, atol=1e-5, rtol=1e-4, msg=str(chosen))


@pytest.mark.parametrize("concat", CONCATS)
def test_every_network_answers_with_a_distribution_and_trains_all_that_is_trainable(concat):
    packed, spans = batch()
    bert = with_large_weights(Bert(CONFIG))
    labels = torch.tensor([0, 1, 2, 3])
    for chosen in combinations(concat):
        bert.pooler.requires_grad_(True)
        network = BertForRelation(bert, chosen, LABELS)
        with_large_weights(network.head)
        log_probs = network(packed, spans)
        assert log_probs.shape == (4, 6) and log_probs.dtype == torch.float32
        torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(4))
        network.zero_grad()
        log_probs.gather(1, labels[:, None]).sum().backward()
        trainable = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
        idle = [name for name, p in trainable.items() if p.grad is None or not p.grad.any()]
        assert not idle, chosen
        asked = chosen.cls == "pooler" and "cls" in concat
        assert network.head.uses_pooler == asked
        assert all(parameter.requires_grad == asked for parameter in bert.pooler.parameters())


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        (dict(), {"cls": (6, 6), "entity": (6, 6)}),
        (dict(entity_layer="split"), {"cls": (6, 6), "subject": (6, 6), "object": (6, 6)}),
        (dict(entity_layer="split", concat="e1,e2"), {"subject": (6, 6), "object": (6, 6)}),
        (dict(entity_pooling="start_end"), {"cls": (6, 6), "entity": (6, 12)}),
        (dict(concat="cls", entity_pooling="start_end"), {"cls": (6, 6)}),
    ],
)
def test_only_the_layers_that_are_used_are_built(changes, layers):
    head = RelationHead(CONFIG, options(**changes), LABELS)
    weights = {name: tuple(tensor.shape) for name, tensor in head.state_dict().items() if name.endswith("weight")}
    terms = len(head.options.concat.split(","))
    assert weights == {f"layers.{name}.linear.weight": shape for name, shape in layers.items()} | {
        "classifier.relation.weight": (6, terms * 6)
    }


@st.composite
def marked_rows(draw):
    """One to five rows with any two spans, and any blocks around them."""
    rows = []
    for length in draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)):
        spans = []
        for _ in range(2):
            start = draw(st.integers(0, length - 1))
            end = draw(st.integers(start + 1, length))
            spans.append(((start, end), (draw(st.integers(0, start)), draw(st.integers(end, length)))))
        (subject, subject_block), (object, object_block) = spans
        ids = np.arange(length)
        rows.append(Marked(ids, np.zeros_like(ids), subject, object, subject_block, object_block, ""))
    return rows


@settings(max_examples=60, deadline=None)
@given(marked_rows())
def test_packed_means_and_their_gradients_are_those_of_padded_rows_with_masks(rows):
    packed, spans = batch(rows)
    torch.manual_seed(0)
    hidden = torch.randn(packed.tokens, 3, requires_grad=True)
    slopes = torch.randn(2 * len(rows), 3)
    places = torch.arange(packed.max_length)
    masks = torch.stack(
        [(places >= start) & (places < end) for start, end in [r.subject for r in rows] + [r.object for r in rows]]
    )  # [2B, L]
    masks = masks.float().unsqueeze(-1)
    expected = (pad(hidden, packed).repeat(2, 1, 1) * masks).sum(1) / masks.sum(1)
    means = entity_means(hidden, spans)
    torch.testing.assert_close(means, expected)
    gradients = [torch.autograd.grad((result * slopes).sum(), hidden)[0] for result in (means, expected)]
    torch.testing.assert_close(*gradients)
    boundaries = packed.boundaries.tolist()
    blocks = [row.subject_block for row in rows] + [row.object_block for row in rows]
    for entity, (first, last) in enumerate(blocks):
        begin = boundaries[entity % len(rows)]
        assert (spans.first[entity], spans.last[entity]) == (begin + first, begin + last - 1)


@pytest.mark.parametrize(
    ("subject", "block"),
    [((3, 3), (2, 4)), ((3, 2), (2, 4)), ((-1, 2), (0, 4)), ((3, 5), (2, 5)), ((2, 3), (2, 5)), ((2, 3), (-1, 3))],
)
def test_an_entity_without_tokens_or_outside_its_row_is_refused(subject, block):
    wrong = Marked(np.array([2, 9, 8, 3]), np.zeros(4, dtype=np.int64), (1, 2), subject, (1, 2), block, "")
    with pytest.raises(ValueError, match="row 1 of the batch has 4 tokens"):
        batch([ROWS[0], wrong, ROWS[1]])


def test_spans_belong_to_as_many_rows_as_the_batch_has():
    packed, _ = batch()
    with pytest.raises(ValueError, match="3 marked rows"):
        entity_spans(ROWS[:3], packed)


def test_spans_move_as_one():
    moved = batch()[1].to("meta")
    assert isinstance(moved, Spans) and all(tensor.is_meta for tensor in vars(moved).values())


@pytest.mark.parametrize("pooling", CHOICES["entity_pooling"])
@pytest.mark.parametrize("cls", CHOICES["cls"])
def test_a_row_gives_the_same_alone_and_among_others(pooling, cls):
    torch.manual_seed(0)
    network = with_large_weights(
        BertForRelation(Bert(CONFIG), options(entity_pooling=pooling, cls=cls, entity_layer="split"), LABELS)
    ).eval()
    together = network(*batch())
    for number, single in enumerate(ROWS):
        torch.testing.assert_close(network(*batch([single]))[0], together[number], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(network(*batch(ROWS[::-1])), together.flip(0), atol=1e-4, rtol=1e-4)


def test_a_group_weighs_what_its_relations_weigh_together():
    labels = ["per:b", "no_relation", "org:x", "per:a", "per", "org:y"]
    classifier = with_large_weights(HierarchicalClassifier(4, labels))
    features = torch.randn(3, 4)
    probabilities = classifier(features).exp()
    groups = classifier.group(features).softmax(-1)  # per:…, no_relation, org:…, per
    sums = torch.stack([probabilities[:, group].sum(1) for group in ([0, 3], [1], [2, 5], [4])], dim=1)
    torch.testing.assert_close(sums, groups)
    ratio = probabilities[:, 0] / probabilities[:, 3]
    scores = classifier.relation(features)
    torch.testing.assert_close(ratio, (scores[:, 0] - scores[:, 3]).exp())


def test_hierarchical_gradients_are_finite_where_logits_are_far_apart():
    classifier = HierarchicalClassifier(1, LABELS)
    with torch.no_grad():
        classifier.relation.weight.copy_(torch.tensor([[0.0], [300.0], [-300.0], [-300.0], [300.0], [0.0]]))
    log_probs = classifier(torch.ones(1, 1))
    log_probs.sum().backward()
    assert log_probs.isfinite().all() and all(parameter.grad.isfinite().all() for parameter in classifier.parameters())


@pytest.mark.parametrize("labels", [["per:title", "per:alias"], ["no_relation", "per:title", "org:members"]])
def test_a_hierarchy_without_two_levels_is_refused(labels):
    with pytest.raises(ValueError, match="leave hierarchical out"):
        RelationHead(CONFIG, options(hierarchical=True), labels)


def test_means_of_half_precision_are_summed_in_fp32():
    row_of_40 = row(range(42), (1, 41), (1, 41))
    packed, spans = batch([row_of_40])
    hidden = torch.full((packed.tokens, 2), 1.0078125, dtype=torch.bfloat16)  # 1 + 2⁻⁷: sums above 2 would be rounded
    means = entity_means(hidden, spans)
    assert means.dtype == torch.float32 and torch.equal(means, torch.full((2, 2), 1.0078125))


def test_half_precision_stays_close_and_the_head_itself_in_fp32():
    torch.manual_seed(0)
    config = BertConfig(vocab_size=31, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    for chosen in (options(), options(cls="pooler", hierarchical=True, entity_pooling="start_end")):
        network = BertForRelation(Bert(config), chosen, LABELS).eval()
        with_large_weights(network.head)
        packed, spans = batch()
        exact = network(packed, spans)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = network.bert(packed)
            pooled = network.bert.pool(hidden, packed)
            coarse = network.head(hidden, pooled, packed, spans)
            assert torch.equal(network(packed, spans), coarse)
        assert coarse.dtype == torch.float32 and pooled.dtype == torch.bfloat16
        assert torch.equal(network.head(hidden.float(), pooled.float(), packed, spans), coarse)
        torch.testing.assert_close(coarse.exp(), exact.exp(), atol=0.05, rtol=0.1)


def test_training_in_half_precision_gives_finite_gradients_in_fp32():
    network = with_large_weights(BertForRelation(Bert(CONFIG), options(), LABELS))
    with torch.autocast("cpu", torch.bfloat16):
        loss = -network(*batch())[:, 1].mean()
    loss.backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.requires_grad]
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_gpu_answers_as_the_cpu(dtype):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=31, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    chosen = options(entity_layer="split", hierarchical=True)
    network = BertForRelation(Bert(config), chosen, LABELS).eval()
    packed, spans = batch()
    exact = network(packed, spans).exp()
    network, packed, spans = network.cuda(), packed.to("cuda"), spans.pin_memory().to("cuda", non_blocking=True)
    torch.testing.assert_close(network(packed, spans).exp().cpu(), exact, atol=1e-4, rtol=1e-3)
    with torch.autocast("cuda", dtype):
        coarse = network(packed, spans)
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse.exp().cpu(), exact, atol=0.02, rtol=0.05)


def test_dropout_is_before_each_linear_layer_and_in_training_only():
    packed, spans = batch()
    hidden = torch.randn(packed.tokens, 6)
    head = with_large_weights(RelationHead(CONFIG, options(entity_layer="split", dropout=0.4), LABELS))
    seen = []
    for module in head.modules():
        if isinstance(module, Dropout):
            assert module.rate == 0.4
            module.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    head(hidden, None, packed, spans)
    subjects, objects = entity_means(hidden, spans).chunk(2)
    for entered, expected in zip(seen, [hidden[packed.boundaries[:-1].long()], subjects, objects], strict=False):
        torch.testing.assert_close(entered, expected)
    assert [entered.shape[1] for entered in seen] == [6, 6, 6, 18]
    assert not torch.equal(head(hidden, None, packed, spans), head(hidden, None, packed, spans))
    head.eval()
    assert torch.equal(head(hidden, None, packed, spans), head(hidden, None, packed, spans))


def test_initial_values_are_the_encoders():
    torch.manual_seed(0)
    config = BertConfig(vocab_size=9, hidden_size=192, num_attention_heads=3, initializer_range=0.05)
    for hierarchical in (False, True):
        for name, parameter in RelationHead(config, options(hierarchical=hierarchical), LABELS).named_parameters():
            if name.endswith("bias"):
                assert not parameter.any()
            else:
                assert parameter.abs().max() <= 0.1
                assert parameter.std().item() == pytest.approx(0.05 * 0.8796, rel=0.06), name


def test_the_pretrained_pooler_is_kept_where_it_is_not_used():
    bert = Bert(CONFIG)
    before = bert.pooler.weight.clone()
    network = BertForRelation(bert, options(), LABELS)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    network(*batch()).sum().backward()
    optimizer.step()
    assert torch.equal(bert.pooler.weight, before)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(concat="e2,e1"), "concat must be one of cls,e1,e2 · "),
        (dict(cls="mean"), "cls must be one of pooler · hidden, not 'mean'"),
        (dict(dropout=1.0), "dropout must lie in"),
    ],
)
def test_unknown_options_are_refused(change, sentence):
    with pytest.raises(ValueError) as caught:
        options(**change)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("hierarchical", [False, True])
def test_overfits_one_batch(hierarchical):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=31, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    network = BertForRelation(Bert(config), options(hierarchical=hierarchical), LABELS)
    exchanged = ROWS[0]._replace(subject=(7, 8), object=(2, 4))  # the same sentence with its roles exchanged
    packed, spans = batch([*ROWS, exchanged])
    labels = torch.tensor([1, 0, 4, 5, 3])
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(150):
        loss = -network(packed, spans).gather(1, labels[:, None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.01
