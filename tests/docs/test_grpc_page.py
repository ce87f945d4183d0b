"""The examples of docs/grpc.md, run as they stand against a real ranker."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_modelkit.publication import publish, staged
from quintet_modelkit.snapshot import SCHEMA, write_snapshot
from quintet_ranker.app import build
from quintet_ranker.settings import RankerSettings
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.needs import GRPCURL, needs
from tests.root import ROOT

PAGE = (ROOT / "docs" / "grpc.md").read_text(encoding="utf-8")
ADDRESS, SEED = "127.0.0.1:50053", "5ghIJDpPoe3CfHMGu71E6T"


def example(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    assert ADDRESS in block
    assert SEED in block
    return block


def publish_catalogue(home: Path, count: int = 80) -> None:
    low, high = (np.array([RANGES[name][end] for name in ATTRIBUTES]) for end in (0, 1))
    features = np.random.default_rng(5).uniform(low, high, (count, len(ATTRIBUTES)))
    empty = dict.fromkeys(("release_date", "isrc", "cover_url", "preview_url"), "")
    rows = [
        empty
        | {"track_id": SEED if row == 0 else f"z{row:03d}", "title": f"Song {row}"}
        | {"artists": [f"Artist {row // 4}"], "artist_ids": [f"a{row // 4}"]}
        | {"album": "Album", "album_id": f"al{row // 2}", "genres": ["rock"]}
        | {"recording": row, "explicit": False, "provenance": "made", "licence": "CC0"}
        for row in range(count)
    ]
    with staged(home / "catalogue") as folder:
        version = write_snapshot(folder, pa.Table.from_pylist(rows, schema=SCHEMA), features)
        publish(folder, home / "catalogue", version)


@pytest.fixture
async def address(tmp_path) -> AsyncIterator[str]:
    publish_catalogue(tmp_path)
    publish_model(tmp_path, parameters=BootstrapParameters(groups=20, rounds=8))
    service = build(RankerSettings(home=tmp_path, port=0))
    await service.start()
    try:
        await asyncio.wait_for(service.ready.wait(), 90)
        yield f"127.0.0.1:{service.port}"
    finally:
        await service.stop()


async def output_of(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_python_example_prints_tracks_and_the_reason_of_an_error(address):
    printed = await output_of(sys.executable, "-c", example("python").replace(ADDRESS, address))
    *tracks, last = printed.splitlines()
    assert [line.split()[0] for line in tracks] == ["1", "2", "3"]
    assert all(len(line.split()) > 3 for line in tracks)
    assert last == "INVALID_ARGUMENT SEED_COUNT seeds"
    assert f"`{last}`" in PAGE


@needs(GRPCURL, shutil.which("grpcurl") is not None)
async def test_the_grpcurl_example_prints_tracks(address):
    printed = await output_of("sh", "-c", example("sh").replace(ADDRESS, address))
    assert len(json.loads(printed)["tracks"]) == 3
