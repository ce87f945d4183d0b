"""Two recordings of answers are compared by what must not change, and by nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.answers import differences, requests_for, rpc_jobs

ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
IDS = [f"track{number}" for number in range(300)]


@given(ANSWERS)
def test_an_answer_does_not_differ_from_itself(answer: Any) -> None:
    assert list(differences(answer, answer)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"score": 1.0}, {"score": 1.0 + 5e-7}),
        ({"request_id": "a", "rank": 1}, {"request_id": "b", "rank": 1}),
        (
            {"error": {"message": "old", "reason": "X"}},
            {"error": {"message": "new", "reason": "X"}},
        ),
    ],
)
def test_rounding_ids_of_a_request_and_texts_do_not_count(before: Any, after: Any) -> None:
    assert list(differences(before, after)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"score": 1.0}, {"score": 1.00001}),
        ({"tracks": ["a", "b"]}, {"tracks": ["b", "a"]}),
        ({"tracks": ["a"]}, {"tracks": ["a", "b"]}),
        ({"degraded": []}, {}),
        ({"reason": "LIMIT_RANGE"}, {"reason": "SEED_COUNT"}),
        (True, 1.5),
    ],
)
def test_order_scores_fields_and_error_codes_count(before: Any, after: Any) -> None:
    assert len(list(differences(before, after))) == len(list(differences(after, before))) > 0


def test_the_same_catalogue_gives_the_same_requests() -> None:
    assert requests_for(IDS) == requests_for(list(IDS))
    assert len(requests_for(IDS)) + len(rpc_jobs(IDS)) >= 200
    assert {path.split("?")[0] for _, path, _ in requests_for(IDS)} >= {
        "/api/v1/recommendations",
        "/v1/recommendations",
        "/recommend_ranked",
    }
