"""A disk that loses what was not synced: the states that a power cut may leave of a folder.

A program works in a real folder. Its `os.fsync` and `os.fdatasync` are replaced by this disk's,
which note what is safe: the content of a file, and the names in a folder. A power cut leaves of
everything else any part: a name may be the old or the new one, an append any beginning of it or as
many zeros.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Choose = Callable[[int, int], int]
"""Chooses an integer between two, both included."""


class PowerCut(BaseException):
    """The power fails; no code of the program runs any more."""


class UnsyncedDisk:
    """What is safe of a folder, while a program works in it.

    Args:
        root: The folder; what is in it is safe.
        cut_at: The sync, counted from 1, at which the power fails, before it has an effect.
    """

    def __init__(self, root: Path, cut_at: int) -> None:
        self.root = root
        self.cut_at = cut_at
        self._syncs = 0
        self._content: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}
        # Files stay open, so that a number is not given to another file.
        self._open: dict[int, int] = {}
        for folder in (root, *filter(Path.is_dir, root.rglob("*"))):
            self._names[folder] = _names(folder)
            for name, number in self._names[folder].items():
                self._hold(number, folder / name)
        self._content.update({number: self._read(number) for number in self._open})

    def replace(self, module: ModuleType, monkeypatch: Any) -> None:
        """Let a module sync by this disk."""
        monkeypatch.setattr(module, "os", _Os(self))

    def sync(self, handle: int) -> None:
        """Note what a handle's file or folder has now as safe.

        Raises:
            PowerCut: It is the sync at which the power fails.
        """
        self._syncs += 1
        if self._syncs == self.cut_at:
            raise PowerCut
        facts, path = os.fstat(handle), Path(os.readlink(f"/proc/self/fd/{handle}"))
        if stat.S_ISDIR(facts.st_mode):
            self._names[path] = _names(path)
            for name, number in self._names[path].items():
                self._hold(number, path / name)
        else:
            self._hold(facts.st_ino, Path(f"/proc/self/fd/{handle}"))
            self._content[facts.st_ino] = self._read(facts.st_ino)

    def cut(self, target: Path, choose: Choose) -> None:
        """Write to an empty folder what a power cut now may leave."""
        self._leave(self.root, target, choose)
        for handle in self._open.values():
            os.close(handle)
        self._open = {}

    def _leave(self, folder: Path, target: Path, choose: Choose) -> None:
        safe, now = self._names.get(folder, {}), _names(folder)
        for name in sorted(safe.keys() | now.keys()):
            numbers = [each.get(name) for each in (safe, now)]
            number = numbers[choose(0, 1)] if numbers[0] != numbers[1] else numbers[0]
            if number is None:
                continue
            if (folder / name).is_dir():
                (target / name).mkdir()
                self._leave(folder / name, target / name, choose)
                continue
            if number == now.get(name):
                self._hold(number, folder / name)
            (target / name).write_bytes(self._left(number, choose))

    def _left(self, number: int, choose: Choose) -> bytes:
        safe, now = self._content.get(number, b""), self._read(number)
        if not now.startswith(safe):
            return (safe, now)[choose(0, 1)]
        length = choose(len(safe), len(now))
        rest = now[len(safe) : length]
        return safe + (rest if choose(0, 1) else bytes(len(rest)))

    def _hold(self, number: int, path: Path) -> None:
        if number not in self._open and not path.is_dir():
            self._open[number] = os.open(path, os.O_RDONLY)

    def _read(self, number: int) -> bytes:
        return Path(f"/proc/self/fd/{self._open[number]}").read_bytes()


class _Os:
    """The module `os`, with the syncs of a disk."""

    def __init__(self, disk: UnsyncedDisk) -> None:
        self.fsync = self.fdatasync = disk.sync

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def _names(folder: Path) -> dict[str, int]:
    return {each.name: each.inode() for each in os.scandir(folder)} if folder.exists() else {}
