"""The wheel: what it brings, that it works without the checkout, and that it leaves people's own modules alone."""

import ast
import configparser
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bert_core", "data", "pretrain", "finetune", "experiment")
NAMES = {*PACKAGES, "run", "run_finetune"}

WITHOUT_THE_CHECKOUT = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path[:] = [folder for folder in sys.path if folder != {root!r}]
"""


@pytest.fixture(scope="module")
def setup():
    spec = importlib.util.spec_from_file_location("setup_of_saebert", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the contents of the wheel that a copy of the checkout gives."""
    folder = tmp_path_factory.mktemp("packaging")
    copy = folder / "checkout"
    for name in (*PACKAGES, "saebert"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "run.py", "run_finetune.py"):
        shutil.copy(ROOT / name, copy)
    left = copy / "build" / "lib" / "left_by_an_earlier_build"
    left.mkdir(parents=True)
    (left / "__init__.py").touch()
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def user(site, tmp_path):
    """The folder of somebody who has modules of their own, and a function that runs a program there: a file of that folder,
    or one of the wheel's commands, as pip writes them."""
    work, commands, settings = tmp_path / "work", tmp_path / "bin", tmp_path / "settings"
    for folder in (work, commands, settings):
        folder.mkdir()
    (settings / "sitecustomize.py").write_text(WITHOUT_THE_CHECKOUT.format(root=str(ROOT)), encoding="utf-8")
    entries = configparser.ConfigParser()
    entries.read(next(site.glob("*.dist-info")) / "entry_points.txt", encoding="utf-8")
    for name, entry in entries["console_scripts"].items():
        module, function = entry.split(":")
        script = (
            f"import sys\nfrom {module} import {function}\nif __name__ == '__main__':\n    sys.exit({function}())\n"
        )
        (commands / name).write_text(script, encoding="utf-8")

    def run(program, *arguments):
        path = commands / program if (commands / program).exists() else work / program
        searched = os.pathsep.join(str(folder) for folder in (work, settings, site))
        environment = os.environ | {"PYTHONPATH": searched, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, str(path), *map(str, arguments)], cwd=work, env=environment, capture_output=True, text=True
        )

    run.folder = work
    return run


def own_modules(user, *paths):
    """Modules that all say MINE, in the user's folder."""
    for path in paths:
        (user.folder / path).parent.mkdir(exist_ok=True)
        (user.folder / path).write_text(f"MINE = {path!r}\n", encoding="utf-8")


