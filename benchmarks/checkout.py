"""Makes a benchmark use the checkout that it lies in, installed or not: imported before anything of this project."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if sys.path[0] != str(ROOT):
    sys.path.insert(0, str(ROOT))
