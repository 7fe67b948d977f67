import os

# One core a test: what the suite proves does not depend on threads, and small matrices are slower with more of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
