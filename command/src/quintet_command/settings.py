"""Settings of the commands that work on an installation, each from a QUINTET_* variable."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from quintet_settings import HTTP_ADDRESS, load
from quintet_training.settings import TrainingSettings

from quintet_command.connection import ConnectionSettings


class CommandSettings(ConnectionSettings, TrainingSettings):
    """An installation: its ports, its registry of models, limits of gate and housekeeping."""

    gateway_grpc_port: int = Field(default=50050, ge=0, le=65535)
    search_port: int = Field(default=50051, ge=1, le=65535)
    profile_port: int = Field(default=50052, ge=1, le=65535)
    ranker_port: int = Field(default=50053, ge=1, le=65535)
    memory_port: int = Field(default=50054, ge=1, le=65535)
    ui_port: int = Field(default=8501, ge=1, le=65535)
    players: Literal["off", "on"] = Field(
        default="off",
        description="on: `quintet up` starts the service for music players too.",
    )
    players_port: int = Field(default=8600, ge=1, le=65535)
    mlflow_uri: str = Field(default="", pattern=HTTP_ADDRESS)
    mlflow_model: str = Field(default="quintet-ranker", min_length=1)
    mlflow_port: int = Field(
        default=5000,
        ge=1,
        le=65535,
        description="Port of the registry that `quintet up` starts, on this machine only.",
    )
    mlflow_backend_url: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "Database of that registry, SQLite or PostgreSQL; a file in QUINTET_HOME if empty."
        ),
    )
    airflow_database_url: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "PostgreSQL database of Airflow, for `quintet backup`; left out of backups if empty."
        ),
    )
    mlflow_artifacts: str = Field(
        default="",
        description=(
            "Files of the registry: a folder or s3://BUCKET/FOLDER; in QUINTET_HOME if empty. "
            "Compose uses it too."
        ),
    )
    mlflow_download_seconds: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="Seconds allowed for the `quintet` command to download one model.",
    )
    gate_tolerance: float = Field(
        default=0.03, ge=0, le=1, description="Largest loss of NDCG against the champion."
    )
    gate_latency_ms: float = Field(
        default=400,
        gt=0,
        description=("Largest 95th percentile of processor time for one list, in milliseconds."),
    )
    gate_coverage: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description=("Least coverage of the catalogue, as a share of the hand-made baseline's."),
    )
    gate_calibration: float = Field(
        default=0.25,
        ge=0,
        description="Largest calibration error above the hand-made baseline's, in nats.",
    )
    gate_cold: float = Field(
        default=0.9,
        ge=0,
        description="Least recall on cold tracks, as a ratio to that of audio cosine.",
    )
    analysis_ffmpeg: str = Field(
        default="",
        description=(
            "Program ffmpeg that decodes audio files; the one on PATH if empty, else the one of "
            "`make analysis-install`."
        ),
    )
    analysis_python: str = Field(
        default="",
        description=(
            "Interpreter with the perceptual model; that of `make analysis-install` if empty."
        ),
    )
    analysis_workers: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Audio files that are analysed at the same time; one per usable core if 0.",
    )
    analysis_nice: int = Field(
        default=10,
        ge=0,
        le=19,
        description="How far analysis lowers its priority: 0 not at all, 19 as far as possible.",
    )
    analysis_file_seconds: float = Field(
        default=300.0,
        ge=1,
        le=86_400,
        description="Seconds that decoding one audio file may take.",
    )
    housekeeping_days: int = Field(
        default=30,
        ge=1,
        le=36_500,
        description="Days that files of retrainings and rejected rows are kept.",
    )
    housekeeping_versions: int = Field(
        default=5,
        ge=1,
        le=1_000,
        description="Models and catalogues that stay on disk besides those in use.",
    )
    housekeeping_registered: int = Field(
        default=20,
        ge=1,
        le=1_000,
        description=(
            "Models that stay in the registry besides those with an alias and the target of a "
            "rollback."
        ),
    )

    @model_validator(mode="after")
    def _check_backend(self) -> "CommandSettings":
        # Checked here: MLflow would fail later, in another process, with a traceback.
        backend = self.mlflow_backend_url.get_secret_value()
        if backend and not backend.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise PydanticCustomError(
                "backend", "QUINTET_MLFLOW_BACKEND_URL must start with sqlite: or postgresql:"
            )
        airflow = self.airflow_database_url.get_secret_value()
        if airflow and not airflow.startswith(("postgresql:", "postgresql+psycopg:")):
            raise PydanticCustomError(
                "backend", "QUINTET_AIRFLOW_DATABASE_URL must start with postgresql:"
            )
        return self

    @property
    def analysis(self) -> Path:
        """The folder of analysis: its calibration, and excerpts while it runs."""
        return self.home / "analysis"

    @property
    def registry_uri(self) -> str:
        """Address of the registry of models: the one set, or that of `quintet up`."""
        return self.mlflow_uri or f"http://127.0.0.1:{self.mlflow_port}"


def load_settings() -> CommandSettings:
    """Read the settings of an installation from the environment.

    Raises:
        SettingsInvalid: A value is out of range; the message names the variable.
    """
    return load(CommandSettings)
