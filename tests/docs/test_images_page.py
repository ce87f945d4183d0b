"""docs/images.md lists the images with the budgets that are enforced."""

import re

from tests.root import ROOT

PAGE = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")


def test_every_image_is_listed_with_its_size_within_its_budget():
    rows = re.findall(r"^\| (\w+)(?: \(.*\))? \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    lines = (ROOT / "deploy" / "images.txt").read_text(encoding="utf-8").splitlines()
    budgets = {line.split()[0]: line.split()[-1] for line in lines if not line.startswith("#")}
    assert {name: budget for name, _, budget in rows} == budgets
    assert all(int(size) <= int(budget) for _, size, budget in rows)


def test_every_make_target_that_deployment_pages_name_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    named: set[str] = set()
    for name in ("images", "kubernetes", "ci-cd-setup"):
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for words in re.findall(r"`make ([a-z0-9 -]+)`", text):
            named |= set(words.split())
    assert named
    assert named <= targets


def test_every_script_and_file_that_deployment_pages_name_exists():
    for name in ("images", "kubernetes", "ci-cd-setup"):
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for path in re.findall(r"`((?:deploy|tests|\.github)/[\w./-]+)`", text):
            assert (ROOT / path).exists(), path
