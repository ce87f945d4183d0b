"""Settings from the environment, where each secret may come from a file: NAME, or NAME_FILE."""

from quintet_settings.reading import (
    FILE_SUFFIX,
    HTTP_ADDRESS,
    Confidential,
    EnvironmentSettings,
    SecretUnreadable,
    first_fault,
    from_file,
    secret_names,
)

__all__ = [
    "FILE_SUFFIX",
    "HTTP_ADDRESS",
    "Confidential",
    "EnvironmentSettings",
    "SecretUnreadable",
    "first_fault",
    "from_file",
    "secret_names",
]
