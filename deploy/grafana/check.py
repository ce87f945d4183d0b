"""Checks dashboards against the types that Grafana publishes; exit code 1 on a finding.

    check.py FILE…

Reading a dashboard into those types and writing it again keeps what Grafana knows; what is lost on
the way is misspelt or not Grafana's.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def paths(value: object, at: str = "") -> Iterator[str]:
    """Yield the path of every key."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{at}.{key}"
            yield from paths(each, f"{at}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from paths(each, f"{at}[{number}]")


def unknown(path: Path) -> list[str]:
    """Return the keys of a dashboard that Grafana does not know."""
    given = json.loads(path.read_text(encoding="utf-8"))
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))
    known = set(paths(read))
    return [each for each in paths(given) if each not in known]


if __name__ == "__main__":
    plugins.register_default_plugins()
    found = [f"{name}: {key}" for name in sys.argv[1:] for key in unknown(Path(name))]
    sys.exit("\n".join(found) or 0)
