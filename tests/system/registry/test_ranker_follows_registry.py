"""The real ranker behind a real MLflow server: promoted, rolled back, refused, cut off."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import REGISTRY as METRICS
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_modelkit.publication import current_version
from quintet_modelkit.registry import CHAMPION, Registry
from quintet_ranker.app import build
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.programs import start_service
from tests.needs import MOUNTS, skip
from tests.slow import slow
from tests.system.registry.rankers import following_settings

WAIT = 90.0
ANOTHER = slow("another fault of the same kind")


@contextlib.asynccontextmanager
async def following(home: Path, registry: Registry, uri: str = "", **more: Any) -> AsyncIterator:
    service = build(following_settings(home, registry, uri, **more))
    await service.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            await asyncio.wait_for(service.ready.wait(), WAIT)
            yield ranker_pb2_grpc.RankerServiceStub(channel)
    finally:
        await service.stop()


async def model_of(stub: Any) -> ranker_pb2.GetModelResponse:
    answer: ranker_pb2.GetModelResponse = await stub.GetModel(
        ranker_pb2.GetModelRequest(), timeout=WAIT
    )
    return answer


async def until(stub: Any, holds: Callable[[ranker_pb2.GetModelResponse], object]) -> Any:
    """Asks until something holds of the model served; each look is a call that is answered."""
    async with asyncio.timeout(WAIT):
        while not holds(model := await model_of(stub)):
            pass
        return model


async def until_served(stub: Any, bundle: Path | str) -> Any:
    name = bundle if isinstance(bundle, str) else bundle.name
    return await until(stub, lambda model: model.versions.model_version == name)


def recommended(*names: str) -> ranker_pb2.RecommendTracksRequest:
    return ranker_pb2.RecommendTracksRequest(
        seeds=[profile_pb2.Seed(track_id=name) for name in names], limit=10
    )


def refusals() -> float:
    return METRICS.get_sample_value("quintet_versions_refused_total", {"kind": "model"}) or 0.0


def _registry_up(model: str) -> float | None:
    return METRICS.get_sample_value("quintet_registry_up", {"model": model})


async def test_a_promoted_model_is_swapped_in_under_load_without_a_failed_request(
    home, registry, workshop, enrol
):
    first, second = workshop.bundle(8), workshop.bundle(9)
    numbers = [enrol(registry, bundle) for bundle in (first, second)]
    await asyncio.to_thread(registry.promote, numbers[0])
    async with following(home, registry) as stub:
        await until_served(stub, first)
        seen: set[str] = set()
        stop = asyncio.Event()

        async def ask() -> None:
            while not stop.is_set():
                answer = await stub.RecommendTracks(recommended("t0001"), timeout=WAIT)
                assert len(answer.tracks) == 10
                seen.add(answer.versions.model_version)

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(ask())
            await asyncio.to_thread(registry.promote, numbers[1])
            async with asyncio.timeout(WAIT):
                while second.name not in seen:
                    await asyncio.sleep(0.01)
            stop.set()
    assert seen == {first.name, second.name}
    assert current_version(home / "models") == second.name


async def test_a_rollback_reaches_every_ranker(home, tmp_path, registry, workshop, enrol):
    first, second = workshop.bundle(8), workshop.bundle(9)
    for bundle in (first, second):
        registry.promote(enrol(registry, bundle))
    async with (
        following(home, registry) as one,
        following(tmp_path / "empty", registry) as other,
    ):
        for stub in (one, other):
            await until_served(stub, second)
        move = await asyncio.to_thread(registry.rollback)
        assert move.after.bundle == first.name
        for stub in (one, other):
            await until_served(stub, first)


@slow("runs two rankers")
async def test_rankers_that_share_a_home_all_swap(home, registry, workshop, enrol):
    bundle = workshop.bundle(8)
    async with following(home, registry) as one, following(home, registry) as other:
        await asyncio.to_thread(registry.promote, enrol(registry, bundle))
        for stub in (one, other):
            await until_served(stub, bundle)


async def test_a_model_published_here_after_the_promotion_is_served(
    home, registry, workshop, enrol
):
    bundle = workshop.bundle(8)
    number = enrol(registry, bundle)
    registry.promote(number)
    async with following(home, registry) as stub:
        await until_served(stub, bundle)
        here = await asyncio.to_thread(
            publish_model, home, parameters=BootstrapParameters(groups=10, rounds=5)
        )
        await until_served(stub, here)
        await asyncio.to_thread(registry.promote, number)  # once more, so it counts again
        await until_served(stub, bundle)


async def test_a_start_without_the_registry_serves_the_last_proven_bundle(
    home, registry, wire, workshop, enrol
):
    bundle = workshop.bundle(8)
    registry.promote(enrol(registry, bundle))
    async with following(home, registry) as stub:
        await until_served(stub, bundle)
    wire.set("refuse")
    async with following(home, registry, wire.uri) as stub:
        assert (await model_of(stub)).versions.model_version == bundle.name
        await until(stub, lambda _: _registry_up(registry.name) == 0)
        answer = await stub.RecommendTracks(recommended("t0001"), timeout=WAIT)
        assert len(answer.tracks) == 10


@slow("starts a registry twice")
async def test_a_registry_that_goes_and_comes_back_is_followed_again(
    home, registry, wire, workshop, enrol
):
    first, second = workshop.bundle(8), workshop.bundle(9)
    numbers = [enrol(registry, bundle) for bundle in (first, second)]
    registry.promote(numbers[0])
    async with following(home, registry, wire.uri) as stub:
        await until_served(stub, first)
        wire.set("refuse")
        await asyncio.to_thread(wire.touched.wait, WAIT)
        await asyncio.to_thread(registry.promote, numbers[1])
        model = await model_of(stub)
        assert (model.versions.model_version, model.refused_version) == (first.name, "")
        wire.set("open")
        await until_served(stub, second)


async def test_a_registry_that_stands_still_does_not_slow_requests(
    home, registry, wire, workshop, enrol
):
    registry.promote(enrol(registry, workshop.bundle(8)))
    wire.set("stall")
    async with following(home, registry, wire.uri) as stub:
        await asyncio.to_thread(wire.touched.wait, WAIT)
        started = time.monotonic()
        for _ in range(20):
            await stub.RecommendTracks(recommended("t0001"), timeout=WAIT)
        assert time.monotonic() - started < 10
        wire.set("open")


async def test_half_a_download_leaves_the_old_model_and_no_rubbish(
    home, registry, wire, workshop, enrol
):
    before = current_version(home / "models")
    bundle = workshop.bundle(8)
    number = enrol(registry, bundle)
    assert (bundle / "catalogue" / "features.npy").stat().st_size > 100_000
    async with following(home, registry, wire.uri) as stub:
        wire.set("cut", 50_000)  # the answers about versions are smaller than this
        await asyncio.to_thread(registry.promote, number)
        assert await asyncio.to_thread(wire.touched.wait, WAIT)
        assert (await model_of(stub)).versions.model_version == before
        assert not (home / "models" / bundle.name).exists()
        wire.set("open")
        await until_served(stub, bundle)
    assert not list((home / "models").glob(".pull-*"))


async def served_again(home: Path, registry: Registry, bundle: Path) -> None:
    async with following(home, registry) as stub:
        await until_served(stub, bundle)


def stored(server: Any, registry: Registry, number: str, name: str) -> Path:
    """The file of a registered bundle on the registry's own disk."""
    source = registry.version(number).source
    return Path(server.files) / source.removeprefix("mlflow-artifacts:/") / name


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "match its checksum"),
        pytest.param(lambda path: os.truncate(path, 100), "100 of", marks=ANOTHER),
        pytest.param(lambda path: path.unlink(), "does not hold", marks=ANOTHER),
    ],
    ids=["altered", "cut short", "gone"],
)
async def test_a_damaged_file_is_refused_by_name_while_the_old_model_serves(
    home, server, registry, workshop, enrol, damage, why
):
    before = current_version(home / "models")
    bundle = workshop.bundle(8)
    number = enrol(registry, bundle)
    path = stored(server, registry, number, "booster.txt")
    kept = path.read_bytes()
    damage(path)
    registry.promote(number)
    refused = refusals()
    async with following(home, registry) as stub:
        model = await until(stub, lambda model: model.refused_version)
        assert model.refused_version == bundle.name
        assert why in model.refused_reason
        assert "booster.txt" in model.refused_reason
        assert model.versions.model_version == before
        assert refusals() > refused
        path.write_bytes(kept)  # mended, it is taken up without anybody's help
        model = await until_served(stub, bundle)
        assert model.refused_version == ""


