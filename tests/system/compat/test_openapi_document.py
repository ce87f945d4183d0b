"""The gateway against its own OpenAPI document: each operation, and what one answer leads to."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope

from tests.known_secrets import known
from tests.root import ROOT
from tests.slow import slow

CONFIG = ROOT / "schemathesis.toml"
SLOW = slow("asks for every operation, minutes")


@pytest.fixture(scope="module")
def any_scope(stack):
    """A token with every scope: without one, an operation answers 403 and nothing else is tried."""
    client, secret = ClientFolder(Path(stack.home) / "access").create("all", list(Scope))
    answer = httpx.post(
        stack.token_url,
        data={"grant_type": "client_credentials"},
        auth=(client.client_id, known(secret)),
        trust_env=False,
        timeout=60,
    )
    return known(answer.json()["access_token"])


def schemathesis(stack, token, folder, *options: str, seconds: float = 240) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
         f"{stack.base}/openapi.json",
         "-H", f"Authorization: Bearer {token}", "--seed", "1",
         # Threads that parse code at once end with a SystemError of CPython 3.11.
         "--request-timeout", "20", "--workers", "1", *options,
         "--generation-database", "none", "--no-color"],
        cwd=folder, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
    return done.stdout


@SLOW
def test_schemathesis_finds_no_failure_in_any_operation(stack, any_scope, tmp_path):
    schemathesis(stack, any_scope, tmp_path, "--phases", "examples,coverage", "--max-examples", "1")


def test_schemathesis_finds_no_failure_from_answer_to_answer(stack, any_scope, tmp_path):
    shown = schemathesis(
        stack, any_scope, tmp_path, "--phases", "stateful", "--max-examples", "3", "--max-time", "6"
    )
    assert "Stateful" in shown


@SLOW
@pytest.mark.timeout(700)
@pytest.mark.parametrize("phases", ["examples,coverage", "fuzzing", "stateful"])
def test_schemathesis_finds_no_failure_in_many_tries(stack, any_scope, tmp_path, phases):
    options = ("--phases", phases, "--max-examples", "60", "--max-time", "280")
    schemathesis(stack, any_scope, tmp_path, *options, seconds=650)


def test_every_link_names_an_operation_and_parameters_that_are_there(http):
    document = http.get("/openapi.json").json()
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    links = [
        link
        for operation in operations.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) >= 7
    for link in links:
        target = operations[link["operationId"]]
        known = {f"{each['in']}.{each['name']}" for each in target.get("parameters", [])}
        assert set(link.get("parameters", {})) <= known
        assert ("requestBody" in link) <= ("requestBody" in target)


def filled(value, sent, body):
    """Returns what a link passes on, with its expressions filled from a call and its answer."""
    if isinstance(value, dict):
        return {name: filled(each, sent, body) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, sent, body) for each in value]
    if isinstance(value, str) and value.startswith("$request.query."):
        return sent[value.removeprefix("$request.query.")]
    if isinstance(value, str) and value.startswith("$response.body#/"):
        for part in value.removeprefix("$response.body#/").split("/"):
            body = body[int(part)] if part.isdigit() else body[part]
        return body
    return value


def test_every_link_can_be_followed(http):
    document = http.get("/openapi.json").json()
    at = {
        operation["operationId"]: (verb, path)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }
    query = {"q": "love", "limit": 5}
    found = http.get("/api/v1/search", params=query).json()
    track = found["tracks"][0]["track"]
    listed = http.post("/api/v1/recommendations", json={"seeds": [track["id"]]}).json()
    given = {
        "/api/v1/search": (query, found),
        "/api/v1/recommendations": ({}, listed),
        "/api/v1/tracks/{id}": ({}, track),
    }
    followed = 0
    for path, (sent, body) in given.items():
        (operation,) = document["paths"][path].values()
        for link in operation["responses"]["200"]["links"].values():
            verb, target = at[link["operationId"]]
            passed = filled(link.get("parameters", {}), sent, body)
            params = {k.removeprefix("query."): v for k, v in passed.items() if "query." in k}
            target = target.replace("{id}", passed.get("path.id", ""))
            sent_on = filled(link.get("requestBody"), sent, body)
            answer = http.request(verb, target, params={**sent, **params}, json=sent_on)
            assert answer.status_code == httpx.codes.OK, (path, link, answer.text)
            followed += 1
    assert followed >= 7
