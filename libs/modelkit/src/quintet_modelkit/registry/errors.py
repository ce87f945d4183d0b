"""What a registry refuses, and MLflow's faults in these words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

_REFUSED: Final = frozenset(
    {
        "RESOURCE_DOES_NOT_EXIST",
        "RESOURCE_ALREADY_EXISTS",
        "INVALID_PARAMETER_VALUE",
        "BAD_REQUEST",
        "NOT_FOUND",
        "INVALID_STATE",
    }
)


class RegistryError(Exception):
    """A call to the registry failed; the message is one line for a person."""


class RegistryUnavailable(RegistryError):
    """The registry does not answer, or answers that it cannot now; the same call may succeed."""


class RegistryInvalid(RegistryError):
    """What was asked of the registry is not there, not whole, altered or not allowed."""


def shown(uri: str) -> str:
    """Returns an address without user name and password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turns the faults of MLflow and of its HTTP client into `RegistryError`.

    A full disk stays an `OSError`: it is this machine's and not the registry's.

    Raises:
        RegistryUnavailable: No answer, an answer cut short, or a fault of the server's own.
        RegistryInvalid: The registry answered that what was asked cannot be.
    """
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except requests.HTTPError as fault:
        status = 0 if fault.response is None else fault.response.status_code
        if 400 <= status < 500 and status not in (408, 429):
            raise RegistryInvalid(f"the registry answered {status}: {_line(fault)}") from fault
        raise RegistryUnavailable(f"the registry at {shown(uri)} answered {status}") from fault
    except (requests.RequestException, ConnectionError, TimeoutError) as fault:
        raise RegistryUnavailable(f"the registry at {shown(uri)} broke off an answer") from fault
    except MlflowException as fault:
        if fault.error_code in _REFUSED:
            raise RegistryInvalid(_line(fault)) from fault
        if "failed with" in str(fault):
            raise RegistryUnavailable(f"no registry answers at {shown(uri)}") from fault
        raise RegistryUnavailable(f"the registry at {shown(uri)} failed: {_line(fault)}") from fault


def _line(fault: Exception) -> str:
    """Returns the first sentence of a fault in one line, without MLflow's code in front."""
    text = " ".join(str(fault).split())
    return re.sub(r"^[A-Z_]+: ", "", text)[:300]
