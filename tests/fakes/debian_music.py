"""Music of two Debian packages: real files, as their authors tagged them."""

from pathlib import Path

FOLDERS = {
    "singularity-music": Path("/usr/share/games/singularity/music"),
    "wesnoth-1.16-music": Path("/usr/share/games/wesnoth/1.16/data/core/music"),
}


def files_of(package: str) -> list[Path]:
    """Lists a package's Ogg files; empty where it is not installed."""
    return sorted(FOLDERS[package].rglob("*.ogg"))
