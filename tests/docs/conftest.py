"""The installation that the documents' commands are run against."""

import json
import shutil
import signal

import polars as pl
import pytest
from quintet_command.ports import free_ports

from tests.root import ROOT
from tools.processes import Processes, environment_without

READY_SECONDS = 90.0
# What the documents write, and the setting for another.
PORTS = {
    "8000": "QUINTET_GATEWAY_PORT",
    "50050": "QUINTET_GATEWAY_GRPC_PORT",
    "50051": "QUINTET_SEARCH_PORT",
    "50052": "QUINTET_PROFILE_PORT",
    "50053": "QUINTET_RANKER_PORT",
    "50054": "QUINTET_MEMORY_PORT",
}


@pytest.fixture(scope="session")
def running_installation(tmp_path_factory, embedded_home):
    """Home, environment and ports of an installation that `quintet up` runs."""
    home = tmp_path_factory.mktemp("docs") / "home"
    shutil.copytree(embedded_home, home)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    foreign = ("SPOTIPY_", "QUINTET_", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    environment = environment_without(*foreign)
    environment |= {setting: str(ports[port]) for port, setting in PORTS.items()}
    environment |= {
        "QUINTET_HOME": str(home),
        "COLUMNS": "120",
        "QUINTET_GATEWAY_BUDGET_SECONDS": "20",
    }
    environment["PATH"] = f"{ROOT / '.venv' / 'bin'}:{environment['PATH']}"
    command = [str(ROOT / ".venv" / "bin" / "quintet"), "up", "--without-ui", "--without-registry"]
    processes = Processes(home, environment)
    processes.start("up", command)
    try:
        processes.await_answer(f"http://127.0.0.1:{ports['8000']}/readyz", READY_SECONDS)
        yield home, environment, ports
    finally:
        processes.stop(60, signal.SIGINT)  # as Ctrl-C in a terminal does


@pytest.fixture(scope="session")
def tracks_of_ours():
    """Writes the files that pages import: a few tracks and playlists of them."""
    rows = pl.DataFrame(
        {
            "track_id": [f"own{row:02d}" for row in range(40)],
            "track_name": [f"Own song {row}" for row in range(40)],
            "artists": [f"Own artist {row // 4}" for row in range(40)],
            "duration_ms": [180_000 + 1000 * row for row in range(40)],
            "tempo": [90.0 + row for row in range(40)],
            "key": [row % 12 for row in range(40)],
            "mode": [row % 2 for row in range(40)],
            "loudness": [-6.0] * 40,
            **{
                name: [0.01 * row + 0.1 for row in range(40)]
                for name in (
                    *("danceability", "energy", "speechiness", "acousticness"),
                    *("instrumentalness", "liveness", "valence"),
                )
            },
            "track_genre": ["rock"] * 40,
        }
    )
    playlists = pl.DataFrame(
        {
            "playlist_id": [f"p{row // 10}" for row in range(40)],
            "track_id": rows["track_id"],
        }
    )

    def write(folder):
        rows.write_csv(folder / "tracks.csv")
        rows.rename({"energy": "oomph"}).write_csv(folder / "odd.csv")
        rows.write_parquet(folder / "tracks.parquet")
        rows.head(20).write_parquet(folder / "more.parquet")
        playlists.write_csv(folder / "playlists.csv")
        playlists.write_parquet(folder / "playlists.parquet")
        seeds = '{"seed_tracks": ["own00", "own04"]}\n'
        (folder / "in.jsonl").write_text(seeds, encoding="utf-8")
        track = {"artist_name": "Eagles", "track_name": "Hotel California"}
        listens = [{"user_name": "a", "listened_at": n, "track_metadata": track} for n in (1, 2)]
        lines = "".join(f"{json.dumps(listen)}\n" for listen in listens)
        (folder / "listens.jsonl").write_text(lines, encoding="utf-8")
        row = {"track_uri": "spotify:track:own00", "artist_name": "Own artist 0"}
        tracks = [row | {"pos": 0, "track_name": "Own song 0"}]
        mpd = json.dumps({"playlists": [{"pid": 1, "name": "x", "tracks": tracks}]})
        (folder / "mpd.slice.0-999.json").write_text(mpd, encoding="utf-8")

    return write
