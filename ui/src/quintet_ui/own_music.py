"""The page "Add your music": sources, their progress, what failed, and how to add one."""

from collections.abc import Callable
from typing import Final

import streamlit as st
from quintet_client import Quintet
from quintet_client.models import Library, LibraryRequest, MusicSource, Progress
from quintet_client.request_models import SourceKind

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.faults import Fault, GatewayFault
from quintet_ui.plain import code
from quintet_ui.translations import Translations

_KINDS: Final[tuple[SourceKind, ...]] = ("folder", "subsonic", "jellyfin", "beets")
_EXAMPLES: Final = {
    "folder": "/home/me/Music",
    "subsonic": "https://music.example",
    "jellyfin": "http://192.168.1.20:8096",
    "beets": "/home/me/.config/beets/library.db",
}
_SERVERS: Final = ("subsonic", "jellyfin")
_OPEN: Final = ("queued", "running")
# While work runs its progress is followed; otherwise a sync by hand should show soon.
_BUSY_SECONDS, _QUIET_SECONDS = 2.0, 10.0
_PART: Final = "library"
_ROWS: Final = 20
# From the page's own font: not every machine has one with emoji.
_ICONS: Final = {"done": ":material/check_circle:", "failed": ":material/error:"}
_SHOWN_REQUESTS: Final = 5


def own_music_page() -> None:
    """Show the page."""
    texts = session.texts()
    st.title(texts("own.title"))
    st.write(texts("own.lead"))
    busy = bool(st.session_state.get("own_busy"))
    st.fragment(_sources, run_every=_BUSY_SECONDS if busy else _QUIET_SECONDS)()
    _adding(texts)


def _sources() -> None:
    texts = session.texts()
    try:
        library = session.ask(Quintet.library, _PART)
    except GatewayFault as fault:
        _show(fault, texts)
        return
    if not library.worker_running:
        st.warning(texts("own.no_worker"), icon=":material/engineering:")
        st.code(library.worker_command, language="bash")
    busy = any(request.state in _OPEN for request in library.requests)
    if busy != bool(st.session_state.get("own_busy")):
        # The polling interval belongs to the fragment, which only a full rerun creates again.
        st.session_state.own_busy = busy
        st.rerun()
    st.header(texts("own.sources"))
    if not library.sources:
        st.info(texts("own.none"), icon=":material/library_music:")
    for source in library.sources:
        _source(source, library, texts)
    _requests(library, texts)


def _source(source: MusicSource, library: Library, texts: Translations) -> None:
    running = [r for r in library.requests if r.source == source.name and r.state in _OPEN]
    with st.container(border=True, key=f"own_source_{source.name}"):
        st.subheader(code(source.name), anchor=False)
        # No caption: the green of code is too pale in its grey.
        st.write(f"{texts(f'own.kind.{source.kind}')} · {code(source.address)}")
        facts = [texts("own.songs", count=source.present)]
        facts += [texts("own.absent", count=source.absent)] if source.absent else []
        facts.append(texts("own.playable" if source.play_allowed else "own.silent"))
        when = source.synced_at[:16].replace("T", " ")
        facts.append(texts("own.synced", when=when) if when else texts("own.never"))
        st.write(" · ".join(facts))
        for request in running:
            _progress(request, source, texts)
        if source.analysis.total and not any(r.action == "analyse" for r in running):
            _bar(source.analysis, texts("own.analysed"), texts, None)
        if source.last_error:
            st.error(code(source.last_error), icon=":material/error:")
        _actions(source, texts)
        if source.quarantined:
            _quarantine(source, texts)


def _progress(request: LibraryRequest, source: MusicSource, texts: Translations) -> None:
    label = texts(f"own.action.{request.action}")
    if request.state == "queued":
        st.caption(f"{label}: {texts('own.state.queued')}")
        return
    progress = source.analysis if request.action == "analyse" else source.sync
    _bar(progress, label, texts, request.seconds_left)


def _bar(progress: Progress, label: str, texts: Translations, left: float | None) -> None:
    if not progress.total:
        st.caption(f"{label}: {texts('own.songs', count=progress.done)}")
        return
    text = f"{label}: {texts('own.of', done=progress.done, total=progress.total)}"
    if left is not None:
        text += f" · {_time_left(left, texts)}"
    st.progress(min(1.0, progress.done / progress.total), text)


def _time_left(seconds: float, texts: Translations) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return texts("own.seconds_left", count=max(1, round(seconds)))
    return texts("own.minutes_left", count=minutes)


def _actions(source: MusicSource, texts: Translations) -> None:
    name = source.name
    with st.container(horizontal=True):
        for action, call in (
            ("sync", lambda to: to.sync_source(name)),
            ("analyse", lambda to: to.analyse_source(name)),
        ):
            st.button(
                texts(f"own.action.{action}"),
                key=f"own_{action}_{name}",
                on_click=_request,
                args=(call,),
            )
        with st.popover(texts("own.action.remove")):
            st.write(texts("own.remove_sure"))
            st.button(
                texts("own.remove_yes"),
                key=f"own_remove_{name}",
                on_click=_request,
                args=(lambda to: to.remove_source(name),),
            )


