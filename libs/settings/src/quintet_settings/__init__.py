"""Settings from the environment, where each secret may come from a file: NAME, or NAME_FILE."""

from quintet_settings.addresses import sqlite_url
from quintet_settings.reading import (
    FILE_SUFFIX,
    FIXED,
    HTTP_ADDRESS,
    Confidential,
    EnvironmentSettings,
    SecretUnreadable,
    SettingsInvalid,
    first_fault,
    from_file,
    load,
    secret_at,
    secret_names,
)
from quintet_settings.variables import Variable, variables_of

__all__ = [
    "FILE_SUFFIX",
    "FIXED",
    "HTTP_ADDRESS",
    "Confidential",
    "EnvironmentSettings",
    "SecretUnreadable",
    "SettingsInvalid",
    "Variable",
    "first_fault",
    "from_file",
    "load",
    "secret_at",
    "secret_names",
    "sqlite_url",
    "variables_of",
]
