"""`GET /v1/recommendations`: from query parameters to the ranker's request."""

from typing import Any, Final

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.limits import (
    DEFAULT_DISCOVERY,
    DEFAULT_HEARD_DAYS,
    DEFAULT_MAX_PER_ARTIST,
    MAX_HEARD_DAYS,
    MAX_SEEDS,
    MAX_WEIGHT,
    WEB_API_DEFAULT_LIMIT,
    WEB_API_MAX_EXCLUDED,
    WEB_API_MAX_LIMIT,
)
from quintet_contract.options import Heard
from quintet_contract.patterns import LISTENER_PATTERN
from quintet_explain import DEFAULT_LANGUAGE, LANGUAGES
from quintet_servicekit.errors import InvalidInput, Reason

from quintet_gateway.memory import DISCOVERY_MEANING, HEARD_DAYS_MEANING, HEARD_MEANING, HeardRule
from quintet_gateway.routes.dependencies import LISTENER, LISTENER_DESCRIPTION
from quintet_gateway.routes.web_api.parameters import (
    MARKET,
    RANGES_ASKED,
    Query,
    choice,
    flag,
    genre_list,
    genres,
    id_list,
    ids,
    integer,
    number,
    parameter,
)
from quintet_gateway.seeds import seeds_of_parameters, track_seeds
from quintet_gateway.song_options import SEASONAL, SEASONAL_MEANING, VARIANTS, VARIANTS_MEANING

# More names than seeds are read, so that the error counts the seeds of all kinds together.
_MAX_NAMES: Final = 100


def request_of(query: Query) -> ranker_pb2.RecommendTracksRequest:
    """Read the ranker's request from the query.

    Raises:
        InvalidInput: A parameter breaks its rule; the message names both.
    """
    request = ranker_pb2.RecommendTracksRequest(
        seeds=seeds_of_parameters(
            artists=ids(query, "seed_artists", _MAX_NAMES, "artist"),
            tracks=ids(query, "seed_tracks", _MAX_NAMES),
            genres=genres(query, "seed_genres", _MAX_NAMES),
        ),
        negative_seeds=track_seeds(ids(query, "negative_seed_tracks", MAX_SEEDS)),
        limit=integer(query, "limit", WEB_API_DEFAULT_LIMIT, 1, WEB_API_MAX_LIMIT),
        max_per_artist=integer(query, "max_per_artist", DEFAULT_MAX_PER_ARTIST, 0, 500),
        diversity=number(query, "diversity", 0, 1) or 0.0,
        discovery=_discovery(query),
        variants=VARIANTS[choice(query, "variants", tuple(VARIANTS))],
        seasonal=SEASONAL[choice(query, "seasonal", tuple(SEASONAL))],
        omit_reasons=not flag(query, "reasons"),
        # Impressions store the values of features, from which models are trained.
        include_features=True,
        include_seed_pools=True,
        language=_language(query),
    )
    for name, (low, high) in RANGES_ASKED.items():
        _add_attribute(request, query, name, low, high)
    request.filters.excluded_track_ids.extend(ids(query, "exclude", WEB_API_MAX_EXCLUDED))
    return request


def heard_rule_of(query: Query) -> HeardRule:
    """Read what happens to tracks that the listener heard.

    Raises:
        InvalidInput: A parameter breaks its rule; the message names both.
    """
    return HeardRule(
        Heard(choice(query, "heard", tuple(Heard))),
        integer(query, "heard_days", DEFAULT_HEARD_DAYS, 1, MAX_HEARD_DAYS),
    )


def _discovery(query: Query) -> float:
    value = number(query, "discovery", 0, 1)
    return DEFAULT_DISCOVERY if value is None else value


def may_fill_up(query: Query) -> bool:
    """Decide whether a short list may exceed the cap of tracks per artist: only the default cap."""
    return "max_per_artist" not in query


def _language(query: Query) -> str:
    language = query.get("language", DEFAULT_LANGUAGE)
    if language not in LANGUAGES:
        raise InvalidInput(
            Reason.REQUEST_MALFORMED,
            f"language must be one of {', '.join(LANGUAGES)}; got {language!r}",
            field="language",
        )
    return language


