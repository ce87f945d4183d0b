"""The gateway's settings, read from the environment."""

import re
from dataclasses import replace
from typing import Final

from limits import parse
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from quintet_access.pseudonyms import KEY_BYTES
from quintet_servicekit.backends import DEFAULT_RETRY, CallPolicy, addresses_of
from quintet_servicekit.breaker import BreakerRules
from quintet_servicekit.server import Endpoint
from quintet_servicekit.settings import ProcessSettings
from quintet_settings import Confidential

_EVERYWHERE: Final = ("", "0.0.0.0", "::")


class Settings(ProcessSettings):
    """Settings with prefix `QUINTET_GATEWAY_`; host, home, auth and ports are shared."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_GATEWAY_")

    port: int = Field(default=8000, ge=0, le=65535)
    grpc_port: int = Field(default=50050, ge=0, le=65535)
    """Where feedback is taken by gRPC; 0 lets the system choose."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where Prometheus reads metrics without a token; 0 is off."""
    search_port: int = Field(default=50051, ge=1, le=65535, validation_alias="QUINTET_SEARCH_PORT")
    profile_port: int = Field(
        default=50052, ge=1, le=65535, validation_alias="QUINTET_PROFILE_PORT"
    )
    ranker_port: int = Field(default=50053, ge=1, le=65535, validation_alias="QUINTET_RANKER_PORT")
    search_address: str = ""
    """`host:port` of search, or several separated by commas; this machine and QUINTET_SEARCH_PORT
    where empty."""
    profile_address: str = ""
    """The same of profile, and QUINTET_PROFILE_PORT."""
    ranker_address: str = ""
    """The same of ranker, and QUINTET_RANKER_PORT."""
    breaker_failures: int = Field(default=3, ge=1, le=1000)
    """Failures in a row after which an address of a service is left out."""
    breaker_seconds: float = Field(default=0.5, gt=0, le=60)
    """Seconds until it is tried again; twice as long each time that it still fails."""
    breaker_most_seconds: float = Field(default=1.0, gt=0, le=600)
    """The longest that it is left out without a try."""
    tries: int = Field(default=3, ge=1, le=10)
    """How often a call that meets a service away is made in all."""
    retry_share: float = Field(default=0.1, ge=0, le=1)
    """Retries allowed for each call."""
    hedge_share: float = Field(default=0.1, ge=0, le=1)
    """Slow calls that may be sent to a second address, for each call; 0 for none."""
    hedge_seconds: float = Field(default=0.05, gt=0, le=10)
    """A call is slow after the 95th percentile of the last ones, but not before this."""
    burst: float = Field(default=50, ge=0, le=10_000)
    """Retries, and second calls, that may come at once before the shares count."""
    budget_seconds: float = Field(default=2.0, gt=0.05, le=60)
    """Seconds from a request's arrival within which it is answered."""
    remembered_names: int = Field(default=10_000, ge=0, le=10_000_000)
    """Tracks whose names are kept for the time that search is down."""
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Bytes of the largest request body; larger ones get 413."""
    max_connections: int = Field(default=1000, ge=1, le=100_000)
    """More open requests than these are refused with 503."""
    max_in_flight: int = Field(default=64, ge=1, le=100_000)
    """Requests answered at once at most; fewer while services are overloaded, others get 429."""
    grace: int = Field(default=5, ge=0, le=600)
    """Seconds allowed for open requests when stopping."""
    client_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """Seconds that a client may take to send a request, or to go on reading an answer."""
    idle_seconds: int = Field(default=75, ge=1, le=3600)
    """Seconds that a connection is kept for its next request. Longer than clients and proxies keep
    theirs: if the gateway closed first, a request could already be on its way to it."""
    https_folder: str = ""
    """Folder with tls.crt and tls.key for HTTPS; plain HTTP where empty."""
    trust_proxy: bool = False
    """Whether X-Forwarded-* headers come from a proxy of ours."""
    rate_limit: str = "1200/minute"
    """How often one client may call where QUINTET_AUTH is on; empty for no limit."""
    token_rate_limit: str = "60/minute"
    """How often one address may ask for a token; empty for no limit."""
    rate_limit_storage: Confidential = Field(
        default="async+memory://",
        pattern=r"^async\+(memory|rediss?|redis\+(sentinel|cluster|unix))://",
    )
    """Where calls are counted; `async+redis://host:port` where several gateways share."""

    database_url: Confidential = Field(default="", validation_alias="QUINTET_DATABASE_URL")
    """Where feedback is kept; `quintet.db` in QUINTET_HOME where empty."""
    listener_key: SecretStr = Field(default=SecretStr(""), validation_alias="QUINTET_LISTENER_KEY")
    """What listeners' names are hashed with; a file in QUINTET_HOME, made once, where empty."""
    feedback_retention_days: int = Field(
        default=400, ge=1, le=36_500, validation_alias="QUINTET_FEEDBACK_RETENTION_DAYS"
    )
    """Days after which events and impressions are deleted."""
    max_waiting_impressions: int = Field(default=50_000, ge=500, le=10_000_000)
    """Tracks shown that may wait to be recorded; more are dropped and counted."""
    spool_bytes: int = Field(default=64 * 1024 * 1024, ge=4096, le=64 * 1024**3)
    """Bytes of events kept on the disk while the database is down; more get 503."""
    store_patience_seconds: float = Field(default=0.5, ge=0.01, le=30)
    """Seconds that events wait for the database before they go to the spool."""
    experiment_seconds: float = Field(default=2.0, ge=0.05, le=60)
    """Polling interval, in seconds, of which experiment runs."""
    experiment_check_seconds: float = Field(default=60.0, ge=0.05, le=86_400)
    """Polling interval, in seconds, of the experiment's evidence."""
    max_waiting_shadows: int = Field(default=100, ge=1, le=10_000)
    """Requests that may wait for the challenger's shadow answer; more are dropped and counted."""
    airflow_url: str = Field(
        default="", pattern=r"^(https?://[^\s?#]+)?$", validation_alias="QUINTET_AIRFLOW_URL"
    )
    """Where Airflow's last runs are asked for; nowhere where empty."""
    airflow_user: str = Field(default="", validation_alias="QUINTET_AIRFLOW_USER")
    """Who asks Airflow for a token; nobody where empty."""
    airflow_password: SecretStr = Field(
        default=SecretStr(""), validation_alias="QUINTET_AIRFLOW_PASSWORD"
    )

    @field_validator("search_address", "profile_address", "ranker_address")
    @classmethod
    def _are_addresses(cls, text: str) -> str:
        if not all(re.fullmatch(r"\S+:\d{1,5}", each) for each in addresses_of(text)):
            raise ValueError("must be HOST:PORT, several separated by commas, or empty")
        return text

    @field_validator("listener_key")
    @classmethod
    def _is_key(cls, key: SecretStr) -> SecretStr:
        if key.get_secret_value() and len(key.get_secret_value().encode()) < KEY_BYTES:
            raise ValueError(f"must have at least {KEY_BYTES} characters, or be empty")
        return key

    @field_validator("rate_limit", "token_rate_limit")
    @classmethod
    def _is_rate(cls, text: str) -> str:
        if text:
            try:
                parse(text)
            except ValueError:
                raise ValueError("must be COUNT/PERIOD, such as 1200/minute, or empty") from None
        return text

    def database(self) -> str:
        """Returns the URL of the database."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'quintet.db'}"

    def endpoint(self) -> Endpoint:
        """Returns where and how gRPC is served.

        Raises:
            IdentityInvalid: TLS is on and there is no usable certificate.
        """
        return Endpoint(
            host=self.host,
            port=self.grpc_port,
            port_setting="QUINTET_GATEWAY_GRPC_PORT",
            default_timeout=self.budget_seconds,
            grace=float(self.grace),
            tls=self.transport("gateway"),
        )

    def backend_rules(self) -> CallPolicy:
        """Returns how much is done for a call to a service."""
        return CallPolicy(
            BreakerRules(self.breaker_failures, self.breaker_seconds, self.breaker_most_seconds),
            retry=replace(DEFAULT_RETRY, attempts=self.tries),
            retry_share=self.retry_share,
            hedge_share=self.hedge_share,
            hedge_seconds=self.hedge_seconds,
            burst=self.burst,
        )

    def addresses(self) -> dict[str, str]:
        """Returns `host:port` of each service by its name, several separated by commas."""
        near = "127.0.0.1" if self.host in _EVERYWHERE else self.host
        return {
            "search": self.search_address or f"{near}:{self.search_port}",
            "profile": self.profile_address or f"{near}:{self.profile_port}",
            "ranker": self.ranker_address or f"{near}:{self.ranker_port}",
        }
