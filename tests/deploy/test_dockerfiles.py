"""The Dockerfiles: stages, pins, users, health checks, and what the context leaves out."""

import os
import re
import subprocess

import pytest
import yaml

from tests.deploy.programs import tool
from tests.root import ROOT

DOCKERFILES = [ROOT / "deploy" / "Dockerfile", *sorted((ROOT / "deploy").glob("*/Dockerfile"))]
IMAGES = [
    line.split()
    for line in (ROOT / "deploy" / "images.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def name_of(path):
    return str(path.parent.relative_to(ROOT))


def stages_of(text):
    """Name to base and instructions of each stage, in order."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[2::3], zip(parts[1::3], parts[3::3], strict=True), strict=True))


def instructions_of(stages, name):
    """What an image is made of: the instructions of its stage and of those it is based on."""
    text = ""
    while name in stages:
        name, own = stages[name]
        text = own + text
    return text


@pytest.fixture(params=DOCKERFILES, ids=name_of)
def dockerfile(request):
    return request.param.read_text(encoding="utf-8")


def test_every_dockerfile_has_a_pinned_base(dockerfile):
    stages = stages_of(dockerfile)
    assert len(stages) == len(re.findall("^FROM ", dockerfile, re.MULTILINE))
    outside = {base for base, _ in stages.values()} - set(stages)
    assert outside
    for image in outside:
        assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", image)
    assert stages.keys() >= {"builder", "runtime"}
    # Built if no target is named.
    assert list(stages)[-1] in {"runtime", "service"}


@pytest.mark.parametrize(
    ("file", "target"), sorted({(file, target) for _, file, target, *_ in IMAGES})
)
def test_every_image_has_a_user_without_rights_and_a_health_check(file, target):
    text = instructions_of(stages_of((ROOT / file).read_text(encoding="utf-8")), target)
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] == "10001:10001"
    assert "HEALTHCHECK" in text
    # Exec form, so that signals arrive.
    assert re.search(r"^CMD \[", text, re.MULTILINE)
    assert " uv " not in text


def test_only_the_image_that_names_their_licence_takes_programs_under_the_gpl():
    stages = stages_of((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
    takers = {name for name, (_, own) in stages.items() if "--from=gpl-programs" in own}
    assert takers == {"analysis"}
    assert 'licenses="GPL-3.0-or-later"' in stages["analysis"][1]
    assert "--extra library" not in "".join(own for _, own in stages.values())


def test_every_dockerfile_keeps_downloads_in_a_cache_and_out_of_layers(dockerfile):
    runs = re.findall(r"^RUN (?:.*\\\n)*.*$", dockerfile, re.MULTILINE)
    fetching = [run for run in runs if "uv sync" in run or "pip install" in run]
    assert fetching
    assert all("--mount=type=cache" in run for run in fetching)


def test_an_image_has_one_layer_of_dependencies_and_one_of_our_packages():
    stages = stages_of((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
    assert copied_in(stages["runtime"][1]) == [
        ("system", "/layers/system", "/"),
        ("builder", "/layers/dependencies", "/"),
        ("artefact", "/layers/packages", "/"),
        ("scripts", "/layers/runtime", "/"),
    ]
    # Neither sees more than `chosen` selected: the lock's part for one image, and its packages.
    for name, expected in (("builder", "requirements.txt /"), ("artefact", "packages /src")):
        sources = re.findall(r"^COPY (.*)$", stages[name][1], re.MULTILINE)
        assert [each for each in sources if "prune.sh" not in each] == [
            f"--from=chosen /chosen/{expected}"
        ]
        assert "type=bind" not in stages[name][1]


def copied_in(instructions):
    return re.findall(r"^COPY --from=(\S+) (\S+) (\S+)$", instructions, re.MULTILINE)


@pytest.mark.parametrize(
    ("file", "target"), sorted({(file, target) for _, file, target, *_ in IMAGES})
)
def test_every_layer_of_an_image_is_prepared_to_be_the_same_in_each_build(file, target):
    stages = stages_of((ROOT / file).read_text(encoding="utf-8"))
    text = instructions_of(stages, target)
    # What changes files besides would give them the time of the build.
    assert not re.search(r"^(RUN|ADD) ", text, re.MULTILINE)
    copied = copied_in(text)
    assert len(copied) == len(re.findall(r"^COPY ", text, re.MULTILINE)) >= 2
    for stage, folder, into in copied:
        assert into == "/"
        assert re.search(rf"python /layer\.py {folder} ", instructions_of(stages, stage))


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """Of each image of deploy/Dockerfile, what deploy/choose.sh selects: packages, dependencies."""
    found = {}
    for _, file, _, package, _ in IMAGES:
        if file != "deploy/Dockerfile" or package in found:
            continue
        target = tmp_path_factory.mktemp("chosen") / package
        subprocess.run(
            [ROOT / "deploy" / "choose.sh", package, "", target],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"},
            check=True,
            timeout=60,
        )
        members = (target / "packages" / "members").read_text(encoding="utf-8").split()
        folders = {path.parent for path in (target / "packages").rglob("pyproject.toml")}
        assert folders == {target / "packages" / member for member in members}
        found[package] = (
            {member.removeprefix("./") for member in members},
            (target / "requirements.txt").read_text(encoding="utf-8"),
        )
    return found


def test_a_change_of_a_service_is_in_the_images_of_that_service_alone(chosen):
    services = ("search", "profile", "memory", "ranker", "gateway", "ui", "players", "command")
    for name in services:
        folder = next(each for each in (name, f"services/{name}") if (ROOT / each).is_dir())
        assert {package for package, (members, _) in chosen.items() if folder in members} == (
            {name} if name == "players" else {name, "home"}
        )


def test_every_dependency_of_an_image_is_pinned_with_its_hash(chosen):
    for members, requirements in chosen.values():
        lines = [line for line in requirements.splitlines() if line and line[0].isalnum()]
        assert len(lines) > 10
        assert all("==" in line for line in lines)
        assert len(members) > 2
        assert requirements.count("--hash=sha256:") >= len(lines)


def test_every_dockerfile_that_is_listed_exists_and_none_is_forgotten():
    assert {ROOT / file for _, file, *_ in IMAGES} == set(DOCKERFILES)
    services = {"search", "profile", "ranker", "memory", "gateway", "ui", "airflow", "mlflow"}
    assert services | {"analysis"} <= {name for name, *_ in IMAGES}
    assert all(int(budget) > 0 for *_, budget in IMAGES)


def test_the_workflow_builds_the_listed_images():
    workflow = yaml.safe_load(
        (ROOT / ".github" / "workflows" / "build.yml").read_text(encoding="utf-8")
    )
    matrix = workflow["jobs"]["image"]["strategy"]["matrix"]
    assert matrix["processor"] == ["amd64", "arm64"]
    rows = matrix["of"]
    built = [(row["image"], row["file"], row["target"], row["package"] or "-") for row in rows]
    assert built == [tuple(columns) for *columns, _ in IMAGES]
    index = workflow["jobs"]["index"]
    assert index["needs"] == "image"
    assert index["strategy"]["matrix"]["image"] == [name for name, *_ in IMAGES]


def test_the_context_of_a_dockerfile_starts_empty_and_takes_no_data():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for pattern in ("**/*.parquet", "**/*.csv", "**/*.npy", "**/.quintet", "**/.env*", "**/tests"):
        assert rules.index(pattern) > max(n for n, rule in enumerate(rules) if rule[0] == "!")
    admitted = {rule[1:] for rule in rules if rule[0] == "!"}
    for path in DOCKERFILES:
        text = path.read_text(encoding="utf-8")
        for sources in re.findall(r"^COPY (?!--from)((?:.*\\\n)*.*) \S+$", text, re.MULTILINE):
            for source in sources.replace("\\\n", " ").split():
                assert any(source == each or source.startswith(f"{each}/") for each in admitted)


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_hadolint_finds_nothing_in_a_dockerfile(path):
    done = subprocess.run(
        [tool("hadolint"), str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
