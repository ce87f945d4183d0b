"""Errors of the registry, and their translation from MLflow's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

# MLflow's codes for a request that will fail again, however often it is repeated.
_REJECTED_CODES: Final = frozenset(
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
    """A call to the registry failed; the message is one line for an operator."""


class RegistryUnavailable(RegistryError):
    """The registry is unreachable or cannot answer now; the same call may succeed later."""


class RegistryInvalid(RegistryError):
    """The object asked for is missing, incomplete, altered or not allowed."""


def shown(uri: str) -> str:
    """Remove user name and password from an address, for messages and logs."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn errors of MLflow and of its HTTP client into `RegistryError`.

    An `OSError` of the disk passes unchanged: it concerns this machine, not the registry.

    Raises:
        RegistryUnavailable: There is no answer, it is cut short, or the server has an internal
            error.
        RegistryInvalid: The registry answered that the request cannot be fulfilled.
    """
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except requests.HTTPError as fault:
        status = 0 if fault.response is None else fault.response.status_code
        # 408 Request Timeout and 429 Too Many Requests pass by themselves.
        if 400 <= status < 500 and status not in (408, 429):
            raise RegistryInvalid(f"the registry answered {status}: {_line(fault)}") from fault
        raise RegistryUnavailable(f"the registry at {shown(uri)} answered {status}") from fault
    except (requests.RequestException, ConnectionError, TimeoutError) as fault:
        raise RegistryUnavailable(
            f"the registry at {shown(uri)} did not answer, or stopped in the middle"
        ) from fault
    except RecursionError as fault:
        # MLflow decodes answers by Python's decoder, which recurses once per level.
        raise RegistryInvalid(f"the registry at {shown(uri)} answered no usable JSON") from fault
    except MlflowException as fault:
        if fault.error_code in _REJECTED_CODES:
            raise RegistryInvalid(_line(fault)) from fault
        # MLflow reports an unreachable server as an exception with this text.
        if "failed with" in str(fault):
            raise RegistryUnavailable(f"no registry answers at {shown(uri)}") from fault
        raise RegistryUnavailable(f"the registry at {shown(uri)} failed: {_line(fault)}") from fault


def _line(fault: Exception) -> str:
    """Shorten an error to one line of at most 300 characters, without MLflow's code in front."""
    text = " ".join(str(fault).split())
    return re.sub(r"^[A-Z_]+: ", "", text)[:300]
