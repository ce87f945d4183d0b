"""The list and what stands beside it: asked for once, then refined in place."""

import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlencode

import streamlit as st

from quintet_ui import session, spotify
from quintet_ui.answers import Ranked, Recommendations
from quintet_ui.cards import cards_data, visible
from quintet_ui.client import PASSING, GatewayFault
from quintet_ui.components import card_list, triggered
from quintet_ui.exports import csv_of, jspf_of, m3u8_of
from quintet_ui.notices import show_degraded, show_fault
from quintet_ui.radar import mean_of, profile_of, radar_figure, radar_rows
from quintet_ui.state import Wish, body_of, with_dislike, with_like, with_mute, with_skip
from quintet_ui.words import Words

RETRY_SECONDS: Final = 2.0


def results() -> None:
    """Shows the list where one was asked for; while the gateway is away, tries again by itself."""
    if not st.session_state.asked:
        return
    failing = st.session_state.get("list_fault")
    waits = failing is not None and failing.fault in PASSING
    st.fragment(_results, run_every=RETRY_SECONDS if waits else None)()


def _results() -> None:
    words = session.words()
    was_failing = st.session_state.get("list_fault") is not None
    st.header(words("cards.heading"))
    # What is said here comes and goes; the list below must not move, or its sound would stop.
    notices = st.container()
    with notices:
        answer, fault = _answer(words)
    if (fault is not None) != was_failing:
        # From waiting to not, or back: the page decides anew whether to try again by itself.
        st.rerun()
    with notices:
        _say(answer, fault, words)
    tracks = visible(answer, session.wish()) if answer else []
    if answer is None or not tracks:
        return
    wide, narrow = st.columns([5, 3], gap="medium")
    with wide:
        _cards(answer, words, stale=fault is not None)
    with narrow:
        _radar(answer, tracks, words)
        _exports(tracks, words)
        _link(words)
        _facts(answer, words)


def _say(answer: Recommendations | None, fault: GatewayFault | None, words: Words) -> None:
    """Says what failed, what the list does without, or why it is empty."""
    if fault is not None:
        show_fault(fault, words, retries=True)
    if answer is None:
        st.button(words("fault.retry"))
        return
    show_degraded(answer["degraded"], words)
    if not visible(answer, session.wish()):
        st.info(words("cards.none"), icon=":material/filter_alt_off:")


def _answer(words: Words) -> tuple[Recommendations | None, GatewayFault | None]:
    """Returns the list for the present wish; the one before where that cannot be had."""
    now = session.wish()
    known: tuple[Wish, Recommendations] | None = st.session_state.get("answer")
    if known is not None and known[0] == now:
        st.session_state.list_fault = None
        return known[1], None
    try:
        with st.spinner(words("cards.loading")):
            answer = session.ask(
                lambda to: to.recommend({**body_of(now), "listener": st.session_state.listener})
            )
    except GatewayFault as fault:
        st.session_state.list_fault = fault
        return (known[1] if known else None), fault
    st.session_state.list_fault = None
    st.session_state.answer = (now, answer)
    st.session_state.recommendation_id = answer["recommendation_id"]
    session.remember([ranked["track"] for ranked in answer["tracks"]])
    return answer, None


def _cards(answer: Recommendations, words: Words, *, stale: bool) -> None:
    data = cards_data(
        answer,
        session.wish(),
        st.session_state.saved,
        _chosen(answer),
        words,
        stale=stale,
    )
    card_list(data, key="cards", acted=_acted)
    if st.session_state.pop("refined", False):
        st.rerun()


def _chosen(answer: Recommendations) -> str:
    """Returns the track that the radar shows: the one chosen, else the first."""
    ids = [ranked["track"]["id"] for ranked in answer["tracks"]]
    chosen: str = st.session_state.chosen
    return chosen if chosen in ids else next(iter(ids), "")


def _acted() -> None:
    """Takes over what the listener did to a card."""
    act = triggered("cards", "acted")
    answer = st.session_state.get("answer")
    if not isinstance(act, dict) or answer is None:
        return
    ranked = next(
        (each for each in answer[1]["tracks"] if each["track"]["id"] == act.get("id")), None
    )
    handle = _ACTS.get(str(act.get("kind")))
    if ranked is not None and handle is not None:
        handle(ranked, act)


def _liked(ranked: Ranked, _act: dict[str, object]) -> None:
    track_id, reasons = ranked["track"]["id"], ranked["reasons"]
    is_new = track_id not in session.wish().liked
    closest = reasons["closest_seed"]["id"] if reasons else ""
    _refine(with_like(session.wish(), track_id, closest))
    if is_new:
        _tell("like", ranked)


def _disliked(ranked: Ranked, _act: dict[str, object]) -> None:
    _refine(with_dislike(session.wish(), ranked["track"]["id"]))
    _tell("dislike", ranked)


def _skipped(ranked: Ranked, _act: dict[str, object]) -> None:
    _refine(with_skip(session.wish(), ranked["track"]["id"]))
    _tell("skip", ranked)


