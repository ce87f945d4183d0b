"""docs/scale.md shows what tools/bench/capacity.py computes of the inputs that it lists."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.root import ROOT

PAGE = ROOT / "docs" / "scale.md"
PROGRAM = ROOT / "tools" / "bench" / "capacity.py"


def computed(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def part(page: Path, name: str) -> str:
    found = re.search(
        rf"<!-- {name}: made by .*? -->\n(.*?)\n<!-- /{name} -->",
        page.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert found is not None
    return found[1]


def test_the_table_of_the_page_is_computed_from_the_inputs_of_the_page():
    rows = re.findall(r"^\| `(\w+)` \| ([\d.,]+) \|", part(PAGE, "inputs"), re.MULTILINE)
    settings = [f"--set={name}={value.replace(',', '')}" for name, value in rows]
    done = computed(*settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n\n")[0] == part(PAGE, "capacity")


def test_what_make_bench_wrote_gives_the_page_its_time_and_memory(tmp_path):
    def size(mebibytes: float, ranker_ms: float) -> dict[str, object]:
        times = {"search": 1.0, "profile": 2.0, "ranker": ranker_ms, "gateway": 3.0}
        return {"trained": {"memory_mib": {"ranker": {"rss": mebibytes}}, "cpu_ms": times}}

    bench, page = tmp_path / "bench.json", tmp_path / "scale.md"
    facts = {
        "judged": "trained",
        "machine": {"commit": "abc"},
        "sizes": {"1048576": size(600, 20.0), "2097152": size(1_000, 50.0)},
    }
    bench.write_text(json.dumps(facts), encoding="utf-8")
    shutil.copy(PAGE, page)
    done = computed("--performance", bench, "--page", page)
    assert done.returncode == 0, done.stderr
    inputs = part(page, "inputs")
    # 400 MiB more for 1,048,576 tracks more: 400 bytes each, and 200 MiB are not theirs.
    assert "| `ranker_bytes_a_track` | 400 |" in inputs
    assert "| `process_bytes` | 210,000,000 |" in inputs
    assert "| `request_core_ms` | 50 |" in inputs
    assert "| `edge_core_ms` | 6 |" in inputs
    # 10,000 requests a second, 50 ms each, cores used to 0.6, 16 in a machine.
    assert part(page, "capacity").splitlines()[3].split("|")[6].strip() == "53"
    assert page.read_text(encoding="utf-8").count("\n## ") == PAGE.read_text(
        encoding="utf-8"
    ).count("\n## ")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"judged": "trained", "sizes": {"1000": {"bootstrap": {}}}}, "fewer than two sizes"),
        (None, "bench.json"),
    ],
)
def test_a_run_that_measured_too_little_is_refused(tmp_path, facts, says):
    bench = tmp_path / "bench.json"
    if facts is not None:
        bench.write_text(json.dumps(facts), encoding="utf-8")
    done = computed("--performance", bench)
    assert done.returncode == 2
    assert says in done.stderr
