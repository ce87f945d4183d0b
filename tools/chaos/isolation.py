"""Runs a program in a separate network and mount namespace, where its faults reach nothing else."""

import os
import shutil
import signal
import subprocess
import sys

ISOLATED = "QUINTET_CHAOS_ISOLATED"


def isolate(module: str, *, wanted: bool = True) -> bool:
    """Start this program again in its namespaces; return whether it is in them now.

    Args:
        module: The module of the program.
        wanted: Whether to do so at all.
    """
    # A stop by a signal must not leave processes of the stack running.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    if os.environ.get(ISOLATED) == "1":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
        return True
    if wanted and os.geteuid() == 0 and shutil.which("unshare") is not None:
        os.environ[ISOLATED] = "1"
        command = ["unshare", "--net", "--mount", "--", sys.executable, "-m", module]
        os.execvp("unshare", [*command, *sys.argv[1:]])
    return False
