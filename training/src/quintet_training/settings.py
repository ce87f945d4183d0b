"""Where the offline side finds its state, its database and the services; read from QUINTET_*."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict
from quintet_settings import HTTP_ADDRESS, Confidential, EnvironmentSettings, first_fault


class SettingsInvalid(ValueError):
    """A QUINTET_* variable holds a value that cannot be used; the message is one line."""


class TrainingRefused(ValueError):
    """There is too little to train or to measure on; the message is one line."""


class Settings(EnvironmentSettings):
    """Settings of the `quintet` command, each from QUINTET_<NAME>, each with a default.

    Attributes:
        home: Folder of all state.
        database_url: SQLAlchemy URL (SQLite or PostgreSQL); `quintet.db` in `home` by default.
        host: Address the services bind.
        gateway_url: Address of the gateway as clients see it; from host and port by default.
        gateway_https_folder: Where the gateway has its certificate; then its address is https.
        gateway_ca: File with the authorities trusted for the gateway; the system's where empty.
        token: Access token for the gateway, where it asks for one.
        listener_key: What listeners' names are hashed with; the file in `home` where empty.
        feedback_retention_days: Days after which events and impressions are deleted.
        mlflow_uri: Address of the registry of models; that of `quintet up` where empty.
        mlflow_model: Name of the model in the registry.
        mlflow_port: Port of the registry that `quintet up` starts, on this machine only.
        mlflow_backend_url: Its database (SQLite or PostgreSQL); a file in `home` by default.
        mlflow_artifacts: Its files: a folder, or `s3://bucket/folder`; in `home` by default.
        mlflow_download_seconds: Seconds that fetching one bundle may take.
        gate_tolerance: NDCG that a model may lose to the champion and still be promoted.
        gate_latency_ms: 95th percentile of processor time that its answers may take, in ms.
        gate_coverage: Least share of the hand-made baseline's coverage.
        gate_calibration: Most nats above the hand-made baseline's calibration.
        gate_cold: Least ratio of its recall on cold tracks to that of audio cosine.
        drift_days: What was shown in so many days is compared with the model in use.
        drift_psi: Population stability index from which a quantity has drifted.
        drift_least: Tracks shown at least before anything is said.
        housekeeping_days: Days that files of retrainings and refused rows are kept.
        housekeeping_versions: Models and catalogues that stay on disk besides those in use.
        housekeeping_registered: Models that stay in the registry besides those with an alias.
    """

    model_config = SettingsConfigDict(env_prefix="QUINTET_", extra="ignore")

    home: Path = Path(".quintet")
    database_url: Confidential = ""
    host: str = "127.0.0.1"
    gateway_port: int = Field(default=8000, ge=1, le=65535)
    gateway_grpc_port: int = Field(default=50050, ge=0, le=65535)
    search_port: int = Field(default=50051, ge=1, le=65535)
    profile_port: int = Field(default=50052, ge=1, le=65535)
    ranker_port: int = Field(default=50053, ge=1, le=65535)
    ui_port: int = Field(default=8501, ge=1, le=65535)
    gateway_url: str = Field(default="", pattern=HTTP_ADDRESS)
    gateway_https_folder: str = ""
    gateway_ca: str = ""
    token: SecretStr = SecretStr("")
    listener_key: SecretStr = SecretStr("")
    feedback_retention_days: int = Field(default=400, ge=1, le=36_500)
    mlflow_uri: str = Field(default="", pattern=HTTP_ADDRESS)
    mlflow_model: str = Field(default="quintet-ranker", min_length=1)
    mlflow_port: int = Field(default=5000, ge=1, le=65535)
    mlflow_backend_url: SecretStr = SecretStr("")
    mlflow_artifacts: str = ""
    mlflow_download_seconds: float = Field(default=900.0, gt=0, le=86_400)
    gate_tolerance: float = Field(default=0.03, ge=0, le=1)
    gate_latency_ms: float = Field(default=400, gt=0)
    gate_coverage: float = Field(default=0.5, ge=0, le=1)
    gate_calibration: float = Field(default=0.25, ge=0)
    gate_cold: float = Field(default=0.9, ge=0)
    drift_days: int = Field(default=7, ge=1, le=36_500)
    drift_psi: float = Field(default=0.25, gt=0)
    drift_least: int = Field(default=1_000, ge=100)
    housekeeping_days: int = Field(default=30, ge=1, le=36_500)
    housekeeping_versions: int = Field(default=5, ge=1, le=1_000)
    housekeeping_registered: int = Field(default=20, ge=1, le=1_000)

    @model_validator(mode="after")
    def _fill(self) -> "Settings":
        if not self.database_url:
            self.database_url = f"sqlite:///{self.home.resolve() / 'quintet.db'}"
        if not self.gateway_url:
            # A wildcard address is where a server listens, not where a client connects.
            host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
            host = f"[{host}]" if ":" in host else host
            scheme = "https" if self.gateway_https_folder else "http"
            self.gateway_url = f"{scheme}://{host}:{self.gateway_port}"
        if self.gateway_ca and not Path(self.gateway_ca).is_file():
            raise PydanticCustomError("gateway_ca", "QUINTET_GATEWAY_CA must name a file")
        backend = self.mlflow_backend_url.get_secret_value()
        if backend and not backend.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise PydanticCustomError(
                "backend", "QUINTET_MLFLOW_BACKEND_URL must start with sqlite: or postgresql:"
            )
        return self

    @property
    def registry_uri(self) -> str:
        """Address of the registry of models: the one set, or that of `quintet up`."""
        return self.mlflow_uri or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def catalogue(self) -> Path:
        """The folder of catalogue snapshots."""
        return self.home / "catalogue"

    @property
    def quarantine(self) -> Path:
        """The folder of rows that imports refused."""
        return self.home / "quarantine"


def load_settings() -> Settings:
    """Reads the environment.

    Raises:
        SettingsInvalid: A value is out of range; the message names the variable.
    """
    try:
        return Settings()
    except ValidationError as fault:
        raise SettingsInvalid(first_fault(fault, "QUINTET_")) from fault
