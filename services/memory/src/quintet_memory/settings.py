"""Settings of the memory service, read from the environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import ServiceSettings
from quintet_settings import FIXED, Confidential, sqlite_url


class MemorySettings(ServiceSettings):
    """Settings with prefix `QUINTET_MEMORY_`; host, home, auth and database are shared."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_MEMORY_")

    port: int = Field(default=50054, ge=0, le=65535, description="gRPC port.")
    database_url: Confidential = Field(default="", validation_alias="QUINTET_DATABASE_URL")
    # Memories kept in this process, about 100 bytes per signal: 2 MB for a full one.
    kept: Annotated[int, FIXED] = Field(default=500, ge=0, le=1_000_000)
    # Seconds after which an unused memory leaves this process, so that a deleted listener does too.
    kept_seconds: Annotated[float, FIXED] = Field(default=600, gt=0, le=86_400)

    def database(self) -> str:
        """Choose the database: the one set, else a SQLite file in QUINTET_HOME."""
        return self.database_url or sqlite_url(self.home / "quintet.db")
