"""What stands behind the gateway: services, Airflow, and what the command leaves on the disk."""

from quintet_gateway.adapters.operations import Operations
from quintet_gateway.adapters.upstream import DEADLINE, UpstreamClients

__all__ = ["DEADLINE", "Operations", "UpstreamClients"]
