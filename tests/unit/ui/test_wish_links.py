"""What a listener wishes for: what is sent for it, and the link that holds it."""

from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_gateway.domain import ATTRIBUTE_RANGES
from quintet_gateway.schemas.recommendation_request import RecommendationsBody
from quintet_ui.attributes import SCALES, share
from quintet_ui.state import (
    MAX_AGAINST,
    MAX_SEATS,
    MOST_WEIGHT,
    Seat,
    Wish,
    body_of,
    query_of,
    wish_of,
    with_dislike,
    with_like,
    with_mute,
    with_seat,
    with_seats,
    with_skip,
    without_refusals,
)

IDS = st.from_regex(r"[0-9A-Za-z_:.-]{1,22}", fullmatch=True)
WEIGHTS = st.sampled_from([0.25, 0.5, 1.0, 1.75, 3.0])
NAMES = st.lists(IDS, max_size=8, unique=True).map(tuple)


def stops(name):
    scale = SCALES[name]
    return st.sampled_from(scale.stops()).map(lambda stop: stop * scale.factor)


def values(names):
    return st.fixed_dictionaries({}, optional={name: stops(name) for name in names})


@st.composite
def wishes(draw):
    seats = draw(
        st.lists(
            st.builds(Seat, IDS, WEIGHTS, st.booleans()),
            max_size=MAX_SEATS,
            unique_by=lambda seat: seat.track_id,
        )
    )
    minimum, maximum = draw(values(SCALES)), draw(values(SCALES))
    minimum = {name: low for name, low in minimum.items() if low <= maximum.get(name, low)}
    return Wish(
        tuple(seats),
        draw(values(SCALES)),
        minimum,
        maximum,
        draw(st.sampled_from([0.0, 0.05, 0.5, 1.0])),
        *(draw(NAMES) for _ in range(4)),
    )


@given(wishes())
def test_a_link_restores_every_wish(wish):
    query = parse_qs(urlencode(query_of(wish), doseq=True))
    assert wish_of(query) == wish


@given(wishes())
def test_the_gateway_takes_every_complete_wish(wish):
    if wish.is_complete:
        body = RecommendationsBody.model_validate(body_of(wish))
        assert len(body.negative_seeds) <= MAX_AGAINST
        assert len(body.seeds) + len(body.negative_seeds) >= len(wish.seats)


@given(
    st.dictionaries(
        st.sampled_from(["seat", "aim", "min", "max", "diversity", "liked", "away", "mute"]),
        st.lists(st.text(max_size=30) | st.sampled_from(["nan~x", "1e999~t1", "energy~nan"])),
    )
)
def test_no_link_breaks_the_page_or_asks_for_what_the_gateway_refuses(query):
    wish = wish_of(query)
    if wish.is_complete:
        RecommendationsBody.model_validate(body_of(wish))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "weight"]), inner),
        max_leaves=8,
    )
)
def test_seats_from_a_browser_are_checked(sent):
    wish = with_seats(Wish(), sent)
    assert len(wish.seats) <= MAX_SEATS
    if wish.is_complete:
        RecommendationsBody.model_validate(body_of(wish))


def test_every_slider_stays_within_what_the_gateway_takes():
    for name, scale in SCALES.items():
        low, high = ATTRIBUTE_RANGES[name]
        assert low <= scale.low * scale.factor
        assert scale.high * scale.factor <= high


@given(st.sampled_from(sorted(SCALES)), st.floats(-1e6, 1e9))
def test_a_place_on_a_scale_is_a_share_of_it(name, value):
    assert 0.0 <= share(name, value) <= 1.0
    assert SCALES[name].nearest(value) in SCALES[name].stops()


def test_a_sixth_seat_and_a_second_of_the_same_are_not_taken():
    wish = Wish()
    for name in ("a", "b", "b", "c", "d", "e", "f"):
        wish = with_seat(wish, name)
    assert [seat.track_id for seat in wish.seats] == ["a", "b", "c", "d", "e"]


def test_a_like_takes_a_free_seat():
    wish = with_like(Wish((Seat("a"),)), "b", closest="a")
    assert wish.seats == (Seat("a"), Seat("b"))
    assert wish.liked == ("b",)


def test_a_like_without_a_free_seat_weighs_the_closest_more_and_is_taken_back():
    full = Wish(tuple(Seat(name) for name in "abcde"))
    liked = with_like(full, "x", closest="c")
    assert liked.seats[2] == Seat("c", 1.5)
    assert with_like(liked, "x", closest="c") == full


def test_likes_never_weigh_a_seat_beyond_the_slider():
    wish = Wish(tuple(Seat(name) for name in "abcde"))
    for number in range(20):
        wish = with_like(wish, f"x{number}", closest="a")
    assert wish.seats[0].weight == MOST_WEIGHT


def test_refusals_are_sent_as_exclusions_and_dislikes_as_negative_seeds_too():
    wish = with_mute(with_skip(with_dislike(Wish((Seat("a"),)), "bad"), "dull"), "artist")
    body = body_of(wish)
    assert body["negative_seeds"] == [{"track_id": "bad"}]
    assert body["filters"]["excluded_track_ids"] == ["dull", "bad"]
    assert body["filters"]["excluded_artist_ids"] == ["artist"]
    assert without_refusals(wish) == Wish((Seat("a"),))


def test_only_the_newest_dislikes_fit_beside_seats_that_are_against():
    wish = Wish((Seat("a"), Seat("n", 2.0, against=True)))
    for number in range(9):
        wish = with_dislike(wish, f"d{number}")
    names = [seed["track_id"] for seed in body_of(wish)["negative_seeds"]]
    assert names == ["n", "d8", "d7", "d6", "d5"]


@pytest.mark.parametrize("seats", [(), (Seat("a", against=True),)])
def test_nothing_is_asked_without_a_seed_to_move_toward(seats):
    assert not Wish(seats).is_complete


def test_limits_that_cross_are_dropped_from_a_link():
    wish = wish_of({"min": ["tempo~150", "energy~0.2"], "max": ["tempo~100"]})
    assert wish == replace(Wish(), minimum={"energy": 0.2})
