"""Behind a proxy that adds a prefix, the API's page finds its document, scripts and operations."""

import re

import pytest
from quintet_gateway.app.docs import install_docs

from tests.fakes.web_api import Catalogue, client_of, make_app

FORWARDED = {"X-Forwarded-Prefix": "/music/api"}


@pytest.fixture
def app(tmp_path):
    app = make_app(Catalogue(), tmp_path, trusted_proxies="127.0.0.1")
    install_docs(app)
    return app


async def test_page_and_document_name_the_prefix(app):
    async with client_of(app) as http:
        page = (await http.get("/docs", headers=FORWARDED)).text
        document = (await http.get("/openapi.json", headers=FORWARDED)).json()
    addresses = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", page)
    local = [one or other for one, other in addresses]
    assert len(local) == 4
    assert all(address.startswith("/music/api/") for address in local)
    assert document["servers"] == [{"url": "/music/api"}]
    assert list(document["paths"])
    flow = document["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == "/music/api/api/token"


@pytest.mark.parametrize("forwarded", [{}, FORWARDED])
async def test_the_first_page_links_to_addresses_that_answer(app, forwarded):
    prefix = forwarded.get("X-Forwarded-Prefix", "")
    async with client_of(app) as http:
        facts = (await http.get("/", headers=forwarded)).json()
        page = await http.get("/", headers={**forwarded, "Accept": "text/html,*/*;q=0.8"})
        assert facts["name"] == app.title
        assert facts["version"] == app.version
        assert sorted(facts["links"]) == ["docs", "health", "openapi", "readiness", "token"]
        assert re.findall(r'href="([^"]+)"', page.text) == list(facts["links"].values())
        assert page.headers["content-type"].startswith("text/html")
        for name, address in facts["links"].items():
            assert address.startswith(f"{prefix}/")
            method = "POST" if name == "token" else "GET"
            answer = await http.request(method, address.removeprefix(prefix))
            # Health routes are not in this application; a token needs a client.
            expected = {"health": 404, "readiness": 404, "token": 400}.get(name, 200)
            assert answer.status_code == expected, name


async def test_every_asset_of_the_page_is_served_without_the_prefix_that_the_proxy_removes(app):
    async with client_of(app) as http:
        page = (await http.get("/docs/", headers=FORWARDED)).text
        for address in re.findall(r"/music/api(/docs/assets/[a-z.-]+)", page):
            assert (await http.get(address, headers=FORWARDED)).status_code == 200


@pytest.mark.parametrize("prefix", ["", "//evil.example", "/a b", "javascript:x", "/<script>"])
async def test_what_is_no_prefix_is_ignored(app, prefix):
    async with client_of(app) as http:
        page = (await http.get("/docs", headers={"X-Forwarded-Prefix": prefix})).text
        document = (await http.get("/openapi.json", headers={"X-Forwarded-Prefix": prefix})).json()
    assert "url: '/openapi.json'" in page
    assert "servers" not in document


async def test_without_trust_the_header_changes_nothing(tmp_path):
    app = make_app(Catalogue(), tmp_path)
    install_docs(app)
    async with client_of(app) as http:
        assert "servers" not in (await http.get("/openapi.json", headers=FORWARDED)).json()
