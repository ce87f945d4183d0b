"""Define the tables of what a gateway observed: its traffic, and events of the installation."""

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from quintet_store.table_base import Base


class TrafficInterval(Base):
    """Count the answers of one route in one interval at one gateway process.

    `started_at` is Unix time, a multiple of `seconds`; the same answers are counted in an interval
    of each length of `operation_history.LENGTHS`. `process` is random for each start of a gateway.
    `durations` maps an upper bound in seconds to the answers above the bound before it: "0.005",
    "inf".
    """

    __tablename__ = "traffic_intervals"

    seconds: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    process: Mapped[str] = mapped_column(String(32), primary_key=True)
    route: Mapped[str] = mapped_column(String(128), primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    client_errors: Mapped[int] = mapped_column(BigInteger)
    server_errors: Mapped[int] = mapped_column(BigInteger)
    durations: Mapped[dict[str, int]] = mapped_column(JSON)


class OperationEvent(Base):
    """Something that happened to the installation, such as a restart or a new model.

    `kind` is one of `operation_history.EVENT_KINDS`; `subject` is the service, version or client
    that it happened to; `at` is ISO 8601 in UTC with milliseconds, so that text sorts by time.
    """

    __tablename__ = "operation_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(128))
    detail: Mapped[str] = mapped_column(String(400))
