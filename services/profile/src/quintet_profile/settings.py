"""Settings of the profile service, read from the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import ServiceSettings


class ProfileSettings(ServiceSettings):
    """Settings with prefix `QUINTET_PROFILE_`; host, home and auth are shared by all services."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_PROFILE_")

    port: int = Field(default=50052, ge=0, le=65535, description="gRPC port.")
