"""The ranker's settings, read from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings with prefix `QUINTET_RANKER_`; host, home and auth are shared by all services."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_RANKER_", populate_by_name=True)

    home: Path = Field(default=Path(".quintet"), validation_alias="QUINTET_HOME")
    host: str = Field(default="127.0.0.1", validation_alias="QUINTET_HOST")
    auth: Literal["off", "on"] = Field(default="off", validation_alias="QUINTET_AUTH")
    port: int = Field(default=50053, ge=0, le=65535)
    metrics_port: int = Field(default=0, ge=0, le=65535)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_form: str = Field(default="json", pattern="^(json|console)$")
    follow_seconds: float = Field(default=2.0, gt=0, le=3600)
    """Seconds between looks for another model."""
    threads: int = Field(default=2, ge=1, le=64)
    """Requests ranked at once; more wait for their turn."""
    max_concurrent_rpcs: int = Field(default=256, ge=1, le=10_000)
    default_timeout: float = Field(default=10.0, gt=0, le=600)
    """Seconds allowed for a call that came without a deadline."""
    grace: float = Field(default=5.0, ge=0, le=600)
    """Seconds allowed for open calls when stopping."""
