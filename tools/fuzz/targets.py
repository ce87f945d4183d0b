"""Every place where bytes from outside come in, as a function that may only refuse as agreed."""

import json
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.exceptions import RequestValidationError
from google.protobuf.message import DecodeError, Message
from pydantic import ValidationError
from quintet.feedback.v1 import feedback_pb2
from quintet.memory.v1 import memory_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import path_pb2, radio_pb2, ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.pseudonyms import Pseudonyms
from quintet_access.tokens import TokenIssuer, TokenRefused, TokenVerifier
from quintet_contract.limits import MAX_PROMPT
from quintet_engine.query import QueryInvalid, check
from quintet_engine.radio_session import check as check_session
from quintet_gateway import servicer as feedback_servicer
from quintet_gateway.app.errors import field_error, render
from quintet_gateway.feedback.events import check_events
from quintet_gateway.schemas.feedback import BanBody, read_events
from quintet_gateway.schemas.prompts import PromptBody
from quintet_gateway.schemas.recommendation_request import RankedTracksBody, RecommendationsBody
from quintet_gateway.schemas.sequences import PathBody, RadioBody
from quintet_gateway.settings import GatewaySettings
from quintet_memory.domain import check_days, check_known_limit, check_listener
from quintet_profile import servicer as profile_servicer
from quintet_prompts import CatalogueFacts, NamedItem, meaning, name_phrases, understand
from quintet_prompts.model import AnswerInvalid, read_answer, understand_answer
from quintet_ranker import servicer as ranker_servicer
from quintet_ranker.servicer import cursors, playing
from quintet_search.domain.paging import PageRequest, window
from quintet_search.domain.query import parse
from quintet_servicekit.errors import AppError
from quintet_training.datasets.columns import DatasetInvalid

_FACTS = CatalogueFacts(9, 9, 1, ["rock"], ["t"])
_EVERY_KIND = [
    NamedItem("artist", "a", "Queen"),
    NamedItem("track", "t", "Yes", (("a", "Queen"),)),
    NamedItem("genre", "", "rock"),
]
# Errors that a caller may get; everything else is a fault of ours.
REFUSALS = (
    AppError,
    QueryInvalid,
    DecodeError,
    ValidationError,
    TokenRefused,
    DatasetInvalid,
    AnswerInvalid,
)


@dataclass(frozen=True)
class Target:
    """An entry: what it does with bytes, sound ones to start from, and its share of all inputs."""

    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    weight: float = 1.0


def rpc_targets() -> dict[str, Target]:
    """Return the protobuf entries of all services, through to what their servicers check."""
    seed = profile_pb2.Seed(track_id="6rqhFgbbKwnb9MLmUQDhG6", weight=2)
    recommend = ranker_pb2.RecommendTracksRequest(
        seeds=[seed, profile_pb2.Seed(genre="rock")],
        weights=[ranker_pb2.AttributeWeight(attribute=profile_pb2.ATTRIBUTE_ENERGY, weight=1)]
        if hasattr(ranker_pb2, "AttributeWeight")
        else [],
        limit=20,
        diversity=0.3,
    )
    event = feedback_pb2.Event(event_id="e", recommendation_id="r", track_id="t", position=3)
    event.occur_time.FromSeconds(1_700_000_000)
    events = feedback_pb2.RecordEventsRequest(events=[event, event])
    options = radio_pb2.RadioOptions(
        seeds=[seed], filters=ranker_pb2.Filters(genres=["rock"]), artist_gap=4
    )
    begun = radio_pb2.ContinueRadioRequest(
        options=options,
        events=[radio_pb2.RadioEvent(track_id="t", action=radio_pb2.RADIO_ACTION_LIKE)],
        limit=20,
        preferences=memory_pb2.Preferences(track_ids=["t"], plays=[1.0], opinions=[1]),
    )
    state = radio_pb2.RadioState(
        options=options, played=[1, 2], recent_track_ids=["t"],
        likes=[radio_pb2.RadioMark(track_id="t", position=1)],
    )  # fmt: skip
    found = path_pb2.FindPathRequest(start_track_id="a", end_track_id="b", length=5)
    remembered = memory_pb2.GetExclusionsRequest(listener="0a" * 32, heard_days=14, known_limit=9)
    searched = search_pb2.SearchTracksRequest(query="artist:eagles year:1970-1980", page_size=5)
    profiled = profile_pb2.BuildProfileRequest(seeds=[seed])
    return {
        "rpc ranker": _rpc(recommend, lambda each: check(ranker_servicer.query_of(each))),
        "rpc radio": _rpc(begun, _played),
        "rpc radio state": _rpc(state, _continued),
        "rpc path": _rpc(found, playing.path_query_of),
        "rpc memory": _rpc(remembered, _remembered),
        "rpc profile": _rpc(profiled, profile_servicer.query_of),
        "rpc search": _rpc(searched, _searched),
        "rpc feedback": _rpc(events, _recorded),
        "rpc export": _rpc(
            feedback_pb2.ExportListenerRequest(listener="l", page_token="x"),
            lambda each: feedback_servicer.cursor_of(each.page_token),
        ),
    }


