"""What MLflow knows of a run: its figures, its files, and where its weights came from."""

import json
import shutil

from mlflow.tracking import MlflowClient

from finetune.pipeline import fine_tune


def test_a_run_is_in_mlflow_and_leads_back_to_its_pretraining(
    configure, checkpoint, test_rows_file, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    pretrained = tmp_path / "pretrained"
    shutil.copytree(checkpoint, pretrained)
    (pretrained / "mlflow.json").write_text(json.dumps({"run_id": "0123abcd"}), encoding="utf-8")
    path = fine_tune(configure(checkpoint=pretrained, test_file=test_rows_file, epochs=1, tracking_uri=None))
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    run = client.get_run(json.loads((path / "mlflow.json").read_text(encoding="utf-8"))["run_id"])
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    assert run.info.status == "FINISHED"
    assert run.data.metrics["micro_f1"] == metrics["micro_f1"]
    assert run.data.metrics["test_auprc"] == metrics["test_auprc"]
    assert "train_loss" in run.data.metrics and "dev_micro_f1" in run.data.metrics
    assert run.data.tags["pretraining_run_id"] == "0123abcd" and run.data.tags["checkpoint"] == str(pretrained)
    assert run.data.params["concat"] == "cls,e1,e2" and run.data.params["relations"] == "5"
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {
        "config.yaml",
        "metrics.json",
        "report.html",
        "predictions.csv",
        "errors.csv",
        "test_errors.csv",
        "plots",
    } <= artifacts


def test_the_runs_of_a_grid_lie_below_one_run(configure, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = fine_tune(configure(seeds=[0, 1], epochs=1, tracking_uri=None))
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    parent = json.loads((path / "mlflow.json").read_text(encoding="utf-8"))["run_id"]
    experiment = client.get_run(parent).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert len(children) == 2
    assert {file.path for file in client.list_artifacts(parent)} >= {"results.md", "results.csv", "results.png"}
