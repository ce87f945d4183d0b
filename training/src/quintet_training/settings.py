"""Settings of importers, training and drift, each read from a QUINTET_* variable."""

from pathlib import Path

from pydantic import Field, SecretStr, model_validator
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

    @property
    def catalogue(self) -> Path:
        """The folder of catalogue snapshots."""
        return self.home / "catalogue"

    @property
    def quarantine(self) -> Path:
        """The folder of rows that imports rejected."""
        return self.home / "quarantine"
