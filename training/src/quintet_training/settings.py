"""Settings of importers, training and drift, each read from a QUINTET_* variable."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict
from quintet_contract.limits import MAX_FEEDBACK_BYTES
from quintet_settings import Confidential, EnvironmentSettings, sqlite_url


class TrainingRefused(ValueError):
    """There is too little to train or to measure on, or no cluster; the message is one line."""


class TrainingSettings(EnvironmentSettings):
    """State and thresholds of the offline pipeline; every field has a default."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_", extra="ignore")

    home: Path = Path(".quintet")
    database_url: Confidential = ""
    listener_key: SecretStr = SecretStr("")
    feedback_retention_days: int = Field(default=400, ge=1, le=36_500)
    feedback_max_bytes: int = Field(default=MAX_FEEDBACK_BYTES, ge=1024**2, le=1024**4)
    library_allowed_networks: str = Field(
        default="",
        description=(
            "Networks of media servers that are allowed although they are link-local, with commas, "
            "such as 169.254.7.0/24."
        ),
    )
    library_covers_max_bytes: int = Field(
        default=2 * 1024**3,
        ge=0,
        le=1024**4,
        description="Bytes of covers that syncs keep in QUINTET_HOME/covers; 0 keeps none.",
    )
    library_file_seconds: float = Field(
        default=60.0, gt=0, le=3_600, description="Seconds that reading one audio file may take."
    )
    library_readers: int = Field(
        default=2, ge=1, le=64, description="Programs that read audio files at the same time."
    )
    drift_days: int = Field(
        default=7,
        ge=1,
        le=36_500,
        description="Days of served lists that are compared with the model in use.",
    )
    drift_psi: float = Field(
        default=0.25,
        gt=0,
        description="Population stability index at which a quantity counts as drifted.",
    )
    drift_least: int = Field(
        default=1_000, ge=100, description="Impressions needed before drift is reported."
    )

    @model_validator(mode="after")
    def _default_database(self) -> "TrainingSettings":
        # Absolute: commands that change their folder still use the same file.
        if not self.database_url:
            self.database_url = sqlite_url(self.home / "quintet.db")
        return self

    @field_validator("library_allowed_networks")
    @classmethod
    def _check_networks(cls, text: str) -> str:
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                ip_network(part)
            except ValueError:
                raise PydanticCustomError(
                    "network", "must be networks such as 169.254.7.0/24, with commas"
                ) from None
        return text

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of `library_allowed_networks`."""
        parts = (part.strip() for part in self.library_allowed_networks.split(","))
        return tuple(ip_network(part) for part in parts if part)

    @property
    def covers(self) -> Path:
        """The folder of covers that syncs keep."""
        return self.home / "covers"

    @property
    def catalogue(self) -> Path:
        """The folder of catalogue snapshots."""
        return self.home / "catalogue"

    @property
    def quarantine(self) -> Path:
        """The folder of rows that imports rejected."""
        return self.home / "quarantine"
