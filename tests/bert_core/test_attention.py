import pytest
import torch

from bert_core.attention import choose_path, self_attention
from bert_core.packing import pack

LENGTHS = [13, 1, 7, 7, 2]


def batch(lengths, heads=3, size=8, dtype=torch.float64):
    packed = pack([[1] * length for length in lengths])
    torch.manual_seed(0)
    return torch.randn(packed.tokens, 3, heads, size, dtype=dtype, requires_grad=True), packed


@pytest.mark.parametrize("lengths", [LENGTHS, [5, 5, 5]], ids=["ragged", "rectangle"])
@pytest.mark.parametrize("path", ["sdpa", "matmul"])
def test_paths_equal_the_formula_with_its_gradient(lengths, path):
    qkv, packed = batch(lengths)
    outputs, gradients = [], []
    for taken in ("reference", path):
        output = self_attention(qkv, packed, path=taken)
        outputs.append(output)
        gradients.append(torch.autograd.grad((output * output.detach().cos()).sum(), qkv)[0])
    torch.testing.assert_close(outputs[1], outputs[0])
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("path", ["sdpa", "matmul"])
def test_no_token_sees_another_sequence(path):
    qkv, packed = batch(LENGTHS)
    changed = qkv.detach().clone()
    changed[13] += 100  # the only token of the second sequence
    before, after = (self_attention(x, packed, path=path) for x in (qkv, changed))
    same = torch.ones(packed.tokens, dtype=torch.bool)
    same[13] = False
    torch.testing.assert_close(after[same], before[same], atol=0, rtol=0)
    assert not torch.equal(after[13], before[13])


def test_reference_is_softmax_of_scaled_products():
    qkv, packed = batch([3], heads=1, size=2)
    query, key, value = qkv[:, :, 0].unbind(1)
    expected = torch.softmax(query @ key.T / 2**0.5, dim=-1) @ value
    torch.testing.assert_close(self_attention(qkv, packed, path="reference")[:, 0], expected)


@pytest.mark.parametrize("path", ["sdpa", "matmul", "reference"])
def test_dropout_zeroes_probabilities_and_keeps_their_mean(path):
    packed = pack([[1] * 50] * 40)
    qkv = torch.zeros(packed.tokens, 3, 1, 4)
    qkv[:, 2] = 1.0  # all values 1: the output is the sum of the probabilities
    torch.manual_seed(0)
    output = self_attention(qkv, packed, dropout=0.3, path=path)
    assert output.std() > 0.05
    assert abs(output.mean() - 1) < 0.02


def test_the_path_of_a_cpu_follows_its_precision():
    assert choose_path(torch.device("cpu"), torch.float32, 0.0) == "sdpa"
    assert choose_path(torch.device("cpu"), torch.bfloat16, 0.0) == "matmul"


def test_half_precision_stays_close_to_the_formula():
    qkv, packed = batch([128, 90, 128], heads=2, size=64)
    exact = self_attention(qkv, packed, path="reference")
    errors = {
        path: (self_attention(qkv.bfloat16(), packed, path=path) - exact).abs().max().item()
        for path in ("sdpa", "matmul")
    }
    assert errors["matmul"] < 2 * errors["sdpa"] + 1e-3


@pytest.mark.gpu
def test_varlen_equals_the_formula():
    qkv, packed = batch(LENGTHS, size=64, dtype=torch.bfloat16)
    qkv, packed = qkv.detach().cuda().requires_grad_(), packed.to("cuda")
    assert choose_path(qkv.device, qkv.dtype, 0.0) == "varlen"
    assert choose_path(qkv.device, qkv.dtype, 0.1) == choose_path(qkv.device, torch.float32, 0.0) == "sdpa"
    varlen = self_attention(qkv, packed, path="varlen")
    exact = qkv.detach().float().requires_grad_()
    reference = self_attention(exact, packed, path="reference")
    torch.testing.assert_close(varlen.float(), reference, atol=2e-2, rtol=2e-2)
    varlen.float().square().sum().backward()
    reference.square().sum().backward()
    torch.testing.assert_close(qkv.grad.float(), exact.grad, atol=1e-1, rtol=5e-2)
