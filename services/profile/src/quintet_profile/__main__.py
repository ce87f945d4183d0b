"""Starts the profile service."""

import sys

from quintet_modelkit.import_guard import without_pandas
from quintet_servicekit.launch import launch

from quintet_profile.settings import ProfileSettings


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    with without_pandas():
        from quintet_profile.app import build
    return launch("profile", ProfileSettings, build)


if __name__ == "__main__":
    sys.exit(main())
