"""Seeds, folds and sweeps with real runs: what they leave together."""

import csv
import json
from dataclasses import replace

import pytest

from experiment.errors import UsageError
from experiment.training import InterruptedRun
from finetune import pipeline
from finetune.pipeline import fine_tune


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def metrics_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_seeds_answer_together(configure, test_rows_file):
    path = fine_tune(configure(seeds=[0, 1], test_file=test_rows_file))
    runs = sorted((path / "runs").iterdir())
    assert len(runs) == 2
    parts = [read_csv(run / "test_predictions.csv") for run in runs]
    mean = read_csv(path / "test_predictions.csv")
    for index, row in enumerate(mean):
        values = [json.loads(part[index]["probs"])[0] for part in parts]
        assert json.loads(row["probs"])[0] == pytest.approx(sum(values) / 2)
    summary = metrics_of(path / "metrics.json")
    singles = [metrics_of(run / "metrics.json")["micro_f1"] for run in runs]
    assert summary["micro_f1"] == pytest.approx(sum(singles) / 2)
    assert (path / "ensemble_metrics.json").exists() and (path / "results.png").exists()


def test_folds_answer_each_row_once_by_a_model_that_has_not_seen_it(configure, rows_file):
    path = fine_tune(configure(folds=3))
    rows = json.loads(rows_file.read_text(encoding="utf-8"))
    answers = read_csv(path / "predictions.csv")
    assert sorted(row["id"] for row in answers) == sorted(row["guid"] for row in rows)
    for run in (path / "runs").iterdir():
        report = metrics_of(run / "data_report.json")
        assert report["rows_used"] == {"train": 80, "dev": 40, "test": 0}


def test_an_ensemble_is_the_mean_of_its_runs(configure, test_rows_file):
    grid = fine_tune(configure(seeds=[0, 1], epochs=1))
    runs = sorted((grid / "runs").iterdir())
    asked = replace(configure(), checkpoint=None, train_file=None, predict=test_rows_file)
    by_runs = fine_tune(replace(asked, ensemble=runs, output=grid / "a.csv"))
    by_grid = fine_tune(replace(asked, checkpoint=grid, output=grid / "b.csv"))
    assert by_runs.read_bytes() == by_grid.read_bytes()
    with pytest.raises(UsageError, match="holds no fine-tuned model of --task re"):
        fine_tune(replace(asked, ensemble=[grid.parent]))


def test_a_sweep_that_was_stopped_goes_on_where_it_was(configure, tmp_path, monkeypatch):
    sweep = tmp_path / "활성화.yaml"
    sweep.write_text("grid:\n  activation: [tanh, gelu]\n  entity_layer: [split, shared]\n", encoding="utf-8")
    config = configure(sweep=str(sweep), epochs=1, name="sweep")
    run, done = pipeline.carry_out, []

    def stops_at_the_third(task, config, directory, *arguments, **keywords):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(directory.name)
        return run(task, config, directory, *arguments, **keywords)

    monkeypatch.setattr(pipeline, "carry_out", stops_at_the_third)
    with pytest.raises(
        InterruptedRun, match=r"2 of 4 runs are finished; go on with: python run_finetune.py --task re --resume"
    ):
        fine_tune(config)
    monkeypatch.setattr(pipeline, "carry_out", lambda *a, **k: (done.append(a[2].name), run(*a, **k))[1])
    path = fine_tune(_only_resume(configure(), "auto"))
    assert len(done) == 4 and len(set(done)) == 4
    table = read_csv(path / "results.csv")
    assert [(row["activation"], row["entity_layer"]) for row in table] == [
        ("tanh", "split"), ("tanh", "shared"), ("gelu", "split"), ("gelu", "shared"),
    ]  # fmt: skip
    assert not (path / "predictions.csv").exists()  # a sweep compares; its runs do not answer together
    with pytest.raises(UsageError, match="is finished"):
        fine_tune(_only_resume(configure(), str(path)))


def _only_resume(config, resume):
    """What `--resume` gives on the command line, beside where and on what to run."""
    names = ("precision", "accelerator", "output_dir", "tracking_uri")
    return type(config)(resume=resume, **{name: getattr(config, name) for name in names})


def test_a_resumed_grid_refuses_other_options(configure, monkeypatch):
    def fails(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "carry_out", fails)
    with pytest.raises(InterruptedRun):
        fine_tune(configure(seeds=[0, 1], name="two"))
    with pytest.raises(UsageError, match="batch_size is 8; leave out --batch_size"):
        fine_tune(replace(configure(), resume="auto", batch_size=64))
    with pytest.raises(UsageError, match="batch_size is 8; leave out --batch_size"):  # 32 is the default
        fine_tune(replace(_only_resume(configure(), "auto"), batch_size=32, given=frozenset({"batch_size", "resume"})))
