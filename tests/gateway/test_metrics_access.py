"""Who may see the gateway's metrics where callers need a token."""

import httpx
import pytest
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope, TokenIssuer
from quintet_gateway.app import build
from quintet_gateway.settings import GatewaySettings


@pytest.mark.parametrize(
    ("scopes", "status"), [((), 401), ((Scope.READ, Scope.FEEDBACK), 403), ((Scope.ADMIN,), 200)]
)
async def test_metrics_are_for_whoever_may_administrate(tmp_path, scopes, status):
    app = build(GatewaySettings(home=tmp_path, grpc_port=0, auth="on"))
    headers = {}
    if scopes:
        client, _ = ClientFolder(tmp_path / "access").create("someone", scopes)
        issuer = TokenIssuer(KeyFolder(tmp_path / "access").signing_key)
        token = issuer.issue(client.client_id, client.generation, client.scopes)
        headers = {"Authorization": f"Bearer {token}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as gateway,
    ):
        answer = await gateway.get("/metrics", headers=headers)
        assert answer.status_code == status
        assert ("quintet_http_requests_total" in answer.text) is (status == 200)
        assert (await gateway.get("/metrics/")).status_code == 401
