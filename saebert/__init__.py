"""SaeBERT: the public names of its packages, and its two commands.

In a checkout this package stands beside the others; in a wheel it holds them (setup.py).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`load` is `finetune.load`, for which nothing is imported before somebody asks for it."""
    if name == "load":
        import finetune

        return getattr(finetune, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
