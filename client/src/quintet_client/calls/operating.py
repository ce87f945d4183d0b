"""Calls about what serves: models, figures, experiments, promotions, and tokens."""

from typing import Any

from quintet_client import models
from quintet_client.calls.building import get, params_of, quoted, reads
from quintet_client.protocol import Call


def model() -> Call[models.Model]:
    """Describe the model that the ranker serves, and the version it rejected last."""
    return get("/api/v1/model", models.Model)


def insights(*, hours: int | None = None) -> Call[models.Insights]:
    """Summarises the lists of the last hours, 1 to 744; 24 if None."""
    return get("/api/v1/insights", models.Insights, params_of(hours=hours))


def experiment() -> Call[models.Experiment | None]:
    """Describe the running experiment, else the one that ended last, else None."""
    read = reads(models.ExperimentAnswer)
    return Call("GET", "/api/v1/experiment", lambda reply: read(reply).experiment)


def operations() -> Call[models.Operations]:
    """Report the last result of `quintet drift`, and the last runs of Airflow's DAGs."""
    return get("/api/v1/operations", models.Operations)


def operator_overview(*, hours: int | None = None) -> Call[models.OperatorOverview]:
    """Report the installation now and over some hours, 1 to 744; 24 if None. Scope admin."""
    return get("/api/v1/operator/overview", models.OperatorOverview, params_of(hours=hours))


def recorded_list(recommendation_id: str) -> Call[models.RecordedList]:
    """Look up a recorded list with everything that made it; requires the scope admin."""
    return get(f"/api/v1/operator/lists/{quoted(recommendation_id)}", models.RecordedList)


def registered_models() -> Call[models.RegisteredModels]:
    """List the registry's models with their metrics; requires the scope admin."""
    return get("/api/v1/operator/models", models.RegisteredModels)


def promote_model(number: str, *, without_gate: bool = False) -> Call[models.ModelRequest]:
    """Queue the promotion of a model of the registry; requires the scope admin.

    Args:
        number: The model's number.
        without_gate: Promote it whatever the gate would report.
    """
    path = f"/api/v1/operator/models/{quoted(number)}/promotion"
    return _queued_for_models(path, {"without_gate": without_gate})


def roll_back(champion: str) -> Call[models.ModelRequest]:
    """Queue a rollback to the champion before this one; requires the scope admin.

    Args:
        champion: The number of the present champion: a repeated call goes back once.
    """
    return _queued_for_models("/api/v1/operator/rollback", {"champion": champion})


def readiness() -> Call[models.Readiness]:
    """Report the state of each service; a service that is not SERVING is no error."""
    read = reads(models.Readiness)
    return Call("GET", "/readyz", read, accepts=frozenset({200, 503}), authorised=False)


def metrics() -> Call[str]:
    """Read the gateway's metrics, in Prometheus' text format."""
    return Call("GET", "/metrics", lambda reply: reply.content.decode())


def token(client_id: str, secret: str) -> Call[models.AccessToken]:
    """Fetch an access token for a client's credentials (RFC 6749, section 4.4)."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    read = reads(models.AccessToken)
    return Call("POST", "/api/token", read, form=form, authorised=False)


def _queued_for_models(path: str, body: dict[str, Any]) -> Call[models.ModelRequest]:
    accepts, read = frozenset({202}), reads(models.ModelRequest)
    return Call("POST", path, read, body=body, accepts=accepts, idempotent=True)
