"""docker-compose.yml: what is published, what is open, what waits for what."""

import os
import re
import subprocess

import pytest
import yaml
from quintet_gateway.settings import GatewaySettings
from quintet_memory.settings import MemorySettings
from quintet_players.settings import PlayersSettings
from quintet_profile.settings import ProfileSettings
from quintet_ranker.settings import RankerSettings
from quintet_search.settings import SearchSettings
from quintet_settings import variables_of
from quintet_ui.settings import Settings as UiSettings

from tests.deploy.programs import tool
from tests.root import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
# What the images set, or Compose itself: never from outside.
SET_INSIDE = {
    "QUINTET_HOME",
    "QUINTET_HOST",
    "QUINTET_AUTH",
    "QUINTET_TOKEN",
    "QUINTET_UI_CLIENT_ID",
    "QUINTET_UI_CLIENT_SECRET",
    "QUINTET_PLAYERS_CLIENT_ID",
    "QUINTET_PLAYERS_CLIENT_SECRET",
}


def runs_on(service):
    return service.get("restart") != "no"


def test_the_compose_file_holds_everything_that_is_asked_of_it():
    needed = {"gateway", "search", "profile", "ranker", "memory", "ui", "postgres", "mlflow", "s3"}
    needed |= {"airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
    needed |= {"prometheus", "grafana", "library"}
    assert needed <= set(SERVICES)
    profiles = {profile for service in SERVICES.values() for profile in service["profiles"]}
    assert profiles == {"core", "mlops", "observe", "music", "players", "command"}


def test_compose_publishes_gateway_page_and_players_alone_and_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"gateway", "ui", "players"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not any(service.get("network_mode") == "host" for service in SERVICES.values())


def test_compose_keeps_the_database_on_a_network_that_leads_nowhere():
    networks = COMPOSE["networks"]
    closed = {name for name, network in networks.items() if network.get("internal")}
    assert closed == {"back", "watch"}
    assert SERVICES["postgres"]["networks"] == SERVICES["profile"]["networks"] == ["back"]
    # They meet listeners, Spotify and media servers; no service without a password is beside them.
    beside = {name for name, service in SERVICES.items() if "front" in service.get("networks", [])}
    assert beside == {"gateway", "search", "ui", "players", "library"}


def test_worker_and_gateway_see_own_music_at_one_path_and_cannot_change_it():
    mounts = {
        name: volume
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if ":/music" in volume
    }
    assert set(mounts) == {"gateway", "library"}
    # A volume that is empty stands for the folder until one is named.
    assert set(mounts.values()) == {"${QUINTET_MUSIC_FOLDER:-music}:/music:ro"}
    assert SERVICES["library"]["profiles"] == ["music"]


def test_compose_services_that_run_have_a_pinned_image_a_limit_and_no_privileges():
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert tag
        assert tag != "latest", name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "mem_limit" in service or not runs_on(service), name
        assert not service.get("privileged"), name


def test_compose_roots_are_read_only():
    assert [name for name, service in SERVICES.items() if not service.get("read_only")] == []


def test_compose_waits_for_a_condition_and_never_for_a_mere_start():
    for name, service in SERVICES.items():
        for needed, wait in service.get("depends_on", {}).items():
            once = not runs_on(SERVICES[needed])
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert wait["condition"] == wanted, (name, needed)
            profiles = set(SERVICES[needed]["profiles"])
            assert set(service["profiles"]) <= profiles, (name, needed)


def test_compose_services_that_run_have_a_health_check():
    for name, service in SERVICES.items():
        if runs_on(service) and "healthcheck" not in service:
            # Ours all have one.
            assert service["image"].startswith("${QUINTET_IMAGES:-quintet/}"), name


@pytest.mark.parametrize(
    ("service", "settings"),
    [
        ("gateway", GatewaySettings),
        ("search", SearchSettings),
        ("profile", ProfileSettings),
        ("memory", MemorySettings),
        ("ranker", RankerSettings),
        ("ui", UiSettings),
        ("players", PlayersSettings),
    ],
)
def test_compose_passes_each_setting_on_to_its_service(service, settings):
    passed = set(SERVICES[service]["environment"])
    names = {variable.name for variable in variables_of(settings)}
    wanted = {name for name in names - SET_INSIDE if not name.endswith("_PORT")}
    assert wanted - passed == set()


def test_no_password_stands_in_the_compose_file():
    for name, service in SERVICES.items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|_KEY|TOKEN", variable) and value is not None:
                place = variable.endswith(("_FILE", "_CMD")) or str(value).startswith("${")
                assert place or variable.endswith("TOKEN_RATE_LIMIT"), (name, variable)
                assert ":-" not in str(value), (name, variable)
        for value in (service.get("environment") or {}).values():
            assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), name


def test_a_secret_is_mounted_only_where_it_is_needed():
    users: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.endswith("-secret"):
                users.setdefault(source, set()).add(name)
    airflow = {name for name in SERVICES if name.startswith("airflow-")}
    # A backup includes them on demand, and changes none.
    assert all("backup" in found for found in users.values())
    assert all(v.endswith(":ro") for v in SERVICES["backup"]["volumes"] if "-secret:" in v)
    for found in users.values():
        found.remove("backup")
    assert users["page-secret"] == {"setup", "ui"}
    assert users["players-secret"] == {"setup", "players"}
    assert users["command-secret"] == {"setup", "quintet"}
    assert users["s3-secret"] == {"secrets", "s3", "mlflow", "bucket"}
    assert users["airflow-secret"] == {"secrets"} | airflow
    assert users["grafana-secret"] == {"secrets", "grafana"}


@pytest.mark.parametrize(
    "more", [[], ["deploy/celery.yml"], ["deploy/proxy.yml", "deploy/consoles.yml"]]
)
def test_compose_itself_accepts_the_file(more):
    files = [word for file in ("docker-compose.yml", *more) for word in ("--file", file)]
    done = subprocess.run(
        [tool("docker-compose"), *files, "--env-file", ".env.safe", "config", "--quiet"],
        cwd=ROOT,
        env={
            **os.environ,
            "QUINTET_PROXY_FOLDER": "/tmp",
            "COMPOSE_PROFILES": "core,mlops,observe,music,command",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
