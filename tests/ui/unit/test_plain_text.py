"""Foreign text for Markdown, for Plotly and for links."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_ui.plain import MOST_IN_CHART, MOST_IN_TABLE, chart, code, ordered, web_address


@given(st.text(st.sampled_from("`ab \n<[\u202e")))
def test_a_code_span_ends_only_at_its_own_fence(text):
    span = code(text)
    if not span:
        return
    fence = span[: len(span) - len(span.lstrip("`"))]
    inside = span[len(fence) : len(span) - len(fence)]
    assert span.endswith(fence)
    # CommonMark closes a span at a run of exactly as many backticks.
    assert all(run != fence for run in inside.replace("a", " ").replace("b", " ").split())
    assert "\n" not in span
    assert len(inside) <= MOST_IN_TABLE + 2


@given(st.text(max_size=300))
def test_a_chart_gets_no_markup_and_the_same_characters(text):
    shown = chart(text)
    assert not {"<", ">"} & set(shown)
    assert len(html.unescape(shown)) <= MOST_IN_CHART


@given(st.text())
def test_nothing_turns_the_order_of_a_sentence_around(text):
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(ordered(text))


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example", "ftp://a/b",
     "http://", "https://[", " javascript:alert(1)", "vbscript:x", "file:///etc/passwd", ""],
)  # fmt: skip
def test_an_address_that_is_none_of_the_web_is_no_link(address):
    assert web_address(address) == ""


def test_an_address_of_the_web_stays_as_it_is():
    address = "https://open.spotify.com/track/1?si=%20x"
    assert web_address(address) == address
