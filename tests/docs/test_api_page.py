import re

from quintet_gateway.app import build
from quintet_gateway.settings import GatewaySettings

from tests.root import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_page_lists_the_routes_there_are(tmp_path):
    paths = build(GatewaySettings(home=tmp_path)).openapi()["paths"]
    routes = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if not path.startswith(("/v1", "/api/token"))
    }
    listed = set(re.findall(r"^\| `((?:GET|POST|PUT|DELETE) [^`?]+)", PAGE, flags=re.MULTILINE))
    assert listed == routes
