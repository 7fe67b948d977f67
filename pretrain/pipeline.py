"""A pretraining run from its configuration to its last file.

    configuration → run directory → text (corpus, tokenizer, held-out documents) → network → training → model/, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

import shutil
from pathlib import Path

import torch

from bert_core.pretrained import PretrainedError
from data.errors import DataError
from data.tokens import Shard
from experiment.console import Console
from experiment.distributed import from_main, process_rank
from experiment.environment import describe_environment
from experiment.errors import InterruptedRun
from experiment.options import as_dict
from experiment.peers import PeerMonitor
from experiment.tracking import open_tracking, told
from experiment.training import NotFiniteError, quiet_libraries
from pretrain.config import PretrainConfig, shard_of
from pretrain.material import Material, prepare
from pretrain.results import shape_of, show_results, show_start, write_results
from pretrain.start import KIND, Run, open_run
from pretrain.text import make_shard
from pretrain.training import train

SENTENCES = (DataError, PretrainedError, NotFiniteError, InterruptedRun)
"""How a run can end early, besides a `UsageError`: each is one sentence for the user."""


def pretrain(config: PretrainConfig) -> Path:
    """Carries out a run and returns its directory; with `--shard` only tokenises, and returns the cache's.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
        NotFiniteError, InterruptedRun: the training ended early; the last good checkpoint is kept.
    """
    quiet_libraries()
    if config.shard:
        return _make_shard(config.resolved())
    with open_run(config) as run:
        if run.how == "finished":
            return run.directory.path
        with PeerMonitor() as peers:
            try:
                material = prepare(run)
            except BaseException:
                if run.how == "new" and process_rank() == 0:
                    shutil.rmtree(run.directory.path)  # nothing is in it but the configuration
                raise
            _carry_out(run, material, peers)
            from_main(lambda: "written")  # the main process's results; no collective, which would wait for minutes only
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
    return run.directory.path


def _make_shard(config: PretrainConfig) -> Path:
    """Tokenises one machine's part of the text, and gives the folder that holds the cache."""
    assert config.shard and config.cache_dir
    console = Console()
    if make_shard(config, Shard(*shard_of(config.shard)), console):
        console.text("All parts of the token cache are there; start the run without --shard.")
    else:
        console.text(f"Part {config.shard} of the token cache is there; parts of other machines are still missing.")
    return config.cache_dir


def _carry_out(run: Run, material: Material, peers: PeerMonitor) -> None:
    """Shows, trains, and writes the results, all of it under the eyes of the tracking store."""
    config, directory, text = run.config, run.directory, material.text
    environment = describe_environment()
    tracking = open_tracking(
        config.tracking_uri,
        KIND,
        directory,
        output_dir=config.output_dir,
        params=as_dict(config) | shape_of(material.network, text),
        tags={name: str(value) for name, value in environment.items() if value is not None}
        | {"data_fingerprint": text.corpus.fingerprint}
        | ({"matmul_flops": f"{rate:.3g}"} if (rate := material.speed.matmul_rate) else {}),
        warn=run.console.warning,
    )
    with told(tracking):
        if process_rank() == 0:
            directory.write_json("data_report.json", text.report())
            text.wordpiece.save(directory.tokenizer)
            show_start(run, text, material.builder, material.network, material.machine, material.speed)
        metrics = train(run, material, tracking, peers)
        if process_rank() == 0:
            write_results(run, text, material.builder, material.unigram, metrics, environment, tracking)
            directory.mark_finished()
            show_results(run, material.unigram, metrics, tracking)
