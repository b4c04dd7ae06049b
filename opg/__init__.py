"""OPG: AI models that are owned, hosted by anyone, and verified by arithmetic."""

import os

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")  # three times as fast as the default
