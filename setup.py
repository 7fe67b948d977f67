"""How the wheel is laid out: it brings no name of its own to the top level but `saebert`, and a forwarding `finetune`.

In a checkout, and where it is installed with `pip install -e .`, the packages stand at the top level and import each other
there: `from data.errors import DataError`. People have modules called `data`, `run` or `experiment`, too, and whichever came
first on the path would stand for both. So a wheel is built from

    data/errors.py        saebert/data/errors.py, in which `from data.x import y` has become `from saebert.data.x import y`
    run.py                saebert/run.py
    saebert/forward.py    finetune/__init__.py, so that `from finetune import load` is the same line everywhere

and all else that setuptools needs to know stands in pyproject.toml.
"""

import ast
import shutil
from collections.abc import Collection
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info

PACKAGE = "saebert"
FORWARDED = "finetune"


def names_of_the_checkout(distribution: Distribution) -> set[str]:
    """The packages and modules at the top level that a wheel has within `saebert`."""
    names = [*(distribution.packages or ()), *(distribution.py_modules or ())]
    return {name.partition(".")[0] for name in names} - {PACKAGE}


def moved_imports(source: bytes, names: Collection[str]) -> bytes:
    """The source of a module with all imports of the packages and modules `names` made from `saebert`, every line in its
    place:

        from data import lines          from saebert.data import lines
        import data.lines as lines      import saebert.data.lines as lines
        import data.lines               import saebert.data.lines, saebert.data as data
    """
    lines = source.splitlines(keepends=True)
    # Line, first column and the one after the last, in bytes as ast has them, and what is to stand there.
    changes: list[tuple[int, int, int | None, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for each in node.names:
                top, _, submodule = each.name.partition(".")
                if top not in names:
                    continue
                name = each.asname or ("" if submodule else top)
                new = f"{PACKAGE}.{each.name}" + (f" as {name}" if name else f", {PACKAGE}.{top} as {top}")
                changes.append((each.lineno - 1, each.col_offset, each.end_col_offset, new))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and str(node.module).partition(".")[0] in names:
            start = node.col_offset
            changes.append((node.lineno - 1, start, start + len("from "), f"from {PACKAGE}."))
    for row, start, end, new in sorted(changes, key=lambda change: change[:2], reverse=True):
        lines[row] = lines[row][:start] + new.encode() + lines[row][end:]
    return b"".join(lines)


class BuildPy(build_py):
    """Copies the modules as ever, and then moves them, unless the installation is an editable one."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # What an earlier build has left there would be in the wheel, too.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        top, package = Path(self.build_lib), Path(self.build_lib, PACKAGE)
        names = names_of_the_checkout(self.distribution)
        for path in [*top.iterdir()]:
            if path.stem in names:
                path.rename(package / path.name)
        for path in package.rglob("*.py"):
            path.write_bytes(moved_imports(path.read_bytes(), names))
        forwarded = top / FORWARDED
        forwarded.mkdir()
        (package / "forward.py").rename(forwarded / "__init__.py")
        (forwarded / "py.typed").touch()


class EggInfo(egg_info):
    """Names in the metadata what the wheel has at its top level."""

    def run(self) -> None:
        super().run()
        Path(self.egg_info, "top_level.txt").write_text(f"{FORWARDED}\n{PACKAGE}\n", encoding="utf-8")


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildPy, "egg_info": EggInfo})
