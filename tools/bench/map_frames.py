"""Measure how long a frame of the page's map takes in Chromium: `python -m tools.bench.map_frames`.

The component runs as in the page, over files in the form of the page's server, in a browser without
a graphics processor, and draws while the map zooms. `script` is the time of the component in a
frame, `gaps` the time from frame to frame, and the processor time is that of all processes of the
browser. On a busy machine only the last one means much.
"""

import argparse
import functools
import http.server
import io
import json
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from quintet_search.adapters.regions import layout
from quintet_ui import components
from quintet_ui.map import map_files

_GENRES: Final = 80
_FRAMES: Final = 240
_SIZE: Final = {"width": 1440, "height": 900}
_PAGE: Final = """<!doctype html><style>:root {{--st-background-color: #fff}} {css}</style>
<div id=parent><div class="map quintet"></div></div><script type=module>
import draw from "./component.js";
const labels = new Proxy({{}}, {{get: (_, name) => name === "toJSON" ? undefined : "text"}});
draw({{data: {{places: "places", names: "names", labels, seeds: [], listed: []}},
  parentElement: document.getElementById("parent"), setTriggerValue: () => undefined}});
</script>"""
_MOVE: Final = """async (count) => {
  const canvas = document.querySelector(".over"), view = document.querySelector(".map");
  const next = () => new Promise(requestAnimationFrame);
  view.frames.length = 0;
  const gaps = [];
  let before = performance.now();
  for (let number = 0; number < count; number++) {
    const delta = number % 80 < 40 ? -12 : 12;
    canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: delta, clientX: 500, clientY: 300}));
    await next();
    const now = performance.now();
    gaps.push(now - before);
    before = now;
  }
  return {script: [...view.frames], gaps};
}"""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print one line of JSON; 1 if the 95th percentile is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--limit", type=float, default=50.0, help="milliseconds of a script, p95")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        _write_page(Path(folder), options.songs)
        found = _measured(Path(folder))
    report: dict[str, Any] = {"songs": options.songs, "frames": len(found["script"])}
    report["processor_ms_per_frame"] = round(found.pop("processor")[0], 2)
    for name, values in found.items():
        report[name] = {
            "median_ms": round(float(np.median(values)), 2),
            "p95_ms": round(float(np.percentile(values, 95)), 2),
        }
    sys.stdout.write(json.dumps(report) + "\n")
    return int(report["script"]["p95_ms"] > options.limit)


def _write_page(folder: Path, songs: int) -> None:
    files = map_files('"v"', _arrow(songs))
    (folder / "places.gz").write_bytes(files.places)
    (folder / "names.gz").write_bytes(files.names)
    source = Path(components.__file__).parent
    scripts = [source / "dom.js", source / "map_view.js"]
    styles = [source / "base.css", source / "map_view.css"]
    (folder / "component.js").write_text(_joined(scripts), encoding="utf-8")
    (folder / "index.html").write_text(_PAGE.format(css=_joined(styles)), encoding="utf-8")


def _joined(paths: list[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _arrow(songs: int) -> bytes:
    """Make a map of a catalogue whose genres have sizes as in real ones."""
    random = np.random.default_rng(0)
    share = 1 / np.arange(1, _GENRES + 1)
    main = random.choice(_GENRES, songs, p=share / share.sum())
    genres = [f"genre {number}" for number in main]
    encoded = random.normal(size=(songs, 14)).astype(np.float32)
    points = layout(encoded, [[name] for name in genres])
    table = pa.table(
        {
            "track_id": [f"t{row:08d}" for row in range(songs)],
            "title": [f"A song with number {row}" for row in range(songs)],
            "artist": [f"Artist {row % 9000}" for row in range(songs)],
            "genre": genres,
            "x": points[:, 0],
            "y": points[:, 1],
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page, and its compressed files under their names without the ending."""

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the report is the only output."""

    def do_GET(self) -> None:
        """Answer one request."""
        packed = Path(self.directory) / f"{self.path.strip('/')}.gz"
        if not packed.is_file():
            super().do_GET()
            return
        content = packed.read_bytes()
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _measured(folder: Path) -> dict[str, list[float]]:
    from playwright.sync_api import sync_playwright

    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        with sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
            browser = playwright.chromium.launch(
                executable_path=path, args=["--disable-gpu", "--no-sandbox"]
            )
            tab = browser.new_page(viewport=_SIZE)  # type: ignore[arg-type]
            tab.goto(f"http://127.0.0.1:{server.server_port}/", timeout=120_000)
            tab.wait_for_function(
                "document.querySelectorAll('.regions button').length > 0", timeout=120_000
            )
            processes = browser.new_browser_cdp_session()
            before = _processor_seconds(processes)
            found: dict[str, list[float]] = tab.evaluate(_MOVE, _FRAMES)
            used = _processor_seconds(processes) - before
            found["processor"] = [1000 * used / _FRAMES]
            browser.close()
        server.shutdown()
    return found


def _processor_seconds(session: Any) -> float:
    """Sum the processor time of the browser, its renderers and its drawing, in seconds."""
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return float(sum(each["cpuTime"] for each in found))


if __name__ == "__main__":
    raise SystemExit(main())
