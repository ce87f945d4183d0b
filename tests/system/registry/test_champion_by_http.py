"""A champion changed over HTTP: real gateway, worker, registry and ranker."""

import asyncio
import threading

import httpx
from quintet_command.library_worker import LibraryWorker
from quintet_gateway.app import build as build_gateway
from quintet_gateway.settings import GatewaySettings
from quintet_ranker.app import build as build_ranker

from tests.slow import slow
from tests.system.registry.rankers import following_settings

WAIT = 90.0


@slow("starts a ranker, a gateway, and a command for each change")
async def test_a_champion_is_promoted_and_rolled_back_over_http(
    home, registry, workshop, enrol, monkeypatch
):
    first, second = workshop.bundle(8), workshop.bundle(9)
    numbers = [enrol(registry, bundle) for bundle in (first, second)]
    await asyncio.to_thread(registry.promote, numbers[0])
    monkeypatch.setenv("QUINTET_HOME", str(home))
    monkeypatch.setenv("QUINTET_MLFLOW_URI", registry.uri)
    monkeypatch.setenv("QUINTET_MLFLOW_MODEL", registry.name)
    ranker = build_ranker(following_settings(home, registry))
    await ranker.start()
    worker = LibraryWorker(f"sqlite:///{home / 'quintet.db'}")
    thread = threading.Thread(target=worker.run, args=(lambda line: None,))
    app = build_gateway(
        GatewaySettings(
            home=home,
            grpc_port=0,
            ranker_address=f"127.0.0.1:{ranker.port}",
            budget_seconds=60,
        )
    )
    try:
        await asyncio.wait_for(ranker.ready.wait(), WAIT)
        thread.start()
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=WAIT
            ) as client,
        ):

            async def version_served() -> str:
                answer = await client.get("/api/v1/model")
                return str(answer.json()["versions"]["model"])

            async def served(version: str) -> None:
                async with asyncio.timeout(WAIT):
                    while await version_served() != version:
                        await asyncio.sleep(0.1)

            async def champion() -> str:
                found = (await client.get("/api/v1/operator/models")).json()["models"]
                return str(next(each["number"] for each in found if "champion" in each["aliases"]))

            async def champion_becomes(number: str) -> None:
                async with asyncio.timeout(WAIT):
                    while await champion() != number:
                        await asyncio.sleep(0.1)

            await served(first.name)
            await champion_becomes(numbers[0])
            path = f"/api/v1/operator/models/{numbers[1]}/promotion"
            asked = await client.post(path, json={"without_gate": True})
            assert asked.status_code == 202
            await served(second.name)
            await champion_becomes(numbers[1])
            back = await client.post("/api/v1/operator/rollback", json={"champion": numbers[1]})
            assert back.status_code == 202
            await served(first.name)
            await champion_becomes(numbers[0])
            requests = (await client.get("/api/v1/operator/models")).json()["requests"]
            assert [(each["action"], each["state"]) for each in requests] == [
                ("rollback", "done"),
                ("promote", "done"),
            ]
    finally:
        worker.stop()
        await asyncio.to_thread(thread.join)
        await ranker.stop()
