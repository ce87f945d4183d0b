"""Retrieval channels: each finds candidates in its own way, up to its quota."""
