"""What a listener asks for: what is sent for it, and the link that holds it."""

from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import RANGES
from quintet_contract.limits import MAX_SEEDS
from quintet_gateway.schemas.recommendation_request import RecommendationsBody
from quintet_ui.attributes import SCALES, share
from quintet_ui.preferences import (
    MAX_AGAINST,
    MAX_KEPT,
    Preferences,
    SeedTrack,
    kept_ids,
    preferences_of,
    query_of,
    recommendation_call,
    saved_of,
    with_dislike,
    with_like,
    with_mute,
    with_replaced,
    with_seed,
    with_seeds,
    with_skip,
    without_like,
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


def body_of(preferences):
    body = recommendation_call(preferences).body
    assert body is not None
    return body


@st.composite
def preference_sets(draw):
    seeds = draw(
        st.lists(
            st.builds(SeedTrack, IDS, WEIGHTS, st.booleans()),
            max_size=MAX_SEEDS,
            unique_by=lambda seed: seed.track_id,
        )
    )
    minimum, maximum = draw(values(SCALES)), draw(values(SCALES))
    minimum = {name: low for name, low in minimum.items() if low <= maximum.get(name, low)}
    preferences = Preferences(
        tuple(seeds),
        draw(values(SCALES)),
        minimum,
        maximum,
        draw(st.sampled_from([0.0, 0.05, 0.5, 1.0])),
        *(draw(NAMES) for _ in range(4)),
    )
    return replace(preferences, discovery=draw(st.sampled_from([0.0, 0.25, 0.8, 1.0])))


@given(preference_sets())
def test_a_link_restores_every_wish(preferences):
    query = parse_qs(urlencode(query_of(preferences), doseq=True))
    assert preferences_of(query) == preferences


@given(preference_sets())
def test_the_gateway_takes_every_complete_wish(preferences):
    if preferences.is_complete:
        body = RecommendationsBody.model_validate(recommendation_call(preferences).body)
        assert len(body.negative_seeds) <= MAX_AGAINST
        assert len(body.seeds) + len(body.negative_seeds) >= len(preferences.seeds)


@settings(deadline=None)  # a busy machine is no fault of the page
@given(
    st.dictionaries(
        st.sampled_from(["seat", "aim", "min", "max", "diversity", "liked", "away", "mute"]),
        st.lists(st.text(max_size=30) | st.sampled_from(["nan~x", "1e999~t1", "energy~nan"])),
    )
)
def test_no_link_breaks_the_page_or_asks_for_what_the_gateway_refuses(query):
    preferences = preferences_of(query)
    if preferences.is_complete:
        RecommendationsBody.model_validate(recommendation_call(preferences).body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "weight"]), inner),
        max_leaves=8,
    )
)
def test_seats_from_a_browser_are_checked(sent):
    preferences = with_seeds(Preferences(), sent)
    assert len(preferences.seeds) <= MAX_SEEDS
    if preferences.is_complete:
        RecommendationsBody.model_validate(recommendation_call(preferences).body)


def test_every_slider_stays_within_what_the_gateway_takes():
    for name, scale in SCALES.items():
        low, high = RANGES[name]
        assert low <= scale.low * scale.factor
        assert scale.high * scale.factor <= high


@given(st.sampled_from(sorted(SCALES)), st.floats(-1e6, 1e9))
def test_a_place_on_a_scale_is_a_share_of_it(name, value):
    assert 0.0 <= share(name, value) <= 1.0
    assert SCALES[name].nearest(value) in SCALES[name].stops()


def test_a_sixth_seat_and_a_second_of_the_same_are_not_taken():
    preferences = Preferences()
    for name in ("a", "b", "b", "c", "d", "e", "f"):
        preferences = with_seed(preferences, name)
    assert [seed.track_id for seed in preferences.seeds] == ["a", "b", "c", "d", "e"]


def test_a_sixth_song_replaces_the_one_that_the_listener_names():
    full = Preferences(tuple(SeedTrack(name, 2.0) for name in "abcde"))
    changed = with_replaced(full, 2, "x")
    assert [(seed.track_id, seed.weight) for seed in changed.seeds][2] == ("x", 1.0)
    assert with_replaced(full, 2, "a") == full
    assert with_replaced(full, 2, "no id") == full


def test_acts_on_rows_change_no_request_but_the_next_one_carries_them():
    preferences = Preferences((SeedTrack("a"),))
    acted = with_skip(with_dislike(with_like(preferences, "b"), "c"), "d")
    assert acted.request == preferences
    assert recommendation_call(acted).body != recommendation_call(preferences).body
    assert without_like(with_like(preferences, "b"), "b") == preferences


def test_saved_songs_of_a_link_are_checked():
    assert saved_of({"save": ["a", "b", "a", "no id", ""]}) == ("a", "b")
    assert len(saved_of({"save": [f"t{number}" for number in range(500)]})) == MAX_KEPT
    assert kept_ids(["a", 1, None, {}, "b", "a b"]) == ("a", "b")
    assert kept_ids("a") == ()


def test_refusals_are_sent_as_exclusions_and_dislikes_as_negative_seeds_too():
    preferences = with_mute(
        with_skip(with_dislike(Preferences((SeedTrack("a"),)), "bad"), "dull"), "artist"
    )
    body = body_of(preferences)
    assert [seed["track_id"] for seed in body["negative_seeds"]] == ["bad"]
    assert body["filters"]["excluded_track_ids"] == ["dull", "bad"]
    assert body["filters"]["excluded_artist_ids"] == ["artist"]
    assert without_refusals(preferences) == Preferences((SeedTrack("a"),))


def test_only_the_newest_dislikes_fit_beside_seats_that_are_against():
    preferences = Preferences((SeedTrack("a"), SeedTrack("n", 2.0, against=True)))
    for number in range(9):
        preferences = with_dislike(preferences, f"d{number}")
    names = [seed["track_id"] for seed in body_of(preferences)["negative_seeds"]]
    assert names == ["n", "d8", "d7", "d6", "d5"]


@pytest.mark.parametrize("seeds", [(), (SeedTrack("a", against=True),)])
def test_nothing_is_asked_without_a_seed_to_move_toward(seeds):
    assert not Preferences(seeds).is_complete


def test_limits_that_cross_are_dropped_from_a_link():
    preferences = preferences_of({"min": ["tempo~150", "energy~0.2"], "max": ["tempo~100"]})
    assert preferences == replace(Preferences(), minimum={"energy": 0.2})
