"""The gateway's settings, read from the environment."""

import re
from dataclasses import replace
from typing import Annotated, Final

from limits import parse
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from quintet_access.media_servers import Network
from quintet_access.pseudonyms import KEY_BYTES
from quintet_contract.addresses import host_port, reachable_host
from quintet_contract.limits import MAX_FEEDBACK_BYTES
from quintet_servicekit.backends import DEFAULT_RETRY, CallPolicy, addresses_of
from quintet_servicekit.breaker import BreakerRules
from quintet_servicekit.server import Endpoint
from quintet_servicekit.settings import ProcessSettings
from quintet_settings import FIXED, Confidential, sqlite_url

from quintet_gateway.proxies import TrustedProxies, networks_of

# A host name, an IPv4 address or an IPv6 address in brackets, and a port.
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]]+):\d{1,5}")

_ORIGIN: Final = re.compile(r"https?://[^\s/?#@,]+/?")


class GatewaySettings(ProcessSettings):
    """Settings with prefix `QUINTET_GATEWAY_`; host, home, auth and ports are shared."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_GATEWAY_")

    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="HTTP port; with Compose, the port on 127.0.0.1 of this machine.",
    )
    grpc_port: int = Field(
        default=50050,
        ge=0,
        le=65535,
        description="gRPC port for feedback; 0 lets the system choose. Not published by Compose.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description=(
            "Port of Prometheus metrics without a token; 0 is off, then /metrics on the HTTP "
            "port requires the admin scope. 9100 in containers."
        ),
    )
    search_port: int = Field(default=50051, ge=1, le=65535, validation_alias="QUINTET_SEARCH_PORT")
    profile_port: int = Field(
        default=50052, ge=1, le=65535, validation_alias="QUINTET_PROFILE_PORT"
    )
    ranker_port: int = Field(default=50053, ge=1, le=65535, validation_alias="QUINTET_RANKER_PORT")
    memory_port: int = Field(default=50054, ge=1, le=65535, validation_alias="QUINTET_MEMORY_PORT")
    search_address: str = Field(
        default="",
        description=(
            "host:port of search, several separated by commas and used round robin; this machine "
            "and QUINTET_SEARCH_PORT if empty."
        ),
    )
    profile_address: str = Field(
        default="",
        description=(
            "host:port of profile, several separated by commas; this machine and "
            "QUINTET_PROFILE_PORT if empty."
        ),
    )
    ranker_address: str = Field(
        default="",
        description=(
            "host:port of ranker, several separated by commas; this machine and "
            "QUINTET_RANKER_PORT if empty."
        ),
    )
    memory_address: str = Field(
        default="",
        description=(
            "host:port of memory, several separated by commas; this machine and "
            "QUINTET_MEMORY_PORT if empty."
        ),
    )
    # Failures in a row after which an address of a service gets no more calls. docs/resilience.md
    # has the measurements behind this and the numbers below.
    breaker_failures: Annotated[int, FIXED] = Field(default=3, ge=1, le=1000)
    # Seconds until such an address is tried again; doubled each time it fails again.
    breaker_seconds: Annotated[float, FIXED] = Field(default=0.5, gt=0, le=60)
    # Longest time without a try, in seconds: a restarted service is used within a second.
    breaker_most_seconds: Annotated[float, FIXED] = Field(default=1.0, gt=0, le=600)
    tries: int = Field(
        default=3,
        ge=1,
        le=10,
        description="Attempts of one call, the first included, if a service is unavailable.",
    )
    # Retries allowed per call, on average, so that retries add a tenth to the load of a failing
    # service.
    retry_share: Annotated[float, FIXED] = Field(default=0.1, ge=0, le=1)
    hedge_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Slow calls that may be sent to a second address, per call; 0 is off.",
    )
    # Least seconds after which a call counts as slow; else the 95th percentile of recent calls.
    hedge_seconds: Annotated[float, FIXED] = Field(default=0.05, gt=0, le=10)
    # Retries, and second calls, allowed at once before the shares count.
    burst: Annotated[float, FIXED] = Field(default=50, ge=0, le=10_000)
    budget_seconds: float = Field(
        default=2.0,
        gt=0.05,
        le=60,
        description="Seconds from the arrival of a request to its answer.",
    )
    # Tracks whose JSON is kept, about 900 bytes each, so that a list needs no call to search. The
    # most popular come first; a catalogue of up to about 140,000 tracks is kept whole.
    kept_tracks: Annotated[int, FIXED] = Field(default=200_000, ge=0, le=10_000_000)
    kept_track_bytes: Annotated[int, FIXED] = Field(
        default=128 * 1024 * 1024, ge=0, le=64 * 1024 * 1024 * 1024
    )
    max_body_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Bytes of a request body; larger ones get 413.",
    )
    max_connections: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description=(
            "Open requests, and open connections; the oldest idle ones are closed first. More "
            "requests get 503."
        ),
    )
    max_in_flight: int = Field(
        default=64,
        ge=1,
        le=100_000,
        description="Requests answered at once; fewer while services are overloaded. More get 429.",
    )
    grace: int = Field(
        default=5, ge=0, le=600, description="Seconds allowed for open requests when stopping."
    )
    client_seconds: float = Field(
        default=10.0,
        ge=0.1,
        le=600,
        description=(
            "Seconds that a client may take to send a request, or between two reads of an answer."
        ),
    )
    idle_seconds: int = Field(
        default=75,
        ge=1,
        le=3600,
        description=(
            "Seconds that an idle connection stays open; longer than clients and proxies keep "
            "theirs."
        ),
    )
    https_folder: str = Field(
        default="",
        description=(
            "Folder with tls.crt and tls.key for HTTPS, such as QUINTET_TLS_FOLDER; plain HTTP "
            "if empty."
        ),
    )
    trust_proxy: bool = Field(
        default=False,
        description=(
            "Whether to believe X-Forwarded-* headers of trusted proxies; true only behind a proxy "
            "that sets them."
        ),
    )
    trusted_proxies: str = Field(
        default="127.0.0.0/8,::1/128",
        description=(
            "Addresses and networks (CIDR) of those proxies, separated by commas; the caller is "
            "the last address of X-Forwarded-For that is not one of them."
        ),
    )
    allowed_hosts: str = Field(
        default="",
        description=(
            "Host names besides localhost by which callers may name the gateway while QUINTET_AUTH "
            "is off, separated by commas."
        ),
    )
    allowed_origins: str = Field(
        default="",
        description=(
            "Websites whose pages may call, such as https://app.example, separated by commas. If "
            "empty: those of this machine while QUINTET_AUTH is off, all while it is on."
        ),
    )
    rate_limit: str = Field(
        default="1200/minute",
        description="Calls allowed for each client while QUINTET_AUTH is on; no limit if empty.",
    )
    token_rate_limit: str = Field(
        default="60/minute",
        description="Token requests allowed for each address; no limit if empty.",
    )
    failure_rate_limit: str = Field(
        default="300/minute",
        description=(
            "Requests without a valid token, or to unknown paths, allowed for each address while "
            "QUINTET_AUTH is on; no limit if empty."
        ),
    )
    rate_limit_storage: Confidential = Field(
        default="async+memory://",
        pattern=r"^async\+(memory|rediss?|redis\+(sentinel|cluster|unix))://",
        description=(
            "Where calls are counted; async+redis://HOST:PORT if several gateways share the count."
        ),
    )

    database_url: Confidential = Field(
        default="",
        validation_alias="QUINTET_DATABASE_URL",
        description="Database: SQLite in QUINTET_HOME if empty, or postgresql://USER@HOST/NAME.",
    )
    listener_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="QUINTET_LISTENER_KEY",
        description=(
            "Key of the hashes of listeners' ids, at least 32 characters; a file in "
            "QUINTET_HOME, made once, if empty. The same for gateways that share a database."
        ),
    )
    feedback_retention_days: int = Field(
        default=400,
        ge=1,
        le=36_500,
        validation_alias="QUINTET_FEEDBACK_RETENTION_DAYS",
        description="Days after which events and impressions are deleted.",
    )
    feedback_max_bytes: int = Field(
        default=MAX_FEEDBACK_BYTES,
        ge=1024**2,
        le=1024**4,
        validation_alias="QUINTET_FEEDBACK_MAX_BYTES",
        description=(
            "Bytes that recorded lists may take in the database; the oldest are deleted first, "
            "those with feedback last."
        ),
    )
    max_waiting_impressions: int = Field(
        default=50_000,
        ge=500,
        le=10_000_000,
        description="Impressions that may wait for the database; more are dropped and counted.",
    )
    history_bytes: int = Field(
        default=512 * 1024**2,
        ge=1024,
        le=64 * 1024**3,
        description="Bytes of a listening history that is uploaded; larger ones get 413.",
    )
    histories_bytes: int = Field(
        default=2 * 1024**3,
        ge=1024,
        le=1024**4,
        description=(
            "Bytes of all uploaded histories in QUINTET_HOME/uploads that wait for their import; "
            "more get 429."
        ),
    )
    spool_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=4096,
        le=64 * 1024**3,
        description=(
            "Bytes of events that wait in QUINTET_HOME/spool while the database is unavailable; "
            "more get 503."
        ),
    )
    # Seconds that events wait for the database before they go to the spool: a quarter of a
    # request's budget.
    store_patience_seconds: Annotated[float, FIXED] = Field(default=0.5, ge=0.01, le=30)
    # Seconds between checks for the running experiment: one row is read.
    experiment_seconds: Annotated[float, FIXED] = Field(default=2.0, ge=0.05, le=60)
    # Seconds between evaluations of the experiment's trials; a decision needs hundreds of them.
    experiment_check_seconds: Annotated[float, FIXED] = Field(default=60.0, ge=0.05, le=86_400)
    # Requests that may wait for the challenger's shadow answer; more are dropped and counted.
    max_waiting_shadows: Annotated[int, FIXED] = Field(default=100, ge=1, le=10_000)
    # Bytes of covers of Subsonic and Jellyfin servers in QUINTET_HOME/server-covers; 0 keeps none.
    server_covers_max_bytes: Annotated[int, FIXED] = Field(default=256 * 1024**2, ge=0)
    library_allowed_networks: str = Field(
        default="",
        validation_alias="QUINTET_LIBRARY_ALLOWED_NETWORKS",
        description=(
            "Networks of media servers that are allowed although they are link-local, with commas, "
            "such as 169.254.7.0/24."
        ),
    )
    prompt_model_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#@]+)?$",
        description=(
            "Address of a language model that reads prompts, with the path before "
            "/chat/completions, such as http://127.0.0.1:11434/v1; the parser reads them if empty."
        ),
    )
    prompt_model_name: str = Field(
        default="default",
        min_length=1,
        max_length=200,
        description="Name of that model, as its server calls it.",
    )
    prompt_model_key: SecretStr = Field(
        default=SecretStr(""), description="API key of that server; none is sent if empty."
    )
    prompt_model_seconds: float = Field(
        default=10.0,
        ge=0.1,
        le=120,
        description="Seconds that the model may take; then the parser reads the prompt.",
    )
    airflow_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+)?$",
        validation_alias="QUINTET_AIRFLOW_URL",
        description="Address of Airflow, whose last runs the page shows; none are read if empty.",
    )
    airflow_user: str = Field(
        default="",
        validation_alias="QUINTET_AIRFLOW_USER",
        description="Airflow account that reads the runs.",
    )
    airflow_password: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="QUINTET_AIRFLOW_PASSWORD",
        description="Password of that account.",
    )

    @field_validator("search_address", "profile_address", "ranker_address", "memory_address")
    @classmethod
    def _are_addresses(cls, text: str) -> str:
        if not all(_ADDRESS.fullmatch(each) for each in addresses_of(text)):
            raise ValueError(
                "must be HOST:PORT, several separated by commas, or empty; [HOST]:PORT for IPv6"
            )
        return text

    @field_validator("listener_key")
    @classmethod
    def _is_key(cls, key: SecretStr) -> SecretStr:
        if key.get_secret_value() and len(key.get_secret_value().encode()) < KEY_BYTES:
            raise ValueError(f"must have at least {KEY_BYTES} characters, or be empty")
        return key

    @field_validator("trusted_proxies", "library_allowed_networks")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        try:
            networks_of(text)
        except ValueError:
            raise ValueError(
                "must be addresses or networks such as 10.0.0.0/8, separated by commas"
            ) from None
        return text

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, text: str) -> str:
        if not all(_ORIGIN.fullmatch(each) for each in _listed(text)):
            raise ValueError("must be such as https://app.example, separated by commas, or empty")
        return text

    @field_validator("rate_limit", "token_rate_limit", "failure_rate_limit")
    @classmethod
    def _is_rate(cls, text: str) -> str:
        if text:
            try:
                parse(text)
            except ValueError:
                raise ValueError("must be COUNT/PERIOD, such as 1200/minute, or empty") from None
        return text

    def proxies(self) -> TrustedProxies:
        """Build the rule by which X-Forwarded-* headers are believed."""
        return TrustedProxies(networks_of(self.trusted_proxies) if self.trust_proxy else ())

    def allowed_networks(self) -> tuple[Network, ...]:
        """Read the networks that media servers may be in although they are denied otherwise."""
        return networks_of(self.library_allowed_networks)

    def known_hosts(self) -> list[str]:
        """Collect the names of the gateway besides those of loopback."""
        return [self.host, *_listed(self.allowed_hosts)]

    def known_origins(self) -> list[str]:
        """Collect the websites whose pages may call."""
        return _listed(self.allowed_origins)

    def database(self) -> str:
        """Choose the database: the one set, else a SQLite file in QUINTET_HOME."""
        return self.database_url or sqlite_url(self.home / "quintet.db")

    def endpoint(self) -> Endpoint:
        """Describe where and how gRPC is served.

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
        """Build the policy of calls to services: breakers, tries and hedging."""
        return CallPolicy(
            BreakerRules(self.breaker_failures, self.breaker_seconds, self.breaker_most_seconds),
            retry=replace(DEFAULT_RETRY, attempts=self.tries),
            retry_share=self.retry_share,
            hedge_share=self.hedge_share,
            hedge_seconds=self.hedge_seconds,
            burst=self.burst,
        )

    def addresses(self) -> dict[str, str]:
        """Collect `host:port` of each service by its name, several separated by commas."""
        # A wildcard address can be bound but not called.
        near = reachable_host(self.host)
        return {
            "search": self.search_address or host_port(near, self.search_port),
            "profile": self.profile_address or host_port(near, self.profile_port),
            "ranker": self.ranker_address or host_port(near, self.ranker_port),
            "memory": self.memory_address or host_port(near, self.memory_port),
        }


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
