"""A library of many songs takes time, and no more memory than one of few."""

import re
import subprocess
import sys

from tests.root import ROOT
from tests.slow import slow


@slow("reads 80,000 songs")
def test_three_times_the_songs_take_no_more_memory():
    few, many = peak(20_000), peak(60_000)
    # What is kept of plays and stars is bounded by 20,000 signals, which both reach: 9 MiB more.
    # One kilobyte for each song would be 39.
    assert many - few < 25


def peak(songs: int) -> int:
    """The peak of a sync of so many songs, in MiB."""
    ran = subprocess.run(
        [sys.executable, "-m", "tools.bench.sync_songs", "--songs", str(songs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return int(re.findall(r"peak (\d+) MiB", ran.stdout)[-1])
