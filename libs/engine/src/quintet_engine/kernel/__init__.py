"""Compiled code that answers a query, and the arrays that it reads and writes."""
