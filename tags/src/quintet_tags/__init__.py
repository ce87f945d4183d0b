"""Read audio files in a process of its own: `python -m quintet_tags`, one request per line."""
