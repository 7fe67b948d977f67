"""What a pretraining run can be asked for: one dataclass, from which flags, YAML and `--help` are made.

A field that is None is filled by the preset (`resolved`). Imports nothing heavy, so that `--help` answers at once.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bert_core.config import SIZES, BertConfig
from experiment.errors import UsageError
from experiment.options import Options, option
from experiment.threads import choose_threads


@dataclass(frozen=True)
class PretrainConfig(Options):
    """A whole run; the docstring under each field is its help text."""

    corpus: list[Path] = option([], "Data", "PATH")
    """Files and folders of raw text: petitions (JSON lines), namuwikitext, plain text; .gz, .bz2, .xz, .zst and .zip, too. Without
    it the run uses the built-in sample."""
    vocab_size: int | None = option(None, "Data")
    """Tokens of the WordPiece vocabulary that is trained on the corpus; by preset."""
    tokenizer: Path | None = option(None, "Data", "DIR")
    """Folder with a tokenizer to use instead of training one."""
    tokenizer_sample_mb: int = option(100, "Data")
    """Text that the tokenizer is trained on at the most, drawn evenly over the corpus, in MB of UTF-8."""
    heldout_documents: int | None = option(None, "Data")
    """Documents kept for evaluation, chosen by their content; 1 % of the corpus (1,000 at the most; of a small one a tenth, up
    to 100) when left out."""
    cache_dir: Path | None = option(None, "Data", "DIR")
    """Where indices, unpacked files and tokens are kept; OUTPUT_DIR/cache when left out."""
    token_cache: bool | None = option(None, "Data")
    """Tokenise the corpus once, before training, for devices that would wait for their data; when left out, the run does so
    where that costs less time than it saves."""
    shard: str | None = option(None, "Data", "I/N")
    """Tokenise the I-th of N parts of the corpus for the token cache, and end: N machines that share --cache_dir make all of
    it, and the run that follows finds it."""
    workers: int | None = option(None, "Data")
    """Processes a device that build batches; 0 builds in the training process; by cores when left out."""

    keep_urls: bool = option(False, "Cleaning")
    """Keep web addresses."""
    keep_repeats: bool = option(False, "Cleaning")
    """Keep runs of one character (ㅋㅋㅋㅋ) instead of shortening them to two."""
    keep_placeholders: bool = option(False, "Cleaning")
    """Keep the marks that stand for removed names (OOO)."""
    keep_notices: bool = option(False, "Cleaning")
    """Keep the petition board's notices ([본 게시물의 일부 내용이 …])."""
    keep_all_characters: bool = option(False, "Cleaning")
    """Keep characters outside Hangul, Latin, digits, punctuation, emoji and Hanja."""
    keep_hanja: bool = option(True, "Cleaning")
    """Keep Hanja."""
    min_chars: int = option(10, "Cleaning")
    """Shorter sentences are dropped, in characters."""

    preset: Literal["tiny", "mini", "small", "medium", "base", "large"] = option("tiny", "Network")
    """Google's BERT sizes, with a recipe for each."""
    max_length: int | None = option(None, "Network")
    """Tokens of a sequence at the most, [CLS] and [SEP] included; by preset."""
    short_length: int | None = option(None, "Network")
    """Train on sequences of this length first, as Google did for 512: cheaper where attention is a large part of a step."""
    short_share: float = option(0.9, "Network")
    """Share of the run before --max_length takes over; with --short_length only."""
    dropout: float = option(0.0, "Network")
    """Rate on hidden states and attention probabilities. Worth its time only where a text is seen many times."""
    initializer_range: float | None = option(None, "Network")
    """Standard deviation of the initial weights; by preset."""
    init_from: Path | None = option(None, "Network", "DIR")
    """Folder of a BERT to go on from (ours or anyone's), with its tokenizer and size. Length and batch are those of the preset
    of its width, the learning rate is a quarter of that preset's."""

    mask_rate: float = option(0.15, "Objective")
    """Share of the tokens that MLM hides."""
    mask_unit: Literal["token", "word", "span"] = option("token", "Objective")
    """What MLM hides as one: tokens, whole words, or spans of words (SpanBERT)."""
    second_objective: Literal["nsp", "sop", "none"] = option("nsp", "Objective")
    """Next-sentence prediction, sentence-order prediction (ALBERT), or MLM alone on full segments (RoBERTa)."""
    segments: Literal["filled", "sentences"] = option("filled", "Objective")
    """Segments of consecutive sentences up to the length, or of one sentence each."""
    truncation: Literal["longest_first", "second_first"] = option("longest_first", "Objective")
    """Which segment gives way when both are too long together."""
    short_rate: float = option(0.1, "Objective")
    """Share of filled pairs that aim at a random shorter length."""

    max_steps: int | None = option(None, "Training")
    """Optimizer steps; the learning rate falls to 0 at the last."""
    max_minutes: float | None = option(None, "Training", "M")
    """Minutes of training, from the end of the first step on, evaluation on held-out text included; the learning rate falls to 0
    at the end. 20 when neither is given, 1 on the built-in sample."""
    batch_tokens: int | None = option(None, "Training")
    """Real tokens of an optimizer step, over all devices; by preset."""
    optimizer: Literal["muon", "adamw"] | None = option(None, "Training", before="adamw")
    """muon: Muon for the blocks' matrices and AdamW for all else; adamw: AdamW for all. muon when left out, and adamw with
    --init_from."""
    learning_rate: float | None = option(None, "Training")
    """Highest learning rate; by preset."""
    warmup: float = option(0.06, "Training")
    """Share of the run in which the learning rate rises."""
    weight_decay: float = option(0.01, "Training")
    """Of weight matrices and embeddings only."""
    clip: float = option(1.0, "Training")
    """Longest gradient; a longer one is shortened to it."""
    seed: int = option(0, "Training")
    """Of weights, shuffling, pairs and masks."""

    accelerator: str = option("auto", "Device")
    """As in PyTorch Lightning: auto, cpu, gpu, mps."""
    devices: int | None = option(None, "Device")
    """How many of this machine; what torchrun or srun started, all GPUs, or one CPU process, when left out."""
    num_nodes: int = option(1, "Device")
    """Machines, for torchrun and srun, which know it."""
    strategy: Literal["auto", "ddp"] = option("auto", "Device")
    """As in PyTorch Lightning; several devices are DDP's."""
    device_tokens: int | None = option(None, "Device")
    """Real tokens of a forward pass on one device, at the most; a step takes as many passes as it needs. What fits into
    memory, when left out."""
    accumulate: int | None = option(None, "Device")
    """Forward passes of an optimizer step on each device; follows from --device_tokens when left out."""
    precision: Literal["auto", "32", "tf32", "bf16", "16"] = option("auto", "Device")
    """auto: bf16 where the device multiplies in it, else 16 on GPUs with tensor cores for it, else 32. tf32: fp32 with products
    rounded to TF32, on NVIDIA GPUs from Ampere on; with 32 they are not."""
    threads: int | None = option(None, "Device")
    """CPU threads of each process; OMP_NUM_THREADS, or its share of the cores, when left out. Sums depend on it in the last
    digits, so it is kept with the run."""
    compile: bool | None = option(None, "Device")
    """torch.compile the network; when left out, on GPUs in runs that are long enough to gain by it."""
    checkpoint_activations: bool = option(False, "Device")
    """Compute each block's activations again in the backward pass instead of keeping them: less memory, more time, the
    same result."""

    output_dir: Path = option(Path("runs"), "Run", "DIR")
    """Holds the run directories (pretrain/NAME) and the tracking store."""
    name: str | None = option(None, "Run")
    """Of the run directory and the MLflow run; date and time when left out."""
    resume: str | None = option(None, "Run", "auto|DIR")
    """Go on with an unfinished run: the newest (auto), or this one. auto begins a run where there is none to go on with,
    and with --name it goes on with that one. The run's configuration holds; budget, devices and tracking may be changed."""
    evaluations: int | None = option(None, "Run")
    """How often held-out text is evaluated, evenly over the run; 10, and 5 on the built-in sample, when left out."""
    checkpoint_minutes: float = option(10.0, "Run", "M")
    """Minutes between checkpoints; the last two are kept."""
    log_every: int = option(10, "Run")
    """Optimizer steps between two points of the curves."""
    tracking_uri: str | None = option(None, "Run", "URI")
    """MLflow's; none trains without MLflow; OUTPUT_DIR/mlflow.db when left out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_steps is not None and self.max_minutes is not None:
            raise ValueError("--max_steps and --max_minutes both set the length of the run; give one of them")
        if self.tokenizer and self.vocab_size is not None:
            raise ValueError("--tokenizer brings its own vocabulary; leave out --vocab_size")
        if self.init_from and (self.tokenizer or self.vocab_size is not None):
            raise ValueError("--init_from brings its own tokenizer; leave out --tokenizer and --vocab_size")
        if self.second_objective == "none" and self.segments == "sentences":
            raise ValueError("--segments sentences makes pairs, but --second_objective none asks for single segments")
        if self.second_objective == "none" and self.truncation == "second_first":
            raise ValueError("--truncation second_first needs a second segment, but --second_objective none has none")
        if self.shard is not None:
            shard_of(self.shard)
            if self.token_cache is False:
                raise ValueError(
                    "--shard makes a part of the token cache, but --no_token_cache wants none; give one of them"
                )
        if self.short_length and self.max_length and self.short_length >= self.max_length:
            raise ValueError(
                f"--short_length {self.short_length} must be below --max_length {self.max_length}, which follows it"
            )
        if self.keep_all_characters and not self.keep_hanja:
            raise ValueError("--keep_all_characters keeps Hanja, too, but --no_keep_hanja drops them; give one of them")
        for name, may_be_zero in (
            ("mask_rate", False),
            ("short_rate", True),
            ("warmup", True),
            ("dropout", True),
            ("short_share", True),
        ):
            value = getattr(self, name)
            if value is not None and not (0 <= value < 1 and (value or may_be_zero)):
                raise ValueError(
                    f"--{name} must lie {'at 0 or above' if may_be_zero else 'above 0'} and below 1, not {value}"
                )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"--{name} must be at least {least}, not {value}")
        if self.device_tokens and self.accumulate and self.batch_tokens:
            devices = (self.devices or 1) * self.num_nodes
            if self.device_tokens * self.accumulate * devices < self.batch_tokens:
                raise ValueError(
                    f"--accumulate {self.accumulate} passes of --device_tokens {self.device_tokens} on "
                    f"{devices} device{'s' if devices > 1 else ''} are fewer than --batch_tokens {self.batch_tokens}; leave out "
                    "one of them"
                )
        for name in ("max_minutes", "learning_rate", "clip", "checkpoint_minutes"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"--{name} must be above 0, not {value}")

    def resolved(self) -> "PretrainConfig":
        """With every field that the preset, the given network or the kind of corpus decides; checked once more as a whole.

        Raises:
            UsageError: something does not fit together.
        """
        preset, recipe = self.preset, RECIPES[self.preset]
        if not self.corpus:
            recipe = recipe | SAMPLE_RECIPE | (TINY_ON_SAMPLE if preset == "tiny" else {})
        if self.init_from:
            preset, recipe = _recipe_of(self.init_from)
            if "preset" in self.given and self.preset != preset:
                raise UsageError(
                    f"--init_from {self.init_from} brings its own size, which is nearest to {preset}; leave out --preset {self.preset}"
                )
        # A network that is given was most likely trained by AdamW, and goes on best with it.
        recipe = recipe | {"optimizer": "adamw" if self.init_from else "muon"}
        filled = {name: value for name, value in recipe.items() if getattr(self, name) is None}
        if self.tokenizer:
            filled.pop("vocab_size", None)
        if self.max_steps is None and self.max_minutes is None:
            filled["max_minutes"] = 20.0 if self.corpus else 1.0
        if self.threads is None:
            filled["threads"] = choose_threads(None, self.devices)
        filled.setdefault("evaluations", self.evaluations or EVALUATIONS)
        if self.cache_dir is None:
            filled["cache_dir"] = self.output_dir / "cache"
        try:
            return replace(self, preset=preset, **filled)
        except ValueError as error:
            raise UsageError(str(error)) from None


def shard_of(text: str) -> tuple[int, int]:
    """I and N of "I/N".

    Raises:
        ValueError: it is not of that form, or I is not one of 1 … N.
    """
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise ValueError(f"--shard {text} is not of the form I/N with I from 1 to N, such as 2/4")
    return int(index), int(count)


_LEAST = {
    "tokenizer_sample_mb": 1, "heldout_documents": 2, "workers": 0, "min_chars": 1, "max_length": 8, "short_length": 8,
    "max_steps": 1, "batch_tokens": 8, "device_tokens": 8, "accumulate": 1, "weight_decay": 0, "seed": 0, "devices": 1,
    "num_nodes": 1, "threads": 1, "evaluations": 1, "log_every": 1,
}  # fmt: skip

CHANGEABLE = frozenset(
    {
        "max_steps", "max_minutes", "token_cache", "workers", "accelerator", "devices", "num_nodes", "strategy", "precision", "threads",
        "compile", "device_tokens", "accumulate", "checkpoint_activations", "output_dir", "resume", "evaluations",
        "checkpoint_minutes", "log_every", "tracking_uri",
    }
)  # fmt: skip
"""What a resumed run may be given anew."""

RECIPES: dict[str, dict[str, Any]] = {
    name: dict(
        zip(("vocab_size", "max_length", "batch_tokens", "learning_rate", "initializer_range"), values, strict=True)
    )
    for name, *values in (
        ("tiny", 8000, 128, 2048, 2e-3, 0.04),
        ("mini", 8000, 128, 4096, 1.5e-3, 0.04),
        ("small", 16000, 128, 4096, 1e-3, 0.03),
        ("medium", 32000, 256, 16384, 5e-4, 0.03),
        ("base", 32000, 128, 32768, 4e-4, 0.02),
        ("large", 32000, 512, 32768, 2e-4, 0.02),
    )
}
"""tiny and mini were measured with Muon, base with AdamW (see the README); the others follow their trend, towards larger batches and
smaller steps. Muon's steps are as long as AdamW's, so that a learning rate holds for both (Liu et al. 2025, arXiv 2502.16982)."""

SAMPLE_RECIPE: dict[str, Any] = {"vocab_size": 4000, "max_length": 64, "evaluations": 5}

TINY_ON_SAMPLE = {"learning_rate": 4e-3}
"""The sample is easier than petitions, and wants to be learnt in a minute."""

EVALUATIONS = 10

POSITIONS = 512
"""Of a new network, whatever length it is trained at, so that fine-tuning may read longer rows."""

GOING_ON = 0.25
"""Of a preset's learning rate for weights that are trained already: what they know is to stay."""


def _recipe_of(directory: Path) -> tuple[Any, dict[str, Any]]:
    """Preset and recipe of the size that a saved BERT has: those of its width, or of the next wider one. A folder without a
    BERT is for whoever loads it to refuse."""
    try:
        shape = BertConfig.from_json(directory / "config.json")
    except (OSError, ValueError):
        shape = BertConfig(vocab_size=1)
    preset = next((name for name, size in SIZES.items() if size["hidden_size"] >= shape.hidden_size), "large")
    recipe = RECIPES[preset]
    return preset, {
        "max_length": min(recipe["max_length"], shape.max_position_embeddings),
        "batch_tokens": recipe["batch_tokens"],
        "learning_rate": GOING_ON * recipe["learning_rate"],
        "initializer_range": shape.initializer_range,
    }
