"""A list for each of many songs, ten at a time, with asyncio.

QUINTET_URL=http://127.0.0.1:8000 python many_at_once.py
"""

import asyncio
import os

from quintet_client import AsyncQuintet, QuintetError


async def main() -> None:
    address = os.environ.get("QUINTET_URL", "http://127.0.0.1:8000")
    async with AsyncQuintet(
        address, token=os.environ.get("QUINTET_TOKEN", ""), timeout=10
    ) as quintet:
        matches = (await quintet.search("genre:rock", limit=30)).tracks
        turns = asyncio.Semaphore(10)

        async def first_for(track_id: str) -> str:
            async with turns:
                answer = await quintet.recommend([track_id], limit=1, reasons=False)
            return answer.tracks[0].track.title

        ids = [match.track.id for match in matches]
        results = await asyncio.gather(*map(first_for, ids), return_exceptions=True)
    for match, result in zip(matches, results, strict=True):
        if isinstance(result, QuintetError):
            print(f"{match.track.title}: {result}")
        elif isinstance(result, BaseException):
            raise result
        else:
            print(f"{match.track.title} -> {result}")


if __name__ == "__main__":
    asyncio.run(main())
