from safetensors.torch import load_file

from pretrain.pipeline import pretrain


def test_a_run_that_computes_activations_again_learns_the_same(configure):
    runs = [
        pretrain(configure(name=str(again), max_steps=4, dropout=0.1, checkpoint_activations=again))
        for again in (False, True)
    ]
    kept, again = (load_file(run / "model" / "model.safetensors") for run in runs)
    assert kept.keys() == again.keys() and all(kept[name].equal(again[name]) for name in kept)
