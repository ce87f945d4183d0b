"""Music of two Debian packages: real files, as their authors tagged them."""

from pathlib import Path

FOLDERS = {
    "singularity-music": Path("/usr/share/games/singularity/music"),
    "wesnoth-1.16-music": Path("/usr/share/games/wesnoth/1.16/data/core/music"),
}


def files_of(package: str) -> list[Path]:
    """Lists a package's Ogg files; empty where it is not installed."""
    return sorted(FOLDERS[package].rglob("*.ogg"))


def no_music(package: str) -> str:
    """Says why a test is skipped, and how to run it."""
    return f"no music: apt-get install --no-install-recommends {package}"
