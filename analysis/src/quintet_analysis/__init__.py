"""Measure audio attributes of files, each file in a process with limits."""