def _muted(ranked: Ranked, _act: dict[str, object]) -> None:
    artists = ranked["track"]["artists"]
    if artists:
        _refine(with_mute(session.wish(), artists[0]["id"]))
        _tell("dislike", ranked)


def _saved(ranked: Ranked, _act: dict[str, object]) -> None:
    track_id, saved = ranked["track"]["id"], st.session_state.saved
    if track_id in saved:
        st.session_state.saved = tuple(each for each in saved if each != track_id)
    else:
        st.session_state.saved = (*saved, track_id)
        _tell("save", ranked)


def _chose(ranked: Ranked, _act: dict[str, object]) -> None:
    st.session_state.chosen = ranked["track"]["id"]


def _played(ranked: Ranked, act: dict[str, object]) -> None:
    dwell = act.get("dwell")
    if isinstance(dwell, int) and 0 <= dwell < 3_600_000:
        session.tell("play", ranked["track"]["id"], position=ranked["rank"], dwell_ms=dwell)


_ACTS: Final[dict[str, Callable[[Ranked, dict[str, object]], None]]] = {
    "like": _liked,
    "dislike": _disliked,
    "skip": _skipped,
    "mute": _muted,
    "save": _saved,
    "choose": _chose,
    "play": _played,
}


def _refine(changed: Wish) -> None:
    session.set_wish(changed)
    st.session_state.refined = True


def _tell(kind: str, ranked: Ranked) -> None:
    session.tell(kind, ranked["track"]["id"], position=ranked["rank"])


def _radar(answer: Recommendations, tracks: Sequence[Ranked], words: Words) -> None:
    profile, mean = profile_of(answer), mean_of(tracks)
    if not profile or not mean:
        return
    shapes = {words("radar.profile"): profile}
    chosen = next((r for r in tracks if r["track"]["id"] == _chosen(answer)), tracks[0])
    shapes[chosen["track"]["title"]] = mean_of([chosen])
    shapes[words("radar.list")] = mean
    st.header(words("radar.heading"))
    st.caption(words("radar.help"))
    st.plotly_chart(radar_figure(shapes, words), config={"displayModeBar": False}, key="radar")
    with st.expander(words("radar.numbers")):
        st.table(radar_rows(shapes, words))


def _exports(tracks: Sequence[Ranked], words: Words) -> None:
    st.header(words("export.heading"))
    kept = [ranked for ranked in tracks if ranked["track"]["id"] in st.session_state.saved]
    only = bool(kept) and st.toggle(words("export.only_saved", count=len(kept)))
    chosen = kept if only else tracks
    title = words("export.title")
    for name, kind, content in (
        ("M3U8", "audio/x-mpegurl", m3u8_of(title, chosen)),
        ("CSV", "text/csv", csv_of(chosen)),
        ("JSPF", "application/jspf+json", jspf_of(title, chosen)),
    ):
        st.download_button(
            words("export.file", kind=name),
            content,
            file_name=f"quintet.{name.lower()}",
            mime=kind,
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    _to_spotify(chosen, words)


def _to_spotify(tracks: Sequence[Ranked], words: Words) -> None:
    """Offers the list as a playlist at Spotify, where that is configured."""
    told = session.settings()
    ids = tuple(r["track"]["id"] for r in tracks if spotify.can_export(r["track"]["id"]))
    if not told.exports_to_spotify or not ids:
        return
    state = st.session_state.setdefault("spotify_state", spotify.new_state())
    spotify.partings().keep(
        state,
        spotify.Parting(
            session.link_query(),
            ids,
            st.session_state.get("recommendation_id", ""),
            spotify.browser_mark(),
            time.monotonic(),
        ),
    )
    address = spotify.sign_in_address(told, state)
    st.link_button(words("spotify.export"), address, icon=":material/library_add:", width="stretch")


def welcome_back() -> None:
    """Makes the playlist of a listener whom Spotify sent back, and says how it went; once."""
    parting, code = st.session_state.pop("returned", (None, ""))
    words = session.words()
    if parting is None or not code:
        st.warning(words("spotify.not_allowed"), icon=":material/block:")
        return
    try:
        with st.spinner(words("spotify.working")):
            address = spotify.export(
                session.settings(), code, words("export.title"), parting.tracks
            )
    except spotify.ExportFailed:
        st.error(words("spotify.failed"), icon=":material/error:")
        return
    st.session_state.recommendation_id = parting.recommendation_id
    session.tell("playlist_add", *parting.tracks)
    st.session_state.playlist = address


def _link(words: Words) -> None:
    st.header(words("link.heading"))
    st.caption(words("link.help"))
    query = urlencode(session.link_query(), doseq=True)
    st.code(f"{st.context.url or ''}?{query}", language=None, wrap_lines=True)


def _facts(answer: Recommendations, words: Words) -> None:
    pool = answer["pool"]
    st.caption(
        words(
            "cards.pool",
            initial=pool["initial"],
            left=pool["after_filtering"],
            candidates=pool["candidates"],
            model=answer["versions"]["model"],
        )
    )
