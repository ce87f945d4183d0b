"""Start the profile service."""

import sys

from quintet_modelkit.import_guard import without_pandas
from quintet_servicekit.launch import launch

from quintet_profile.settings import ProfileSettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; exit code 2 and one line of text if a setting is wrong."""
    with without_pandas():
        from quintet_profile.app import build
    return launch("profile", ProfileSettings, build)


if __name__ == "__main__":
    sys.exit(main())
