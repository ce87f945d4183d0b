"""The ranker's settings, read from the environment."""

from importlib.util import find_spec
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import ServiceSettings
from quintet_settings import HTTP_ADDRESS


class RankerSettings(ServiceSettings):
    """Settings with prefix `QUINTET_RANKER_`; host, home and auth are shared by all services."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_RANKER_")

    port: int = Field(default=50053, ge=0, le=65535)
    threads: int = Field(default=2, ge=1, le=64)
    """Requests ranked at once; more wait for their turn."""
    room: int = Field(default=16, ge=0, le=10_000)
    """Requests that may wait for their turn; more are refused with RESOURCE_EXHAUSTED."""
    accelerate: bool = True
    """Rank by compiled code where it answers as LightGBM does; off to let LightGBM rank."""
    registry_uri: str = Field(
        default="", pattern=HTTP_ADDRESS, validation_alias="QUINTET_MLFLOW_URI"
    )
    """Address of the registry whose champion is served; empty to serve what is on disk."""
    registry_name: str = Field(
        default="quintet-ranker", min_length=1, validation_alias="QUINTET_MLFLOW_MODEL"
    )
    registry_seconds: float = Field(default=5.0, ge=0.05, le=3600)
    """Seconds between looks at the registry."""
    registry_timeout: int = Field(default=10, ge=1, le=600)
    """Seconds that one request to the registry may stand still."""
    download_seconds: float = Field(default=900.0, gt=0, le=86_400)
    """Seconds allowed for fetching and proving one model."""
    kept_models: int = Field(default=5, ge=1, le=1000)
    """Models from the registry that stay on disk, the one in use among them."""
    challenger_seconds: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds that a challenger stays loaded after the last request that needed it."""
    challenger_patience: float = Field(default=0.5, gt=0, le=60)
    """Seconds that listeners wait for a challenger before the champion answers alone."""
    vector_index: Literal["faiss", "milvus"] = "faiss"
    """Where neighbours are found: in this process, or in a Milvus, with this process behind it."""
    milvus_uri: str = Field(default="http://127.0.0.1:19530", pattern=r"^(https?://\S+|/\S+)$")
    """Its address, or the path of a file for Milvus Lite."""
    milvus_token: SecretStr = SecretStr("")
    """`user:password` or an API key; empty for a Milvus that asks for none."""
    milvus_timeout: float = Field(default=0.25, gt=0, le=60)
    """Seconds that one search may take before this process finds the neighbours itself."""
    milvus_retry_seconds: float = Field(default=5.0, gt=0, le=3600)
    """Seconds between tries to reach a Milvus that was away."""
    milvus_build_seconds: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds allowed for one step of filling a collection."""

    @field_validator("vector_index")
    @classmethod
    def _is_installed(cls, value: str) -> str:
        if value == "milvus" and find_spec("pymilvus") is None:
            raise ValueError("milvus needs the extra quintet-ranker[milvus]")
        return value
