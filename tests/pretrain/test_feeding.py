"""Text is tokenised beforehand where the device would wait longer than that takes."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from data.errors import DataError
from pretrain import feeding
from pretrain.feeding import LOADERS_SHARE, seconds_waited
from pretrain.pipeline import pretrain


def test_seconds_waited():
    loader = 100 / LOADERS_SHARE
    assert seconds_waited(1e6, device=1000, loader=loader, loaders=12) == 0
    assert seconds_waited(1e6, device=1000, loader=loader, loaders=5) == pytest.approx(1000)
    assert seconds_waited(1e6, device=1000, loader=loader, loaders=0) == pytest.approx(10_000), (
        "its own work comes on top"
    )


@pytest.mark.parametrize("waits", [0.0, 1e9], ids=["fast loaders", "slow loaders"])
def test_a_run_tokenises_its_text_where_that_pays(configure, monkeypatch, tmp_path, waits):
    monkeypatch.setattr(feeding, "seconds_waited", lambda *given: waits)
    config = configure(max_steps=3, cache_dir=tmp_path / "cache")
    directory = pretrain(config)
    assert config.cache_dir
    assert len(list(config.cache_dir.glob("token_cache-*"))) == bool(waits)
    monkeypatch.undo()
    again = pretrain(replace(config, token_cache=False))
    one, two = (load_file(each / "model" / "model.safetensors") for each in (directory, again))
    assert all(torch.equal(one[name], two[name]) for name in one), "both give the same batches"


def test_a_disk_without_room_does_not_end_the_run(configure, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(feeding, "seconds_waited", lambda *given: 1e9)

    def full(*_):
        raise DataError("no room")

    monkeypatch.setattr(feeding, "token_cache", full)
    pretrain(configure(max_steps=2, cache_dir=tmp_path / "cache"))
    assert "no room; the run goes on without" in " ".join(capsys.readouterr().out.split())
