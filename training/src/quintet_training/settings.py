"""Settings of importers, training and drift, each read from a QUINTET_* variable."""

from pathlib import Path

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict
from quintet_settings import Confidential, EnvironmentSettings


class TrainingRefused(ValueError):
    """There is too little to train or to measure on; the message is one line."""


class TrainingSettings(EnvironmentSettings):
    """State and thresholds of the offline pipeline; every field has a default.

    Attributes:
        home: Folder of all state.
        database_url: SQLAlchemy URL (SQLite or PostgreSQL); `quintet.db` in `home` by default.
        listener_key: Key for the HMAC of listeners' names; the file in `home` if empty.
        feedback_retention_days: Days after which events and impressions are deleted.
        drift_days: Impressions of this many last days are compared with the model in use.
        drift_psi: Population stability index from which a quantity has drifted.
        drift_least: Minimum number of impressions for a statement about drift.
    """

    model_config = SettingsConfigDict(env_prefix="QUINTET_", extra="ignore")

    home: Path = Path(".quintet")
    database_url: Confidential = ""
    listener_key: SecretStr = SecretStr("")
    feedback_retention_days: int = Field(default=400, ge=1, le=36_500)
    drift_days: int = Field(default=7, ge=1, le=36_500)
    drift_psi: float = Field(default=0.25, gt=0)
    drift_least: int = Field(default=1_000, ge=100)

    @model_validator(mode="after")
    def _default_database(self) -> "TrainingSettings":
        if not self.database_url:
            self.database_url = f"sqlite:///{self.home.resolve() / 'quintet.db'}"
        return self

    @property
    def catalogue(self) -> Path:
        """The folder of catalogue snapshots."""
        return self.home / "catalogue"

    @property
    def quarantine(self) -> Path:
        """The folder of rows that imports rejected."""
        return self.home / "quarantine"
