"""The package `finetune` of a wheel, which setup.py makes of this file: it gives the public names of `saebert.finetune`.

Whoever has a `finetune` of their own keeps it. A module or a package of that name comes before this one, which lies among
the installed packages, and a folder without `__init__.py` is joined to this one: its modules can be imported, and go before
the names that are forwarded.
"""

from importlib.util import find_spec
from pathlib import Path
from pkgutil import extend_path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import finetune

if TYPE_CHECKING:
    from finetune import *  # noqa: F403

__path__ = extend_path([str(Path(__file__).parent)], __name__)


def __getattr__(name: str) -> Any:
    if find_spec(f"{__name__}.{name}") is None:
        value = getattr(finetune, name)
        # Which of its modules a package has as attributes depends on what has been imported.
        if not isinstance(value, ModuleType):
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
