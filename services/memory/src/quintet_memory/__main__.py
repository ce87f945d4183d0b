"""Start the memory service."""

import sys

from quintet_servicekit.launch import launch

from quintet_memory.app import build
from quintet_memory.settings import MemorySettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; exit code 2 and one line of text if a setting is wrong."""
    return launch("memory", MemorySettings, build)


if __name__ == "__main__":
    sys.exit(main())
