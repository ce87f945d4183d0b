"""`make release-check` on a clone of this repository: what it refuses, and why."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.slow import slow

CHECK = ROOT / "deploy" / "release_check.py"
TODAY = datetime.now(UTC).date()


class Clone:
    """A repository of a few files, which the first checks read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("## Unreleased\n\n- Something.\n")

    def git(self, *command: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *identity, *command], cwd=self.folder, check=True, timeout=60)

    def write(self, changelog: str) -> None:
        path = self.folder / "CHANGELOG.md"
        path.write_text(f"# Changelog\n\n{changelog}", encoding="utf-8")
        # What comes after the changelog stops at once: there is no such target.
        (self.folder / "Makefile").write_text("secrets-check:\n", encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change")

    def check(self, version: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, str(CHECK)],
            cwd=self.folder,
            env={**os.environ, "VERSION": version},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


class WholeClone:
    """All of this repository, as it was committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def release(self) -> None:
        """Commits what changed and moves the tag there."""
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        commit = ("commit", "--quiet", "--all", "--message", "Release")
        for command in (commit, ("tag", "--force", "v1000.0.0")):
            subprocess.run(
                ["git", *identity, *command],
                cwd=self.folder,
                check=True,
                capture_output=True,
                timeout=60,
            )

    def check(self) -> tuple[int, str]:
        done = subprocess.run(
            ["make", "release-check"],
            cwd=self.folder,
            env={key: value for key, value in os.environ.items() if key != "VERSION"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=800,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def clone(tmp_path) -> Clone:
    return Clone(tmp_path)


def section(version: str, on: object = TODAY, body: str = "- Something.") -> str:
    return f"## Unreleased\n\n## {version} - {on}\n\n{body}\n\n## 0.0.1 - 2020-01-01\n\n- First.\n"


def test_a_tree_with_changes_is_refused(clone):
    clone.write(section("1.2.3"))
    (clone.folder / "new.txt").write_text("x", encoding="utf-8")
    code, told, why = clone.check("1.2.3")
    assert (code, told) == (1, "  no  the tree is clean\n")
    assert "new.txt" in why


@pytest.mark.parametrize("version", ["1.2", "1.2.3rc1", "one", "1.2.3.4"])
def test_what_is_no_version_is_refused(clone, version):
    code, _, why = clone.check(version)
    assert code == 1
    assert "a version is x.y.z" in why


def test_neither_tag_nor_version_is_refused(clone):
    code, _, why = clone.check()
    assert code == 1
    assert "VERSION=x.y.z" in why


def test_a_version_that_is_not_the_tags_is_refused(clone):
    clone.git("tag", "v1.2.3")
    code, _, why = clone.check("1.2.4")
    assert code == 1
    assert "the tag here says 1.2.3" in why


@pytest.mark.parametrize("version", ["1.9.9", "1.10.0"])
def test_a_version_that_is_not_above_the_last_is_refused(clone, version):
    clone.git("tag", "v1.9.0")
    clone.git("tag", "v1.10.0")
    clone.write(section(version))
    code, _, why = clone.check(version)
    assert code == 1
    assert "not above 1.10.0" in why


@pytest.mark.parametrize(
    ("changelog", "says"),
    [
        ("## Unreleased\n\n- Something.\n", "has no section '## 1.2.3 - YYYY-MM-DD'"),
        (section("1.2.30"), "has no section"),
        (section("1.2.3", "soon"), "not a date"),
        (section("1.2.3", TODAY + timedelta(days=9)), "still to come"),
        (section("1.2.3", body=""), "is empty"),
    ],
)
def test_a_changelog_without_a_whole_dated_section_is_refused(clone, changelog, says):
    clone.write(changelog)
    code, told, why = clone.check("1.2.3")
    assert code == 1
    assert told.endswith("  no  the changelog has a dated section\n")
    assert says in why


@pytest.mark.parametrize("tagged", [True, False])
def test_what_is_in_order_comes_as_far_as_the_licences(clone, tagged):
    clone.git("tag", "v0.0.1")
    clone.write(section("1.2.3"))
    if tagged:
        clone.git("tag", "v1.2.3")
    code, told, why = clone.check("" if tagged else "v1.2.3")
    assert told.count("  ok  ") == 4
    assert told.endswith("  no  the licences of all dependencies are allowed\n")
    assert (code, "licences" in why) == (1, True)


@pytest.mark.timeout(900)
@slow("installs and builds all")
def test_a_tagged_clone_of_this_repository_may_be_released_and_one_line_less_refuses_it(tmp_path):
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path], check=True, timeout=60)
    clone = WholeClone(tmp_path)
    changelog = tmp_path / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    newest = f"## 1000.0.0 - {TODAY}\n\n- Something.\n\n## "
    changelog.write_text(text.replace("## ", newest, 1), encoding="utf-8")
    clone.release()
    code, told = clone.check()
    assert code == 0, told[-4000:]
    assert "1000.0.0 may be released" in told
    assert "  no  " not in told

    allowed = tmp_path / "deploy" / "licences.txt"
    lines = allowed.read_text(encoding="utf-8").splitlines()
    allowed.write_text("\n".join(line for line in lines if line != "MIT") + "\n", encoding="utf-8")
    code, told = clone.check()
    assert code != 0
    assert "the tree is not clean" in told
    clone.release()
    code, told = clone.check()
    assert code != 0
    assert "  no  the licences of all dependencies are allowed" in told
