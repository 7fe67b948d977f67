import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.relation.losses import RelationLoss, balanced_weights

LABELS = torch.tensor([3, 0, 0, 2, 4, 1])


def logits(seed=0, classes=5):
    return torch.randn(len(LABELS), classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2


def loss(kind="cross_entropy", smoothing=0.0, gamma=2.0, weights=None):
    return RelationLoss(kind, label_smoothing=smoothing, focal_gamma=gamma, class_weights=weights)


def test_the_figures_of_the_docstring():
    log_probs = torch.tensor([[0.2, 0.7, 0.1]]).log()
    kinds = loss(), loss(smoothing=0.1), loss("focal")
    assert [round(kind(log_probs, torch.tensor([1])).item(), 3) for kind in kinds] == [0.357, 0.463, 0.032]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_cross_entropy_with_smoothing_is_torchs_with_its_gradient(smoothing):
    ours, theirs = logits().requires_grad_(), logits().requires_grad_()
    expected = F.cross_entropy(theirs, LABELS, label_smoothing=smoothing, reduction="none")
    losses = loss(smoothing=smoothing)(ours.log_softmax(-1), LABELS)
    torch.testing.assert_close(losses, expected)
    steepness = torch.arange(1.0, 7.0, dtype=torch.float64)
    (losses @ steepness).backward()
    (expected @ steepness).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_weighted_cross_entropy_is_torchs():
    weights = torch.tensor([0.5, 2.0, 1.0, 0.25, 3.0], dtype=torch.float64)
    expected = F.cross_entropy(logits(), LABELS, weight=weights, reduction="none")
    torch.testing.assert_close(loss(weights=weights)(logits().log_softmax(-1), LABELS), expected)


@pytest.mark.parametrize(("kind", "smoothing"), [("cross_entropy", 0.2), ("focal", 0.0)])
def test_a_rows_weight_is_that_of_its_own_label(kind, smoothing):
    weights = torch.tensor([0.5, 2.0, 1.0, 0.25, 3.0], dtype=torch.float64)
    log_probs = logits().log_softmax(-1)
    plain = loss(kind, smoothing)(log_probs, LABELS)
    torch.testing.assert_close(loss(kind, smoothing, weights=weights)(log_probs, LABELS), plain * weights[LABELS])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_is_its_formula(gamma):
    log_probs = logits().log_softmax(-1)
    expected = [
        -((1 - math.exp(row[label])) ** gamma) * row[label]
        for row, label in zip(log_probs.tolist(), LABELS.tolist(), strict=True)
    ]
    torch.testing.assert_close(loss("focal", gamma=gamma)(log_probs, LABELS).tolist(), expected)
    if gamma == 0:
        torch.testing.assert_close(expected, loss()(log_probs, LABELS).tolist())


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_gradient_of_focal(gamma):
    function = loss("focal", gamma=gamma)
    assert torch.autograd.gradcheck(lambda x: function(x.log_softmax(-1), LABELS), (logits().requires_grad_(),))


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
def test_focal_of_a_certain_row_is_0_and_so_is_its_gradient(gamma):
    certain = torch.tensor([[200.0, 0.0, 0.0], [0.0, 1.0, 0.0]], requires_grad=True)
    losses = loss("focal", gamma=gamma)(certain.log_softmax(-1), torch.tensor([0, 1]))
    assert losses[0] == 0 and losses[1] > 0
    losses.sum().backward()
    assert certain.grad.isfinite().all() and not certain.grad[0].any() and certain.grad[1].any()


def test_focal_of_a_nearly_certain_row_keeps_its_digits():
    log_probs = torch.tensor([[-1e-6, math.log(1e-6)]])
    assert loss("focal", gamma=1.0)(log_probs, torch.tensor([0])).item() == pytest.approx(1e-12, rel=1e-5, abs=0)


def test_focal_with_smoothing_is_refused():
    with pytest.raises(ValueError, match="hard labels"):
        loss("focal", smoothing=0.1)


def test_weights_move_with_the_loss_and_are_not_saved():
    weighted = loss(weights=torch.ones(5))
    assert weighted.to("meta").class_weights.is_meta and not weighted.state_dict()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=40).filter(any), st.sampled_from(["balanced", "sqrt"]))
def test_training_rows_weigh_1_on_average(counts, kind):
    weights = balanced_weights(counts, kind)
    assert weights.dtype == torch.float32 and weights.isfinite().all() and (weights > 0).all()
    rows = torch.tensor(counts, dtype=torch.float64)
    assert (weights.double() @ rows / rows.sum()).item() == pytest.approx(1, rel=1e-5)


def test_balanced_labels_weigh_the_same_together_and_sqrt_is_half_way():
    counts = [400, 100, 25, 0]
    balanced, sqrt = balanced_weights(counts, "balanced").tolist(), balanced_weights(counts, "sqrt").tolist()
    assert [count * weight for count, weight in zip(counts, balanced, strict=True)] == pytest.approx([175, 175, 175, 0])
    assert [weight / sqrt[0] for weight in sqrt] == pytest.approx([1, 2, 4, 20])
    assert balanced[3] == pytest.approx(175)  # as if it had one row
    assert balanced_weights([7, 7], "sqrt").tolist() == [1, 1]


def test_no_weights():
    assert balanced_weights([3, 0], "none") is None
    with pytest.raises(ValueError, match="training rows"):
        balanced_weights([0, 0], "balanced")
