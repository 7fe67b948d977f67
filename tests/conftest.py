import os

import hypothesis

# One core a test: what the suite proves does not depend on threads, and small matrices are slower with more of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
