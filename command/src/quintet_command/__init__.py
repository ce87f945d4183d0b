"""The `quintet` command: starts, asks, checks, backs up and operates an installation."""
