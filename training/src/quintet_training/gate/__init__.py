"""Checks that a model must pass before it may be promoted: quality and latency."""
