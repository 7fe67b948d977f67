import torch
import torch.nn.functional as F

from finetune.losses import r_drop


def logits(seed):
    torch.manual_seed(seed)
    return torch.randn(6, 5, dtype=torch.float64)


def test_r_drop_is_the_mean_of_both_divergences():
    log_p, log_q = logits(0).log_softmax(-1), logits(1).log_softmax(-1)
    forth = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)
    back = F.kl_div(log_p, log_q, reduction="none", log_target=True).sum(1)
    torch.testing.assert_close(r_drop(log_p, log_q), (forth + back) / 2)
    assert torch.equal(r_drop(log_p, log_q), r_drop(log_q, log_p))
    assert (r_drop(log_p, log_q) > 0).all() and not r_drop(log_p, log_p).any()


def test_gradient_of_r_drop():
    pair = logits(0).requires_grad_(), logits(1).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, q: r_drop(p.log_softmax(-1), q.log_softmax(-1)), pair)
