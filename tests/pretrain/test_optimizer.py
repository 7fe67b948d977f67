"""Muon steps along the orthogonalised momentum where it should, and is AdamW everywhere else."""

import copy

import pytest
import torch

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from pretrain.optimizer import BETAS, MOMENTUM, RMS, Muon, make_optimizer, orthogonalised

SHAPE = BertConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, max_position_embeddings=16
)  # fmt: skip


def with_singular_values(values: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    left, _ = torch.linalg.qr(torch.randn(rows, rows, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(columns, rows, dtype=torch.float64))
    return (left * values @ right.T).float()


@pytest.mark.parametrize(("rows", "columns"), [(1, 7), (13, 13), (13, 25), (13, 70), (64, 256)])
def test_singular_values_become_one(rows, columns):
    torch.manual_seed(0)
    values = torch.logspace(0, -1, rows, dtype=torch.float64)
    matrices = with_singular_values(values, rows, columns) * torch.tensor([1e-3, 1.0, 300.0])[:, None, None]
    found = orthogonalised(matrices)
    assert found.shape == matrices.shape
    assert torch.linalg.svdvals(found).sub(1).abs().max() < 0.21
    u, _, v = torch.linalg.svd(matrices[1], full_matrices=False)
    assert (found[1] - u @ v).norm() / (u @ v).norm() < 0.21
    assert torch.allclose(found[0], found[2], atol=2e-3), "the length of a gradient does not count"


def test_a_matrix_without_gradient_stays():
    assert torch.equal(orthogonalised(torch.zeros(2, 4, 9)), torch.zeros(2, 4, 9))


def gradients(network: torch.nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)


def test_matrices_of_the_blocks_are_stepped_by_muon_and_all_else_by_adamw():
    torch.manual_seed(0)
    network = BertForPreTraining(SHAPE)
    twin = copy.deepcopy(network)
    muon = make_optimizer(network, "muon", lr=1e-2, weight_decay=0.1, fused=False)
    adamw = make_optimizer(twin, "adamw", lr=1e-2, weight_decay=0.1, fused=False)
    momenta: dict[str, torch.Tensor] = {}
    for seed in range(3):
        before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
        for each in (network, twin):
            gradients(each, seed)
        muon.step()
        adamw.step()
        for (name, parameter), other in zip(network.named_parameters(), twin.parameters(), strict=True):
            if not (name.startswith("bert.blocks") and parameter.ndim == 2):
                assert torch.equal(parameter, other), name
                continue
            gradient = parameter.grad
            momenta[name] = MOMENTUM * momenta.get(name, torch.zeros_like(gradient)) + (1 - MOMENTUM) * gradient
            update = (1 - MOMENTUM) * gradient + MOMENTUM * momenta[name]
            for part in range(3 if "qkv" in name else 1):
                rows = slice(16 * part, 16 * (part + 1)) if "qkv" in name else slice(None)
                shape = update[rows].shape
                wide = update[rows] if shape[0] <= shape[1] else update[rows].T
                turned = orthogonalised(wide[None])[0]
                turned = turned if shape[0] <= shape[1] else turned.T
                want = before[name][rows] * (1 - 1e-3) - 1e-2 * RMS * max(shape) ** 0.5 * turned
                assert torch.allclose(parameter[rows], want, atol=1e-5), name
    assert isinstance(muon, Muon) and BETAS == (0.9, 0.98)


def test_a_step_is_as_long_as_adamws():
    torch.manual_seed(0)
    network = BertForPreTraining(SHAPE)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimizer = make_optimizer(network, "muon", lr=1e-2, weight_decay=0.0, fused=False)
    gradients(network, 0)
    optimizer.step()
    for name, parameter in network.named_parameters():
        if name.startswith("bert.blocks") and parameter.ndim == 2:
            length = (parameter - before[name]).square().mean().sqrt().item()
            assert length == pytest.approx(RMS * 1e-2, rel=0.15), name


def test_it_goes_on_from_what_it_saved():
    torch.manual_seed(0)
    network = BertForPreTraining(SHAPE)
    optimizer = make_optimizer(network, "muon", lr=1e-2, weight_decay=0.1, fused=True)
    gradients(network, 0)
    optimizer.step()
    twin = copy.deepcopy(network)
    other = make_optimizer(twin, "muon", lr=3e-2, weight_decay=0.0, fused=True)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, steps in ((network, optimizer), (twin, other)):
        gradients(each, 1)
        steps.step()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


def test_frozen_matrices_are_left_out():
    network = BertForPreTraining(SHAPE)
    for parameter in network.bert.blocks[0].parameters():
        parameter.requires_grad_(False)
    optimizer = make_optimizer(network, "muon", lr=1e-2, weight_decay=0.1, fused=False)
    frozen = {id(parameter) for parameter in network.bert.blocks[0].parameters()}
    assert not frozen & {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
