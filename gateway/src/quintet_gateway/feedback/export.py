"""Records of a listener's export as JSON."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def export_record(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a record of an export to JSON types, without the listener's hash."""
    values = {name: value for name, value in row.items() if name != "listener"}
    if kind == "impression":
        packed: bytes = values["features"]
        values["features"] = list(struct.unpack(f"<{len(packed) // 4}f", packed))
        values["channels"] = [name for name in values["channels"].split(",") if name]
    if kind == "signal":
        values["at"] = datetime.fromtimestamp(values["at"], UTC).isoformat()
    return {"record": kind, **values}
