"""What MLflow knows of a run on named entities: its figures, its files, and where its weights came from."""

import json
import shutil

from mlflow.tracking import MlflowClient

from finetune.pipeline import fine_tune


def test_a_run_is_in_mlflow_and_leads_back_to_its_pretraining(
    configure, checkpoint, test_texts_file, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    pretrained = tmp_path / "pretrained"
    shutil.copytree(checkpoint, pretrained)
    (pretrained / "mlflow.json").write_text(json.dumps({"run_id": "0123abcd"}), encoding="utf-8")
    path = fine_tune(configure(checkpoint=pretrained, test_file=test_texts_file, epochs=1, tracking_uri=None))
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    run = client.get_run(json.loads((path / "mlflow.json").read_text(encoding="utf-8"))["run_id"])
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    assert run.info.status == "FINISHED"
    assert client.get_experiment(run.info.experiment_id).name == "finetune/ner"
    for name in ("entity_f1", "char_f1", "klue_entity_f1", "test_klue_char_f1"):
        assert run.data.metrics[name] == metrics[name]
    assert "train_loss" in run.data.metrics and "dev_entity_f1" in run.data.metrics
    assert run.data.tags["pretraining_run_id"] == "0123abcd" and run.data.tags["checkpoint"] == str(pretrained)
    assert run.data.params["unit"] == "both" and run.data.params["types"] == "3"
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {
        "config.yaml", "metrics.json", "report.html", "predictions.jsonl", "predictions.html", "errors.csv",
        "entities.csv", "test_errors.csv", "plots",
    } <= artifacts  # fmt: skip
