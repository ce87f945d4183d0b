"""The search for secrets finds one of each kind, in the tree and in a commit that removed it."""

import re
import secrets
import subprocess
import sys

import pytest

from tests.root import ROOT
from tools.find_secrets import allowed_values, findings

MADE_UP = {
    "AWS Access Key": "AKIA" + "".join(secrets.choice("ABCDEFGHJKLMNPQR234567") for _ in range(16)),
    "GitHub Token": "ghp_" + secrets.token_hex(18),
    "Private Key": "-----BEGIN RSA" + " PRIVATE KEY-----",
    "Secret Keyword": f'password = "{secrets.token_urlsafe(12)}"',
    "Basic Auth Credentials": f"https://me:{secrets.token_hex(6)}@host.example/",
}


def scan(folder, *options):
    done = subprocess.run(
        [sys.executable, "-m", "tools.find_secrets", *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


def git(folder, *words):
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("kind", MADE_UP)
def test_each_kind_is_found_once_and_an_allowed_value_is_not(kind):
    lines = ["x = 1"] * 700 + [MADE_UP[kind]] + ["y = 2"]
    (found,) = findings(lines, set())
    assert (found.kind, found.line) == (kind, MADE_UP[kind])
    assert list(findings(["password = '{PASSWORD}'", "https://USER:PASSWORD@host"], set())) == []
    assert list(findings(['password = "hush"'], {"hush"})) == []


def test_a_secret_that_a_later_commit_removed_is_found_and_never_shown(tmp_path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "not-secrets.txt").write_text("# none\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    note = tmp_path / "note.txt"
    note.write_text(f"{MADE_UP['GitHub Token']}\n", encoding="utf-8")
    code, said = scan(tmp_path)
    assert (code, "note.txt:1: GitHub Token" in said) == (1, True)
    for content in (None, ""):
        if content is not None:
            note.write_text(content, encoding="utf-8")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "Change")
    assert scan(tmp_path) == (0, "")
    code, said = scan(tmp_path, "--history")
    assert code == 1
    assert re.search(r"commit \w+, commit \w+: GitHub Token", said)
    assert MADE_UP["GitHub Token"] not in said


def test_an_allowed_value_has_a_reason():
    assert len(allowed_values((ROOT / "deploy/not-secrets.txt").read_text("utf-8"))) > 5
    with pytest.raises(ValueError, match="line 2"):
        allowed_values("a  # a value of tests\nb\n")


def test_each_suppression_of_bandit_names_its_rule_and_has_the_reason_above_it():
    listed = subprocess.run(
        ["git", "grep", "-n", "nosec", "--", "*.py", ":!tests"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip
    suppressions = [line for line in listed if "# nosec" in line]
    assert suppressions
    for line in suppressions:
        name, number, text = line.split(":", 2)
        assert re.search(r"  # nosec B\d{3}$", text), line
        above = (ROOT / name).read_text(encoding="utf-8").splitlines()[int(number) - 2]
        assert re.match(r" *# \w+ \w+ \w+", above), line
