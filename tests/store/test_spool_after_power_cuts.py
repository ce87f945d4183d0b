"""The spool on a disk that loses what was not synced: confirmed events stay, deleted ones go."""

import tempfile
from pathlib import Path

import pytest
import quintet_files.atomic
import quintet_store.spool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_store.spool import Spool

from tests.fakes.unsynced_disk import PowerCut, UnsyncedDisk

LISTENERS = ("ann", "bob")
STEPS = st.lists(st.sampled_from(("append", "append", "replay", "forget")), max_size=8)
CUTS = st.lists(st.tuples(STEPS, st.integers(1, 14)), min_size=1, max_size=3)


class Client:
    """What was confirmed to clients, what was deleted, and what the database holds."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.confirmed: dict[str, dict] = {}
        # Deletions that were asked for, and those of them that were confirmed.
        self.asked: dict[str, str] = {}
        self.deleted: dict[str, str] = {}
        self.stored: dict[str, dict] = {}

    def append(self, spool: Spool, listener: str) -> None:
        number = f"{len(self.sent) + 1:06d}"
        row = {"client": "c", "event_id": number, "listener": listener, "received_at": number}
        self.sent.add(number)
        spool.append([[row]])
        self.confirmed[number] = row

    def replay(self, spool: Spool) -> None:
        spool.adopt()
        spool.replay(lambda rows: self.stored.update({row["event_id"]: row for row in rows}))

    def forget(self, spool: Spool, listener: str) -> None:
        until = self.asked[listener] = f"{len(self.sent):06d}"
        spool.forget(listener, until)
        self.deleted[listener] = until
        self.stored = {key: row for key, row in self.stored.items() if not self.is_deleted(row)}

    def is_deleted(self, row: dict) -> bool:
        return row["received_at"] <= self.deleted.get(row["listener"], "")

    def check(self) -> None:
        wanted = {
            key
            for key, row in self.confirmed.items()
            if row["received_at"] > self.asked.get(row["listener"], "")
        }
        assert wanted <= self.stored.keys(), "a confirmed event is lost"
        assert self.stored.keys() <= self.sent, "an event was made up"
        assert not any(map(self.is_deleted, self.stored.values())), "a deleted event is back"


def work(client: Client, root: Path, steps: list[str], choose) -> Spool:
    """Do the steps until the power fails; the files of the process are closed by its end."""
    spool = Spool(root / "spool", 1 << 20)
    try:
        for step in steps:
            if step == "replay":
                client.replay(spool)
            else:
                getattr(client, step)(spool, LISTENERS[choose(0, 1)])
    except PowerCut:
        pass
    return spool


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=CUTS, data=st.data())
def test_no_power_cut_loses_a_confirmed_event_or_brings_a_deleted_one_back(monkeypatch, cuts, data):
    def choose(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    with tempfile.TemporaryDirectory() as name, monkeypatch.context() as patch:
        client, root = Client(), Path(name) / "0"
        root.mkdir()
        for number, (steps, cut_at) in enumerate(cuts, 1):
            disk = UnsyncedDisk(root, cut_at)
            for module in (quintet_store.spool, quintet_files.atomic):
                disk.replace(module, patch)
            spool = work(client, root, steps, choose)
            root = Path(name) / str(number)
            root.mkdir()
            disk.cut(root, choose)
            spool.close()
        patch.undo()
        client.replay(Spool(root / "spool", 1 << 20))
        client.check()


@pytest.mark.parametrize("lazy", ["fdatasync", "fsync"])
def test_a_spool_that_does_not_sync_loses_events(tmp_path, monkeypatch, lazy):
    """The disk is one that would find a missing sync."""
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir(), second.mkdir()
    disk, client = UnsyncedDisk(first, cut_at=100), Client()
    disk.replace(quintet_store.spool, monkeypatch)
    setattr(vars(quintet_store.spool)["os"], lazy, lambda _handle: None)
    spool = Spool(first / "spool", 1 << 20)
    client.append(spool, "ann")
    disk.cut(second, lambda low, _high: low)
    spool.close()
    client.replay(Spool(second / "spool", 1 << 20))
    with pytest.raises(AssertionError, match="lost"):
        client.check()
