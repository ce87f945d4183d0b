"""A small backup cannot take the memory or the disk, and a failed restore leaves what was there."""

import hashlib
import io
import json
import resource
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from quintet_command import backup
from quintet_command.backup import BackupInvalid
from quintet_command.settings import CommandSettings
from quintet_store import StoreUnavailable

X = hashlib.sha256(b"x").hexdigest()
MEMORY = 1024**3


def manifest_of(files: dict, **changes) -> bytes:
    database = {"kind": "none", "revision": "", "rows": {}}
    facts = {"made_at": "2030", "quintet": "1", "database": database}
    return json.dumps({"format": 1, **facts, "files": files, **changes}).encode()


def packed(target: Path, members) -> Path:
    with (
        pa.CompressedOutputStream(str(target), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|") as file,
    ):
        for member, content in members:
            entry = tarfile.TarInfo(member) if isinstance(member, str) else member
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return target


def rejected(target: Path) -> str:
    """Verify in a process that may take a gigabyte, and give the line that it ends with."""
    program = (
        "import sys, pathlib\nfrom quintet_command import backup\n"
        "try:\n    backup.verify(pathlib.Path(sys.argv[1]))\n"
        "except backup.BackupInvalid as fault:\n    print(fault)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout.strip()


@pytest.mark.parametrize(
    "manifest",
    [
        b'{"format": 1, "a": [' + b"{}," * 5_000_000 + b"{}]}",
        b"[" * 1_000_000,
        b'{"format": 1' + b"0" * 5_000 + b"}",
        b'{"format": 1, "files": {"a": {"sha256": "0", "bytes": -1}}}',
    ],
    ids=["objects", "levels", "digits", "negative"],
)
def test_a_manifest_that_is_a_bomb_is_rejected_within_a_gigabyte(tmp_path, manifest):
    target = packed(tmp_path / "b.tar.zst", [("manifest.json", manifest)])
    assert target.stat().st_size < 50_000
    assert "manifest" in rejected(target)


def test_a_header_of_a_gigabyte_is_rejected_and_not_read_into_memory(tmp_path):
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, 3 * 1024**3
    target = tmp_path / "b.tar.zst"
    with pa.CompressedOutputStream(str(target), "zstd") as stream:
        stream.write(entry.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(3 * 1024):
            stream.write(bytes(1024**2))
    assert "damaged or no backup" in rejected(target)


def test_one_content_named_many_times_is_counted_each_time(tmp_path, monkeypatch):
    content = b"\0" * 1_000_000
    sha = hashlib.sha256(content).hexdigest()
    files = {f"home/{n:03}": {"sha256": sha, "bytes": len(content)} for n in range(100)}
    target = packed(
        tmp_path / "b.tar.zst", [("manifest.json", manifest_of(files)), ("home/000", content)]
    )
    with pytest.raises(BackupInvalid, match="would unpack to 100,000,000"):
        backup.verify(target)
    # As a folder it has no packed size: the room on the disk decides, before anything is written.
    folder = tmp_path / "folder"
    (folder / "home").mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest_of(files))
    (folder / "home" / "000").write_bytes(content)
    usage = shutil.disk_usage(tmp_path)._replace(free=90_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    settings = CommandSettings(home=tmp_path / "home")
    with pytest.raises(BackupInvalid, match="no room for 100,000,000"):
        backup.restore(settings, folder)
    assert list(settings.home.iterdir()) == []


def test_nothing_is_written_before_all_of_it_is_checked(tmp_path, monkeypatch):
    files = {name: {"sha256": X, "bytes": 1} for name in ("home/a",)}
    files["home/b"] = {"sha256": hashlib.sha256(b"y").hexdigest(), "bytes": 1}
    members = [("manifest.json", manifest_of(files)), ("home/a", b"x"), ("home/b", b"z")]
    written = []
    monkeypatch.setattr(
        "quintet_command.backup.archive._spread", lambda *_: written.append("spread")
    )
    real = open

    def noted(path, mode="r", *more, **options):
        written.extend([path] if "x" in mode else [])
        return real(path, mode, *more, **options)

    monkeypatch.setattr("builtins.open", noted)
    with pytest.raises(BackupInvalid, match="checksum"):
        backup.restore(
            CommandSettings(home=tmp_path / "home"), packed(tmp_path / "b.tar.zst", members)
        )
    assert written == []


def test_a_restore_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch):
    settings = CommandSettings(home=tmp_path / "home")
    (settings.home / "access").mkdir(parents=True)
    (settings.home / "access" / "a.json").write_text("old", encoding="utf-8")
    members = [
        ("manifest.json", manifest_of({"home/access/a.json": {"sha256": X, "bytes": 1}})),
        ("home/access/a.json", b"x"),
    ]
    target = packed(tmp_path / "b.tar.zst", members)

    def fail(*_):
        raise StoreUnavailable("the disk broke")

    with monkeypatch.context() as broken:
        broken.setattr("quintet_command.backup._load_database", fail)
        with pytest.raises(StoreUnavailable):
            backup.restore(settings, target, force=True)
    assert [path.name for path in settings.home.iterdir()] == ["access"]
    assert (settings.home / "access" / "a.json").read_text() == "old"
    _, aside = backup.restore(settings, target, force=True)
    assert (settings.home / "access" / "a.json").read_text() == "x"
    assert aside is not None
    assert (aside / "access" / "a.json").read_text() == "old"
