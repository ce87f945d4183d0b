"""Measure the first visit of the page: bytes on the wire, seconds until it is ready, layout shift.

Run it against a running page, with Chromium on this machine:

    .venv/bin/python -m tools.bench.first_visit http://127.0.0.1:8501
"""

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from typing import Any, Final

MOST_BYTES: Final = 900_000
MOST_SECONDS: Final = 4.0
MOST_SHIFT: Final = 0.05
_BITS: Final = 1_600_000  # per second, both ways
_LATENCY_MS: Final = 150
_TEXT: Final = "love"  # every catalogue has it
_WAIT_MS: Final = 120_000
_SETTLE_MS: Final = 3000  # shifts of a page that is ready count too
_SHIFTS: Final = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def measure(address: str, width: int = 1280, height: int = 900) -> dict[str, Any]:
    """Open the page in a browser without a cache, at 1.6 Mbit/s and 150 ms.

    Args:
        address: Of a running page.
        width: Of the window, in pixels.
        height: Of the window.

    Returns:
        `bytes` on the wire with the WebSocket, `requests`, `shown` (seconds until the search is on
        the screen), `seconds` until a text that is typed then has results, `whole` (seconds until
        the rest of the page is there), `shift` (cumulative layout shift), and the `largest` files.
    """
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.set_default_timeout(_WAIT_MS)
        sizes: Counter[str] = Counter()
        _count(tab, sizes)
        tab.add_init_script(_SHIFTS)
        began = time.monotonic()
        tab.goto(address, wait_until="commit")
        search = tab.get_by_role("combobox")
        search.wait_for()
        shown = time.monotonic() - began
        search.press_sequentially(_TEXT)
        tab.get_by_role("option").first.wait_for()
        seconds = time.monotonic() - began
        search.fill("")
        tab.locator("#shell").wait_for(state="detached")
        whole = time.monotonic() - began
        tab.wait_for_timeout(_SETTLE_MS)
        shift = tab.evaluate("window.shift")
        browser.close()
    return {
        "bytes": sizes.total(),
        "requests": len(sizes),
        "shown": round(shown, 2),
        "seconds": round(seconds, 2),
        "whole": round(whole, 2),
        "shift": round(shift, 4),
        "largest": dict(sizes.most_common(8)),
    }


def _count(tab: Any, sizes: Counter[str]) -> None:
    """Throttle a tab, and count the bytes of each request and of its WebSocket."""
    session = tab.context.new_cdp_session(tab)
    names: dict[str, str] = {}
    session.on(
        "Network.requestWillBeSent",
        lambda event: names.__setitem__(event["requestId"], event["request"]["url"]),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: (
            sizes.update({names[event["requestId"]]: int(event["encodedDataLength"])})
            if names.get(event["requestId"], "").startswith("http")
            else None
        ),
    )
    session.send("Network.enable")
    rate = _BITS / 8
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": _LATENCY_MS, "downloadThroughput": rate,
         "uploadThroughput": rate},
    )  # fmt: skip
    tab.on(
        "websocket",
        lambda socket: socket.on(
            "framereceived", lambda frame: sizes.update({"WebSocket": len(frame)})
        ),
    )


def main() -> int:
    """Print the measurement as JSON.

    Returns:
        0, or 1 if a bound is exceeded: 900,000 bytes, 4 s, or a layout shift of 0.05.
    """
    parser = argparse.ArgumentParser(description="Measure the first visit of the page.")
    parser.add_argument("address", help="address of a running page")
    parser.add_argument("--width", type=int, default=1280, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=900, help="of the window, in pixels")
    given = parser.parse_args()
    found = measure(given.address, given.width, given.height)
    sys.stdout.write(f"{json.dumps(found, indent=1)}\n")
    meets = (
        found["bytes"] <= MOST_BYTES
        and found["seconds"] <= MOST_SECONDS
        and found["shift"] <= MOST_SHIFT
    )
    return 0 if meets else 1


if __name__ == "__main__":
    sys.exit(main())
