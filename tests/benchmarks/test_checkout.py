"""Every benchmark runs in a checkout that is not installed, and with its code even where another one is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("bert_core", "data", "pretrain", "finetune", "experiment")

PROGRAM = """
import runpy, sys
from pathlib import Path

copy = Path(sys.argv[1])
packages, path = set(sys.argv[2].split()), list(sys.path)
for script in sorted((copy / "benchmarks").glob("*.py")):
    ours = packages | {each.stem for each in (copy / "benchmarks").glob("*.py")}
    for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
        del sys.modules[name]
    sys.path[:] = [str(script.parent), *path[1:]]
    sys.argv = [str(script), "--help"]
    program = "__main__" in script.read_text(encoding="utf-8")
    print(script.name, file=sys.stderr)
    try:
        runpy.run_path(str(script), run_name="__main__" if program else script.stem)
        assert not program, "it did something else than to help"
    except SystemExit as end:
        assert program and not end.code, end.code
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in packages:
            assert Path(module.__file__).is_relative_to(copy), (name, module.__file__)
"""


def test_every_benchmark_helps_in_a_checkout_that_is_not_installed(tmp_path):
    copy = tmp_path / "checkout"
    leave = shutil.ignore_patterns("__pycache__", "results", "runs")
    for folder in (*PACKAGES, "benchmarks"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=leave)
    (tmp_path / "elsewhere").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(copy), " ".join(PACKAGES)],
        cwd=tmp_path / "elsewhere", env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
