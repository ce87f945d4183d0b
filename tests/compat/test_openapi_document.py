"""The gateway against its own OpenAPI document."""

import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).parents[2] / "schemathesis.toml"


def test_schemathesis_finds_no_failure(stack, token, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
         f"{stack.base}/openapi.json",
         "-H", f"Authorization: Bearer {token}", "--max-examples", "3", "--seed", "1",
         "--request-timeout", "20", "--workers", "2", "--phases", "examples,coverage,fuzzing",
         "--generation-database", "none", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
