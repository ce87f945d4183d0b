"""Says whether this tree may be released: `make release-check`, on a tag or with VERSION=x.y.z.

Checks in order, the cheap ones first, and stops at the first refusal with exit code 1:
clean tree, version, changelog, contracts, licences, packages, descriptions, a clean environment.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

ROOT: Final = Path.cwd()
DIST: Final = ROOT / "dist"
PACKAGES: Final = ("quintet_protos", "quintet_client")
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)\Z")
_TAG: Final = "v[0-9]*.[0-9]*.[0-9]*"


class Refused(Exception):
    """It may not be released; the message says why and what to do."""


def run(*command: str, **environment: str) -> str:
    """Return what a command printed.

    Raises:
        Refused: It failed; with its last lines.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def tags(*options: str) -> list[str]:
    """Return tags of versions, the newest version first."""
    return run("git", "tag", "--list", _TAG, "--sort=-v:refname", *options).split()


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version.

    Raises:
        Refused: It is not x.y.z.
    """
    found = _VERSION.match(version)
    if found is None:
        raise Refused(f"a version is x.y.z; got {version!r}")
    return tuple(map(int, found.groups()))


def check_tree() -> None:
    """Refuses what is not committed."""
    if changed := run("git", "status", "--porcelain").strip():
        raise Refused(f"the tree is not clean; commit or remove:\n{changed}")


def version_of(asked: str) -> str:
    """Return the version to release: that of the tag here, or the one asked for.

    Raises:
        Refused: There is neither, they differ, or the version is not above the last one.
    """
    here = [tag.removeprefix("v") for tag in tags("--points-at", "HEAD")]
    if not asked and not here:
        raise Refused("no tag vX.Y.Z points here; tag it, or say VERSION=x.y.z")
    version = asked or here[0]
    numbers = parts(version)
    if here and version not in here:
        raise Refused(f"VERSION={version}, but the tag here says {here[0]}")
    before = [parts(tag.removeprefix("v")) for tag in tags() if tag.removeprefix("v") not in here]
    if before and numbers <= before[0]:
        last = ".".join(map(str, before[0]))
        raise Refused(f"{version} is not above {last}, the last one released")
    return version


def check_changelog(version: str) -> None:
    """Refuses a version without a dated section that says something."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## \[?{re.escape(version)}\]? [-\u2013\u2014] (\S+)$(.*?)(?=^## |\Z)"
    found = re.search(heading, text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise Refused(f"CHANGELOG.md has no section '## {version} - YYYY-MM-DD'")
    try:
        released = date.fromisoformat(found[1])
    except ValueError:
        raise Refused(f"CHANGELOG.md: {found[1]!r} is not a date YYYY-MM-DD") from None
    # A day of grace: it may be tomorrow already where the tag was made.
    if released > datetime.now(UTC).date() + timedelta(days=1):
        raise Refused(f"CHANGELOG.md: {version} is dated {released}, which is still to come")
    if "- " not in found[2]:
        raise Refused(f"CHANGELOG.md: the section of {version} is empty")


def check_contracts() -> None:
    """Refuses stubs that are not the generator's, and changes that break callers."""
    run("make", "--no-print-directory", "protos-check")
    here = tags("--points-at", "HEAD")
    if before := [tag for tag in tags() if tag not in here]:
        against = f"{ROOT}/.git#tag={before[0]},subdir=protos"
        run("buf", "breaking", "protos", "--against", against)


def check_packages(version: str) -> None:
    """Build both packages and refuse another version than the one to release."""
    # Without a tag, git has no version to report.
    tagged = f"v{version}" in tags("--points-at", "HEAD")
    environment = {} if tagged else {"SETUPTOOLS_SCM_PRETEND_VERSION": version}
    run("make", "--no-print-directory", "packages", **environment)
    ends = ("-py3-none-any.whl", ".tar.gz")
    wanted = {f"{name}-{version}{end}" for name in PACKAGES for end in ends}
    built = {path.name for path in DIST.iterdir() if path.name != ".gitignore"}
    if built != wanted:
        raise Refused(f"built {', '.join(sorted(built))}; wanted {', '.join(sorted(wanted))}")


def main() -> int:
    """Run all checks for the version of VERSION or of the tag here."""
    state = {"version": os.environ.get("VERSION", "").removeprefix("v")}

    def settle_version() -> None:
        state["version"] = version_of(state["version"])

    make = ("make", "--no-print-directory")
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("the tree is clean", check_tree),
        ("the version is the tag's, or the next one", settle_version),
        ("the changelog has a dated section", lambda: check_changelog(state["version"])),
        ("neither tree nor history holds a secret", lambda: run(*make, "secrets-check")),
        ("the licences of all dependencies are allowed", lambda: run(*make, "licences")),
        ("the contracts break no caller", check_contracts),
        ("both packages build", lambda: check_packages(state["version"])),
        ("their descriptions can be shown", lambda: run(*make, "packages-check")),
        ("they work in a clean environment", lambda: run(*make, "packages-try")),
        ("the tree is still clean", check_tree),
    )
    for title, step in steps:
        try:
            step()
        except Refused as refused:
            sys.stdout.write(f"  no  {title}\n")
            sys.stderr.write(f"refused: {refused}\n")
            return 1
        sys.stdout.write(f"  ok  {title}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{state['version']} may be released; the packages are in dist/\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
