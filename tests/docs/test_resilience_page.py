"""docs/resilience.md names every part and every setting as they are."""

import re

from quintet_gateway.settings import GatewaySettings
from quintet_servicekit.degradation import Part
from quintet_servicekit.settings import ServiceSettings
from quintet_settings import variables_of

from tests.root import ROOT

PAGE = (ROOT / "docs" / "resilience.md").read_text(encoding="utf-8")


def test_the_table_of_parts_is_the_closed_list():
    table = PAGE.split("## Degraded answers")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == [part.value for part in Part]


def test_every_setting_named_is_one():
    named = set(re.findall(r"QUINTET_GATEWAY_([A-Z_]+[A-Z])", PAGE))
    assert named
    assert named <= {
        variable.name.removeprefix("QUINTET_GATEWAY_") for variable in variables_of(GatewaySettings)
    }


def test_the_defaults_told_are_those_there_are(tmp_path):
    settings = GatewaySettings(home=tmp_path)
    assert f"open after {settings.breaker_failures} failures" in PAGE
    assert f"after {settings.breaker_seconds} s, {settings.breaker_most_seconds:g} s" in PAGE
    assert f"up to {settings.tries} tries" in PAGE
    assert f"as many as {settings.retry_share} of all calls, {settings.burst:g} at once" in PAGE
    assert f"at least {settings.hedge_seconds} s" in PAGE
    assert f"has not answered for\n{settings.store_patience_seconds} seconds" in PAGE
    timeout = ServiceSettings(home=tmp_path).default_timeout
    assert f"ends a call without a deadline after {timeout:g} seconds" in PAGE
    assert settings.spool_bytes == 64 * 1024 * 1024
