"""docs/feedback.md says what the gateway takes."""

import json
import re

from quintet_command.cli import group
from quintet_contract.limits import EVENT_KINDS, MAX_DWELL_MS, MAX_EVENTS, MAX_POSITION
from quintet_gateway.feedback import check_events
from quintet_gateway.schemas.feedback import EventBody, RecordedResponse, read_events
from quintet_gateway.settings import GatewaySettings
from quintet_training.datasets.feedback import MAX_WEIGHT, PRIOR_EXPONENT

from tests.root import ROOT

PAGE = (ROOT / "docs" / "feedback.md").read_text(encoding="utf-8")


def test_the_example_is_an_event_with_every_field():
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    body = json.loads(block)
    assert set(body) == set(EventBody.model_fields)
    events, single = read_events(body)
    assert single
    check_events(events, lambda number: "")


def test_the_table_has_every_field_and_the_limits_there_are():
    fields = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert fields == list(EventBody.model_fields)
    assert f"| `kind` | {', '.join(EVENT_KINDS)} |" in PAGE
    assert f"1 to {MAX_POSITION} |" in PAGE
    assert f"0 to {MAX_DWELL_MS:,} |" in PAGE
    assert f"with 1 to {MAX_EVENTS}," in PAGE
    assert set(RecordedResponse.model_fields) == {"accepted", "duplicates", "degraded"}


def test_the_page_names_defaults_and_commands_as_they_are(tmp_path):
    settings = GatewaySettings(home=tmp_path)
    assert f"`QUINTET_FEEDBACK_RETENTION_DAYS` ({settings.feedback_retention_days})" in PAGE
    assert f"127.0.0.1:{settings.grpc_port}" in PAGE
    assert f"no weight is above {MAX_WEIGHT:g}." in PAGE
    assert f"a prior of {PRIOR_EXPONENT:g} decides" in PAGE
    commands = {str(command.name) for command in group("feedback").registered_commands}
    assert set(re.findall(r"quintet feedback ([a-z-]+)", PAGE)) == commands
