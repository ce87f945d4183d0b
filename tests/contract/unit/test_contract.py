"""Everything that names attributes, ranges, limits or patterns agrees with quintet_contract.

The published client and the page's scales hold copies on purpose: a client in another project must
not need our packages, and a slider shows less than what is allowed.
"""

import re
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet.feedback.v1 import feedback_pb2
from quintet.profile.v1 import profile_pb2
from quintet_client import calls, request_models
from quintet_contract import limits
from quintet_contract.attributes import ATTRIBUTES, AUDIO_FEATURES, MEASURED, RANGES, TABLE, WHOLE
from quintet_contract.patterns import (
    EVENT_PATTERN,
    LISTENER_PATTERN,
    REQUEST_PATTERN,
    SPOTIFY_TRACK_PATTERN,
    VERSION_PATTERN,
    fits,
)
from quintet_contract.seeds import Seed, SeedKind
from quintet_gateway.app import build
from quintet_gateway.schemas.recommendation_request import Filters
from quintet_gateway.settings import GatewaySettings
from quintet_modelkit.features import COLUMN
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.messages import NAME_OF, NUMBER_OF, by_attribute, seed_message, seed_of
from quintet_store.tables import Track, TrackFeatures
from quintet_training.datasets.columns import FIELDS
from quintet_ui.attributes import SCALES

from tests.root import ROOT

PROTOS = ROOT / "protos" / "quintet"
# Blanks around an id are dropped when it is read.
NAMES = st.text(min_size=1, max_size=limits.MAX_NAME).map(str.strip).filter(bool)


def test_protos_number_the_attributes_from_one_in_the_order_of_the_contract():
    names = [f"ATTRIBUTE_{name.upper()}" for name in ATTRIBUTES]
    assert profile_pb2.Attribute.keys() == ["ATTRIBUTE_UNSPECIFIED", *names]
    assert {NAME_OF[number]: number for number in NAME_OF} == dict(NUMBER_OF)


def test_audio_features_of_the_protos_are_the_attributes_measured_on_the_audio():
    fields = profile_pb2.AudioFeatures.DESCRIPTOR.fields_by_name
    assert set(fields) == set(AUDIO_FEATURES)
    assert {name for name, field in fields.items() if field.type == field.TYPE_INT32} == set(WHOLE)


def test_event_kinds_of_the_protos_are_those_of_the_contract():
    names = [f"EVENT_KIND_{kind.upper()}" for kind in limits.EVENT_KINDS]
    assert feedback_pb2.EventKind.keys() == ["EVENT_KIND_UNSPECIFIED", *names]


def test_comments_of_the_protos_name_the_ranges_of_the_contract():
    text = (PROTOS / "profile/v1/profile.proto").read_text(encoding="utf-8")
    for each in TABLE:
        comment = re.search(rf"// (.*)\n\s+ATTRIBUTE_{each.name.upper()} =", text)
        assert comment, each.name
        low, high = (f"{bound:g}" for bound in (each.minimum, each.maximum))
        expected = {"duration_ms": "from 0", "mode": "0 or 1", "key": "from 0 to 11"}
        assert expected.get(each.name, f"rom {low} to {high}") in comment[1], comment[1]


@pytest.fixture(scope="module")
def document():
    return build(GatewaySettings(home=Path("/nonexistent"))).openapi()


def test_filters_of_the_openapi_document_have_the_ranges_of_the_contract(document):
    properties = document["components"]["schemas"]["Filters"]["properties"]
    for name, (low, high) in RANGES.items():
        for bound in (f"min_{name}", f"max_{name}"):
            number = next(each for each in properties[bound]["anyOf"] if each["type"] != "null")
            assert (number["minimum"], number["maximum"]) == (low, high), bound


def test_limits_of_the_openapi_document_are_those_of_the_contract(document):
    body = document["components"]["schemas"]["RecommendationsBody"]["properties"]
    assert (body["limit"]["minimum"], body["limit"]["maximum"]) == (1, limits.MAX_LIMIT)
    assert body["limit"]["default"] == limits.DEFAULT_LIMIT
    assert body["max_per_artist"]["maximum"] == limits.MAX_LIMIT
    assert body["max_per_artist"]["default"] == limits.DEFAULT_MAX_PER_ARTIST


