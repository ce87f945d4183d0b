"""Damaged bundles, signed as if they were published so: loaded and asked in child processes.

A checksum protects from accidents, not from a publisher. So each input changes one file of a
trained bundle, puts the new checksum into the manifest, and loads it as a ranker does. The library
that reads the file may end the process: therefore the inputs run in a child, which writes a line
for each; an input without a line ended it, and another child goes on after that input.

`python -m tools.fuzz.bundles --inputs 20000` runs this part alone.
"""

import argparse
import json
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.fakes.bundle import publish_trained, sign_again
from tests.fakes.catalogue import isrc_of
from tools.fuzz.targets import spoiled

# A hostile size must show as a MemoryError of the child, not as a machine without memory.
_MEMORY: Final = 6 * 1024**3
# Seconds for one input; more is a loop without end.
_SECONDS: Final = 30
_REFUSED, _SERVED, _FAILED = "refused", "served", "failed"
# Share of inputs that go through the whole loading; the others load the changed part alone, which
# takes a tenth of the time.
_WHOLE: Final = 0.1
_NUMBERS: Final = (0, 1, -1, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**62, -(2**63), 255, 1 << 20)
_WORDS: Final = (b"0", b"-1", b"2147483647", b"nan", b"inf", b"1e308", b"", b"x", b"9" * 30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=int, help="begin at this input, in this process")
    options = parser.parse_args()
    if options.child is not None:
        _Child(options.seed).run(options.child, options.inputs)
        return 0
    report = bundle_inputs(options.inputs, options.seed)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 0 if report["passed"] else 1


def bundle_inputs(count: int, seed: int) -> dict[str, Any]:
    """Run inputs in children, one child after another, and count how they ended."""
    told: Counter[str] = Counter()
    endings: list[str] = []
    started = time.monotonic()
    at = 0
    while at < count and len(endings) < 50:
        command = [sys.executable, "-m", "tools.fuzz.bundles"]
        options = [f"--seed={seed}", f"--inputs={count}", f"--child={at}"]
        done = subprocess.run([*command, *options], capture_output=True, check=False)
        lines = done.stdout.decode(errors="replace").split("\n")[:-1]
        results = [line.split(" ", 1) for line in lines if line.split(" ", 1)[0] in _RESULTS]
        told.update(result[0] for result in results)
        endings += [f"{' '.join(result)}" for result in results if result[0] == _FAILED]
        at += len(results)
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip()[-300:]
            endings.append(f"input {at} (seed {seed}) ended the process: {done.returncode} {last}")
            at += 1
    return {
        "inputs": at,
        "seconds": round(time.monotonic() - started),
        "results": dict(told),
        "faults": endings,
        "passed": not endings,
    }


_RESULTS: Final = frozenset((_REFUSED, _SERVED, _FAILED))


def damaged(data: bytes, name: str, chance: random.Random) -> bytes:
    """Change a file's bytes: its header's fields, numbers in it, its length, or any bits."""
    way = chance.randrange(4)
    if way == 0 or not data:
        return spoiled(data, chance)
    if way == 1:
        return data[: chance.randrange(len(data))]
    if name.endswith((".txt", ".json")):
        return _edited(data, chance)
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        # Half of the changes in the header, where the sizes are.
        end = min(200, len(data)) if chance.random() < 0.5 else len(data)
        form = chance.choice(("<b", "<i", "<q", "<f", "<d"))
        size = struct.calcsize(form)
        place = chance.randrange(max(1, end - size + 1))
        if place + size <= len(changed):
            changed[place : place + size] = _packed(form, chance)
    return bytes(changed)


def _packed(form: str, chance: random.Random) -> bytes:
    if form in ("<f", "<d"):
        return struct.pack(form, chance.choice((float("nan"), float("inf"), 0.0, -1e30, 3.0)))
    bits = 8 * struct.calcsize(form)
    number = chance.choice((*_NUMBERS, chance.randrange(512))) % 2**bits
    return struct.pack(form, number - 2**bits if number >= 2 ** (bits - 1) else number)


