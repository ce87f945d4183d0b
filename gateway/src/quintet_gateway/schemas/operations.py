"""How things are run: the last look for drift and the last runs of each DAG."""

from datetime import UTC
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from quintet_gateway.schemas.catalogue import ResponseModel

AirflowState = Literal["on", "off", "away", "refused"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Report(BaseModel):
    """A part of a file that another version may have written: more fields do not harm."""

    model_config = ConfigDict(extra="ignore")


class Moved(_Report):
    """How far one quantity has moved."""

    psi: Finite = Field(description="Population stability index; 0 for no change")
    ks: Finite | None = Field(description="Kolmogorov-Smirnov distance; null without an order")


class DriftFacts(_Report):
    """What `quintet drift` found last."""

    time: Moment
    model: str
    baseline: int = Field(description="Tracks in the lists that training playlists get")
    recent: int = Field(description="Tracks that listeners were shown lately")
    enough: bool = Field(description="Whether these are enough to say anything")
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
    """What is known of drift and of DAGs."""

    drift: DriftFacts | None = Field(description="null where `quintet drift` left no report")
    airflow: AirflowState = Field(
        description="off: QUINTET_AIRFLOW_URL is empty; away: it does not answer; "
        "refused: it does not take the gateway's user and password"
    )
    dags: list[DagRuns]
