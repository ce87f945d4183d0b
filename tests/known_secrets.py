"""The secrets that tests hand out; `tests.secrets_in_logs` fails a session that logs one."""

from typing import Final

LEAST: Final = 8
KNOWN: Final[set[bytes]] = set()


def known(secret: str) -> str:
    """Returns the secret, which no log may hold from now on.

    Raises:
        ValueError: It is so short or plain that logs hold it by chance.
    """
    if len(secret) < LEAST or len(set(secret)) < LEAST // 2:
        raise ValueError("a secret for tests must be a long one of many letters")
    KNOWN.add(secret.encode())
    return secret
