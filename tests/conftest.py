"""For all tests: properties try the same examples in every run, so that a change is judged by itself and not by luck.

`HYPOTHESIS_PROFILE=explore make test` looks for new ones; what it finds becomes a test of its own.
"""

import os

from hypothesis import settings
from threadpoolctl import threadpool_limits

# One fit is one thread in the product (its pool says so to its workers); many threads on few busy processors take thirty times as long.
# Libraries that are loaded later read the variables; plugins of pytest have loaded NumPy before this file, and it has to be told.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
threadpool_limits(1)

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
