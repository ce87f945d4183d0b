"""The tools: each checks its arguments, makes a few calls of the gateway, and answers in words."""

import time
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field
from quintet_client import ApiError, AsyncQuintet, QuintetError, calls, models
from quintet_client.request_models import Filters
from quintet_contract.limits import (
    DEFAULT_DISCOVERY,
    MAX_LIMIT,
    MAX_LIST_NAME,
    MAX_NAME,
    MAX_PAGE,
    MAX_PATH,
    MAX_QUERY,
    MAX_RADIO_BATCH,
    MAX_SEEDS,
    MIN_PATH,
)

from quintet_command.mcp_server import results
from quintet_command.mcp_server.gateway import ask, in_words

_READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
_POLL_SECONDS: Final = 0.5
_OPEN: Final = ("queued", "running")
Language = Annotated[Literal["en", "ko"], Field(description="Of the reasons")]
Listener = Annotated[
    str | None,
    Field(description="Whose memory counts; an id that names no person", max_length=128),
]
SongName = Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]
Seeds = Annotated[
    list[SongName],
    Field(
        description="One to five songs that the list should be like: ids of `search`, or names "
        "such as 'Norah Jones Come Away With Me', of which the best match is used",
        min_length=1,
        max_length=MAX_SEEDS,
    ),
]


def add_reading(server: MCPServer, gateway: AsyncQuintet) -> None:
    """Add the tools that need the scope read."""

    @server.tool(title="Search songs", annotations=_READS)
    async def search(
        text: Annotated[
            str,
            Field(
                description="Title, artist or album; artist:, album:, genre: and year: narrow it",
                min_length=1,
                max_length=MAX_QUERY,
            ),
        ],
        limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 10,
    ) -> results.Songs:
        """Search the catalogue for songs by title, artist or album; gives their ids."""
        page = await ask(gateway, calls.search(text, limit=limit))
        found = [match.track for match in page.tracks]
        return results.Songs(songs=results.songs_of(found), total=page.total)

    @server.tool(title="Recommend songs", annotations=_READS)
    async def recommend(
        seeds: Seeds,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        genres: Annotated[
            list[str], Field(description="Only songs of one of these genres", max_length=20)
        ] = [],  # noqa: B006  the schema shows it, and nothing changes it
        min_year: Annotated[int | None, Field(description="Released then or later")] = None,
        max_year: Annotated[int | None, Field(description="Released then or earlier")] = None,
        explicit: Annotated[
            bool | None, Field(description="false: nothing explicit; null: any")
        ] = None,
        min_energy: Annotated[float | None, Field(ge=0, le=1)] = None,
        max_energy: Annotated[float | None, Field(ge=0, le=1)] = None,
        max_minutes: Annotated[float | None, Field(description="Longest song", gt=0)] = None,
        discovery: Annotated[
            float, Field(description="0: artists you named first; 1: none of them", ge=0, le=1)
        ] = DEFAULT_DISCOVERY,
        language: Language = "en",
        listener: Listener = None,
    ) -> results.Recommendation:
        """Recommend songs that are like one to five given songs, each with the reason why."""
        filters = Filters(
            genres=tuple(genres),
            min_year=min_year,
            max_year=max_year,
            explicit=explicit,
            min_energy=min_energy,
            max_energy=max_energy,
            max_duration_ms=None if max_minutes is None else max_minutes * 60_000,
        )
        answer = await ask(
            gateway,
            calls.recommend(
                await resolved(gateway, seeds),
                limit=limit,
                filters=filters,
                discovery=discovery,
                language=language,
                listener=listener,
            ),
        )
        return results.Recommendation(
            recommendation_id=answer.recommendation_id,
            seeds=_seeds_of(answer),
            songs=[results.recommended_of(each) for each in answer.tracks],
            note=answer.discovery.sentence,
            degraded=list(answer.degraded),
        )

    @server.tool(title="Explain a recommendation", annotations=_READS)
    async def explain(
        song: SongName, seeds: Seeds, language: Language = "en", listener: Listener = None
    ) -> results.Explanation:
        """Say why a song is recommended for the given songs, and at which rank of the list."""
        wanted, *others = await resolved(gateway, [song, *seeds])
        call = calls.recommend(
            others, limit=MAX_LIMIT, max_per_artist=0, language=language, listener=listener
        )
        answer = await ask(gateway, call)
        found = next((each for each in answer.tracks if each.track.id == wanted), None)
        if found is None:
            raise ToolError(
                f"{song!r} is not among the first {len(answer.tracks)} songs for these seeds, so "
                "there is no reason to state; choose seeds that are more like it"
            )
        facts = [fact.kind for fact in found.reasons.facts] if found.reasons else []
        return results.Explanation(
            song=results.recommended_of(found), seeds=_seeds_of(answer), facts=facts
        )

    @server.tool(title="Path between songs", annotations=_READS)
    async def path(
        start: SongName,
        end: SongName,
        length: Annotated[
            int, Field(description="Songs, both ends included", ge=MIN_PATH, le=MAX_PATH)
        ] = 10,
        language: Language = "en",
        listener: Listener = None,
    ) -> results.Path:
        """Find songs that lead from one song to another in steps as small as possible."""
        first, last = await resolved(gateway, [start, end])
        call = calls.path(first, last, length=length, language=language, listener=listener)
        answer = await ask(gateway, call)
        songs = [
            {**results.song_of(each.track), "position": each.position, "step": _step(each)}
            for each in answer.tracks
        ]
        return results.Path.model_validate({"songs": songs})

    @server.tool(title="Radio", annotations=_READS)
    async def radio(
        seeds: Annotated[
            list[SongName],
            Field(description="To start: one to five songs, ids or names", max_length=MAX_SEEDS),
        ] = [],  # noqa: B006  the schema shows it, and nothing changes it
        cursor: Annotated[
            str | None, Field(description="To continue: `cursor` of the last answer")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=MAX_RADIO_BATCH)] = 20,
        language: Language = "en",
        listener: Listener = None,
    ) -> results.Radio:
        """Start an endless radio from songs, or continue it: the next songs in playing order."""
        if bool(seeds) == bool(cursor):
            raise ToolError("Give seeds to start a radio, or the cursor of the last answer")
        ids = await resolved(gateway, seeds)
        call = calls.radio(ids, cursor=cursor, limit=limit, language=language, listener=listener)
        answer = await ask(gateway, call)
        songs = [
            {
                **results.song_of(each.track),
                **{"position": each.position, "step": _step(each)},
                "why": each.reasons.sentence if each.reasons else "",
            }
            for each in answer.tracks
        ]
        facts = {"songs": songs, "cursor": answer.cursor, "ended": answer.exhausted}
        return results.Radio.model_validate(facts)


