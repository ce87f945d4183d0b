"""Rate limits counted by a real Redis, shared by gateways."""

import asyncio
import shutil
import subprocess

import pytest
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.rules import Auth
from quintet_access.tokens import TokenIssuer
from quintet_command.ports import free_ports
from quintet_gateway.access import AccessRules, Gatekeeper
from quintet_servicekit.errors import ResourceExhausted

from tests.needs import REDIS, skip


@pytest.fixture
def redis(tmp_path):
    program = shutil.which("redis-server")
    if program is None:
        skip(REDIS)
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "Ready to accept connections" in line:
            break
    yield process, f"async+redis://127.0.0.1:{port}"
    process.kill()
    process.wait()
    process.stdout.close()


async def test_gateways_share_counts_and_let_in_when_redis_is_away(redis, tmp_path):
    process, storage = redis
    folder = tmp_path / "access"
    client, _ = ClientFolder(folder).create("page")
    token = TokenIssuer(KeyFolder(folder).signing_key).issue(client.client_id, 1, client.scopes)
    rules = AccessRules(Auth.ON, folder, rate_limit="4/minute", rate_limit_storage=storage)
    gateways = [Gatekeeper(rules), Gatekeeper(rules)]
    for number in range(4):
        await gateways[number % 2].admit(f"Bearer {token}")
    for gateway in gateways:
        with pytest.raises(ResourceExhausted) as refused:
            await gateway.admit(f"Bearer {token}")
        assert 1 <= int(refused.value.metadata["retry_after"]) <= 60
    process.kill()
    await asyncio.to_thread(process.wait)
    for gateway in gateways:
        await gateway.admit(f"Bearer {token}")
