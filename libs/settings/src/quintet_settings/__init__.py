"""Settings from the environment, where each secret may come from a file: NAME, or NAME_FILE."""

from quintet_settings.reading import (
    FILE_SUFFIX,
    HTTP_ADDRESS,
    Confidential,
    EnvironmentSettings,
    SecretUnreadable,
    SettingsInvalid,
    first_fault,
    from_file,
    load,
    secret_names,
)

__all__ = [
    "FILE_SUFFIX",
    "HTTP_ADDRESS",
    "Confidential",
    "EnvironmentSettings",
    "SecretUnreadable",
    "SettingsInvalid",
    "first_fault",
    "from_file",
    "load",
    "secret_names",
]