def test_every_pattern_for_listeners_in_the_openapi_document_is_that_of_the_contract(document):
    found = set(re.findall(r"'pattern': '(\^\[A-Za-z0-9\]\[[^']*)'", str(document)))
    assert found == {LISTENER_PATTERN}


def test_snapshots_columns_and_files_have_the_attributes_of_the_contract():
    assert tuple(sorted(COLUMN, key=COLUMN.__getitem__)) == ATTRIBUTES
    assert set(ATTRIBUTES) <= set(FIELDS)
    assert set(MEASURED) <= set(TrackFeatures.__table__.columns.keys())
    assert set(ATTRIBUTES) - set(MEASURED) <= set(Track.__table__.columns.keys())


def test_scales_of_the_page_lie_within_the_ranges_of_the_contract():
    assert set(SCALES) == set(ATTRIBUTES)
    for name, scale in SCALES.items():
        low, high = RANGES[name]
        assert low <= scale.low * scale.factor < scale.high * scale.factor <= high, name


def test_the_published_client_has_the_filters_and_limits_of_the_contract():
    bounds = {f"{end}_{name}" for name in ATTRIBUTES for end in ("min", "max")}
    fields = set(request_models.Filters.model_fields)
    ranges = {name for name in fields if name.startswith(("min_", "max_"))}
    assert ranges == bounds | {"min_year", "max_year"}
    assert set(Filters.model_fields) == fields
    assert calls.MOST_EVENTS == limits.MAX_EVENTS


def test_the_published_client_needs_none_of_our_packages_but_the_stubs():
    needs = metadata.requires("quintet-client") or []
    ours = {re.split(r"[^\w-]", need)[0] for need in needs if need.startswith("quintet")}
    assert ours == {"quintet-protos"}
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "client/src").rglob("*.py")
    )
    assert set(re.findall(r"^\s*(?:from|import) (quintet_\w+)", sources, re.M)) == {
        "quintet_client"
    }


@given(st.sampled_from(SeedKind), NAMES, st.floats(min_value=0, max_value=10, exclude_min=True))
def test_a_seed_survives_the_wire(kind, name, weight):
    seed = Seed(kind, name, weight)
    assert seed_of(profile_pb2.Seed.FromString(seed_message(seed).SerializeToString())) == seed


def test_a_seed_without_weight_weighs_one():
    assert seed_of(profile_pb2.Seed(genre="rock")) == Seed(SeedKind.GENRE, "rock", 1.0)


@pytest.mark.parametrize("number", [0, 15, -1])
def test_a_number_that_is_no_attribute_is_rejected_with_its_place(number):
    with pytest.raises(InvalidInput, match=r"weights\[1\].attribute must be one of"):
        by_attribute("weights", Reason.WEIGHT_RANGE, [(1, 1.0), (number, 2.0)])


def test_an_attribute_named_twice_is_rejected():
    with pytest.raises(InvalidInput, match="weights names energy twice"):
        by_attribute("weights", Reason.WEIGHT_RANGE, [(4, 1.0), (4, 2.0)])


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            LISTENER_PATTERN,
            ["a", "me@home:1", "a" * 128],
            ["", "a" * 129, ".a", "a\n", "é"],
        ),
        (EVENT_PATTERN, ["e-1", "a" * 64], ["", "a" * 65, "a b", "e-1\n"]),
        (REQUEST_PATTERN, ["a" * 128], ["", "a" * 129, "a\nb"]),
        (
            VERSION_PATTERN,
            ["v1", "2026-01-31.a_b"],
            ["", "../up", ".hidden", "a/b", "v1\n"],
        ),
        (
            SPOTIFY_TRACK_PATTERN,
            ["6rqhFgbbKwnb9MLmUQDhG6"],
            ["6rqhFgbbKwnb9MLmUQ", "é" * 22],
        ),
    ],
)
def test_patterns_take_whole_texts_only(pattern, good, bad):
    assert all(fits(pattern, text) for text in good)
    assert not any(fits(pattern, text) for text in bad)
