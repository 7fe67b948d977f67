"""Where batches get their tokens from: tokenised whenever they are asked for, or once, before the training.

    device  ████████████████████  600,000 tokens a second
    loaders ██████████▒▒▒▒▒▒▒▒▒▒  4 × 80,000 from text: the device would wait for half of the run

Both give the same batches. Which one takes less time in all follows from what was measured before the first step.
"""

from data.errors import DataError
from data.tokens import disk_space
from experiment.console import duration, quantity
from experiment.distributed import from_main
from experiment.environment import cpu_cores
from pretrain.material import Material
from pretrain.start import Run, loader_processes
from pretrain.text import token_cache

LOADERS_SHARE = 0.9
"""Of a core, that a loader uses for building: the rest goes to handing over what it has built."""


def seconds_waited(tokens: float, device: float, loader: float, loaders: int) -> float:
    """Seconds that devices wait for so many tokens.

    Args:
        tokens: of the run.
        device: tokens a second of all devices.
        loader: tokens a second that one core builds.
        loaders: processes of all devices; with 0 the devices' own build them.
    """
    building = tokens / (loader * LOADERS_SHARE * max(1, loaders))
    return building if not loaders else max(0.0, building - tokens / device)


def choose_source(run: Run, material: Material, loader: float, seconds_a_step: float, devices: int) -> None:
    """Has the text tokenised once where the device would wait longer than that takes, and the user has not decided.

    Args:
        loader: tokens a second that one core builds now.
        seconds_a_step: of the device.
        devices: of all machines.
    """
    config, text = run.config, material.text
    if config.token_cache is not None or not text.tokenises:
        return
    assert config.batch_tokens
    device = config.batch_tokens / max(seconds_a_step, 1e-9)
    tokens = config.batch_tokens * config.max_steps if config.max_steps else 60 * (config.max_minutes or 0) * device
    loaders = loader_processes(config) * devices
    waits = seconds_waited(tokens, device, loader, loaders)
    takes = text.tokens / (loader * cpu_cores())

    def choose() -> str:
        if waits <= takes:
            return "text"
        space = disk_space(text.wordpiece, int(text.corpus.chars.sum()), text.coverage.characters_per_token)
        run.console.note(
            f"The devices take {quantity(device)} tokens a second, the loaders give {quantity(loader * max(1, loaders))}: to "
            f"spare {duration(waits)} of waiting, the text is tokenised once ({duration(takes)}, {space / 1e9:.2f} GB)."
        )
        try:
            token_cache(config, run.console)
        except DataError as error:
            run.console.warning(f"{error}; the run goes on without")
            return "text"
        return "cache"

    if from_main(choose) == "cache":
        source = token_cache(config, run.console)
        for builder in (*material.short, material.builder):
            builder.pairs.source = source
