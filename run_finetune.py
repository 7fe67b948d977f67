"""Fine-tuning: turns a pretrained BERT into a model of one's own task. `python run_finetune.py --help` lists every option."""

import sys

from experiment.errors import InterruptedRun, LostProcessError, UsageError
from experiment.options import parse
from experiment.program import command, run_main
from experiment.threads import prepare_threads
from finetune.tasks import config_class

DESCRIPTION = """Fine-tune a BERT for relation extraction (--task re, R-BERT), for named entities (--task ner, a CRF over
characters) or for labels and numbers of texts and pairs (--task classification), or predict with a fine-tuned run. Without any
file it trains the latest pretrained model on a built-in sample. --task re --help, --task ner --help and --task classification --help list the options of each."""

RUN = command("run_finetune.py")

EXAMPLES = f"""examples:
  {RUN} --task re
  {RUN} --task ner
  {RUN} --task classification --train_file train.tsv --text document --label label
  {RUN} --task re --train_file train.json --test_file test.json --seeds 0 1 2
  {RUN} --task ner --train_file train.tsv --test_file test.tsv --sweep unit
  {RUN} --task ner --predict text.txt --checkpoint runs/finetune/ner/latest
"""

INTERRUPTED = (
    "stopped; the run's folder keeps the best model so far, if one was evaluated, and the runs of a series that ended."
)


def main() -> None:
    config = parse(config_class(sys.argv[1:]), sys.argv[1:], description=DESCRIPTION, epilog=EXAMPLES)
    prepare_threads(config.threads, config.devices)
    # Heavy imports wait until the command line is known to be sound.
    from finetune.pipeline import SENTENCES, fine_tune

    try:
        fine_tune(config)
    except (InterruptedRun, LostProcessError):
        raise
    except SENTENCES as error:
        raise UsageError(str(error)) from None


if __name__ == "__main__":
    sys.exit(run_main(main, interrupted=INTERRUPTED))
