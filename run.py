"""Pretraining: turns raw Korean text into a BERT of one's own. `python run.py --help` lists every option."""

import sys

from experiment.errors import InterruptedRun, LostProcessError, UsageError
from experiment.options import parse
from experiment.program import command, run_main
from experiment.threads import prepare_threads
from pretrain.config import PretrainConfig

DESCRIPTION = """Pretrain a BERT from scratch on raw Korean text: MLM and next-sentence prediction, with a WordPiece
tokenizer trained on the same text. Without any argument it runs on a built-in sample."""

RUN = command("run.py")

EXAMPLES = f"""examples:
  {RUN}
  {RUN} --corpus petitions/ namuwiki.txt news.txt.xz --preset mini --max_minutes 20
  {RUN} --resume auto
  {RUN} --corpus text/ --preset base --max_steps 100000 --resume auto --name text_base
  {command("run.py", "torchrun --nproc_per_node 8")} --corpus text/ --preset base --max_steps 100000
"""

INTERRUPTED = f"""stopped; what was indexed and tokenized is kept in the cache, and the last checkpoint of a run that had one in its
folder; go on with: {RUN} --resume auto"""


def main() -> None:
    config = parse(PretrainConfig, sys.argv[1:], description=DESCRIPTION, epilog=EXAMPLES)
    prepare_threads(config.threads, config.devices)
    # Heavy imports wait until the command line is known to be sound.
    from pretrain.pipeline import SENTENCES, pretrain

    try:
        pretrain(config)
    except (InterruptedRun, LostProcessError):
        raise
    except SENTENCES as error:
        raise UsageError(str(error)) from None


if __name__ == "__main__":
    sys.exit(run_main(main, interrupted=INTERRUPTED))
