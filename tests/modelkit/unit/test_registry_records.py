import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_modelkit.registry import ModelRecord, compare, metric_name
from quintet_modelkit.registry.bundle_files import digest_of, read_listing, text_of
from quintet_modelkit.registry.errors import shown
from quintet_modelkit.registry.records import flat, loggable


def record(**changes) -> ModelRecord:
    facts: dict[str, Any] = {
        "version": "1",
        "bundle": "trained-1",
        "digest": "d",
        "kind": "trained",
    }
    facts |= {"catalogue": "cat-1", "feature_hash": "f", "create_time": datetime.now(UTC)}
    facts |= {"promote_time": None, "aliases": (), "run_id": "r", "source": "s"}
    return ModelRecord(**(facts | changes))


def test_names_of_metrics_hold_nothing_that_a_registry_refuses():
    assert metric_name("ndcg@10") == "ndcg_at_10"
    assert metric_name("recall_500.decile_1.five_seeds") == "recall_500.decile_1.five_seeds"
    assert metric_name("größe?") == "gr__e_"


def test_metrics_that_are_no_number_are_named_and_not_logged():
    assert loggable({"a@1": 1, "b": float("nan"), "c": float("inf")}) == (
        {"a_at_1": 1.0},
        ["b", "c"],
    )


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(ValueError, match="a_at_1"):
        loggable({"a@1": 1, "a_at_1": 2})


def test_nested_parameters_become_one_level():
    assert flat({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {
        "a.b": "1",
        "a.c.d": "[2]",
        "e": "None",
    }


def test_a_comparison_names_what_one_side_lacks():
    left = record(metrics={"a": 1.0, "b": 2.0}, parameters={"x": "1", "y": "2"})
    right = record(metrics={"b": 3.0}, parameters={"x": "1", "y": "3"})
    found = compare(left, right, ["f", "g"], ["g", "h"])
    assert found.metrics == {"a": (1.0, None), "b": (2.0, 3.0)}
    assert found.parameters == {"y": ("2", "3")}
    assert (found.features_added, found.features_removed) == (("h",), ("f",))


def test_a_second_promotion_of_a_version_is_another():
    moments = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert len({record(promote_time=moment).token for moment in (None, *moments)}) == 3


@given(
    st.dictionaries(
        st.text("abc/.", min_size=1), st.tuples(st.text("0f", min_size=1), st.integers(0, 9))
    )
)
def test_a_listing_survives_its_text_unless_it_leaves_the_folder(listing):
    text = text_of(listing)
    parts = [name.split("/") for name in listing]
    outside = any(".." in names or names[0] == "" or set(names) <= {".", ""} for names in parts)
    if outside:
        with pytest.raises(ValueError, match="not a path"):
            read_listing(text)
    else:
        assert read_listing(text) == listing
        assert digest_of(text) == digest_of(text_of(dict(reversed(listing.items()))))


@pytest.mark.parametrize("text", ["[]", "{}x", '{"a": 1}', '{"a": {"sha256": "0", "bytes": -1}}'])
def test_what_is_no_listing_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        read_listing(text)


def test_a_listing_has_a_bound():
    many = {f"f{number}": {"sha256": "0", "bytes": 0} for number in range(10_001)}
    with pytest.raises(ValueError, match="at most"):
        read_listing(json.dumps(many))


def test_addresses_are_shown_without_credentials():
    assert shown("https://me:secret@registry:5000/x") == "https://registry:5000/x"
