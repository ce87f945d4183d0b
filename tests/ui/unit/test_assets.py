"""Files of the page: compressed, the icon font with the icons in use, and nothing else."""

import base64
import gzip
import hashlib
from pathlib import Path

import brotli
import httpx
import pytest
from fontTools.ttLib import TTFont
from quintet_ui.assets import OWN, Assets
from quintet_ui.headers import content_policy, static_folder
from quintet_ui.mark import MARK
from quintet_ui.shell import page_of
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from tools.subset_fonts import FONT, LETTERS, ROOT, TEXT_FONT, full_font, icon_names

PAGE = """<html><head><title>x</title><link rel="shortcut icon" href="./favicon.png" />
<link rel="preload" href="./a.woff2" as="font" crossorigin />
<script type="module" src="./a.js"></script><link rel="modulepreload" href="./b.js">
</head><body><div id="root"></div></body></html>"""


@pytest.fixture
def client(tmp_path):
    folder = tmp_path / "static"
    (folder / "static" / "js").mkdir(parents=True)
    (folder / "static" / "media").mkdir()
    (folder / "static" / "js" / "a.js").write_text("let a = 1;\n" * 1000, encoding="utf-8")
    (folder / "static" / "media" / "icons.woff2").write_bytes(b"the whole font")
    (folder / "static" / "media" / "text.woff2").write_bytes(b"another font")
    (tmp_path / "secret.js").write_text("secret", encoding="utf-8")
    own = tmp_path / "own"
    own.mkdir()
    (own / "icons.woff2").write_bytes(b"a small font")

    def plain(_request):
        return PlainTextResponse("from Streamlit")

    def page(_request):
        return HTMLResponse(PAGE, headers={"etag": "1"})

    def packed(_request):
        answer = HTMLResponse(gzip.compress(PAGE.encode()))
        answer.headers["content-encoding"] = "gzip"
        return answer

    routes = [Route("/", page), Route("/explore", packed), Route("/{path:path}", plain)]
    app = Starlette(routes=routes)
    transport = httpx.ASGITransport(Assets(app, folder, own))
    return httpx.AsyncClient(transport=transport, base_url="http://page")


async def test_a_script_is_sent_compressed_to_a_browser_that_takes_that(client):
    answer = await client.get("/static/js/a.js", headers={"accept-encoding": "gzip, br;q=1.0"})
    assert answer.headers["content-encoding"] == "br"
    assert "immutable" in answer.headers["cache-control"]
    assert int(answer.headers["content-length"]) < 200
    # httpx decodes it.
    assert answer.text == "let a = 1;\n" * 1000
    head = await client.head("/static/js/a.js", headers={"accept-encoding": "br"})
    assert head.headers["content-length"] == answer.headers["content-length"]
    other = await client.get("/static/js/a.js", headers={"accept-encoding": "gzip"})
    assert other.text == "from Streamlit"


async def test_the_icon_font_is_replaced_and_other_files_are_streamlit_s(client):
    assert (await client.get("/static/media/icons.woff2")).content == b"a small font"
    for path in (
        "/static/media/text.woff2",
        "/static/js/none.js",
        "/static/%2e%2e/%2e%2e/secret.js",
    ):
        answer = await client.get(path, headers={"accept-encoding": "br"})
        assert answer.text == "from Streamlit"


async def test_the_listener_s_page_has_a_search_that_works_before_the_scripts_come(client):
    answer = await client.get("/", headers={"accept-encoding": "br"})
    assert answer.headers["content-encoding"] == "br"
    assert "etag" not in answer.headers
    page = answer.text
    assert page.index('<div id="shell">') < page.index('<div id="root">')
    assert page.count('fetchpriority="low"') == 2
    assert 'as="font"' not in page
    assert "favicon.png" not in page
    plain = await client.get("/", headers={"accept-encoding": "identity"})
    assert plain.text == page
    assert int(plain.headers["content-length"]) == len(plain.content)
    # The script is in the content policy, by its hash.
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in content_policy(page_of(PAGE, "/"))


@pytest.mark.parametrize("takes", ["br", "gzip", "identity"])
async def test_other_pages_have_the_styles_and_no_search(client, takes):
    # Streamlit compresses these itself for a browser that takes gzip.
    page = await client.get("/explore", headers={"accept-encoding": takes})
    assert "stSidebar" in page.text
    assert 'id="shell"' not in page.text
    assert page.headers.get("content-encoding", "") == ("br" if takes == "br" else "")


def test_the_text_font_has_the_letters_of_european_languages_and_another_name():
    font = TTFont(OWN / full_font(TEXT_FONT).name)
    assert set(font.getBestCmap()) >= set(LETTERS) & set(TTFont(full_font(TEXT_FONT)).getBestCmap())
    names = {record.nameID: str(record) for record in font["name"].names}
    # The font's licence reserves its name, and asks for its copyright and its text.
    assert "Source" not in names[1] + names[4]
    assert "Adobe" in names[0]
    assert "SIL Open Font License" in names[13]


def test_documentation_and_page_have_the_same_mark():
    assert (ROOT / "docs" / "logo.svg").read_bytes() == MARK.read_bytes()


def test_the_icon_font_of_the_installed_streamlit_has_every_icon_of_the_page():
    """After an update of Streamlit, `tools/subset_fonts.py` makes it again."""
    own = OWN / full_font().name
    assert [path.name for path in OWN.glob(FONT)] == [own.name]
    assert own.stat().st_size < 40_000

    def ligatures(path: Path) -> set[str]:
        font = TTFont(path)
        signs = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
        tables = [t for lookup in font["GSUB"].table.LookupList.Lookup for t in lookup.SubTable]
        found = [getattr(table, "ExtSubTable", table) for table in tables]
        return {
            "".join(signs[glyph] for glyph in (first, *each.Component))
            for table in found
            for first, sets in getattr(table, "ligatures", {}).items()
            for each in sets
        }

    assert ligatures(own) == icon_names() & ligatures(full_font())


def test_the_files_of_streamlit_are_smaller_compressed():
    path = max((static_folder() / "static" / "css").glob("*.css"), key=lambda p: p.stat().st_size)
    content = path.read_bytes()
    assert len(brotli.compress(content, quality=9)) < len(content) / 3
