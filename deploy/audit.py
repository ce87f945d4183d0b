"""Asks OSV's database for known vulnerabilities of everything that is locked: `make audit`.

Exit codes: 0 none is known; 1 some are; 2 a lock could not be read; 3 not audited, as the database
could not be reached or does not know what everyone knows. pip-audit's own answer is not enough: its
codes do not separate a vulnerability from a lost connection, and no output looks like success.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

OSV: Final = "https://api.osv.dev/v1/query"
KNOWN: Final = "jinja2==2.4.1"
"""Has had advisories since 2014: a database that names none is not one."""
BIN: Final = Path(sys.executable).parent
_SCOPES: Final = {
    "uv.lock": (".", "--all-packages", "--no-emit-workspace"),
    "dags/uv.lock": ("dags", "--no-emit-project"),
    "perception/uv.lock": ("perception", "--no-emit-project"),
}


class NotAudited(Exception):
    """There was no answer to trust; the message says why."""


def exported(folder: str, *scope: str) -> str:
    """Return a lock as requirements with hashes, all extras and groups among them.

    Raises:
        CalledProcessError: uv could not read the lock.
    """
    everything = ("--frozen", "--all-extras", "--all-groups", "--no-annotate", "--no-header")
    return subprocess.run(
        [BIN / "uv", "export", "--quiet", "--directory", folder, *everything, *scope],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    ).stdout


def vulnerable(requirements: str, database: str) -> list[str]:
    """Return a line for each package of the requirements that has known vulnerabilities.

    Raises:
        NotAudited: The database did not answer for every one of them.
    """
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    options += ["--vulnerability-service", "osv", "--osv-url", database]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text(requirements, encoding="utf-8")
        done = subprocess.run(
            [BIN / "pip-audit", "--requirement", path, *options, "--cache-dir", folder],
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=900,
        )
    return judged(done.stdout, done.stderr)


def judged(output: str, faults: str) -> list[str]:
    """Return a line for each vulnerable package that pip-audit's JSON names.

    Raises:
        NotAudited: There is no JSON, or a package was passed over.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        raise NotAudited((faults.strip().splitlines() or ["no answer"])[-1]) from None
    for each in packages:
        if "skip_reason" in each:
            raise NotAudited(str(each["skip_reason"]))
    return [
        f"{each['name']} {each['version']}: {', '.join(vuln['id'] for vuln in each['vulns'])}"
        for each in packages
        if each["vulns"]
    ]


def audit(database: str, locks: list[str]) -> list[str]:
    """Return what is known against the locks, after proof that the database knows anything.

    Raises:
        NotAudited: It could not be reached, or does not know the probe.
    """
    if not vulnerable(KNOWN, database):
        raise NotAudited(f"it names nothing for {KNOWN}, which is known to be vulnerable")
    found = []
    for lock in locks:
        requirements = exported(*_SCOPES[lock])
        found += [f"{lock}: {line}" for line in vulnerable(requirements, database)]
        print(f"{lock}: {requirements.count('==')} locked versions looked up")
    return found


def main() -> int:
    """Audits the locks and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default=OSV, help=f"query address of OSV's API [{OSV}]")
    parser.add_argument("--lock", action="append", choices=list(_SCOPES), help="[all]")
    parser.add_argument(
        "--warn-unreachable",
        action="store_true",
        help="where nothing could be looked up, leave a warning on the workflow and exit 0",
    )
    chosen = parser.parse_args()
    os.chdir(Path(__file__).parents[1])
    try:
        found = audit(chosen.database, chosen.lock or list(_SCOPES))
    except NotAudited as fault:
        line = f"not audited: the database could not be reached ({fault})"
        print(f"::warning::{line}" if chosen.warn_unreachable else line, flush=True)
        return 0 if chosen.warn_unreachable else 3
    except subprocess.SubprocessError as fault:
        print(f"not audited: {fault}", file=sys.stderr)
        return 2
    print("\n".join(found) or "no known vulnerability")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
