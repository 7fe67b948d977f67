"""Dropout: how many elements go, what the others become, and which way the gradient takes."""

import pytest
import torch

from bert_core.dropout import Dropout, dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 1000), (999, 1001)])
def test_the_rate_is_met_and_the_mean_stays(rate, shape):
    torch.manual_seed(0)
    out = dropout(torch.ones(shape), rate)
    zeros = (out == 0).float()
    assert float(zeros.mean()) == pytest.approx(rate, abs=4 * (rate * (1 - rate) / out.numel()) ** 0.5 + 1 / 65536)
    assert float(out.mean()) == pytest.approx(1, abs=0.02)
    assert float(out.max()) == pytest.approx(1 / (1 - rate), rel=1e-4)


def test_all_four_parts_of_a_random_number_decide_alike_and_independently():
    torch.manual_seed(0)
    zeros = (dropout(torch.ones(400_000), 0.3) == 0).float().view(-1, 4)
    assert zeros.mean(0).tolist() == pytest.approx([0.3] * 4, abs=0.006)
    correlation = torch.corrcoef(zeros.T) - torch.eye(4)
    assert float(correlation.abs().max()) < 0.015


def test_the_gradient_is_that_of_the_kept_elements():
    values = torch.randn(64, 32, requires_grad=True)
    out = dropout(values, 0.25)
    out.sum().backward()
    assert torch.equal(values.grad == 0, out == 0)
    assert torch.allclose(out, values * values.grad)


def test_it_follows_the_seed_and_keeps_dtype_and_shape():
    values = torch.randn(13, 7, dtype=torch.bfloat16)
    torch.manual_seed(3)
    first, second = dropout(values, 0.5), dropout(values, 0.5)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(values, 0.5)) and not torch.equal(first, second)
    assert first.dtype == torch.bfloat16 and first.shape == values.shape


def test_nothing_is_dropped_outside_training_or_at_rate_0():
    values = torch.randn(5, 5)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(dropout(values, 0.0), values)