async def test_a_listing_that_was_altered_with_its_file_is_refused(
    home, server, registry, workshop, enrol
):
    bundle = workshop.bundle(8)
    number = enrol(registry, bundle)
    listing = stored(server, registry, number, "").parent / "bundle-files.json"
    listing.write_text(listing.read_text().replace('"bytes": ', '"bytes": 1'))
    registry.promote(number)
    async with following(home, registry) as stub:
        model = await until(stub, lambda model: model.refused_version)
    assert "was altered after it was registered" in model.refused_reason


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"feature_hash": "0" * 64}, "features", marks=ANOTHER),
        ({"golden": {"seeds": ["t0001"], "tracks": [["t0002", 99.0]]}}, "golden request"),
        pytest.param({"catalogue_version": "cat-other"}, "catalogue", marks=ANOTHER),
        pytest.param({"index": {"nprobe": "many", "recall": 1}}, "nprobe", marks=ANOTHER),
    ],
    ids=["features", "golden request", "catalogue", "index"],
)
async def test_a_whole_bundle_that_does_not_fit_this_program_is_refused(
    home, registry, workshop, enrol, changes, why
):
    before = current_version(home / "models")
    bundle = workshop.altered(workshop.bundle(8), **changes)
    registry.promote(enrol(registry, bundle))
    async with following(home, registry) as stub:
        model = await until(stub, lambda model: model.refused_version)
        assert model.refused_version == bundle.name
        assert why in model.refused_reason
        assert model.versions.model_version == before
    assert current_version(home / "models") == before  # so a start finds a proven one


