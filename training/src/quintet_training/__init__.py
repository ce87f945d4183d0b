"""Offline pipeline, and the quintet command."""
