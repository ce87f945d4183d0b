"""Tokens, scopes and rate limits of the Web API."""

import logging

import pytest
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope, TokenIssuer
from quintet_gateway.access import Auth

from tests.fakes.web_api import IDS, client_of, is_error, make_app


async def ask_token(http, client_id="", secret="", basic=False, **form):
    form = {"grant_type": "client_credentials", **form}
    if basic:
        return await http.post("/api/token", data=form, auth=(client_id, secret))
    return await http.post("/api/token", data={**form, "client_id": client_id,
                                               "client_secret": secret})  # fmt: skip


async def test_token_endpoint_answers_with_auth_off_and_any_token_is_taken(http):
    for form in ({}, {"basic": True}):
        answer = (await ask_token(http, "any", "thing", **form)).json()
        assert set(answer) == {"access_token", "token_type", "expires_in"}
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    for header in ("Bearer x", "Basic y", "nonsense", answer["access_token"]):
        response = await http.get(f"/v1/tracks/{IDS[0]}", headers={"Authorization": header})
        assert response.status_code == 200


@pytest.mark.parametrize("basic", [True, False])
async def test_credentials_open_the_api(catalogue, tmp_path, basic):
    client, secret = ClientFolder(tmp_path / "access").create("page")
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        answer = (await ask_token(http, client.client_id, secret, basic=basic)).json()
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        assert (await http.get(f"/v1/tracks/{IDS[0]}", headers=bearer)).status_code == 200
        assert (await http.get("/api/v1/tracks", headers=bearer)).json() == {"ours": True}
        ClientFolder(tmp_path / "access").revoke("page")
        is_error(await http.get(f"/v1/tracks/{IDS[0]}", headers=bearer), 401)
        assert (await ask_token(http, client.client_id, secret)).status_code == 400


async def test_no_token_is_401_in_shape_and_says_bearer(catalogue, tmp_path):
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        for header, message in (
            (None, "No token provided"),
            ("Basic abc", "Only valid bearer authentication supported"),
            ("Bearer abc", "Invalid access token"),
        ):
            headers = {"Authorization": header} if header else {}
            response = await http.get(f"/v1/tracks/{IDS[0]}/", headers=headers)
            assert is_error(response, 401) == message
            assert response.headers["www-authenticate"].startswith("Bearer ")
        is_error(await http.get("/v1/nothing"), 401)
        assert (await http.get("/api/v1/tracks")).json() == {"error": {"reason": "TOKEN_INVALID"}}


async def test_expired_token_says_so(catalogue, tmp_path, monkeypatch):
    client, _ = ClientFolder(tmp_path / "access").create("page")
    issuer = TokenIssuer(KeyFolder(tmp_path / "access").signing_key)
    with monkeypatch.context() as patch:
        patch.setattr("quintet_access.tokens.time.time", lambda: 1_000_000)
        token = issuer.issue(client.client_id, 1, ["read"])
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        response = await http.get("/v1/tracks", headers={"Authorization": f"Bearer {token}"})
        assert is_error(response, 401) == "The access token expired"


async def test_token_without_read_is_403(catalogue, tmp_path):
    client, _ = ClientFolder(tmp_path / "access").create("events", [Scope.FEEDBACK])
    token = TokenIssuer(KeyFolder(tmp_path / "access").signing_key).issue(
        client.client_id, 1, client.scopes
    )
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        bearer = {"Authorization": f"Bearer {token}"}
        is_error(await http.get(f"/v1/tracks/{IDS[0]}", headers=bearer), 403)


@pytest.mark.parametrize(
    ("form", "headers", "error"),
    [({}, {}, "unsupported_grant_type"),
     ({"grant_type": "password"}, {}, "unsupported_grant_type"),
     ({"grant_type": "authorization_code"}, {}, "unauthorized_client"),
     ({"grant_type": "client_credentials"}, {}, "invalid_client"),
     ({"grant_type": "client_credentials"}, {"Authorization": "Basic !!"}, "invalid_client"),
     ({"grant_type": "client_credentials"}, {"Authorization": "Basic YWJj"}, "invalid_client"),
     ({"grant_type": "client_credentials"}, {"Authorization": "Bearer x"}, "invalid_client"),
     ({"grant_type": "client_credentials", "client_id": "x" * 9000}, {}, "invalid_request"),
     ({"grant_type": "client_credentials"}, {"Content-Type": "application/json"},
      "invalid_request")],
)  # fmt: skip
async def test_token_errors_are_400_with_error_and_description(
    catalogue, tmp_path, form, headers, error
):
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        response = await http.post("/api/token", data=form, headers=headers)
        assert response.status_code == 400
        assert set(response.json()) == {"error", "error_description"}
        assert response.json()["error"] == error
        assert isinstance(response.json()["error_description"], str)


async def test_too_many_calls_are_429_with_retry_after(catalogue, tmp_path):
    clients = [ClientFolder(tmp_path / "access").create(name)[0] for name in ("one", "two")]
    issuer = TokenIssuer(KeyFolder(tmp_path / "access").signing_key)
    one, two = (
        {"Authorization": f"Bearer {issuer.issue(c.client_id, 1, c.scopes)}"} for c in clients
    )
    app = make_app(catalogue, tmp_path, auth=Auth.ON, rate_limit="3/minute")
    async with client_of(app) as http:
        for _ in range(3):
            assert (await http.get(f"/v1/tracks/{IDS[0]}", headers=one)).status_code == 200
        refused = await http.get(f"/v1/tracks/{IDS[0]}", headers=one)
        assert is_error(refused, 429) == "API rate limit exceeded"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await http.get(f"/v1/tracks/{IDS[0]}", headers=two)).status_code == 200


async def test_guessing_secrets_is_limited_by_address(catalogue, tmp_path):
    app = make_app(catalogue, tmp_path, auth=Auth.ON, token_rate_limit="2/minute")
    async with client_of(app) as http:
        statuses = [(await ask_token(http, "x", "y")).status_code for _ in range(3)]
        assert statuses == [400, 400, 429]


async def test_secrets_and_tokens_stay_out_of_the_logs(catalogue, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    client, secret = ClientFolder(tmp_path / "access").create("page")
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        token = (await ask_token(http, client.client_id, secret)).json()["access_token"]
        await ask_token(http, client.client_id, secret + "0")
        await http.get("/v1/tracks", headers={"Authorization": f"Bearer {token}"})
    assert secret not in caplog.text
    assert token not in caplog.text
