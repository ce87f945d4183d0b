"""Measure what a listener waits for on the page: a list after a pick, and a row after an act.

Run it against a running page and its gateway, with Chromium on this machine:

    .venv/bin/python -m tools.bench.page_acts http://127.0.0.1:8501 http://127.0.0.1:8000

`--pid` of the page's process adds its processor time. Both times are of the browser: from the press
until the new list, or the changed row, is on the screen. The gateway's time for the same list,
asked for directly, is measured apart and subtracted.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx
from quintet_ui.preferences import SEEDS_PARAMETER

MOST_LIST_MS: Final = 300.0
"""From a pick to the list, without the gateway's time."""
MOST_ACT_MS: Final = 100.0
_ROUNDS: Final = 10
_WAIT_MS: Final = 120_000
_TEXTS: Final = (
    "hotel california", "bohemian rhapsody", "back in black", "teen spirit", "everlong",
)  # fmt: skip
# The page's components are below shadow roots.
_FIND: Final = """
window.find = (selector, from = document) => {
  const here = from.querySelector(selector);
  if (here) return here;
  for (const each of from.querySelectorAll("*")) {
    const inside = each.shadowRoot && window.find(selector, each.shadowRoot);
    if (inside) return inside;
  }
  return null;
};
window.until = (check) => new Promise((done) => {
  const look = () => {
    if (check()) requestAnimationFrame(() => done(performance.now()));
    else setTimeout(look, 2);
  };
  look();
});
"""
_PICK: Final = """async () => {
  const list = () => window.find(".cards")?.view?.list;
  const seeds = () => window.find(".seeds").querySelectorAll(".seed:not(.empty)").length;
  const before = list(), count = seeds(), began = performance.now();
  window.find(".option").click();
  const slot = await window.until(() => seeds() > count);
  const shown = await window.until(() => list() !== before);
  return [slot - began, shown - began];
}"""
_SKIP: Final = """async () => {
  const row = window.find(".cards").querySelector(".card:not([hidden])"), began = performance.now();
  row.querySelector(".skip").click();
  const shown = await window.until(() => !row.offsetHeight && window.find(".toast .box"));
  return shown - began;
}"""


def measure(page: str, gateway: str, pid: int = 0) -> dict[str, Any]:
    """Pick songs and skip rows, ten times each.

    Args:
        page: The address of a running page.
        gateway: The address of its gateway.
        pid: The page's process; 0 if it is unknown.

    Returns:
        Medians in milliseconds: `slot` and `list` after a pick, `gateway` for such a list, `rest`
        (the list without the gateway), `act`; `cpu` of the page's process for a pick, and `load`.
    """
    from playwright.sync_api import sync_playwright

    ids = [_first(gateway, text) for text in _TEXTS]
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    slots, lists, acts, spent, theirs = [], [], [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.set_default_timeout(_WAIT_MS)
        tab.add_init_script(_FIND)
        for number in range(_ROUNDS):
            tab.goto(f"{page}/?{SEEDS_PARAMETER}=1~{ids[number % 4]}")
            tab.locator(".card").first.wait_for()
            tab.get_by_role("combobox").fill(_TEXTS[4])
            tab.locator(".option .title", has_text="Everlong").first.wait_for()
            _settle(tab)
            before = _seconds(pid)
            slot, shown = tab.evaluate(_PICK)
            _settle(tab)
            spent.append(1000 * (_seconds(pid) - before))
            slots.append(slot)
            lists.append(shown)
            theirs.append(_asked(gateway, [ids[number % 4], ids[4]]))
            acts.append(tab.evaluate(_SKIP))
            _settle(tab)
        browser.close()
    named = {"slot": slots, "list": lists, "gateway": theirs, "act": acts, "cpu": spent}
    found = {name: round(statistics.median(values), 1) for name, values in named.items()}
    found["rest"] = round(found["list"] - found["gateway"], 1)
    return {**found, "load": round(os.getloadavg()[0], 1)}


def _settle(tab: Any) -> None:
    """Wait until the page's script has ended."""
    tab.locator('[data-test-script-state="notRunning"]').first.wait_for()
    tab.wait_for_timeout(300)


def _first(gateway: str, text: str) -> str:
    answer = httpx.get(f"{gateway}/api/v1/search", params={"q": text}, trust_env=False)
    return str(answer.json()["tracks"][0]["track"]["id"])


def _asked(gateway: str, ids: list[str]) -> float:
    """Ask for a list as the page does; how many milliseconds that takes."""
    body = {"seeds": [{"track_id": name} for name in ids], "limit": 50, "discovery": 0.75}
    began = time.monotonic()
    httpx.post(f"{gateway}/api/v1/recommendations", json=body, trust_env=False).raise_for_status()
    return 1000 * (time.monotonic() - began)


def _seconds(pid: int) -> float:
    """Read the processor time of a process; 0 for no process."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print the measurement as JSON.

    Returns:
        0, or 1 if a bound is exceeded: 300 ms for a list, 100 ms for an act.
    """
    parser = argparse.ArgumentParser(description="Measure a pick and an act on the page.")
    parser.add_argument("page", help="address of a running page")
    parser.add_argument("gateway", help="address of its gateway")
    parser.add_argument("--pid", type=int, default=0, help="process of the page")
    given = parser.parse_args()
    found = measure(given.page, given.gateway, given.pid)
    sys.stdout.write(f"{json.dumps(found)}\n")
    return 0 if found["rest"] <= MOST_LIST_MS and found["act"] <= MOST_ACT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
