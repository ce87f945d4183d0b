"""What each image installs, by the lock: only ranker and training carry the engine's kernel."""

import tomllib

import pytest

from tests.root import ROOT

KERNEL = {"quintet-engine", "numba", "llvmlite", "faiss-cpu", "lightgbm", "scipy"}


def installed(member: str) -> set[str]:
    """Names of the packages that `uv sync --package` installs, extras included."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    needs: dict[str, list[dict]] = {}
    extras: dict[str, dict[str, list[dict]]] = {}
    # A package may be locked in several versions, for different platforms.
    for package in locked:
        needs.setdefault(package["name"], []).extend(package.get("dependencies", []))
        extras.setdefault(package["name"], {}).update(package.get("optional-dependencies", {}))
    found: set[tuple[str, str]] = set()
    waiting = [(member, "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for needed in extras[name].get(extra, []) if extra else needs[name]:
            waiting += [(needed["name"], each) for each in ("", *needed.get("extra", []))]
    return {name for name, _ in found}


@pytest.mark.parametrize("member", ["gateway", "search", "profile", "ui"])
def test_an_image_that_does_not_rank_carries_no_kernel(member):
    names = installed(f"quintet-{member}")
    assert "quintet-contract" in names or member == "ui"
    assert not names & KERNEL


def test_the_ranker_carries_it():
    assert installed("quintet-ranker") >= {"quintet-engine", "numba", "llvmlite", "lightgbm"}
