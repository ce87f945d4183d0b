"""Sync a stand-in of a Subsonic server with many songs, and measure time and memory.

`.venv/bin/python -m tools.bench.sync_songs --songs 200000` prints one line for each of three syncs:
the first, one without changes, and one after a hundredth of the songs changed. The memory is that
of the process that syncs; the stand-in is another one.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from quintet_library.adding import add_source
from quintet_library.sync import sync_source
from quintet_settings import sqlite_url
from quintet_store.sources import SourceSpec
from quintet_training.settings import TrainingSettings


def song(number: int, plays: int) -> dict[str, Any]:
    """Make a song as Navidrome answers it, with some listening."""
    return {
        "id": f"{number:032x}",
        "title": f"Song {number}",
        "artist": f"Artist {number % 20_000}",
        "artists": [{"name": f"Artist {number % 20_000}"}],
        "album": f"Album {number // 12}",
        "genre": f"genre {number % 300}",
        "year": 1960 + number % 66,
        "duration": 120 + number % 240,
        "size": 8_000_000 + number,
        "isrc": [f"XX{number % 1000:03}{number:07}"],
        "playCount": plays + number % 50,
        "played": "2026-01-02T03:04:05Z",
    }


def serve(songs: int, pipe: Connection) -> None:
    """Answer search3 with pages of songs; the path of the address says how often they changed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            body: dict[str, Any] = {"status": "ok"}
            if "search3" in parts.path:
                first = int(query["songOffset"])
                last = min(songs, first + int(query["songCount"]))
                changed = Path(state.name).read_text(encoding="utf-8") == "changed"
                found = [song(n, 0) for n in range(first, last)]
                for each in found[:: 100 if changed else songs]:
                    each["album"] += " (new)" if changed else ""
                body["searchResult3"] = {"song": found}
            data = json.dumps({"subsonic-response": body}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as state:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        pipe.send((server.server_port, state.name))
        server.serve_forever()


def _written() -> int:
    """Count the bytes that this process has written, to files and sockets."""
    fields = dict(
        line.split(": ") for line in Path("/proc/self/io").read_text("ascii").splitlines()
    )
    return int(fields["wchar"])


def main() -> None:
    """Run the three syncs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=200_000)
    songs = parser.parse_args().songs
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(songs, there), daemon=True
    )
    server.start()
    port, state = here.recv()
    os.environ["SYNC_SONGS_PASSWORD"] = "of a stand-in"
    with tempfile.TemporaryDirectory() as home:
        database = Path(home) / "quintet.db"
        settings = TrainingSettings(home=Path(home), database_url=sqlite_url(database))
        address = f"http://127.0.0.1:{port}"
        options: dict[str, object] = {"user": "ann", "listener": "ann"}
        spec = SourceSpec("many", "subsonic", address, options, "env:SYNC_SONGS_PASSWORD")
        add_source(settings, spec)
        for name in ("first", "unchanged", "changed"):
            Path(state).write_text(name, encoding="utf-8")
            start, processor, written = time.monotonic(), time.process_time(), _written()
            report = sync_source(settings, "many")
            seconds, processor = time.monotonic() - start, time.process_time() - processor
            # Linux counts in KiB.
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            size = database.stat().st_size / 1e6
            sys.stdout.write(
                f"{name}: {seconds:.0f} s ({processor:.0f} s of processor time), "
                f"{songs / seconds:,.0f} songs/s, {(_written() - written) / 1e6:,.0f} MB written, "
                f"peak {peak:,.0f} MiB, "
                f"database {size:,.0f} MB, {dict(report.counts)}\n"
            )
            sys.stdout.flush()
    server.terminate()


if __name__ == "__main__":
    main()
