"""The ranker's settings, read from the environment."""

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import ServiceSettings
from quintet_settings import FIXED, HTTP_ADDRESS


class RankerSettings(ServiceSettings):
    """Settings with prefix `QUINTET_RANKER_`; host, home and auth are shared by all services."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_RANKER_")

    port: int = Field(default=50053, ge=0, le=65535, description="gRPC port.")
    threads: int = Field(
        default=2, ge=1, le=64, description="Requests ranked at once; more wait in a queue."
    )
    room: int = Field(
        default=16,
        ge=0,
        le=10_000,
        description="Length of the queue; more requests are rejected with RESOURCE_EXHAUSTED.",
    )
    accelerate: bool = Field(
        default=True,
        description=(
            "Rank by compiled code where it gives LightGBM's scores; false to use LightGBM itself."
        ),
    )
    registry_uri: str = Field(
        default="",
        pattern=HTTP_ADDRESS,
        validation_alias="QUINTET_MLFLOW_URI",
        description=(
            "Address of an MLflow registry whose champion is served. With Compose, that of the "
            "profile mlops if not set; none if empty."
        ),
    )
    registry_name: str = Field(
        default="quintet-ranker",
        min_length=1,
        validation_alias="QUINTET_MLFLOW_MODEL",
        description="Name of the model in the registry.",
    )
    registry_seconds: float = Field(
        default=5.0, ge=0.05, le=3600, description="Seconds between polls of the registry."
    )
    registry_timeout: int = Field(
        default=10,
        ge=1,
        le=600,
        description="Seconds without data after which one request to the registry fails.",
    )
    download_seconds: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="Seconds allowed to download and verify one model.",
    )
    kept_models: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Models from the registry that stay on disk, the one in use included.",
    )
    # Seconds that a challenger stays loaded after the last request that needed it, so that a pause
    # of an experiment does not load it again.
    challenger_seconds: Annotated[float, FIXED] = Field(default=600.0, gt=0, le=86_400)
    # Seconds to wait for the challenger before the champion answers alone: a quarter of a
    # request's budget.
    challenger_patience: Annotated[float, FIXED] = Field(default=0.5, gt=0, le=60)
    vector_index: Literal["faiss", "milvus"] = Field(
        default="faiss",
        description=(
            "Search for neighbours: faiss, in the ranker; or milvus, with faiss while that is "
            "unavailable (docs/scale.md)."
        ),
    )
    milvus_uri: str = Field(
        default="http://127.0.0.1:19530",
        pattern=r"^(https?://\S+|/\S+)$",
        description="Address of Milvus, or the path of a file for Milvus Lite.",
    )
    milvus_token: SecretStr = Field(
        default=SecretStr(""),
        description="Milvus credentials, USER:PASSWORD or an API key; none if empty.",
    )
    milvus_timeout: float = Field(
        default=0.25,
        gt=0,
        le=60,
        description="Seconds allowed for one search in Milvus before the ranker searches by faiss.",
    )
    # Seconds between attempts to reach a Milvus that is unavailable; the ranker searches
    # meanwhile.
    milvus_retry_seconds: Annotated[float, FIXED] = Field(default=5.0, gt=0, le=3600)
    # Seconds allowed for one step of filling a collection, at which no request waits.
    milvus_build_seconds: Annotated[float, FIXED] = Field(default=600.0, gt=0, le=86_400)

    @field_validator("vector_index")
    @classmethod
    def _is_installed(cls, value: str) -> str:
        if value == "milvus" and find_spec("pymilvus") is None:
            raise ValueError("milvus needs the extra quintet-ranker[milvus]")
        return value
