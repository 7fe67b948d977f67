"""Whole runs, small ones, through the public function."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from bert_core.pretrained import PretrainedError
from data.errors import DataError
from experiment.errors import InterruptedRun, UsageError
from experiment.history import read_curves
from experiment.options import parse
from experiment.training import NotFiniteError
from pretrain.config import PretrainConfig
from pretrain.module import PreTrainingModule
from pretrain.optimizer import BETAS, MOMENTUM
from pretrain.pipeline import pretrain
from pretrain.start import open_run

ROOT = Path(__file__).parents[2]


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model" / "model.safetensors")


def equal(one: Path, two: Path) -> bool:
    a, b = weights(one), weights(two)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def at_step(monkeypatch):
    """Does something in the training step of a given number."""

    def install(step, action):
        original = PreTrainingModule.training_step

        done = []

        def training_step(self, batch, batch_idx):
            if self.global_step == step and not done:
                done.append(step)
                action(self)
            return original(self, batch, batch_idx)

        monkeypatch.setattr(PreTrainingModule, "training_step", training_step)
        return lambda: monkeypatch.setattr(PreTrainingModule, "training_step", original)

    return install


def test_a_run_leaves_what_the_design_names(configure, capsys):
    directory = pretrain(configure())
    names = {path.name for path in directory.iterdir()}
    assert names >= {
        "config.yaml",
        "metrics.json",
        "tokenizer",
        "model",
        "plots",
        "data_report.json",
        "report.html",
        "metrics.jsonl",
    }
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics.keys() >= {
        "mlm_loss", "mlm_accuracy", "nsp_accuracy", "real_tokens_per_second", "tokens_seen", "steps", "wall_seconds"
    }  # fmt: skip
    assert metrics["steps"] == 12 and 12 * 150 < metrics["tokens_seen"] < 12 * 350
    # The first step is over when the clock begins.
    assert metrics["real_tokens_per_second"] * metrics["wall_seconds"] == pytest.approx(
        metrics["tokens_seen"] * 11 / 12, rel=0.1
    )
    report = json.loads((directory / "data_report.json").read_text())
    assert report["documents"] == report["training_documents"] + report["held_out_documents"] == 120
    assert (directory.parent / "latest").resolve() == directory.resolve()
    screen = capsys.readouterr().out
    for part in ("fingerprint", "real tokens", "attention", "[MASK]‹", "is next", "a coin", "Next"):
        assert part in screen


def test_transformers_loads_the_model_and_its_tokenizer(configure):
    directory = pretrain(configure(max_steps=2))
    model, info = transformers.AutoModelForPreTraining.from_pretrained(directory / "model", output_loading_info=True)
    assert model.config.hidden_dropout_prob == model.config.attention_probs_dropout_prob == 0.1  # for fine-tuning
    # Rows of fine-tuning may be longer than what this run was trained at.
    assert model.config.max_position_embeddings == 512 and model.config.trained_positions == 32
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert transformers.AutoTokenizer.from_pretrained(directory / "model").mask_token == "[MASK]"


def test_the_same_seed_gives_the_same_weights(configure):
    one, two = pretrain(configure()), pretrain(configure(workers=1))
    assert equal(one, two)
    other = pretrain(configure(seed=1))
    assert not equal(one, other)
    # The held-out text and its masks are the same for every seed, so that runs can be compared.
    first = [read_curves(run / "metrics.jsonl")["heldout_mlm_loss"] for run in (one, two)]
    assert first[0] == first[1]


@pytest.mark.parametrize(
    "changes",
    [{}, {"token_cache": True, "accumulate": 2, "second_objective": "sop", "short_length": 20, "short_share": 0.4}],
    ids=["plain", "more"],
)
def test_a_resumed_run_equals_one_that_was_never_stopped(configure, at_step, changes):
    settings = {"dropout": 0.1, "max_steps": 20} | changes
    whole = pretrain(configure(name="whole", **settings))
    restore = at_step(9, lambda module: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(InterruptedRun, match=r"stopped at step 10; .* --resume"):
        pretrain(configure(name="stopped", **settings))
    restore()
    resumed = pretrain(_only_resume(configure()))
    assert resumed.name == "stopped" and equal(whole, resumed)
    one, two = (read_curves(run / "metrics.jsonl") for run in (whole, resumed))
    assert one["train_mlm_loss"] == two["train_mlm_loss"] and one["heldout_mlm_loss"] == two["heldout_mlm_loss"]
    assert json.loads((resumed / "metrics.json").read_text())["tokens_seen"] == one["tokens_seen"][1][-1]


def _only_resume(config, **changes):
    """What `--resume auto` alone gives on the command line."""
    return type(config)(resume="auto", output_dir=config.output_dir, **changes)


def test_resume_refuses_another_text_and_a_finished_run(configure, at_step):
    restore = at_step(3, lambda module: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(InterruptedRun):
        pretrain(configure(name="stopped", seed=3))
    restore()
    with pytest.raises(UsageError, match="seed is 3; leave out --seed"):
        pretrain(_only_resume(configure(), seed=4))
    flags = ["--resume", "auto", "--output_dir", str(configure().output_dir)]
    with pytest.raises(UsageError, match="seed is 3; leave out --seed"):  # 0 is the default
        open_run(parse(PretrainConfig, [*flags, "--seed", "0"], description=""))
    unlimited = open_run(parse(PretrainConfig, [*flags, "--seed", "3", "--max_steps", "none"], description="")).config
    assert (unlimited.max_steps, unlimited.max_minutes) == (None, 20)
    directory = pretrain(_only_resume(configure(), max_steps=6))
    assert json.loads((directory / "metrics.json").read_text())["steps"] == 6
    assert pretrain(replace(_only_resume(configure()), name="stopped")) == directory  # nothing is left to do
    with pytest.raises(UsageError, match="is finished"):
        pretrain(replace(_only_resume(configure()), resume=str(directory)))


def test_half_a_checkpoint_is_passed_over(configure, at_step, capsys):
    restore = at_step(3, lambda module: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(InterruptedRun):
        pretrain(configure(name="stopped"))
    restore()
    checkpoints = configure().output_dir / "pretrain" / "stopped" / "checkpoints"
    whole = next(checkpoints.glob("*.ckpt"))
    (checkpoints / "step=5.ckpt").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    pretrain(_only_resume(configure()))
    assert "step=5.ckptisincomplete" in "".join(capsys.readouterr().out.split())


def test_a_loss_that_is_not_finite_stops_the_run(configure, at_step):
    def poison(module):
        with torch.no_grad():
            module.network.mlm_head.bias[7] = float("nan")

    at_step(6, poison)
    with pytest.raises(NotFiniteError, match=r"at step 7, in a batch from .*청원\.txt:\d+") as caught:
        pretrain(configure(name="bad", checkpoint_minutes=1e-6))
    assert "--resume" in str(caught.value) and "\n" not in str(caught.value)
    directory = configure().output_dir / "pretrain" / "bad"
    checkpoints = list((directory / "checkpoints").glob("*.ckpt"))
    assert len(checkpoints) == 2
    for path in checkpoints:
        state = torch.load(path, weights_only=True)["state_dict"]
        assert all(torch.isfinite(tensor).all() for tensor in state.values())
    assert not (directory / "model").exists() and not (directory / "metrics.json").exists()


def test_the_last_steps_are_looked_at_before_the_model_is_saved(configure, at_step):
    def poison(module):
        with torch.no_grad():
            module.network.mlm_head.bias[7] = float("nan")

    at_step(11, poison)
    with pytest.raises(NotFiniteError, match="at step 12"):
        pretrain(configure(name="bad", max_steps=12, log_every=5))
    assert not (configure().output_dir / "pretrain" / "bad" / "model").exists()


def test_it_learns(configure):
    """Both objectives beat what a guess scores, on documents that were not trained on."""
    directory = pretrain(
        configure(max_steps=300, batch_tokens=512, learning_rate=3e-3, heldout_documents=30, evaluations=1)
    )
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["mlm_loss"] < metrics["unigram_loss"] - 1.0
    assert metrics["mlm_accuracy"] > metrics["unigram_accuracy"] + 0.1
    assert metrics["nsp_accuracy"] > 0.65


@pytest.mark.parametrize(
    "changes",
    [
        {"second_objective": "none", "mask_unit": "span"},
        {"segments": "sentences", "truncation": "second_first", "mask_unit": "word"},
        {"max_steps": None, "max_minutes": 0.05, "precision": "bf16"},
    ],
    ids=["no NSP", "single sentences", "by time"],
)
def test_options_run(configure, changes):
    directory = pretrain(configure(**({"max_steps": 4} | changes)))
    metrics = json.loads((directory / "metrics.json").read_text())
    assert ("nsp_accuracy" in metrics) == (changes.get("second_objective") != "none")
    if "max_minutes" in changes:
        assert 3 <= metrics["wall_seconds"] < 15
        rates = read_curves(directory / "metrics.jsonl")["learning_rate"][1]
        assert max(rates) <= 1e-3 * 4 and rates[-1] < max(rates) / 5


def test_going_on_from_a_model(configure):
    first = pretrain(configure(max_steps=3))
    second = pretrain(configure(max_steps=3, vocab_size=None, init_from=first / "model"))
    start = read_curves(second / "metrics.jsonl")["heldout_mlm_loss"][1][0]
    assert start == pytest.approx(json.loads((first / "metrics.json").read_text())["mlm_loss"], abs=1e-4)
    encoder = configure().output_dir / "encoder"
    transformers.BertModel.from_pretrained(first / "model").save_pretrained(encoder)
    for name in ("tokenizer.json", "vocab.txt"):
        (encoder / name).write_bytes((first / "model" / name).read_bytes())
    pretrain(configure(max_steps=2, vocab_size=None, init_from=encoder))
    with pytest.raises(UsageError, match="more than the 512 positions"):
        pretrain(configure(vocab_size=None, init_from=encoder, max_length=513))
    with pytest.raises(PretrainedError, match=r"holds no config.json"):
        pretrain(configure(vocab_size=None, init_from=configure().output_dir))


def test_mlflow_gets_everything_and_resume_goes_on_in_the_same_run(configure, at_step):
    mlflow = pytest.importorskip("mlflow")
    config = configure(tracking_uri=None, name="tracked")
    restore = at_step(5, lambda module: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(InterruptedRun):
        pretrain(config)
    restore()
    directory = pretrain(_only_resume(config))
    client = mlflow.MlflowClient(f"sqlite:///{config.output_dir / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("pretrain").experiment_id])
    assert len(runs) == 1 and runs[0].info.status == "FINISHED" and runs[0].info.run_name == "tracked"
    run = runs[0]
    curves = {
        "train_mlm_loss", "train_mlm_perplexity", "train_mlm_accuracy", "train_nsp_loss", "train_nsp_accuracy", "learning_rate",
        "gradient_norm", "real_tokens_per_second", "mfu", "data_wait", "heldout_mlm_loss", "heldout_nsp_accuracy",
    }  # fmt: skip
    assert run.data.metrics.keys() >= curves
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "train_mlm_loss")]
    assert steps == sorted(set(steps)) and steps[-1] == 12
    assert run.data.params["preset"] == "tiny" and int(run.data.params["parameters"]) > 0
    assert run.data.tags.keys() >= {"data_fingerprint", "torch", "git_commit"} - (
        {"git_commit"} if not (ROOT / ".git").exists() else set()
    )
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert artifacts >= {"config.yaml", "report.html", "metrics.json", "data_report.json", "plots"}
    assert directory.name == "tracked"


def _in_two_processes(configure, corpus_file, **changes):
    """DDP over two CPU processes, from the command line, with torchrun; gives the run directory and the screen."""
    config = configure(workers=0, devices=2, **changes)
    names = {"corpus", "vocab_size", "max_length", "batch_tokens", "max_steps", "workers", "evaluations", "log_every", "devices",
             "precision", "accelerator", "output_dir", "tracking_uri", "cache_dir", *changes} - {"corpus"}  # fmt: skip
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "run.py"]
    command += ["--corpus", str(corpus_file)]
    command += [text for name in sorted(names) for text in (f"--{name}", str(getattr(config, name)))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return config.output_dir / "pretrain" / changes["name"], done.stdout


def _gradients(directory):
    """Of the first step, after clipping: AdamW's first moments hold a tenth of them, Muon's momentum a twentieth."""
    (path,) = (directory / "checkpoints").glob("step=1.ckpt")
    states = torch.load(path, weights_only=True)["optimizer_states"][0]["state"]
    return {
        number: state["exp_avg"] / (1 - BETAS[0]) if "exp_avg" in state else state["momentum"] / (1 - MOMENTUM)
        for number, state in states.items()
    }


def test_two_processes_have_the_gradients_of_one(configure, corpus_file):
    """On the same global batch, within float summation; one process in one pass, one in three, and two processes."""
    settings = {"max_steps": 1, "batch_tokens": 512, "log_every": 1}
    one = pretrain(configure(name="one", **settings))
    three, _ = pretrain(configure(name="three passes", accumulate=3, **settings)), None
    two, _ = _in_two_processes(configure, corpus_file, name="two", **settings)
    expected = _gradients(one)
    scale = max(gradient.abs().max() for gradient in expected.values())
    for other in (three, two):
        for number, gradient in _gradients(other).items():
            torch.testing.assert_close(gradient, expected[number], rtol=1e-4, atol=1e-6 * float(scale))


def test_two_processes_train_and_evaluate_as_one(configure, corpus_file):
    settings = {"max_steps": 6, "evaluations": 1, "log_every": 3, "batch_tokens": 512}
    one = pretrain(configure(name="one", **settings))
    two, screen = _in_two_processes(configure, corpus_file, name="two", **settings)
    assert screen.count("Where it lies") == 1
    metrics = [json.loads((run / "metrics.json").read_text()) for run in (one, two)]
    for name in ("steps", "tokens_seen", "unigram_loss", "unigram_accuracy"):
        assert metrics[0][name] == metrics[1][name]
    for name in ("mlm_loss", "nsp_loss"):
        assert metrics[0][name] == pytest.approx(metrics[1][name], rel=1e-4)
    curves = [read_curves(run / "metrics.jsonl") for run in (one, two)]
    for name in ("train_mlm_loss", "train_nsp_accuracy", "gradient_norm", "heldout_mlm_loss", "tokens_seen"):
        assert curves[0][name][0] == curves[1][name][0]
        assert curves[0][name][1] == pytest.approx(curves[1][name][1], rel=1e-4)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("첫째 문장입니다 반갑습니다.\n둘째 문장입니다 반갑습니다.\n", "one document only"),
        (
            "첫째 문장입니다 반갑습니다.\n\n둘째 문장입니다 반갑습니다.\n\n셋째 문장입니다 반갑습니다.\n",
            "too few to train on",
        ),
        (
            '{"content": "첫째 청원입니다 반갑습니다."}\n{"content": 깨짐}\n',
            r"one document only.*1 left out.*글\.txt:2",
        ),
        ("가나\n\n" * 3 + "다라\n\n" + "마바\n\n" + "사아\n\n" + "자차\n", "--min_chars"),
        (
            "\n\n".join(f"{i}번 문서의 첫째 문장입니다.\n{i}번 문서의 둘째 문장입니다." for i in range(50)),
            "too small for a vocabulary",
        ),
    ],
)
def test_unusable_texts_are_refused_with_a_sentence(configure, tmp_path, content, sentence):
    path = tmp_path / "글.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=sentence) as caught:
        pretrain(configure(corpus=[path]))
    assert "\n" not in str(caught.value)
    assert not list((configure().output_dir / "pretrain").iterdir())  # no empty run directory is left


def test_a_users_mistake_is_one_line_and_no_traceback(tmp_path):
    command = [
        sys.executable,
        "run.py",
        "--corpus",
        str(tmp_path / "없는 글"),
        "--output_dir",
        str(tmp_path),
        "--tracking_uri",
        "none",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and "없는 글" in done.stderr and done.stderr.count("\n") == 1
