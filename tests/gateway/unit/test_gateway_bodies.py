import math

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quintet_contract.attributes import RANGES
from quintet_gateway.app.errors import field_error, render
from quintet_gateway.schemas.feedback import read_events
from quintet_gateway.schemas.recommendation_request import (
    BODY_EXAMPLES,
    RecommendationsBody,
)
from quintet_servicekit.messages import NUMBER_OF

NOT_FINITE = [math.nan, math.inf, -math.inf]


def refusal_of(body: dict) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        RecommendationsBody.model_validate(body)
    faults = [{**each, "loc": ("body", *each["loc"])} for each in caught.value.errors()]
    error = field_error(faults)
    return error.reason.value, error.field


@pytest.mark.parametrize("example", list(BODY_EXAMPLES.values()), ids=list(BODY_EXAMPLES))
def test_documented_bodies_are_accepted(example):
    body = RecommendationsBody.model_validate(example["value"])
    assert len(body.ranker_request().seeds) == len(example["value"]["seeds"])


def one(**more: object) -> dict:
    return {"seeds": ["a"], **more}


def test_a_whole_number_may_be_written_with_a_point():
    body = RecommendationsBody.model_validate(one(limit=38.0, max_per_artist=2.0))
    assert (body.limit, body.max_per_artist) == (38, 2)
    assert isinstance(body.limit, int)


@pytest.mark.parametrize("limit", [38.5, 1e300])
def test_what_is_no_whole_number_is_refused(limit):
    assert refusal_of(one(limit=limit)) == ("REQUEST_MALFORMED", "limit")


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"seeds": []}, "SEED_COUNT", "seeds"),
        ({"seeds": ["a"] * 6}, "SEED_COUNT", "seeds"),
        ({}, "SEED_COUNT", "seeds"),
        ({"seeds": [""]}, "SEED_COUNT", "seeds[0].track_id"),
        ({"seeds": [{"track_id": "a", "genre": "b"}]}, "SEED_COUNT", "seeds[0]"),
        ({"seeds": [{}]}, "SEED_COUNT", "seeds[0]"),
        ({"seeds": [{"track_id": "a", "weight": 0}]}, "WEIGHT_RANGE", "seeds[0].weight"),
        ({"seeds": [{"track_id": "a", "weight": math.nan}]}, "WEIGHT_RANGE", "seeds[0].weight"),
        ({"seeds": [5]}, "REQUEST_MALFORMED", "seeds[0]"),
        ({"seeds": ["\ud800"]}, "REQUEST_MALFORMED", "seeds[0]"),
        ({"seeds": [{"genre": "a\udfff"}]}, "REQUEST_MALFORMED", "seeds[0].genre"),
        (one(filters={"genres": ["rock", "\ud800"]}), "REQUEST_MALFORMED", "filters.genres[1]"),
        (one(**{"\ud800": 1}), "REQUEST_MALFORMED", "body"),
        (one(weights={"\ud800": 1}), "REQUEST_MALFORMED", "weights"),
        ("\ud800", "REQUEST_MALFORMED", "body"),
        (one(negative_seeds=["a"] * 6), "SEED_COUNT", "negative_seeds"),
        (one(limit=0), "LIMIT_RANGE", "limit"),
        (one(limit=501), "LIMIT_RANGE", "limit"),
        (one(limit=10**30), "LIMIT_RANGE", "limit"),
        (one(limit="5"), "REQUEST_MALFORMED", "limit"),
        (one(limit=True), "REQUEST_MALFORMED", "limit"),
        (one(lmit=5), "REQUEST_MALFORMED", "lmit"),
        (one(weights={"energy": 11}), "WEIGHT_RANGE", "weights.energy"),
        (one(weights={"popularity": 1}), "WEIGHT_RANGE", "weights.popularity"),
        (one(weights={"{x}": 1}), "WEIGHT_RANGE", "weights.{x}"),
        (one(targets={"valence": 2}), "TARGET_RANGE", "targets.valence"),
        (one(filters={"min_energy": 2}), "FILTER_RANGE", "filters.min_energy"),
        (one(filters={"min_tempo": 9, "max_tempo": 8}), "FILTER_RANGE", "filters.min_tempo"),
        (one(filters={"min_nope": 2}), "REQUEST_MALFORMED", "filters.min_nope"),
        (one(diversity=1.5), "DIVERSITY_RANGE", "diversity"),
        (one(discovery=-0.1), "DISCOVERY_RANGE", "discovery"),
        (one(max_per_artist=-1), "ARTIST_CAP_RANGE", "max_per_artist"),
    ],
)
def test_a_broken_rule_names_reason_and_field(body, reason, field):
    assert refusal_of(body) == (reason, field)


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("part", ["weights", "targets"])
def test_what_is_not_a_number_is_refused(part, value):
    assert refusal_of(one(**{part: {"energy": value}}))[1] == f"{part}.energy"


@given(
    st.sampled_from(sorted(RANGES)),
    st.floats(min_value=0, max_value=1),
    st.floats(min_value=0, max_value=1),
)
def test_every_range_within_bounds_reaches_the_ranker(name, first, second):
    low, high = RANGES[name]
    bounds = sorted((low + first * (high - low), low + second * (high - low)))
    bounds = [min(max(each, low), high) for each in bounds]
    body = RecommendationsBody.model_validate(
        one(filters={f"min_{name}": bounds[0], f"max_{name}": bounds[1]})
    )
    (sent,) = body.ranker_request().filters.ranges
    assert (sent.attribute, sent.min, sent.max) == (NUMBER_OF[name], *bounds)


def test_one_bound_leaves_the_other_open():
    body = RecommendationsBody.model_validate(one(filters={"max_key": 5}))
    (sent,) = body.ranker_request().filters.ranges
    assert sent.max == 5
    assert not sent.HasField("min")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["seeds", "weights", "x", "limit"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_is_answered_by_anything_but_acceptance_or_a_refusal(body):
    try:
        RecommendationsBody.model_validate(body)
    except ValidationError as fault:
        faults = [{**each, "loc": ("body", *each["loc"])} for each in fault.errors()]
        assert field_error(faults).message


def test_a_number_that_no_float_holds_is_refused():
    with pytest.raises(ValidationError, match="must be 1 to 500; got a number beyond all bounds"):
        RecommendationsBody.model_validate_json('{"seeds": ["a"], "limit": ' + "9" * 400 + "}")


@pytest.mark.parametrize("body", [{"track_id": "\ud800"}, {"events": [{"\ud800": "x"}]}])
def test_an_event_with_half_of_a_surrogate_pair_is_refused_by_an_answer_that_can_be_written(body):
    with pytest.raises(RequestValidationError) as caught:
        read_events(body)
    answer = render(field_error(caught.value.errors()))
    assert answer.status_code == 400
    assert b"surrogate" in bytes(answer.body)


@given(st.text() | st.text(st.characters(categories=["Cs", "Lu"])))
def test_a_text_is_taken_where_it_can_be_written(text):
    body = {"seeds": ["a"], "filters": {"genres": [text]}}
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        assert refusal_of(body)[0] == "REQUEST_MALFORMED"
    else:
        RecommendationsBody.model_validate(body).ranker_request().SerializeToString()