def _quarantine(source: MusicSource, texts: Translations) -> None:
    """Show what failed and why, page by page; the first page is read when it is opened."""
    opened = f"own_failed_{source.name}"
    if not st.toggle(texts("own.failed", count=source.quarantined), key=opened):
        return
    token_key = f"own_page_{source.name}"
    token: str = st.session_state.get(token_key, "")
    try:
        page = session.ask(
            lambda to: to.quarantine(source.name, page_size=_ROWS, page_token=token), _PART
        )
    except GatewayFault as fault:
        _show(fault, texts)
        return
    # A list, not a data frame: that is drawn on a canvas, which no screen reader reads, and its
    # columns cut a long reason off on a phone.
    lines = [
        f"- {code(each.path or each.item_id)}  \n  {code(each.reason)}  \n"
        f"  {texts(f'own.fix.{_fix(each.stage, each.reason)}')}"
        for each in page.quarantined
    ]
    st.markdown("\n".join(lines))
    with st.container(horizontal=True):
        if token:
            st.button(
                texts("own.first_page"),
                key=f"own_first_{source.name}",
                on_click=_turn,
                args=(token_key, ""),
            )
        if page.next_page_token:
            st.button(
                texts("own.next_page"),
                key=f"own_next_{source.name}",
                on_click=_turn,
                args=(token_key, page.next_page_token),
            )


def _fix(stage: str, reason: str) -> str:
    """Choose the advice for a file that failed; reasons begin with a field or say what happened."""
    if reason.startswith(("artists:", "title:")):
        return "tags"
    if "takes longer" in reason or "takes too long" in reason:
        return "slow"
    if reason.startswith("it cannot be read"):
        return "rights"
    return "analysis" if stage == "analysis" else "replace"


def _turn(key: str, token: str) -> None:
    st.session_state[key] = token


def _requests(library: Library, texts: Translations) -> None:
    """Show how the last requests ended; those of a source that was never added are only here."""
    if not library.requests:
        return
    open_or_failed = library.requests[0].state != "done"
    with st.expander(texts("own.requests"), expanded=open_or_failed):
        for request in library.requests[:_SHOWN_REQUESTS]:
            icon = _ICONS.get(request.state, ":material/schedule:")
            line = f"{icon} {texts(f'own.action.{request.action}')} {code(request.source)}: "
            line += texts(f"own.state.{request.state}")
            said = code(request.message.removeprefix("error: "))
            st.write(f"{line} — {said}" if said else line)


def _adding(texts: Translations) -> None:
    st.header(texts("own.add"))
    kind = st.segmented_control(
        texts("own.which"),
        _KINDS,
        format_func=lambda each: texts(f"own.kind.{each}"),
        default="folder",
        required=True,
        key="own_kind",
    )
    with st.form("own_form", enter_to_submit=False):
        address = st.text_input(texts(f"own.address.{kind}"), placeholder=_EXAMPLES[kind])
        user = credential = music = ""
        plain = False
        if kind in _SERVERS:
            user = st.text_input(texts("own.user"))
            credential = st.text_input(
                texts("own.credential"),
                placeholder="env:MUSIC_PASSWORD",
                help=texts("own.credential_help"),
            )
            st.caption(texts("own.credential_help"))
            plain = kind == "subsonic" and st.checkbox(texts("own.plain"))
        if kind == "beets":
            music = st.text_input(texts("own.music"), help=texts("own.music_help"))
        name = st.text_input(texts("own.name"), value=kind, help=texts("own.name_help"))
        play = st.checkbox(texts("own.play"), help=texts("own.play_help"))
        sent = st.form_submit_button(texts("own.submit"), type="primary")
    if sent:
        _request(
            lambda to: to.add_source(
                name.strip(),
                kind,
                address.strip(),
                user=user.strip(),
                credential=credential.strip(),
                send_password=plain,
                music=music.strip(),
                play_allowed=play,
            )
        )
        # The sources above show the request at once.
        st.rerun()
    if failure := st.session_state.pop("own_failure", None):
        _show(failure, texts)


def _request(call: Callable[[Quintet], LibraryRequest]) -> None:
    try:
        session.ask(call)
    except GatewayFault as fault:
        st.session_state.own_failure = fault
        return
    st.session_state.own_busy = True
    st.toast(session.texts()("own.queued"), icon=":material/schedule:")


def _show(fault: GatewayFault, texts: Translations) -> None:
    """Show a failure; the page's client may lack the scope, and a field may break its rule."""
    if fault.reason == "SCOPE_MISSING":
        st.error(texts("own.no_scope"), icon=":material/lock:")
    elif fault.fault in {Fault.REFUSED, Fault.ABSENT, Fault.UNKNOWN} and fault.reason:
        # The gateway's own sentence names the field, the rule and the way out.
        st.error(code(str(fault), 500), icon=":material/error:")
    else:
        show_fault(fault, texts)
