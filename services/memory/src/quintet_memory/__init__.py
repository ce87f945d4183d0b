"""Read what is remembered of a listener."""