def _add_attribute(
    request: ranker_pb2.RecommendTracksRequest, query: Query, name: str, low: float, high: float
) -> None:
    attribute = profile_pb2.Attribute.Value(f"ATTRIBUTE_{name.upper()}")
    smallest = number(query, f"min_{name}", low, high)
    largest = number(query, f"max_{name}", low, high)
    if smallest is not None and largest is not None and smallest > largest:
        raise InvalidInput(
            Reason.FILTER_RANGE, f"min_{name} must not be above max_{name}", field=f"min_{name}"
        )
    if smallest is not None or largest is not None:
        request.filters.ranges.add(attribute=attribute, min=smallest, max=largest)
    target = number(query, f"target_{name}", low, high)
    if target is not None:
        request.targets.add(attribute=attribute, value=target)
    # Popularity is no part of the similarity, so it has no weight.
    weight = None if name == "popularity" else number(query, f"weight_{name}", 0, MAX_WEIGHT)
    if weight is not None:
        request.weights.add(attribute=attribute, weight=weight)


def _documented() -> list[dict[str, Any]]:
    some = id_list(MAX_SEEDS)
    seeds = "separated by commas; 1 to 5 seeds of all kinds together."
    found = [
        parameter(
            "limit",
            "How many tracks.",
            type="integer",
            minimum=1,
            maximum=WEB_API_MAX_LIMIT,
            default=WEB_API_DEFAULT_LIMIT,
        ),
        MARKET,
        parameter("seed_artists", f"Artist ids, {seeds}", **id_list(MAX_SEEDS, "artist")),
        parameter("seed_genres", f"Genres, {seeds}", **genre_list(MAX_SEEDS)),
        parameter("seed_tracks", f"Track ids, {seeds}", **some),
    ]
    meanings = {
        "min": "No track below this value.",
        "max": "No track above this value.",
        "target": "Tracks nearest to this value are preferred.",
    }
    for name, (low, high) in RANGES_ASKED.items():
        found.extend(
            parameter(f"{kind}_{name}", text, type="number", minimum=low, maximum=high)
            for kind, text in meanings.items()
        )
    found.extend(
        parameter(
            f"weight_{name}",
            "Extension: how much the attribute counts in the similarity; 1 where absent.",
            type="number",
            minimum=0,
            maximum=MAX_WEIGHT,
        )
        for name in RANGES_ASKED
        if name != "popularity"
    )
    extension = "Extension: "
    found += [
        parameter(
            "negative_seed_tracks",
            extension + "up to 5 track ids to move away from.",
            **some,
        ),
        parameter(
            "max_per_artist",
            extension + "tracks of one artist; 0 for no cap. Without it 3, unless the list "
            "would be short.",
            type="integer",
            minimum=0,
            maximum=500,
        ),
        parameter(
            "diversity",
            extension + "how far relevance yields to variety.",
            type="number",
            minimum=0,
            maximum=1,
        ),
        parameter(
            "discovery",
            extension + DISCOVERY_MEANING,
            type="number",
            minimum=0,
            maximum=1,
            default=DEFAULT_DISCOVERY,
        ),
        parameter(
            "exclude",
            extension + f"up to {WEB_API_MAX_EXCLUDED} track ids never returned, in any release.",
            **id_list(WEB_API_MAX_EXCLUDED),
        ),
        parameter(
            "variants",
            extension + VARIANTS_MEANING,
            type="string",
            enum=list(VARIANTS),
            default="exclude",
        ),
        parameter(
            "seasonal",
            extension + SEASONAL_MEANING,
            type="string",
            enum=list(SEASONAL),
            default="exclude",
        ),
        parameter(
            "heard",
            extension + HEARD_MEANING,
            type="string",
            enum=list(Heard),
            default="exclude",
        ),
        parameter(
            "heard_days",
            extension + HEARD_DAYS_MEANING,
            type="integer",
            minimum=1,
            maximum=MAX_HEARD_DAYS,
            default=DEFAULT_HEARD_DAYS,
        ),
        parameter("reasons", extension + "says why each track is there.", type="boolean"),
        parameter(
            "language",
            extension + "the language of the reasons' sentences.",
            type="string",
            enum=list(LANGUAGES),
            default=DEFAULT_LANGUAGE,
        ),
        {
            "name": LISTENER,
            "in": "header",
            "required": False,
            "description": extension + LISTENER_DESCRIPTION,
            "schema": {"type": "string", "pattern": LISTENER_PATTERN},
        },
    ]
    return found


PARAMETERS: Final = _documented()
