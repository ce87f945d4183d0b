"""Lists in query parameters of `/v1`: what OpenAPI allows is accepted, and nothing else."""

import re

import jsonschema_rs
from hypothesis import example, given
from hypothesis import strategies as st
from quintet_gateway.routes.web_api.parameters import genre_list, genres, id_list, ids
from quintet_servicekit.errors import InvalidInput

ID = "4uLU6hMCjMI75M1A2tKUQC"
# No surrogates, which no query has; a comma separates parts.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=","), max_size=12)
PIECES = ["a", "é", "रात", " ", "\n", "/", ":", "%", "?si=1", ID, "x" * 129, "spotify:track:",
          "https://open.spotify.com/track/", "open.spotify.com/artist/"]  # fmt: skip
LISTS = st.lists(TEXT | st.lists(st.sampled_from(PIECES), max_size=3).map("".join), max_size=4)


def accepted(read, parts, *more):
    try:
        return bool(read({"list": ",".join(parts)}, "list", 3, *more))
    except InvalidInput:
        return False


@given(LISTS)
@example([f" https://OPEN.spotify.com/intl-de/track/{ID}?si=1 ", "रात"])
@example([f"open.spotify.com/artist/{ID}"])
@example([f"https://open.spotify.com/track/{ID}?si=\u2028"])
def test_ids_are_accepted_if_the_schema_allows_them(parts):
    for kind in ("track", "artist"):
        assert accepted(ids, parts, kind) == jsonschema_rs.is_valid(id_list(3, kind), parts)


@given(LISTS)
def test_genres_are_accepted_if_the_schema_allows_them(parts):
    assert accepted(genres, parts) == jsonschema_rs.is_valid(genre_list(3), parts)


@given(st.data())
def test_what_the_schema_draws_is_read_part_by_part(data):
    one = st.from_regex(id_list(5)["items"]["pattern"], fullmatch=True)
    parts = data.draw(st.lists(one, min_size=1, max_size=5))
    read = ids({"list": ",".join(parts)}, "list", 5)
    assert len(read) == len(parts)
    assert all(re.search(re.escape(found), part) for found, part in zip(read, parts, strict=True))
