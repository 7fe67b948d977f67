"""The commands of an installation: `saebert-pretrain` is `python run.py`, `saebert-finetune` is `python run_finetune.py`.

Each gives the exit code of its program. They import it only when they are called, since either needs but one.
"""

from experiment.program import run_main


def pretrain() -> int:
    from run import INTERRUPTED, main

    return run_main(main, interrupted=INTERRUPTED)


def finetune() -> int:
    from run_finetune import INTERRUPTED, main

    return run_main(main, interrupted=INTERRUPTED)