def _rpc(sound: Message, handle: Callable[[Any], object]) -> Target:
    kind = type(sound)
    return Target(
        lambda data: handle(kind.FromString(data)), [sound.SerializeToString(), b""], weight=4
    )


def _played(request: radio_pb2.ContinueRadioRequest) -> None:
    check_session(playing.radio_session_of(request))
    playing.radio_events_of(request)
    playing.batch_request_of(request)


def _continued(state: radio_pb2.RadioState) -> None:
    """Read the state of a session as a cursor whose checksum is right: its values are hostile."""
    content = state.SerializeToString()
    session = cursors.read_cursor(zlib.crc32(content).to_bytes(4, "big") + content)
    cursors.cursor_of(session)


def _remembered(request: memory_pb2.GetExclusionsRequest) -> None:
    check_listener(request.listener)
    check_days(request.heard_days)
    check_known_limit(request.known_limit)


def _searched(request: search_pb2.SearchTracksRequest) -> None:
    parsed = parse(request.query)
    page = PageRequest(request.page_size, request.page_token, request.skip)
    window(page, default=20, maximum=50, scope=("fuzz", repr(parsed)))


def _recorded(request: feedback_pb2.RecordEventsRequest) -> None:
    events = [feedback_servicer.event_of(each, n) for n, each in enumerate(request.events)]
    check_events(events, lambda number: f"events[{number}]", "occur_time")


def text_targets(folder: Path) -> dict[str, Target]:
    """Return tokens, cursors, queries, bodies and settings."""
    client, _ = ClientFolder(folder).create("fuzz")
    issuer = TokenIssuer(KeyFolder(folder).signing_key)
    token = issuer.issue(client.client_id, client.generation, client.scopes).encode()
    verifier = TokenVerifier(folder)
    names = Pseudonyms(b"k" * 32)
    body = b'{"seeds":["a",{"genre":"rock","weight":2}],"weights":{"energy":2.0},"limit":5}'
    event = b'{"event_id":"e","recommendation_id":"r","track_id":"t","event":"like"}'
    radio = (
        b'{"cursor":"c","events":[{"track_id":"a","action":"like"}],"heard":"less","discovery":1}'
    )
    path = b'{"start":"a","end":"b","length":5,"filters":{"min_energy":0.5},"heard_days":3}'
    ban = b'{"listener":"l","artist_id":"a","banned":true}'
    shown = names.new_recommendation_id().encode()
    return {
        "token": Target(lambda data: verifier.verify(_text(data)), [token], 0.5),
        "recommendation id": Target(lambda data: names.issue_time(_text(data)), [shown]),
        "cursor": Target(
            lambda data: feedback_servicer.cursor_of(_text(data)),
            [b"WzAsICJhIl0=", b"WzEsICJhIiwgMV0="],
        ),
        "page token": Target(
            lambda data: window(
                PageRequest(5, _text(data), 0), default=20, maximum=50, scope=("q",)
            ),
            [b"AAAAFAECAwQFBgcICQoLDA"],
        ),
        "query": Target(lambda data: parse(_text(data)), [b'artist:queen year:1975 genre:"rock"']),
        "prompt": Target(
            lambda data: _prompted(_text(data)[:MAX_PROMPT]),
            [
                b"calm rock like Queen, nothing explicit, under 4 minutes, no live",
                "Queen 같은 조용한 록, 4분 이하, 욕설 없이 20곡".encode(),
                b"10 songs from the 80s and 90s, 100-120 bpm, not too sad",
            ],
        ),
        "prompt of a model": Target(
            lambda data: _answered(_text(data)),
            [
                b'{"parts":[{"words":"calm","kind":"prefer","attribute":"energy","value":0.2}]}',
                b'{"parts":[{"words":"rock","kind":"genre","name":"rock","min":null}]}',
            ],
        ),
        "body prompt": _body(PromptBody.model_validate, b'{"text":"calm","removed":["a"]}'),
        "body recommendations": _body(_recommended, body),
        "body ranked": _body(RankedTracksBody.model_validate, b'{"track_ids":["a"]}'),
        "body radio": _body(lambda body: RadioBody.model_validate(body).message(), radio),
        "body path": _body(lambda body: PathBody.model_validate(body).message(), path),
        "body ban": _body(BanBody.model_validate, ban),
        "body event": _body(read_events, event),
        "radio cursor": Target(
            lambda data: names.read_cursor(_text(data), 60),
            [names.sign_cursor(b"session").encode()],
        ),
        "setting": Target(
            lambda data: GatewaySettings(rate_limit=_text(data), airflow_url=_text(data)),
            [b"10/minute"],
            0.01,
        ),
    }  # fmt: skip


