"""Breaks the system in every way known, under load, and says what that cost.

    .venv/bin/python -m tools.chaos.rehearse [--only kill,SIGSTOP] [--rate 15] [--report FILE]

Exit code 1 where a goal is missed: no event lost, none stored twice, no wrong answer, 99.9 % of
requests answered while one replica dies, normal again within 5 s.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from quintet_modelkit.publication import current_folder
from quintet_store import open_engine, reading
from quintet_store.tables import FeedbackEvent, table_of
from sqlalchemy import select

from tools import leftovers
from tools.chaos.faults import Fault, all_faults
from tools.chaos.isolation import isolate
from tools.chaos.load import Load, Request, Truth
from tools.chaos.report import Row, goals, put_into, table
from tools.chaos.stack import Stack, made

SETTLE_SECONDS = 4.0
SPOOL_SECONDS = 15.0
WARM_SECONDS = 4.0


class Rehearsal:
    """Runs faults one after the other.

    Args:
        stack: What is broken.
        load: What it must bear.
    """

    def __init__(self, stack: Stack, load: Load) -> None:
        self._stack = stack
        self._load = load
        self._databases: list[str] = []

    async def row(self, fault: Fault) -> Row:
        if fault.missing:
            return Row(fault.name, skipped=fault.missing)
        first = len(self._load.requests)
        await fault.begin()
        await asyncio.sleep(fault.seconds)
        await fault.end()
        ended = time.monotonic()
        await asyncio.sleep(SETTLE_SECONDS)
        requests = self._load.requests[first:]
        # The last of them are on their way yet.
        while any(not r.seconds for r in requests):
            await asyncio.sleep(0.05)
        await self._spools_empty()
        return await asyncio.to_thread(self._judge, fault, requests, ended)

    async def _spools_empty(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SPOOL_SECONDS):
                while list((self._stack.home / "spool").glob("*.events")):
                    await asyncio.sleep(0.1)

    def _judge(self, fault: Fault, requests: Sequence[Request], ended: float) -> Row:
        asked = [request for request in requests if not request.event]
        events = [request for request in requests if request.event]
        accepted = {request.event for request in events if request.answered}
        stored = self._stored()
        bad = [
            request.sent + request.seconds - ended
            for request in requests
            if request.sent >= ended and (not request.answered or request.degraded)
        ]
        parts = sorted({part for request in requests for part in request.degraded})
        return Row(
            fault.name,
            len(asked),
            sum(request.answered for request in asked),
            sum(not request.answered for request in asked),
            sum(bool(request.wrong) for request in asked),
            ", ".join(parts),
            len(events),
            len(accepted),
            len(accepted & set(stored)),
            len(stored) - len(set(stored)),
            round(max(bad, default=0.0), 1),
            round(max((request.seconds for request in asked), default=0.0), 2),
            one_replica=fault.one_replica,
        )

    def _stored(self) -> list[str]:
        """Return the ids of all events in all databases there were."""
        if self._stack.database_url not in self._databases:
            self._databases.append(self._stack.database_url)
        table, found = table_of(FeedbackEvent), []
        for url in self._databases:
            engine = open_engine(url or f"sqlite:///{self._stack.home / 'quintet.db'}")
            with reading(engine) as connection:
                found += [str(row[0]) for row in connection.execute(select(table.c.event_id))]
            engine.dispose()
        return found


async def rehearse(stack: Stack, only: Sequence[str], rate: float, isolated: bool) -> list[Row]:
    truth = await asyncio.to_thread(Truth, current_folder(stack.home / "models"))
    load = Load(stack.gateways, truth, rate)
    rehearsal = Rehearsal(stack, load)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(WARM_SECONDS)
    rows = []
    for fault in all_faults(stack, isolated=isolated):
        if only and not any(part in fault.name for part in only):
            continue
        rows.append(await rehearsal.row(fault))
        sys.stdout.write(f"{json.dumps(asdict(rows[-1]))}\n")
        sys.stdout.flush()
        for request in load.requests:
            if request.wrong:
                sys.stdout.write(f"wrong: {request.wrong} {request.degraded}\n")
                request.wrong = ""
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="parts of names of faults, by commas")
    parser.add_argument("--rate", type=float, default=15.0, help="recommendations a second")
    parser.add_argument("--report", type=Path, help="where the table goes")
    parser.add_argument("--docs", type=Path, help="a page whose table is replaced")
    parser.add_argument("--without", default="", help="mlflow, whose start takes half a minute")
    parser.add_argument("--plain", action="store_true", help="SQLite, no MLflow, no namespaces")
    options = parser.parse_args()
    isolated = isolate("tools.chaos.rehearse", wanted=not options.plain)
    # After the change of namespaces, which closes the descriptor that the watcher waits for.
    leftovers.watch()
    started = time.monotonic()
    only = [part for part in options.only.split(",") if part]
    with made() as stack:
        mlflow = not options.plain and options.without != "mlflow"
        stack.start(postgresql=not options.plain, mlflow=mlflow)
        sys.stdout.write(f"started after {time.monotonic() - started:.0f} s\n")
        rows = asyncio.run(rehearse(stack, only, options.rate, isolated))
    text = table(rows)
    sys.stdout.write(f"\n{text}\n{time.monotonic() - started:.0f} s in all\n")
    if options.report:
        options.report.write_text(text, encoding="utf-8")
    if options.docs:
        tested = f"{datetime.now(UTC):%Y-%m-%d}, {time.monotonic() - started:.0f} s in all"
        with_time = (
            f"Measured {tested}, load {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores.\n\n{text}"
        )
        page = options.docs.read_text(encoding="utf-8")
        options.docs.write_text(put_into(page, with_time), encoding="utf-8")
    return 0 if all(ok for _, ok, _ in goals(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
