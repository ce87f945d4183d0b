"""Goes through all artists of a name and all genres, page by page; distinguishes errors.

QUINTET_URL=http://127.0.0.1:8000 python whole_catalogue.py
"""

import os
from itertools import islice

from quintet_client import Quintet, Retries
from quintet_client.errors import IdUnknown, RateLimited


def main() -> None:
    address = os.environ.get("QUINTET_URL", "http://127.0.0.1:8000")
    token = os.environ.get("QUINTET_TOKEN", "")
    with Quintet(address, token=token, retries=Retries(attempts=5), timeout=10) as quintet:
        largest = sorted(quintet.genres_all(), key=lambda genre: -genre.track_count)[:5]
        print(", ".join(f"{genre.name} ({genre.track_count})" for genre in largest))
        for artist in islice(quintet.artists_all("the", limit=50), 120):
            print(artist.name)
        try:
            quintet.with_options(timeout=2).track("no-such-track")
        except IdUnknown as fault:
            print(f"{fault.reason} at {fault.field}, request {fault.request_id}")
        except RateLimited as fault:
            print(f"come again in {fault.retry_after} s")


if __name__ == "__main__":
    main()
