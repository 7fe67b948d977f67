import importlib.util
import os
from pathlib import Path

import hypothesis
import pytest

# One core a test: what the suite proves does not depend on threads, and small matrices are slower with more of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` skip themselves on a machine without one."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))


@pytest.fixture
def device_without_float64():
    """Torch is imported here and not above, since few tests need it before it is told of the threads. (The folder of the tests
    must not be on the path: its `data` would stand for the package.)"""
    place = Path(__file__).with_name("simulated_device.py")
    spec = importlib.util.spec_from_file_location("simulated_device", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DeviceWithoutFloat64()
