"""A service as a process, whose log a test reads line by line."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

NO_VARIABLES: Final = MappingProxyType[str, str]({})


def start_service(
    name: str,
    home: Path,
    variables: Mapping[str, str] = NO_VARIABLES,
    prepare: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """Start a service, such as "ranker", with these settings and no other variable of `QUINTET_`.

    Its log is the pipe `stderr`, which the caller reads. It chooses a free port for gRPC itself.
    `prepare` runs in the process before the program, for limits.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QUINTET_")}
    port = "GRPC_PORT" if name == "gateway" else "PORT"
    environment |= {"QUINTET_HOME": str(home), f"QUINTET_{name.upper()}_{port}": "0", **variables}
    command = [sys.executable, "-m", f"quintet_{name}"]
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=prepare
    )
