"""The registry of models in one process: MLflow's server, without its launcher.

`mlflow server` imports MLflow to start a second program that imports it again: twice the memory,
twice the time, and a server that survives when its parent is killed. This module does what the
launcher does: it prepares the database and passes addresses on, by names that hold for the version
in `pyproject.toml`.

    python -m quintet_command.registry_server HOST PORT

The database comes by MLFLOW_BACKEND_STORE_URI, the place of the files by
MLFLOW_ARTIFACTS_DESTINATION.
"""

import logging
import os
import signal
import sys
import warnings
from typing import Final, NoReturn

_ROOT: Final = "mlflow-artifacts:/"
"""Files go through the server, so that no client needs the credentials of their storage."""

_STOP_SECONDS: Final = 5
"""Seconds for open requests after a stop signal."""


def _leave(*_: object) -> NoReturn:
    """End at once: a normal exit spends seconds on the modules of MLflow."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main() -> int:
    """Serve until SIGTERM or SIGINT; return 1 if the database cannot be used."""
    host, port = sys.argv[1], int(sys.argv[2])
    # For the seconds in which MLflow is imported. Later uvicorn handles signals, and drains.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    database = os.environ["MLFLOW_BACKEND_STORE_URI"]
    # No data about this installation leaves it, and no job runner starts beside the server.
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    # Deprecations inside MLflow are nothing that an operator could change.
    warnings.simplefilter("ignore")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import uvicorn
    from mlflow.server import constants, handlers

    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: database,
        constants.REGISTRY_STORE_URI_ENV_VAR: database,
        constants.ARTIFACT_ROOT_ENV_VAR: _ROOT,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: os.environ["MLFLOW_ARTIFACTS_DESTINATION"],
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    try:
        handlers.initialize_backend_stores(database, database, _ROOT)
    except Exception as fault:
        # Its text may hold the password of the database.
        sys.stderr.write(
            f"error: the registry's database cannot be used ({type(fault).__name__}); "
            "see QUINTET_MLFLOW_BACKEND_URL\n"
        )
        return 1
    from mlflow.server.fastapi_app import app

    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    _leave()


if __name__ == "__main__":
    sys.exit(main())
