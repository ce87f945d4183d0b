import json
import re

import pytest
from quintet_contract.attributes import RANGES
from quintet_gateway.schemas.errors import ErrorResponse, status_of
from quintet_servicekit.errors import AppError, Reason
from quintet_servicekit.status import GRPC_CODES

from tests.root import ROOT

PAGE = ROOT / "docs" / "errors.md"
KINDS = {status_of(kind(Reason.LIMIT_RANGE, ""))[1]: kind for kind in AppError.__subclasses__()}


def sections() -> dict[str, str]:
    parts = re.split(r"^## ([A-Z_]+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def example_of(section: str) -> ErrorResponse:
    (block,) = re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)
    return ErrorResponse.model_validate(json.loads(block))


def test_every_reason_is_documented_once_and_no_other():
    assert list(sections()) == [reason.value for reason in Reason]
    table = re.findall(r"^\| \[(\w+)\]", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert table == list(sections())


def test_every_reason_says_what_to_do_and_input_errors_what_is_allowed():
    for name, section in sections().items():
        assert len(re.findall(r"^- \*\*What to do:\*\* .+", section, re.MULTILINE)) == 1, name
        if example_of(section).error.status in ("INVALID_ARGUMENT", "NOT_FOUND"):
            assert re.search(r"^- \*\*Allowed:\*\* .+", section, re.MULTILINE), name


def test_the_ranges_of_attributes_are_those_that_are_checked():
    table = PAGE.read_text(encoding="utf-8").split("## Ranges of attributes")[1].split("## ")[0]
    shown: dict[str, tuple[float, float]] = {}
    for names, text in re.findall(r"^\| ([a-z_, ]+) \| (.*\d.*) \|$", table, re.MULTILINE):
        numbers = re.findall(r"-?\d[\d,]*", re.sub(r"\([^)]*\)", "", text))
        low, high = (float(numbers[i].replace(",", "")) for i in (0, -1))
        shown |= dict.fromkeys(names.split(", "), (low, high))
    assert shown == dict(RANGES)


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.INTERNAL])
def test_the_example_has_the_codes_that_are_sent(reason):
    section = sections()[reason.value]
    error = example_of(section).error
    kind = KINDS[error.status]
    assert error.details[0].reason == reason.value
    assert error.code == status_of(kind(reason, ""))[0]
    assert f"HTTP {error.code}, gRPC {GRPC_CODES[kind].name}." in section


def test_a_fault_of_ours_is_documented_as_internal():
    section = sections()["INTERNAL"]
    assert example_of(section).error.code == 500
    assert "HTTP 500, gRPC INTERNAL." in section
