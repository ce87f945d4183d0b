"""Lines of requests: none names a listener, and health checks that succeed are below info."""

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


async def test_health_checks_have_lines_of_information_only_when_they_fail(tmp_path):
    app = build(GatewaySettings(home=tmp_path), Upstream())  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app)
    with capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for path in ("/healthz", "/healthz/", "/metrics", "/", "/readyz"):
                await client.get(path)
    levels = [
        (line["path"], line["status"], line["log_level"])
        for line in lines
        if line["event"] == "http"
    ]
    assert levels[:4] == [
        ("/healthz", 200, "debug"),
        ("/healthz/", 200, "debug"),
        ("/metrics", 200, "debug"),
        ("/", 200, "info"),
    ]
    assert levels[4] == ("/readyz", 500, "info")  # this upstream has no services
