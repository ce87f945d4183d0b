"""What every Quintet process shares: servers, channels, errors, logs, metrics and traces."""

from quintet_files.import_guard import without

# structlog imports rich where it is installed, for tracebacks in colour that no service prints: a
# seventh of a second of each process's start.
with without("rich", "better_exceptions"):
    import structlog  # noqa: F401  # imported here first, so that all later imports find it
