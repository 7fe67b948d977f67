"""Pretraining on devices that are not the CPU: what it must not ask of them."""

from pretrain.pipeline import pretrain


def test_training_and_evaluation_ask_no_device_for_float64(configure, device_without_float64):
    with device_without_float64:
        pretrain(configure(max_steps=4))
    assert device_without_float64.calls > 0
