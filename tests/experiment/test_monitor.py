"""The watch over a training: what ends it, and what is routine."""

import pytest
import torch
from torch import nn

from experiment.monitor import TrainingMonitor
from experiment.training import NotFiniteError

NAN, INF = float("nan"), float("inf")


class Trainer:
    accumulate_grad_batches, world_size, global_step = 1, 1, 0


class Module(nn.Module):
    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.gradient_norm = torch.tensor(1.0)


@pytest.fixture
def watch():
    """Shows a monitor steps with these losses and gradient norms, then has it look."""
    monitor = TrainingMonitor(
        log_every=1000, flops_per_token=1.0, matmul_rate=None, counts=lambda batch: (10, 2), places=lambda batch: (batch,),
        where=lambda places: f"글.txt:{places[0]}",
    )  # fmt: skip
    module, trainer = Module(), Trainer()
    trainer.global_step = 0
    monitor.on_train_start(trainer, module)

    def look(*steps, broken=False):
        for loss, norm in steps:
            trainer.global_step += 1
            module.gradient_norm = torch.tensor(norm)
            monitor.on_train_batch_end(trainer, module, {"loss": torch.tensor(loss)}, trainer.global_step, 0)
        if broken:
            module.weight.data[1] = NAN
        monitor.settle(module)
        return monitor

    return look


def test_a_step_that_the_scaler_of_fp16_leaves_out_is_routine(watch):
    """Its gradient is infinite; the weights stay what they are."""
    monitor = watch((2.0, 1.0), (2.0, INF), (2.0, NAN), (1.9, 1.0))
    assert monitor.tokens == 40 and monitor.rows == 8 and monitor.untimed == (10, 2)


def test_weights_that_are_not_finite_end_the_run(watch):
    with pytest.raises(NotFiniteError, match=r"at step 2, in a batch from 글\.txt:2"):
        watch((2.0, 1.0), (2.0, INF), (2.0, 1.0), broken=True)


def test_a_loss_that_stays_lost_ends_the_run_even_over_several_looks(watch):
    watch((2.0, 1.0), (NAN, 1.0), (2.0, 1.0))
    watch((NAN, NAN), (NAN, NAN), (INF, NAN))
    with pytest.raises(NotFiniteError, match="at step 7"):
        watch((NAN, NAN), (NAN, NAN))


def test_a_loss_that_recovers_does_not(watch):
    for _ in range(3):
        watch((NAN, NAN), (NAN, NAN), (NAN, NAN), (NAN, NAN), (2.0, 1.0))
