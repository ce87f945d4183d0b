"""A published model that would end the process is rejected: the one before it serves on."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from quintet.ranker.v1 import ranker_pb2
from quintet_modelkit.publication import CURRENT, set_current
from quintet_ranker.app import build
from quintet_ranker.settings import RankerSettings
from structlog.testing import capture_logs

from tests.fakes.bundle import publish_trained, sign_again

WAIT = 90.0


def spoil(folder: Path) -> None:
    """Make the booster one at which LightGBM divides by zero, with a fitting checksum."""
    path = folder / "booster.txt"
    text = path.read_text(encoding="utf-8").replace("per_iteration=1", "per_iteration=0")
    path.unlink()
    path.write_text(text, encoding="utf-8")
    sign_again(folder, "booster.txt")


async def until(condition) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), WAIT)


@pytest.mark.parametrize("damage", ["booster", "pointer"])
async def test_the_model_served_stays_and_the_reason_is_logged(tmp_path, damage):
    sound = publish_trained(tmp_path)
    service = build(RankerSettings(home=tmp_path, port=0, follow_seconds=0.02, accelerate=False))
    with capture_logs() as lines:
        await service.start()
        try:
            await asyncio.wait_for(service.ready.wait(), WAIT)
            if damage == "booster":
                hostile = tmp_path / "models" / "trained-hostile"
                shutil.copytree(sound, hostile)
                spoil(hostile)
                set_current(tmp_path / "models", hostile.name)
            else:
                (tmp_path / "models" / CURRENT).write_bytes(b"\xff\xfe\x80 garbage")
            why = "num_tree_per_iteration" if damage == "booster" else "does not name a version"
            await until(lambda: any(why in str(line) for line in lines))
            assert await served_version(f"127.0.0.1:{service.port}") == sound.name
        finally:
            await service.stop()


async def served_version(target: str) -> str:
    import grpc
    from quintet.ranker.v1 import ranker_pb2_grpc

    async with grpc.aio.insecure_channel(target) as channel:
        stub = ranker_pb2_grpc.RankerServiceStub(channel)
        answer = await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)
    return str(answer.versions.model_version)


def test_without_another_version_the_start_says_one_line_and_lives(tmp_path):
    spoil(publish_trained(tmp_path))
    command = [sys.executable, "-m", "quintet_ranker"]
    settings = {"QUINTET_HOME": str(tmp_path), "QUINTET_RANKER_PORT": "0"}
    process = subprocess.Popen(
        command, env={**settings, "PATH": "/usr/bin", "QUINTET_LOG_FORMAT": "json"},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    lines: list[dict] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(json.loads(line))
            if "intact parts" in line or "nothing to serve" in line:
                break
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT)
    rejected = [line for line in lines if line["event"] == "version rejected"]
    assert len(rejected) == 1
    assert "num_tree_per_iteration must be 1" in rejected[0]["reason"]
    assert not [line for line in lines if "exception" in line or "Traceback" in str(line)]