def ended_well(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


BEFORE = '''"""from data import lines"""
from typing import TYPE_CHECKING
if TYPE_CHECKING: from data.index import Index
이름 = "한글"; import data.lines, os, run  # import data
import data.lines as lines, json
from data_frames import data
from . import experiment

def later():
    from pretrain import (  # from pretrain
        initial as first,
    )
    yield from data.lines.read(run, "data.lines")
'''
AFTER = '''"""from data import lines"""
from typing import TYPE_CHECKING
if TYPE_CHECKING: from saebert.data.index import Index
이름 = "한글"; import saebert.data.lines, saebert.data as data, os, saebert.run as run  # import data
import saebert.data.lines as lines, json
from data_frames import data
from . import experiment

def later():
    from saebert.pretrain import (  # from pretrain
        initial as first,
    )
    yield from data.lines.read(run, "data.lines")
'''


def test_imports_are_moved_and_nothing_else(setup):
    assert setup.moved_imports(BEFORE.encode(), NAMES).decode() == AFTER
    windows = BEFORE.replace("\n", "\r\n").encode()
    assert setup.moved_imports(windows, NAMES).decode() == AFTER.replace("\n", "\r\n")


def test_the_wheel_takes_two_names(site):
    information = next(site.glob("*.dist-info"))
    assert {path.name for path in site.iterdir()} == {"saebert", "finetune", information.name}
    assert (information / "top_level.txt").read_text().split() == ["finetune", "saebert"]
    assert {path.name for path in (site / "finetune").iterdir()} == {"__init__.py", "py.typed"}
    assert (site / "saebert" / "py.typed").is_file()


def test_the_wheel_has_every_file_of_the_packages(site):
    """A module whose folder has no __init__.py would be left out, and a data file that pyproject.toml does not name."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            place = path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in place.parts and not path.name.startswith("."):
                assert (site / "saebert" / place).is_file(), place
    assert all((site / "saebert" / f"{name}.py").is_file() for name in ("run", "run_finetune"))


def test_no_module_of_the_wheel_reaches_for_a_name_of_the_checkout(site):
    for path in site.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        module = ast.parse(source)
        compile(module, str(path), "exec")
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & NAMES, f"{path}:{node.lineno}"
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.partition(".")[0] not in NAMES, f"{path}:{node.lineno}"
            elif isinstance(node, ast.Constant) and re.fullmatch(rf"({'|'.join(NAMES)})(\.\w*)+", str(node.value)):
                # With a point at its end it begins an f-string.
                place = ROOT.joinpath(*node.value.split("."))
                assert not place.is_dir() and not place.with_suffix(".py").is_file(), (
                    f"{path}:{node.lineno} names a module as text, which setup.py does not move: use __package__"
                )


def test_a_line_of_the_wheel_is_that_line_of_the_checkout(site):
    for path in (site / "saebert").rglob("*.py"):
        place = path.relative_to(site / "saebert")
        original = ROOT / place if (ROOT / place).is_file() else ROOT / "saebert" / place
        assert path.read_bytes().count(b"\n") == original.read_bytes().count(b"\n"), place


def test_a_corpus_has_the_same_fingerprint_in_the_wheel(site):
    """It holds the source of these two modules: caches and runs that are gone on with come from either."""
    for name in ("cleaning.py", "sentences.py"):
        assert (site / "saebert" / "data" / name).read_bytes() == (ROOT / "data" / name).read_bytes()


def test_modules_of_ones_own_stay_ones_own(user):
    own_modules(user, "data.py", "run.py", "experiment/__init__.py", "finetune/notes.py", "finetune/answer.py")
    (user.folder / "mine.py").write_text(
        "import data, run, experiment, finetune.notes\n"
        "print(data.MINE, run.MINE, experiment.MINE, finetune.notes.MINE)\n"
        "import saebert.finetune.tasks, saebert.data.errors, saebert.run\n"
        "saebert.finetune.load, saebert.finetune.answer = 'load', 'theirs'\n"  # stand for public names
        "from finetune import answer, load\n"
        "print(answer.MINE, load, saebert.load)\n"
        "assert not hasattr(finetune, 'tasks') and not hasattr(finetune, 'nothing') and not hasattr(saebert, 'nothing')\n"
    )
    lines = ended_well(user("mine.py")).splitlines()
    assert lines == ["data.py run.py experiment/__init__.py finetune/notes.py", "finetune/answer.py load load"]


@pytest.mark.parametrize("path", ["finetune.py", "finetune/__init__.py"])
def test_a_whole_finetune_of_ones_own_goes_before(user, path):
    own_modules(user, path)
    (user.folder / "mine.py").write_text(
        "import finetune, saebert.run_finetune; print(finetune.MINE, saebert.finetune.__name__)"
    )
    assert ended_well(user("mine.py")).split() == [path, "saebert.finetune"]


def test_importing_asks_for_nothing_heavy(user):
    (user.folder / "mine.py").write_text(
        "import sys, finetune, saebert\n"
        "from saebert.finetune.grid.sweep import shipped_sweeps\n"
        "print(saebert.__version__, *shipped_sweeps())\n"
        "assert not {'torch', 'pytorch_lightning', 'mlflow'} & set(sys.modules)\n"
    )
    sweeps = sorted(path.stem for path in (ROOT / "finetune" / "sweeps").glob("*.yaml"))
    version, *found = ended_well(user("mine.py")).split()
    assert found == sweeps and re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_the_commands_are_the_programs(user):
    """A run, too, on what the sample's words give, and its model, beside modules of the same names as those of the packages."""
    own_modules(user, "data.py", "run.py", "pretrain.py", "experiment/__init__.py", "finetune/notes.py")
    assert "\n  saebert-pretrain --resume auto\n" in ended_well(user("saebert-pretrain", "--help"))
    assert "\n  saebert-finetune --task ner\n" in ended_well(user("saebert-finetune", "--help"))
    refused = user("saebert-finetune")
    assert refused.returncode == 2 and refused.stderr.startswith("error: --task is needed")
    (user.folder / "mine.py").write_text(
        "import pathlib, saebert.data.sample.files as files; files.write_sample(pathlib.Path('text'), petitions=200, pages=80)"
    )
    ended_well(user("mine.py"))
    flags = {
        "corpus": "text", "vocab_size": 1000, "max_steps": 2, "preset": "tiny", "batch_tokens": 256, "evaluations": 1,
        "workers": 1, "accelerator": "cpu", "tracking_uri": "none", "cache_dir": "cache",
    }  # fmt: skip
    ended_well(user("saebert-pretrain", *(word for name, value in flags.items() for word in (f"--{name}", value))))
    run = user.folder / "runs" / "pretrain" / "latest"
    assert json.loads((run / "metrics.json").read_text())["steps"] == 2
    assert (run / "model" / "model.safetensors").is_file() and (run / "report.html").is_file()
    (user.folder / "mine.py").write_text(
        "import sys, saebert\n"
        "from finetune import load\n"
        "print(*load('runs/pretrain/latest', device='cpu').encode(['새', '나무']).shape, load is saebert.load)\n"
        "assert not {'pytorch_lightning', 'mlflow'} & set(sys.modules)\n"
    )
    assert ended_well(user("mine.py")).split() == ["2", "128", "True"]
