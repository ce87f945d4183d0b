"""The ranker's settings, read from the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import RpcSettings


class Settings(RpcSettings):
    """Settings with prefix `QUINTET_RANKER_`; host, home and auth are shared by all services."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_RANKER_")

    port: int = Field(default=50053, ge=0, le=65535)
    threads: int = Field(default=2, ge=1, le=64)
    """Requests ranked at once; more wait for their turn."""
