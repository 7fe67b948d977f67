"""Fine-tuning of a pretrained BERT, and asking what came of it:

from finetune import load

model = load("runs/finetune/ner/latest")
model.predict(["서울특별시는 한국의 수도이다."])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune.loading import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # Not imported above: most of this package must answer without torch (`--help`).
    if name == "load":
        from finetune.loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
