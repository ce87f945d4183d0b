"""Addresses of files as URLs, in which every character of a path is a character of the path."""

from pathlib import Path
from urllib.parse import quote


def sqlite_url(path: Path) -> str:
    """Give the database URL of a SQLite file.

    A folder may be called "50%20off?" or "C#": unquoted, SQLAlchemy would read "%20" as a blank
    and cut the path at "?", so that the database would lie outside of the folder.

    Args:
        path: The file, absolute or relative to the working folder.
    """
    return f"sqlite:///{quote(str(path.resolve()))}"
