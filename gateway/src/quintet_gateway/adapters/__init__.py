"""Clients of the upstream services and of Airflow, and a reader of the drift report."""

from quintet_gateway.adapters.operations import Operations
from quintet_gateway.adapters.upstream import DEADLINE, UpstreamClients

__all__ = ["DEADLINE", "Operations", "UpstreamClients"]
