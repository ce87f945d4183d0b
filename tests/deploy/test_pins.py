"""What is fetched from other hosts is named by its content: actions by commit, images by digest."""

import re

import pytest

from tests.root import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCKERFILES = [ROOT / "deploy" / "Dockerfile", *sorted((ROOT / "deploy").glob("*/Dockerfile"))]
YAML = [ROOT / "docker-compose.yml", *sorted((ROOT / "deploy").rglob("*.y*ml"))]
ACTION = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
IMAGE = re.compile(r"^(?P<name>[\w./-]+:[\w.-]+)@sha256:(?P<digest>[0-9a-f]{64})$")
OURS = re.compile(
    r"^(?:\$\{QUINTET_IMAGES:-quintet/\}[a-z]+[0-9]?:\$\{QUINTET_TAG:-dev\}|quintet/[a-z]+)$"
)


def used_in(path, pattern):
    return re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)


def actions():
    return [each for path in WORKFLOWS for each in used_in(path, r"\buses: (.+)$")]


def images():
    stages = {name for path in DOCKERFILES for name in used_in(path, r"^FROM \S+ AS (\S+)$")}
    bases = {base for path in DOCKERFILES for base in used_in(path, r"^FROM (?:--\S+ )*(\S+)")}
    copied = {name for path in DOCKERFILES for name in used_in(path, r"--from=([^\s,]+)")}
    run = {name for path in YAML for name in used_in(path, r"^\s*(?:- )?image: [\"']?([^\s\"']+)")}
    return sorted(((bases | copied) - stages) | {each for each in run if not OURS.match(each)})


def test_each_action_is_a_commit_with_its_version_beside_it():
    assert len(actions()) > 10
    assert [each for each in actions() if not ACTION.match(each)] == []


@pytest.mark.parametrize("image", images())
def test_each_image_of_others_is_a_version_with_its_digest(image):
    assert IMAGE.match(image), f"{image}: write NAME:VERSION@sha256:DIGEST"


def test_one_version_has_one_digest_or_commit():
    pins = {re.sub("@.*", "", each): each for each in (*actions(), *images())}
    assert sorted(pins.values()) == sorted({*actions(), *images()})
    assert len(images()) >= 5
