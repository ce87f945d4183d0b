"""Compile what is not kept yet: `python -m quintet_engine.kernel`, for installations and images."""

import logging
import sys

from quintet_engine.kernel.warm import load_all


def main() -> int:
    """Load or compile every kernel, and report how many had to be compiled and what is kept."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    load_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
