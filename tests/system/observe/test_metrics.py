"""What processes export is what the dashboard, the alerts and docs/observing.md speak of."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from tests.needs import PROMTOOL as HAVE_PROMTOOL
from tests.needs import needs
from tests.root import ROOT

DASHBOARD = ROOT / "deploy/grafana/dashboards/quintet.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
PAGE = ROOT / "docs/observing.md"
NAME = re.compile(r"(?<![\w:])quintet_[a-z0-9_]+")
RECORDED = re.compile(r"(?<![\w])quintet:[a-z0-9_:]+")
SUFFIX = re.compile(r"_(bucket|count|sum)$")
PROMTOOL = shutil.which("promtool")


@pytest.fixture(scope="module")
def exported(installation, seed) -> dict[str, dict[str, Any]]:
    """The families of each process after some requests, by the name that a query uses."""
    asked = "/api/v1/recommendations"
    answer = installation.post(asked, {"seeds": [seed], "limit": 5}).json()
    assert installation.post(asked, {"seeds": ["no-such-track"]}).status_code == 404
    event = {
        "event_id": "e1",
        "recommendation_id": answer["recommendation_id"],
        "track_id": answer["tracks"][0]["track"]["id"],
        "kind": "play",
    }
    given = installation.post("/api/v1/feedback", {"events": [event]})
    assert given.status_code == 200, given.text
    return {
        name: {
            family.name + "_total" * (family.type == "counter"): family
            for family in text_string_to_metric_families(installation.get(url).text)
        }
        for name, url in installation.metrics.items()
    }


def names_of(exported: dict[str, dict[str, Any]]) -> set[str]:
    return {name for families in exported.values() for name in families}


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    drawn = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return drawn + [rule["expr"] for group in groups for rule in group["rules"]]


def test_every_metric_of_dashboard_and_alerts_is_exported(exported):
    known = names_of(exported)
    named = {name for text in expressions() for name in NAME.findall(text)}
    assert len(named) > 30
    assert {name for name in named if not {name, SUFFIX.sub("", name)} & known} == set()


def test_every_recorded_series_of_the_dashboard_is_recorded():
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    recorded = {rule.get("record") for group in groups for rule in group["rules"]}
    used = {name for text in expressions() for name in RECORDED.findall(text)}
    assert used
    assert used <= recorded


def test_every_metric_of_ours_is_on_the_dashboard(exported):
    shown = "\n".join(expressions())
    ours = {name for name in names_of(exported) if name.startswith("quintet_")}
    unused = {name for name in ours if name.removesuffix("_created") not in shown}
    assert {name for name in unused if not name.endswith("_created")} == set()


def samples(exported, process: str, family: str) -> dict[tuple[str, ...], float]:
    found = exported[process][family].samples
    return {
        tuple(each.labels.values()): each.value
        for each in found
        if not each.name.endswith(("_created", "_bucket", "_sum"))
    }


def test_requests_are_counted_by_route_and_never_by_path(exported):
    routes = {key[1] for key in samples(exported, "gateway", "quintet_http_requests_total")}
    assert "/api/v1/recommendations" in routes
    for process in exported.values():
        for family in process.values():
            for sample in family.samples:
                assert not any("no-such-track" in value for value in sample.labels.values())


def test_calls_are_counted_by_those_who_make_and_those_who_answer_them(exported):
    method = "/quintet.ranker.v1.RankerService/RecommendTracks"
    made = samples(exported, "gateway", "quintet_client_rpcs_total")
    answered = samples(exported, "ranker", "quintet_rpcs_total")
    assert made["OK", method] == answered["OK", method] >= 1


def test_quality_of_lists_is_measured(exported):
    for name in ("list_fill", "candidates", "list_popularity", "list_artists_share"):
        assert samples(exported, "ranker", f"quintet_{name}")[()] >= 1
    assert samples(exported, "ranker", "quintet_seeds_total")["known",] >= 1
    # Both are asked at once, and a call that the other's answer ends is not counted.
    unknown = [
        samples(exported, name, "quintet_seeds_total").get(("unknown",), 0)
        for name in ("profile", "ranker")
    ]
    assert sum(unknown) >= 1
    assert samples(exported, "gateway", "quintet_feedback_kinds_total")["play",] == 1


def test_every_process_says_what_it_runs_and_serves(exported):
    for name in exported:
        assert [key[1] for key in samples(exported, name, "quintet_build_info")] == [name]
    kinds = {
        name: {key[0] for key in samples(exported, name, "quintet_version_info")}
        for name in ("search", "profile", "ranker")
    }
    assert kinds == {
        "search": {"catalogue"},
        "profile": {"catalogue"},
        "ranker": {"model", "catalogue"},
    }
    # A process that follows no registry must not say that it is away.
    assert all(not samples(exported, name, "quintet_registry_up") for name in exported)


def test_no_metric_has_more_series_than_code_gives_it(exported):
    for name, families in exported.items():
        for family in families.values():
            series = {tuple(sorted(each.labels.items())) for each in family.samples}
            assert len(series) < 300, (name, family.name)


def test_the_page_has_each_metric_with_its_type_labels_and_meaning(exported):
    rows = re.findall(
        r"^\| `(quintet_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    told = {name: (kind, text) for name, kind, _, text in rows}
    known = {
        name: (family.type, family.documentation)
        for families in exported.values()
        for name, family in families.items()
        if name.startswith("quintet_") and not name.endswith("_created")
    }
    assert told == known
    # The library has no public way to ask a metric for the names of its labels.
    collectors: Any = REGISTRY._collector_to_names
    labels = {each._name: each._labelnames for each in collectors if hasattr(each, "_labelnames")}
    for name, _, named, _ in rows:
        if (own := labels.get(name.removesuffix("_total"))) is not None:
            assert re.findall(r"\w+", named) == list(own), name


def test_the_page_says_of_each_alert_what_to_do():
    page = PAGE.read_text(encoding="utf-8")
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    told = set(re.findall(r"^\| `([A-Z]\w+)` \| (?:page|ticket) \|", page, re.MULTILINE))
    assert told == alerts


def test_every_alert_is_tested():
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    text = (Path(__file__).parent / "alerts.yml").read_text(encoding="utf-8")
    assert {name for name in alerts if f"alertname: {name}\n" not in text} == set()


@needs(HAVE_PROMTOOL, PROMTOOL is not None)
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "deploy/prometheus/alerts.yml"),
        ("check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"),
        ("test", "rules", "tests/system/observe/alerts.yml"),
    ],
)
def test_promtool_accepts(arguments):
    promtool(*arguments)


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs(HAVE_PROMTOOL, PROMTOOL is not None)
def test_every_query_of_the_dashboard_is_one(tmp_path):
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    promtool("check", "rules", str(file))


def test_prometheus_scrapes_the_ports_that_compose_gives():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    for job in config["scrape_configs"]:
        name, (found,) = job["job_name"], job["dns_sd_configs"]
        setting = f"QUINTET_{name.upper()}_METRICS_PORT"
        assert found["names"] == [name]
        assert str(found["port"]) == compose["services"][name]["environment"][setting]
