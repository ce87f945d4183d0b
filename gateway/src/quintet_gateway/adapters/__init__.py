"""What stands behind the gateway: services, Airflow, and what the command leaves on the disk."""

from quintet_gateway.adapters.operations import Operations
from quintet_gateway.adapters.services import DEADLINE, MAX_LOOKUP, Services

__all__ = ["DEADLINE", "MAX_LOOKUP", "Operations", "Services"]
