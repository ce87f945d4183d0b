import json

import pytest
from fastapi import Response
from quintet_gateway.app.errors import (
    Renderers,
    field_error,
    render,
    render_internal,
)
from quintet_gateway.schemas.errors import STATUSES, status_of
from quintet_servicekit.errors import (
    AppError,
    InvalidInput,
    NotFound,
    NotReady,
    Reason,
    ResourceExhausted,
)
from quintet_servicekit.logs import REQUEST_ID


def body_of(response: Response) -> dict:
    return json.loads(bytes(response.body))["error"]


def test_every_error_has_a_status_of_its_own():
    assert set(AppError.__subclasses__()) == set(STATUSES)
    assert len({code for code, _ in STATUSES.values()}) == len(STATUSES)


def test_an_error_names_reason_field_and_request():
    token = REQUEST_ID.set("req-1")
    try:
        error = body_of(render(InvalidInput(Reason.LIMIT_RANGE, "limit is wrong", field="limit")))
    finally:
        REQUEST_ID.reset(token)
    assert error == {
        "code": 400,
        "status": "INVALID_ARGUMENT",
        "message": "limit is wrong",
        "details": [
            {
                "reason": "LIMIT_RANGE",
                "domain": "quintet",
                "metadata": {"field": "limit", "request_id": "req-1"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NotReady(Reason.NOT_READY, "later"), "1"),
        (ResourceExhausted(Reason.RATE_LIMITED, "slow", metadata={"retry_after": "7"}), "7"),
        (NotFound(Reason.ID_UNKNOWN, "none"), None),
    ],
)
def test_what_may_succeed_later_says_when(error, seconds):
    assert render(error).headers.get("retry-after") == seconds


@pytest.mark.parametrize(
    ("reason", "code"), [(Reason.METHOD_UNSUPPORTED, 405), (Reason.REQUEST_TOO_LARGE, 413)]
)
def test_http_has_statuses_of_its_own_for_some_reasons(reason, code):
    assert status_of(InvalidInput(reason, "no"))[0] == code


def test_a_fault_tells_nothing_of_itself():
    assert body_of(render_internal())["message"].startswith("Internal error; quote request id")


def test_a_prefix_has_a_shape_of_its_own():
    renderers = Renderers({"/v1": lambda error, code, _headers: Response(error.message, code)})
    error = NotFound(Reason.ID_UNKNOWN, "none")
    assert renderers.render("/v1/tracks/x", error).body == b"none"
    assert renderers.render("/v1", error).body == b"none"
    assert body_of(renderers.render("/v10", error))["status"] == "NOT_FOUND"


def fault(kind: str, *loc: object, **more: object) -> list[dict]:
    return [{"type": kind, "loc": loc, "msg": "must be 0 to 1; got 2", "input": None, **more}]


def test_a_broken_rule_keeps_its_reason_and_gets_its_path():
    error = field_error(fault("FILTER_RANGE", "body", "filters", ctx={"field": "min_energy"}))
    assert (error.reason, error.field) == (Reason.FILTER_RANGE, "filters.min_energy")
    assert error.message == "filters.min_energy must be 0 to 1; got 2"


def test_a_place_in_a_list_is_named():
    assert field_error(fault("WEIGHT_RANGE", "body", "seeds", 2, "weight")).field == (
        "seeds[2].weight"
    )


def test_a_parameter_called_query_keeps_its_name():
    assert field_error(fault("missing", "query", "query")).field == "query"


def test_a_long_input_is_not_echoed_in_full():
    asked = fault("int_parsing", "query", "limit", input="9" * 1000)
    asked[0]["msg"] = "Input should be a valid integer"
    assert len(field_error(asked).message) < 120