def add_playlists(server: MCPServer, gateway: AsyncQuintet, seconds: float) -> None:
    """Add the tools that need the scope playlists.

    Args:
        server: To add them to.
        gateway: Asked by them.
        seconds: Within which a tool answers.
    """

    @server.tool(title="Saved lists", annotations=_READS)
    async def list_playlists(
        limit: Annotated[int, Field(ge=1, le=200)] = 50, listener: Listener = None
    ) -> results.SavedLists:
        """List saved lists with the playlists that they became, and where lists can be pushed."""
        page = await ask(gateway, calls.playlists(listener or "", page_size=limit))
        return results.SavedLists(
            lists=[results.saved_of(each) for each in page.lists],
            sources=[target.source for target in page.targets],
            more=bool(page.next_page_token),
        )

    @server.tool(title="Save a list", annotations=_WRITES)
    async def create_playlist(
        name: Annotated[str, Field(min_length=1, max_length=MAX_LIST_NAME)],
        song_ids: Annotated[
            list[Annotated[str, Field(min_length=1, max_length=MAX_NAME)]],
            Field(
                description="Ids of songs in order, from other tools",
                min_length=1,
                max_length=MAX_LIMIT,
            ),
        ],
        listener: Listener = None,
    ) -> results.SavedList:
        """Save songs as a list under a name; a saved list of the same name is replaced."""
        saved = await ask(gateway, calls.save_playlist(name, song_ids, listener=listener))
        return results.saved_of(saved)

    @server.tool(title="Push a list to a player", annotations=_WRITES)
    async def push_playlist(
        list_id: Annotated[str, Field(description="Of a saved list", max_length=64)],
        source: Annotated[
            str, Field(description="One of `sources` of list_playlists", max_length=64)
        ],
    ) -> results.PushState:
        """Make a saved list a playlist of a source, or update that one; call again to follow it."""
        started = time.monotonic()
        request = await ask(gateway, calls.push_playlist(list_id, source))
        while True:
            saved = await ask(gateway, calls.playlist(list_id))
            state = next((each for each in saved.requests if each.id == request.id), request)
            # What is left of the time is for one more call.
            late = time.monotonic() - started > seconds / 2
            if state.state not in _OPEN or late or not saved.worker_running:
                return _state(saved, state)
            await anyio.sleep(_POLL_SECONDS)


async def resolved(gateway: AsyncQuintet, names: Sequence[str]) -> list[str]:
    """Turn ids and names of songs into track ids: any id of a track, or a name's best match.

    Raises:
        ToolError: No song of the catalogue matches a name.
    """
    return [await _resolved(gateway, name.strip()) for name in names]


async def _resolved(gateway: AsyncQuintet, name: str) -> str:
    # An id has no blanks; a name without any, such as "Yesterday", is no id and is searched for.
    if name and not any(char.isspace() for char in name):
        try:
            return (await gateway.call(calls.track(name))).id
        except ApiError as fault:
            if fault.code not in (400, 404):
                raise ToolError(in_words(fault)) from fault
        except QuintetError:
            pass  # the search fails in words, if the gateway is down
    page = await ask(gateway, calls.search(name, limit=10))
    found = next((match for match in page.tracks if match.recommendable), None)
    if found is None:
        raise ToolError(f"No song of the catalogue matches {name!r}; try `search` first")
    return found.track.id


def _seeds_of(answer: models.Recommendations) -> list[results.Song]:
    return results.songs_of(seed.track for seed in answer.seeds if seed.track is not None)


def _step(each: models.PathTrack | models.RadioTrack) -> str:
    return each.transition.sentence if each.transition else ""


def _state(saved: models.SavedListTracks, request: models.LibraryRequest) -> results.PushState:
    hint = ""
    if request.state in _OPEN:
        hint = "Call push_playlist again to see the result."
        if not saved.worker_running:
            hint = f"No worker runs; the operator starts one with: {saved.worker_command}"
    return results.PushState(
        list_id=saved.id,
        source=request.source,
        state=request.state,
        message=request.message,
        hint=hint,
    )
