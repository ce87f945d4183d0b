"""The client for ordinary code: each method waits for its answer."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Concatenate, ParamSpec, Self, TypeVar

import httpx
from tenacity import Retrying
from typing_extensions import Unpack

from quintet_client import calls
from quintet_client.errors import TokenInvalid
from quintet_client.models import Page, Recorded
from quintet_client.protocol import AnswerT, Call
from quintet_client.request_models import Event
from quintet_client.session import (
    DEFAULT_URL,
    Attempts,
    CallOptions,
    ClientSettings,
    Options,
    Session,
)
from quintet_client.signatures import as_method

P = ParamSpec("P")
ItemT = TypeVar("ItemT")


def _answering(
    build: Callable[P, Call[AnswerT]],
) -> Callable[Concatenate["Quintet", P], AnswerT]:
    def method(self: "Quintet", /, *args: P.args, **kwargs: P.kwargs) -> AnswerT:
        return self.call(build(*args, **kwargs))

    return as_method(build, method)


def _iterating(
    build: Callable[P, Call[Page[ItemT]]],
) -> Callable[Concatenate["Quintet", P], Iterator[ItemT]]:
    def method(self: "Quintet", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[ItemT]:
        call = build(*args, **kwargs)
        page = self.call(call)
        yield from page.items
        # An empty token marks the last page (AIP-158).
        while page.next_page_token:
            page = self.call(call.after(page.next_page_token))
            yield from page.items

    return as_method(build, method, "Goes through all pages. ")


class Quintet:
    """Calls a gateway; safe to share between threads. Use it as a context manager, or close it.

    Args:
        base_url: The gateway's address.
        transport: An httpx transport, such as a mock; the network if None.
        options: As in `quintet_client.ClientSettings`.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        transport: httpx.BaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._session = Session(ClientSettings(base_url, **options))
        facts = self._session.settings.transport_options()
        self._http = httpx.Client(transport=transport, **facts)
        self._fetching = threading.Lock()

    search = _answering(calls.search)
    search_all = _iterating(calls.search)
    artists = _answering(calls.artists)
    artists_all = _iterating(calls.artists)
    genres = _answering(calls.genres)
    genres_all = _iterating(calls.genres)
    track = _answering(calls.track)
    audio_features = _answering(calls.audio_features)
    recommend = _answering(calls.recommend)
    prompt = _answering(calls.prompt)
    radio = _answering(calls.radio)
    path = _answering(calls.path)
    model = _answering(calls.model)
    insights = _answering(calls.insights)
    experiment = _answering(calls.experiment)
    operations = _answering(calls.operations)
    operator_overview = _answering(calls.operator_overview)
    recorded_list = _answering(calls.recorded_list)
    registered_models = _answering(calls.registered_models)
    promote_model = _answering(calls.promote_model)
    roll_back = _answering(calls.roll_back)
    readiness = _answering(calls.readiness)
    metrics = _answering(calls.metrics)
    catalogue_map = _answering(calls.catalogue_map)
    library = _answering(calls.library)
    add_source = _answering(calls.add_source)
    sync_source = _answering(calls.sync_source)
    analyse_source = _answering(calls.analyse_source)
    remove_source = _answering(calls.remove_source)
    quarantine = _answering(calls.quarantine)
    quarantine_all = _iterating(calls.quarantine)
    match_in_source = _answering(calls.match_in_source)
    own_tracks = _answering(calls.own_tracks)
    playlists = _answering(calls.playlists)
    playlists_all = _iterating(calls.playlists)
    save_playlist = _answering(calls.save_playlist)
    playlist = _answering(calls.playlist)
    delete_playlist = _answering(calls.delete_playlist)
    push_playlist = _answering(calls.push_playlist)
    audio = _answering(calls.audio)
    cover = _answering(calls.cover)
    undo = _answering(calls.undo)
    ban_artist = _answering(calls.ban_artist)
    start_history = _answering(calls.start_history)
    add_history_part = _answering(calls.add_history_part)
    history = _answering(calls.history)
    export_listener = _answering(calls.export_listener)
    delete_listener = _answering(calls.delete_listener)

    def feedback(self, events: Iterable[Event]) -> Recorded:
        """Send feedback events; they are on the gateway's disk when it returns.

        Any number of events, in requests of 500. Where one fails, those before it are stored: send
        the same events again, each counts once by its `event_id`.
        """
        return calls.total([self.call(batch) for batch in calls.feedback(events)])

    def call(self, call: Call[AnswerT]) -> AnswerT:
        """Make a call of `quintet_client.calls`, with retries, within the time allowed.

        Raises:
            QuintetError: It failed; see `quintet_client.errors`.
        """
        attempts = self._session.attempt(call)
        answer: AnswerT = Retrying(**attempts.strategy)(self._once, call, attempts)
        return answer

    @property
    def base_url(self) -> str:
        """The gateway's address."""
        return self._session.settings.base_url

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """Copy this client with other options; connections, credentials and budget are shared."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _session=self._session.with_options(options))
        return other

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def _once(self, call: Call[AnswerT], attempts: Attempts) -> AnswerT:
        bearer = self._bearer(attempts) if call.authorised else ""
        try:
            return self._send(call, attempts, bearer)
        except TokenInvalid:
            # A token can be revoked before it expires: a new one is worth one more request.
            if not self._session.credentials.can_replace(bearer):
                raise
        return self._send(call, attempts, self._bearer(attempts))

    def _send(self, call: Call[AnswerT], attempts: Attempts, bearer: str) -> AnswerT:
        content = bytearray()
        try:
            request = attempts.request(self._http, bearer)
            with closing(self._http.send(request, stream=True)) as response:
                for piece in response.iter_bytes():
                    attempts.take(content, piece)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise attempts.fault(fault) from fault
        answer: AnswerT = attempts.answer(response, bytes(content))
        return answer

    def _bearer(self, attempts: Attempts) -> str:
        credentials = self._session.credentials
        if (token := credentials.current()) is not None:
            return token
        # One thread at a time: a secret is hashed slowly on purpose, which loads the gateway.
        with self._fetching:
            if (token := credentials.current()) is not None:
                return token
            fetch = credentials.fetch()
            inner = self._session.attempt(fetch, attempts.left())
            return credentials.keep(self._send(fetch, inner, ""))