@slow("promotes several models")
async def test_an_alias_moved_back_by_hand_ends_the_refusal(home, registry, workshop, enrol):
    good, bad = workshop.bundle(8), workshop.altered(workshop.bundle(8), feature_hash="0" * 64)
    numbers = [enrol(registry, bundle) for bundle in (good, bad)]
    registry.promote(numbers[0])
    async with following(home, registry) as stub:
        await until_served(stub, good)
        await asyncio.to_thread(registry.set_alias, CHAMPION, numbers[1])
        await until(stub, lambda model: model.refused_version)
        await asyncio.to_thread(registry.set_alias, CHAMPION, numbers[0])
        await until(stub, lambda model: not model.refused_version)


@slow("starts a ranker twice")
async def test_a_bundle_damaged_on_this_disk_is_fetched_again(home, registry, workshop, enrol):
    bundle = workshop.bundle(8)
    registry.promote(enrol(registry, bundle))
    await served_again(home, registry, bundle)
    (home / "models" / bundle.name / "booster.txt").write_text("tree\n")
    await served_again(home, registry, bundle)


@slow("starts a ranker twice")
async def test_without_registry_an_earlier_bundle_stands_in_for_a_damaged_one(
    home, registry, wire, workshop, enrol
):
    before = current_version(home / "models")
    bundle = workshop.bundle(8)
    registry.promote(enrol(registry, bundle))
    await served_again(home, registry, bundle)
    (home / "models" / bundle.name / "booster.txt").write_text("tree\n")
    wire.set("refuse")
    async with following(home, registry, wire.uri) as stub:
        model = await until(stub, lambda model: model.refused_version)
        assert model.versions.model_version == before
        assert model.refused_version == bundle.name
        wire.set("open")  # and the registry mends it once it is back
        await until_served(stub, bundle)


