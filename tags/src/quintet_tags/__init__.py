"""Read audio files in a separate process: `python -m quintet_tags`, one request per line."""
