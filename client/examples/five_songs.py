"""Five songs in, a list out, and what the listener thought of it back.

QUINTET_URL=http://127.0.0.1:8000 python five_songs.py
"""

import os

from quintet_client import Event, Filters, Quintet, Seed

SONGS = ("hotel california", "bohemian rhapsody", "back in black", "everlong")


def main() -> None:
    address = os.environ.get("QUINTET_URL", "http://127.0.0.1:8000")
    with Quintet(address, token=os.environ.get("QUINTET_TOKEN", ""), timeout=10) as quintet:
        found = [quintet.search(song, limit=1).tracks[0].track for song in SONGS]
        answer = quintet.recommend(
            [*(track.id for track in found), Seed(genre="rock", weight=0.5)],
            targets={"energy": 0.8},
            filters=Filters(max_tempo=180, explicit=False),
            limit=10,
            listener="listener-7",
        )
        for item in answer.tracks:
            artist = item.track.artists[0].name
            why = item.reasons.sentence if item.reasons else ""
            print(f"{item.rank:2} {item.track.title} ({artist}): {why}")
        liked = Event(
            recommendation_id=answer.recommendation_id,
            track_id=answer.tracks[0].track.id,
            kind="like",
            position=1,
        )
        # Sent twice, counted once: an event has its own id.
        first, again = quintet.feedback([liked]), quintet.feedback([liked])
        print(f"accepted {first.accepted + again.accepted}, duplicates {again.duplicates}")


if __name__ == "__main__":
    main()