@slow("promotes many models")
async def test_only_the_last_few_models_of_the_registry_stay_on_disk(
    home, registry, workshop, enrol
):
    local = current_version(home / "models")
    bundles = [workshop.bundle(rounds) for rounds in (8, 9, 10)]
    numbers = [enrol(registry, bundle) for bundle in bundles]
    async with following(home, registry, kept_models=2) as stub:
        for number, bundle in zip(numbers, bundles, strict=True):
            await asyncio.to_thread(registry.promote, number)
            await until_served(stub, bundle)
    folders = {path.parent.name for path in (home / "models").glob("*/manifest.json")}
    assert folders == {local, bundles[1].name, bundles[2].name}


async def test_files_that_are_on_disk_already_are_linked(home, registry, workshop, enrol):
    first, second = workshop.bundle(8), workshop.bundle(9)
    for bundle in (first, second):
        registry.promote(enrol(registry, bundle))
        await served_again(home, registry, bundle)
    files = [home / "models" / b.name / "catalogue" / "features.npy" for b in (first, second)]
    assert files[0].samefile(files[1])


def start(home: Path, registry: Registry, uri: str = "", **more: Any) -> subprocess.Popen[str]:
    variables = {
        "QUINTET_MLFLOW_URI": uri or registry.uri,
        "QUINTET_MLFLOW_MODEL": registry.name,
        "QUINTET_RANKER_REGISTRY_SECONDS": "0.2",
    }
    return start_service("ranker", home, variables, **more)


def line_with(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stderr is not None
    for line in process.stderr:
        if event in line and line.startswith("{"):
            return dict(json.loads(line))
    raise AssertionError(f"ended without {event}")


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=WAIT)
    return rest


@slow("starts processes of the ranker")
async def test_a_ranker_killed_while_it_fetches_starts_again_and_clears_up(
    home, registry, wire, workshop, enrol
):
    before = current_version(home / "models")
    bundle = workshop.bundle(8)
    registry.promote(enrol(registry, bundle))
    wire.set("stall", 50_000)
    process = start(home, registry, wire.uri)
    assert await asyncio.to_thread(wire.touched.wait, WAIT)
    process.kill()
    process.communicate(timeout=WAIT)
    assert list((home / "models").glob(".pull-*"))
    assert current_version(home / "models") == before
    await served_again(home, registry, bundle)
    assert not list((home / "models").glob(".pull-*"))


@slow("starts a process of the ranker")
def test_sigterm_does_not_wait_for_a_download(home, registry, wire, workshop, enrol):
    registry.promote(enrol(registry, workshop.bundle(8)))
    wire.set("stall", 50_000)
    process = start(home, registry, wire.uri)
    line_with(process, '"serving"')
    assert wire.touched.wait(WAIT)
    started = time.monotonic()
    assert "Traceback" not in end(process)
    assert process.returncode == 0
    assert time.monotonic() - started < 10


@slow("starts a process of the ranker")
def test_a_file_too_large_for_the_disk_is_refused_while_the_old_model_serves(
    home, registry, workshop, enrol
):
    before = current_version(home / "models")
    bundle = workshop.bundle(8)
    registry.promote(enrol(registry, bundle))

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = start(home, registry, prepare=small_disk)
    line = line_with(process, "promotion rejected")
    assert line["version"] == bundle.name
    assert "File too large" in line["reason"]
    assert "Traceback" not in end(process)
    assert process.returncode == 0
    assert current_version(home / "models") == before
    assert not list((home / "models").glob(".pull-*"))


async def test_a_full_disk_is_named_and_the_model_served_once_there_is_room(
    home, tmp_path, registry, workshop, enrol
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)], capture_output=True
    )
    if mounted.returncode:
        skip(MOUNTS)
    try:
        shutil.copytree(home, disk / "home")
        filler = disk / "filler"
        filler.write_bytes(bytes(20 << 20))
        before = current_version(disk / "home" / "models")
        bundle = workshop.bundle(8)
        registry.promote(enrol(registry, bundle))
        async with following(disk / "home", registry) as stub:
            model = await until(stub, lambda model: model.refused_version)
            assert "No space left on device" in model.refused_reason
            assert model.versions.model_version == before
            filler.unlink()
            await until_served(stub, bundle)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
