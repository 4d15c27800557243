"""What a `Kiq` beside Debian's Sidekiq has to be told, once it can be."""

from typing import Any

import pytest

from kiq_trio.config import OPTIONS

HAS_SETTING = "sidekiq" in OPTIONS
"""Whether a `Kiq` can be told how old the Sidekiq is that it lives with."""

SIX: dict[str, Any] = {"sidekiq": 6} if HAS_SETTING else {}

needs_setting = pytest.mark.xfail(
    not HAS_SETTING,
    reason="waits for the setting sidekiq=6 and what comes with it",
    strict=True,
)
"""Of tests that hold as soon as the Sidekiq that we live with can be chosen."""
