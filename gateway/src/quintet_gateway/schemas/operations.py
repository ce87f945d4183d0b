"""State of operation: the last drift report and the last runs of each DAG."""

from datetime import UTC
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from quintet_gateway.schemas.catalogue import ResponseModel

AirflowState = Literal["on", "off", "away", "refused"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Report(BaseModel):
    """A part of a file that another version may have written; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")


class Moved(_Report):
    """Drift of one quantity."""

    psi: Finite = Field(description="Population stability index; 0 for no change")
    ks: Finite | None = Field(description="Kolmogorov-Smirnov distance; null without an order")


class DriftFacts(_Report):
    """The last report of `quintet drift`."""

    time: Moment
    model: str
    baseline: int = Field(description="Tracks in the lists that training playlists get")
    recent: int = Field(description="Tracks in lists recommended lately")
    enough: bool = Field(description="Whether there are enough tracks to decide on drift")
    drifted: list[str]
    quantities: dict[str, Moved]
    features: dict[str, Moved] = Field(description="The features that moved most")


class DagRun(ResponseModel):
    """A run of a DAG; start is null while it waits, end while it runs."""

    run_id: str
    state: str
    start: Moment | None
    end: Moment | None
    link: str = Field(description="Its page, at QUINTET_AIRFLOW_URL")


class DagRuns(ResponseModel):
    """A DAG and its last runs, the newest first."""

    dag_id: str
    runs: list[DagRun]


class OperationsResponse(ResponseModel):
    """State of drift and of DAGs."""

    drift: DriftFacts | None = Field(description="null if `quintet drift` has written no report")
    airflow: AirflowState = Field(
        description="off: QUINTET_AIRFLOW_URL is empty; away: Airflow does not answer; "
        "refused: Airflow rejects the gateway's user and password"
    )
    dags: list[DagRuns]
