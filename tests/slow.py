"""Marks tests that take long: `QUINTET_SLOW=1 make test` runs them. The one place that reads it."""

import os
from typing import Final

import pytest

from tests.needs import Need, needs

SLOW: Final = os.environ.get("QUINTET_SLOW") == "1"
"""Whether tests that take long run, and tests that draw or read much do so in full."""


def slow(why: str) -> pytest.MarkDecorator:
    """Skip a test by default; `why` says what takes long."""
    return needs(Need(f"time ({why})", "QUINTET_SLOW=1 make test", "runs it"), SLOW)
