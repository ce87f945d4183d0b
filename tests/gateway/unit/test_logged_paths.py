"""No log line of a request names a listener, whatever the slashes, case or encoding of its path."""

import httpx
import pytest
from quintet_gateway.app import build
from quintet_gateway.settings import GatewaySettings
from structlog.testing import capture_logs

from tests.fakes.feedback import Upstream

PATHS = (
    "/api/v1/listeners/alice/export",
    "//api/v1/listeners/alice/export",
    "/api/v1//listeners//alice",
    "/API/V1/Listeners/alice",
    "/api/v1/%6cisteners/alice",
    "/api/v1/listeners%2falice",
    "/api/v1/%256cisteners%252falice",
    "/api/v1/listeners;alice",
    "/api/v1/listeners/a%20b/alice",
    "/x/../api/v1/listeners/./alice",
    "/api/v1/\uff4cisteners/alice",
)


@pytest.mark.parametrize("path", PATHS)
async def test_a_listener_is_named_in_no_line(tmp_path, path):
    app = build(GatewaySettings(home=tmp_path), Upstream())  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app)
    with capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.request("PATCH", f"http://localhost{path}")
    assert [line for line in lines if line["event"] == "http"]
    assert "alice" not in str(lines)