def _edited(data: bytes, chance: random.Random) -> bytes:
    """Replace words of a text, or drop or repeat a line."""
    lines = data.split(b"\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        way = chance.randrange(4)
        if way == 0:
            lines.insert(at, lines[at])
        elif way == 1 and len(lines) > 1:
            del lines[at]
        else:
            cells = lines[at].replace(b"=", b" = ").split(b" ")
            cells[chance.randrange(len(cells))] = chance.choice(_WORDS)
            lines[at] = b" ".join(cells).replace(b" = ", b"=")
    return b"\n".join(lines)


class _Child:
    """Runs inputs in this process, which may end at any of them.

    Args:
        seed: With an input's number, decides what it is.
    """

    def __init__(self, seed: int) -> None:
        from quintet_engine.catalogue import Catalogue
        from quintet_engine.engine import Engine
        from quintet_modelkit.snapshot import Snapshot

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._seed = seed
        # The folder gets a random name and is closed to others.
        self._home = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="quintet-fuzz-"))  # nosec B108
        self._folder = publish_trained(self._home, isrcs=True, absent=range(3, 240, 9))
        self._sound = {
            path.relative_to(self._folder).as_posix(): path.read_bytes()
            for path in sorted(self._folder.rglob("*"))
            if path.is_file()
        }
        # Apart from the bundle: its files are mapped, and the bundle's change.
        kept = self._home / "kept"
        shutil.copytree(self._folder, kept)
        self._engine = Engine.load(kept)
        if not self._engine.accelerate():
            raise RuntimeError("the compiled code is not in use, so it would not be tried")
        self._catalogue = Catalogue.of(Snapshot.load(kept / "catalogue"))
        self._manifest = json.loads(self._sound["manifest.json"])

    def run(self, first: int, end: int) -> None:
        """Run the inputs from `first` until before `end`."""
        try:
            for number in range(first, end):
                signal.alarm(_SECONDS)
                sys.stdout.write(f"{self._result(number)}\n")
                sys.stdout.flush()
            signal.alarm(0)
        finally:
            shutil.rmtree(self._home, ignore_errors=True)

    def _result(self, number: int) -> str:
        chance = random.Random(f"{self._seed} {number}")
        # Kinds of files in equal shares: there are many arrays and one booster.
        kind = chance.choice(
            ("booster", "index", ".faiss", "tracks", "ids", "absent", "forest/", ".npy", ".json")
        )
        name = chance.choice([each for each in self._sound if kind in each])
        whole = chance.random() < _WHOLE or name == "manifest.json"
        path = self._folder / name
        # Replaced and not overwritten: a mapped file that shrinks ends its reader by SIGBUS.
        path.unlink()
        path.write_bytes(damaged(self._sound[name], name, chance))
        try:
            return self._tried(name, self._whole if whole else self._part(name))
        finally:
            path.unlink()
            path.write_bytes(self._sound[name])
            if whole:
                (self._folder / "manifest.json").write_bytes(self._sound["manifest.json"])

    def _tried(self, name: str, load: Callable[[str], None]) -> str:
        from quintet_engine.booster import BoosterFailed
        from quintet_modelkit.publication import PublicationInvalid

        # The errors that `Engine.load` turns into the one that a ranker expects.
        known = (ValueError, OSError, KeyError, TypeError, MemoryError, BoosterFailed)
        try:
            load(name)
        except _ServedWrongly:
            return _SERVED
        except PublicationInvalid:
            return _REFUSED
        except Exception as fault:
            if load != self._whole and isinstance(fault, known):
                return _REFUSED
            return f"{_FAILED} {name}: {type(fault).__name__}: {str(fault)[:150]!r}"
        return _SERVED

    def _whole(self, name: str) -> None:
        """Load the bundle as a ranker does, and answer by it."""
        from quintet_engine.engine import Engine

        if name != "manifest.json":
            sign_again(self._folder, name)
        engine = Engine.load(self._folder)
        engine.accelerate()
        self._ask(engine)

    def _part(self, name: str) -> Callable[[str], None]:
        if name.startswith("catalogue/"):
            return self._catalogue_part
        if name.startswith("collaborative/"):
            return self._collaborative_part
        return {"booster.txt": self._booster, "index.faiss": self._index}.get(
            name, self._forest if name.startswith("forest/") else self._whole
        )

    def _catalogue_part(self, name: str) -> None:
        from quintet_engine.catalogue import Catalogue
        from quintet_modelkit.snapshot import Snapshot

        snapshot = Snapshot.load(self._folder / "catalogue", verify=False)
        catalogue = Catalogue.of(snapshot)
        snapshot.tracks.to_pylist()
        for each in catalogue.track_ids(np.arange(len(catalogue)))[:20]:
            snapshot.row_of.get(each)
        for row in range(0, len(catalogue), 20):
            snapshot.find(isrc_of(row))
        catalogue.available.rows.tolist()

    def _index(self, name: str) -> None:
        from quintet_engine.index import FaissIndex
        from quintet_engine.row_set import RowSet

        facts: Mapping[str, Any] = self._manifest["index"]
        index = FaissIndex.load(self._folder / name, self._catalogue.unit, facts)
        queries = self._catalogue.unit[:8]
        allowed = RowSet.of(np.arange(len(self._catalogue)) % 2 == 0)
        index.search(queries, 50)
        index.search(queries, allowed.size, allowed)

    def _booster(self, name: str) -> None:
        from quintet_engine.booster import Ranker

        ranker = Ranker.from_text((self._folder / name).read_text(encoding="utf-8"))
        rows = self._rows(len(ranker.names))
        ranker.contributions(rows)
        ranker.accelerate(rows)

    def _forest(self, name: str) -> None:
        from quintet_engine.forest.files import load_forest

        forest = load_forest(self._folder / "forest", self._manifest["forest"])
        if forest is not None:
            rows = self._rows(forest.width)
            forest.scores(rows)
            forest.contributions(rows)

    def _collaborative_part(self, name: str) -> None:
        from quintet_engine.collaborative.model import CollaborativeModel
        from quintet_engine.engine import Engine

        facts = self._manifest["taste_index"]
        model = CollaborativeModel.load(self._folder / "collaborative", facts, self._catalogue)
        sound = self._engine
        parts = (sound.catalogue, sound.index, sound.ranker, sound.versions, sound.recipe)
        self._ask(Engine(*parts, model))

    def _ask(self, engine: Any) -> None:
        from quintet_engine.query import Query, Seed, SeedKind

        ids = engine.catalogue.track_ids(np.array([3, 77, 150]))
        try:
            engine.recommend(Query(tuple(Seed(SeedKind.TRACK, each) for each in ids), limit=30))
        except Exception as fault:
            # A model that cannot answer is refused by its golden request and its warm-up.
            raise _ServedWrongly from fault

    def _rows(self, width: int) -> "np.typing.NDArray[np.float32]":
        rows = np.random.default_rng(1).normal(size=(70, width)).astype(np.float32)
        rows[::5], rows[1::5], rows[2::9] = np.nan, 1e30, 0
        return rows


class _ServedWrongly(Exception):
    """A part was loaded, and a query failed with an error of Python: the process lives."""


if __name__ == "__main__":
    sys.exit(main())