def _prompted(text: str) -> None:
    """Read a prompt through to the check of its query, with a name in every phrase."""
    names = {phrase.text: _EVERY_KIND for phrase in name_phrases(text)}
    found = understand(text, names, _FACTS, 2026)
    RecommendationsBody.model_validate(found.query)
    for part in found.parts:
        assert meaning(part, "en")
        assert meaning(part, "ko")


def _answered(content: str) -> None:
    """Check an answer of a language model through to its query."""
    parts = read_answer("calm rock", content)
    RecommendationsBody.model_validate(understand_answer("calm rock", parts, {}, _FACTS).query)


def _body(handle: Callable[[Any], object], sound: bytes) -> Target:
    """Read a body as the framework does, through to the answer that rejects it."""

    def run(data: bytes) -> None:
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            raise DecodeError("no JSON") from None
        try:
            handle(body)
        except (ValidationError, RequestValidationError) as fault:
            render(field_error(fault.errors()), 400, {})
            raise DecodeError("refused") from fault

    broken = sound.replace(b'"a"', b'"\\ud800"').replace(b'"t"', b'"\\ud800"')
    return Target(run, [sound, broken], 2)


def _recommended(body: Any) -> None:
    RecommendationsBody.model_validate(body).ranker_request()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def spoiled(sound: bytes, chance: random.Random) -> bytes:
    """Return a sound input made bad: bits turned, parts cut, repeated, swapped or invented."""
    data = bytearray(sound)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        draw = chance.randrange(6)
        if draw == 0 and data:
            data[place % len(data)] ^= 1 << chance.randrange(8)
        elif draw == 1:
            del data[place : place + chance.randint(1, 16)]
        elif draw == 2:
            data[place:place] = chance.randbytes(chance.randint(1, 24))
        elif draw == 3:
            data[place:place] = data[: chance.randint(0, 32)]
        elif draw == 4:
            data[place:place] = chance.choice(_NASTY)
        else:
            data = bytearray(chance.randbytes(chance.randint(0, 64)))
    return bytes(data)


_NASTY = (
    b"\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"NaN", b"Infinity", b"1e999", b"-0",
    b"[" * 2000, b'{"a":' * 600, b"'; DROP TABLE events;--", b"../../etc/passwd", b"\xed\xa0\x80",
    b"\xf0\x9f\x8e\xb5", b"%s%n", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    b'"' * 99, b"\r\n\r\n", b"9" * 400, b"\xe2\x80\xae", b"A" * 3000,
)  # fmt: skip
