"""From nothing to recommendations out of a folder of music, in one command: `make demo-library`.

The music is free and comes from Debian: the packages singularity-music (CC BY-SA 3.0) and
wesnoth-1.16-music (GPL-2+). If they are not installed, apt downloads them and they are unpacked
into build/, without root. Another folder may be given instead.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tools import leftovers

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("singularity-music", "wesnoth-1.16-music")
_FOLDERS: Final = (
    Path("usr/share/games/singularity/music"),
    Path("usr/share/games/wesnoth/1.16/data/core/music"),
)
_QUINTET: Final = (sys.executable, "-m", "quintet_command")
_SEEDS: Final = ("Coherence", "Nebula", "Awakening", "Inevitable", "Through Space")
"""Titles of singularity-music."""


def main() -> None:
    """Find the music, sync and analyse it, and recommend from it through the real services."""
    leftovers.watch()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / ".quintet" / "demo-library")
    parser.add_argument("--music", type=Path, help="Folder of music; Debian's if not given.")
    parser.add_argument("--song", action="append", help="A seed, once for each.")
    options = parser.parse_args()
    folders = [options.music] if options.music else debian_music(ROOT / "build" / "demo-music")
    environment = {**os.environ, "QUINTET_HOME": str(options.home), "QUINTET_DATABASE_URL": ""}
    for number, folder in enumerate(folders):
        name = f"demo-{number}"
        added = run(environment, "library", "list", "--json")
        if f'"{name}"' not in added:
            run(environment, "library", "add", "folder", str(folder), "--name", name)
    show(environment, "library", "sync", "--no-publish")
    show(environment, "analyse")
    songs = [word for song in options.song or _SEEDS for word in ("--song", song)]
    show(environment, "demo", *songs)


def debian_music(unpacked: Path) -> list[Path]:
    """Give the folders of the two packages: installed ones, else downloaded and unpacked."""
    installed = [Path("/") / folder for folder in _FOLDERS]
    if all(folder.is_dir() for folder in installed):
        return installed
    found = [unpacked / folder for folder in _FOLDERS]
    if not all(folder.is_dir() for folder in found):
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            sys.exit(
                f"error: the demo's music is in Debian's packages {' and '.join(PACKAGES)}, and "
                "there is no apt-get here; name a folder of music: "
                "python -m tools.demo_library --music FOLDER --song TITLE"
            )
        download(unpacked)
    return found


def download(target: Path) -> None:
    """Download the packages by apt, and unpack them into a folder in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        for package in PACKAGES:
            fetched = subprocess.run(["apt-get", "download", package], cwd=folder, check=False)
            if fetched.returncode:
                sys.exit(f"error: apt-get download {package} failed; run `apt-get update` first")
        new = Path(folder) / "unpacked"
        for archive in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(archive), str(new)], check=True)
        new.replace(target)


def run(environment: dict[str, str], *arguments: str) -> str:
    """Run a quintet command and give its output; its failure ends the demo."""
    done = subprocess.run(
        [*_QUINTET, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def show(environment: dict[str, str], *arguments: str) -> None:
    """Run a quintet command before the person's eyes; its failure ends the demo."""
    sys.stdout.write(f"$ quintet {' '.join(arguments)}\n")
    sys.stdout.flush()
    code = subprocess.run([*_QUINTET, *arguments], env=environment, check=False).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
