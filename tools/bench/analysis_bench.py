"""Time, processor time and memory of `quintet analyse`: `python -m tools.bench.analysis_bench`.

It analyses the files of some folders, by default the music of the Debian packages singularity-music
and wesnoth-1.16-music, as the command does: one worker per core, and the perceptual model if it is
installed. Nothing is stored. The processor time is what a busy machine can be measured by.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Final

from quintet_analysis.catalogue import usable_cores
from quintet_analysis.decoding import Limits, decode
from quintet_analysis.excerpt import write_excerpt
from quintet_analysis.perception import Perception
from quintet_analysis.pool import Pool
from quintet_analysis.programs import find_ffmpeg, find_perception
from quintet_analysis.run import Job, Result, analyse
from quintet_analysis.tempo import estimate_tempo
from quintet_analysis.tonality import estimate_tonality

from tools.bench.serving.processes import memory_of
from tools.processes import children_of

FOLDERS: Final = (
    Path("/usr/share/games/singularity/music"),
    Path("/usr/share/games/wesnoth/1.16/data/core/music"),
)
_SAMPLED_SECONDS: Final = 0.2
_LIBRARY: Final = 100_000
"""Files of the library that the time is stated for."""


def main() -> None:
    """Analyse, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=FOLDERS)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--steps", type=int, default=8, help="Files whose steps are timed alone.")
    options = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # As workers have it; the library reads it when NumPy is imported.
        again = [sys.executable, "-m", "tools.bench.analysis_bench", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    paths = [path for folder in options.folders for path in sorted(folder.rglob("*.ogg"))]
    if not paths:
        sys.exit(f"no Ogg files in {', '.join(map(str, options.folders))}")
    python = find_perception("")
    ffmpeg = find_ffmpeg("", python)
    figures = run(paths, ffmpeg, Perception(python, 0) if python else None, options.workers)
    figures |= {"processor_seconds_by_step": steps(paths[:: len(paths) // options.steps], ffmpeg)}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def run(
    paths: list[Path], ffmpeg: str, model: Perception | None, workers: int
) -> dict[str, object]:
    """Analyse files as the command does, at normal priority."""
    results: list[Result] = []
    memory = _Memory()
    before, started = _children_seconds(), time.monotonic()
    with (
        memory,
        tempfile.TemporaryDirectory() as scratch,
        Pool(workers, ffmpeg, Limits(), 0) as pool,
    ):
        jobs = (Job(str(path), str(path)) for path in paths)
        analyse(jobs, pool, model, Path(scratch), results.append)
    seconds = time.monotonic() - started
    processor = (_children_seconds() - before) / len(paths)
    heard = [result.measured.duration_ms / 1000 for result in results if result.measured]
    return {
        "files": len(paths),
        "failed": sum(bool(result.failure) for result in results),
        "with_the_model": sum(result.perceived is not None for result in results),
        "audio_seconds_per_file": round(sum(heard) / len(heard), 1),
        "files_per_second": round(len(paths) / seconds, 2),
        "processor_seconds_per_file": round(processor, 3),
        "files_per_second_on_two_idle_cores_estimated": round(2 / processor, 2),
        f"hours_for_{_LIBRARY}_files_estimated": round(_LIBRARY * processor / 2 / 3600, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "most_memory_mib": round(memory.most),
    }


def steps(paths: list[Path], ffmpeg: str) -> dict[str, float]:
    """Measure the processor seconds per file of each step of a worker, one after the other."""
    spent = dict.fromkeys(("ffmpeg", "reading its output", "tempo", "key and mode", "excerpt"), 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            children, own = _children_seconds(), time.process_time()
            samples = decode(str(path), ffmpeg, Limits()).samples
            spent["reading its output"] += time.process_time() - own
            spent["ffmpeg"] += _children_seconds() - children
            whole = partial(write_excerpt, path=Path(folder) / "excerpt.wav")
            for name, step in (
                ("tempo", estimate_tempo),
                ("key and mode", estimate_tonality),
                ("excerpt", whole),
            ):
                own = time.process_time()
                step(samples)
                spent[name] += time.process_time() - own
    return {name: round(seconds / len(paths), 3) for name, seconds in spent.items()}


def _children_seconds() -> float:
    """Read the processor time of all processes that ended, and of those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Memory:
    """The most memory that this process and all below it had at a time, shared pages once."""

    def __init__(self) -> None:
        self.most = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "_Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLED_SECONDS):
            total = 0.0
            for pid in (os.getpid(), *children_of(os.getpid())):
                try:
                    total += memory_of([pid]).pss
                except OSError:
                    continue  # it has ended since
            self.most = max(self.most, total)


if __name__ == "__main__":
    main()
