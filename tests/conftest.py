"""Hypothesis profiles: `ci` (the default: derandomized, so that two runs agree) and `nightly` (2,000 examples).

Choose with HYPOTHESIS_PROFILE=nightly pytest.
"""

import os

from hypothesis import HealthCheck, settings

_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("ci", derandomize=True, max_examples=30, database=None, **_common)
settings.register_profile("nightly", max_examples=2_000, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
