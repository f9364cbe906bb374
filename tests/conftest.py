"""For all tests: properties try the same examples in every run, so that a change is judged by itself and not by luck.

`HYPOTHESIS_PROFILE=explore make test` looks for new ones; what it finds becomes a test of its own.
"""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
