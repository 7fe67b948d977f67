"""What compilers and profilers say to their developers, kept off the screen of a run."""

import logging
import warnings

_SILENT = (
    r"torch\._inductor",
    r"torch\._dynamo",
    r"torch\._functorch",
    r"torch\.profiler",
    r"torch\.autograd\.profiler",
)


def quiet_compilers() -> None:
    """Silences the warnings of torch.compile and of torch's profiler; their errors stay."""
    for module in _SILENT:
        warnings.filterwarnings("ignore", module=module)
    for name in ("torch._inductor", "torch._dynamo"):
        logging.getLogger(name).setLevel(logging.ERROR)
