"""Programs that check the deployment files, as `make deploy-tools` installs them."""

import os
import shutil
from typing import Final

from tests.needs import DEPLOY_TOOLS, skip
from tests.root import ROOT

TOOLS: Final = ROOT / "build" / "deploy-tools" / "bin"


def tool(name: str) -> str:
    """Returns the path of a program; skips the test where there is none."""
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    return found or skip(DEPLOY_TOOLS)
