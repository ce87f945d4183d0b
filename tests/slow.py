"""Marks tests that take long: `QUINTET_SLOW=1 make test` runs them."""

import os

import pytest


def slow(why: str) -> pytest.MarkDecorator:
    """Skip a test by default; `why` says what takes long."""
    return pytest.mark.skipif(
        os.environ.get("QUINTET_SLOW") != "1", reason=f"{why}; QUINTET_SLOW=1 runs it"
    )
