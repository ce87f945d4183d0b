"""What tests need beyond `make install`, and the command that brings it.

Every skip of a test is one of these, so that its reason says what is missing and what to do.
`tests/skipped.py` shows them after each run.
"""

import re
from dataclasses import dataclass
from typing import Final, NoReturn

import pytest

REASON: Final = re.compile(r"needs (?P<what>.+); `(?P<command>[^`]+)` (?:brings|runs) it")
"""The form of every reason."""


@dataclass(frozen=True)
class Need:
    """Something that a test needs, and the command after which the test runs."""

    what: str
    command: str
    verb: str = "brings it"

    @property
    def reason(self) -> str:
        return f"needs {self.what}; `{self.command}` {self.verb}"


def apt(what: str, packages: str) -> Need:
    """A need that Debian's packages meet; `make test-all` installs them (tests/programs.txt)."""
    return Need(what, f"apt-get install --no-install-recommends {packages}")


def needs(need: Need, present: bool) -> pytest.MarkDecorator:
    """Skip a test where what it needs is not present."""
    return pytest.mark.skipif(not present, reason=need.reason)


def skip(need: Need, whole_module: bool = False) -> NoReturn:
    """Skip the test that runs, or the module that is imported."""
    pytest.skip(need.reason, allow_module_level=whole_module)


POSTGRESQL: Final = apt("the programs of a PostgreSQL server", "postgresql")
REDIS: Final = apt("redis-server", "redis-server")
CHROMIUM: Final = apt("Chromium", "chromium fonts-noto-cjk")
NODE: Final = apt("Node.js and npm", "nodejs npm")
FFMPEG: Final = apt("ffmpeg", "ffmpeg")
SPEECH: Final = apt("espeak-ng, which speaks", "espeak-ng")
PROMTOOL: Final = apt("promtool", "prometheus")
ALERTMANAGER: Final = apt("Alertmanager and amtool", "prometheus-alertmanager")
SYSTEMD: Final = apt("systemd-analyze", "systemd")
STRACE: Final = apt("strace", "strace")
MUSIC: Final = {
    package: apt(f"the music of Debian's package {package}", package)
    for package in ("singularity-music", "wesnoth-1.16-music")
}
PERCEPTION: Final = Need("the perceptual model", "make analysis-install")
AIRFLOW: Final = Need("the environment of Airflow", "make airflow-install")
DEPLOY_TOOLS: Final = Need("what checks the deployment files", "make deploy-tools")
LIBRARY_SERVERS: Final = Need("supysonic and beets", "make library-servers")
DOCKER: Final = apt("a Docker engine that answers", "docker.io")
DOCKER_COMPOSE: Final = apt("Docker Compose", "docker-compose-plugin")
IMAGES: Final = Need("all images, built", "make images")
GRPCURL: Final = Need("grpcurl", "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3")
SHARED_DATA: Final = Need(
    "playlists and tracks in ../shared/data", "export QUINTET_SHARED_DATA=FOLDER"
)
FIELD_CASES: Final = Need(
    "the field cases in ../shared/cases", "export QUINTET_SHARED_CASES=FOLDER"
)
LINUX: Final = Need(
    "Linux, with its /proc, parent death signals, and priorities of threads",
    "docker run --volume .:/quintet --workdir /quintet python:3.11 make test",
)
MOUNTS: Final = Need("an account that may mount", "sudo make test")


def npm_packages(folder: str, why: str) -> Need:
    """The packages of a lock, where npm could not install them; `why` is what npm said."""
    said = " ".join(why.split()).replace("`", "'").replace(";", ",")[-200:]
    return Need(f"the npm packages of {folder} (npm: {said})", f"npm ci --prefix {folder}")
