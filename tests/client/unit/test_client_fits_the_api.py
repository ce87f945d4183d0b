"""The published client against the gateway's own OpenAPI document and list of errors: no drift."""

import inspect
import re
import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from quintet_client import AsyncQuintet, Event, Filters, Quintet, calls, errors, models
from quintet_client.request_models import Seed
from quintet_gateway.app import build
from quintet_gateway.schemas.recommendation_request import RecommendationsBody
from quintet_gateway.schemas.sequences import PathBody, RadioBody
from quintet_gateway.settings import GatewaySettings
from quintet_servicekit.errors import Reason

from tests.root import ROOT

ANSWERS = {
    ("get", "/api/v1/search"): models.SearchPage,
    ("get", "/api/v1/artists"): models.ArtistsPage,
    ("get", "/api/v1/genres"): models.GenresPage,
    ("get", "/api/v1/tracks/{id}"): models.Track,
    ("get", "/api/v1/model"): models.Model,
    ("post", "/api/v1/recommendations"): models.Recommendations,
    ("post", "/api/v1/prompts"): models.Prompt,
    ("post", "/api/v1/radio"): models.RadioBatch,
    ("post", "/api/v1/path"): models.SongPath,
    ("post", "/api/v1/feedback"): models.Recorded,
    ("put", "/api/v1/feedback/banned-artists"): models.Ban,
    ("post", "/api/v1/histories"): models.HistoryUpload,
    ("put", "/api/v1/histories/{upload_id}/content"): models.HistoryUpload,
    ("get", "/api/v1/histories/{upload_id}"): models.HistoryUpload,
    ("delete", "/api/v1/feedback/{event_id}"): models.Undone,
    ("delete", "/api/v1/listeners/{id}"): models.Deleted,
    ("get", "/api/v1/insights"): models.Insights,
    ("get", "/api/v1/experiment"): models.ExperimentAnswer,
    ("get", "/api/v1/operations"): models.Operations,
    ("get", "/api/v1/operator/overview"): models.OperatorOverview,
    ("get", "/api/v1/operator/lists/{id}"): models.RecordedList,
    ("get", "/api/v1/operator/models"): models.RegisteredModels,
    ("post", "/api/v1/operator/models/{number}/promotion"): models.ModelRequest,
    ("post", "/api/v1/operator/rollback"): models.ModelRequest,
    ("get", "/api/v1/library"): models.Library,
    ("post", "/api/v1/library/sources"): models.LibraryRequest,
    ("post", "/api/v1/library/sources/{name}/sync"): models.LibraryRequest,
    ("post", "/api/v1/library/sources/{name}/analyse"): models.LibraryRequest,
    ("delete", "/api/v1/library/sources/{name}"): models.LibraryRequest,
    ("get", "/api/v1/library/sources/{name}/quarantine"): models.QuarantinePage,
    ("get", "/api/v1/library/sources/{name}/match"): models.SourceMatch,
    ("get", "/api/v1/library/tracks"): models.OwnTracks,
    ("get", "/api/v1/playlists"): models.SavedListsPage,
    ("post", "/api/v1/playlists"): models.SavedListTracks,
    ("get", "/api/v1/playlists/{id}"): models.SavedListTracks,
    ("delete", "/api/v1/playlists/{id}"): models.DeletedList,
    ("post", "/api/v1/playlists/{id}/pushes"): models.LibraryRequest,
    ("get", "/readyz"): models.Readiness,
    ("post", "/api/token"): models.AccessToken,
}
NO_JSON = {
    ("get", "/api/v1/listeners/{id}/export"),
    ("get", "/api/v1/map"),
    ("get", "/api/v1/tracks/{id}/audio"),
    ("get", "/api/v1/tracks/{id}/cover"),
}


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> dict[str, Any]:
    return build(GatewaySettings(home=tmp_path_factory.mktemp("home"))).openapi()


class Shapes:
    """Compares what the client reads with what the gateway says that it answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref")
        return self._schemas[reference.rpartition("/")[2]] if reference else schema

    def differences(self, schema: dict[str, Any] | bool, kind: Any, place: str) -> list[str]:
        if isinstance(schema, bool):  # any JSON
            return [] if kind is Any else [f"{place}: any JSON is not {kind}"]
        schema = self.resolved(schema)
        options = [self.resolved(each) for each in schema.get("anyOf", [schema])]
        kinds = list(typing.get_args(kind)) if typing.get_origin(kind) is UnionType else [kind]
        if ({"type": "null"} in options) != (NoneType in kinds):
            # A number that is not finite is null on the wire, whatever its schema says.
            numbers = all(each.get("type") == "number" for each in options) and float in kinds
            return [] if numbers else [f"{place}: null on one side only"]
        (kind,) = [each for each in kinds if each is not NoneType]
        (schema,) = [each for each in options if each != {"type": "null"}]
        return self._same(schema, kind, place)

    def _same(self, schema: dict[str, Any], kind: Any, place: str) -> list[str]:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return self._fields(schema, kind, place)
        if origin is tuple:
            return self.differences(schema["items"], arguments[0], f"{place}[]")
        if origin is Mapping:
            return self.differences(schema["additionalProperties"], arguments[1], f"{place}{{}}")
        wanted = TypeAdapter(kind).json_schema()
        type_of = {k: v for k, v in wanted.items() if k in ("type", "enum", "const")}
        if wanted.get("format") == "date-time":
            return [] if schema["type"] == "string" else [f"{place}: {schema} is no time"]
        found = {k: v for k, v in schema.items() if k in type_of}
        return [] if found == type_of else [f"{place}: {found} is not {type_of}"]

    def _fields(self, schema: dict[str, Any], kind: type[BaseModel], place: str) -> list[str]:
        theirs, ours = schema.get("properties", {}), kind.model_fields
        wrong = [f"{place}.{name} on one side only" for name in theirs.keys() ^ ours.keys()]
        for name in theirs.keys() & ours.keys():
            wrong += self.differences(theirs[name], ours[name].annotation, f"{place}.{name}")
        return wrong


@pytest.mark.parametrize(("method", "path"), ANSWERS, ids=lambda part: str(part))
def test_an_answer_is_read_as_the_gateway_writes_it(document, method, path):
    content = document["paths"][path][method]["responses"]
    content = next(content[code] for code in ("200", "201", "202") if code in content)["content"]
    schema = content["application/json"]["schema"]
    assert Shapes(document).differences(schema, ANSWERS[method, path], "answer") == []


def test_audio_features_are_those_of_the_web_api(document):
    theirs = document["components"]["schemas"]["AudioFeatures"]["properties"]
    # What addresses a track in Spotify's Web API is of no use here.
    assert set(models.AudioFeatures.model_fields) == theirs.keys() - {
        *("analysis_url", "track_href", "type", "uri")
    }


def test_a_difference_would_be_seen(document):
    class Track(models.Track):
        duration_ms: str  # type: ignore[assignment]
        loudness: float

    schema = {"$ref": "#/components/schemas/Track"}
    wrong = Shapes(document).differences(schema, Track, "track")
    assert sorted(line.split(":")[0] for line in wrong) == [
        "track.duration_ms",
        "track.loudness on one side only",
    ]


def test_every_path_of_the_api_has_a_method(document):
    paths = {
        (method, path)
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/api/")
    }
    assert paths == {each for each in ANSWERS if each[1] != "/readyz"} | NO_JSON


def test_recommend_takes_every_parameter_of_the_api():
    for call, body in (
        (calls.recommend, RecommendationsBody),
        (calls.radio, RadioBody),
        (calls.path, PathBody),
    ):
        assert set(inspect.signature(call).parameters) == set(body.model_fields)


def test_seeds_filters_and_events_have_the_fields_of_the_api(document):
    schemas = document["components"]["schemas"]
    assert set(Filters.model_fields) == set(schemas["Filters"]["properties"])
    seed = schemas["RecommendationsBody"]["properties"]["seeds"]["items"]["anyOf"][1]
    assert set(Seed.model_fields) == set(seed["properties"])
    body = document["paths"]["/api/v1/feedback"]["post"]["requestBody"]
    event, _ = body["content"]["application/json"]["schema"]["oneOf"]
    assert set(Event.model_fields) == set(event["properties"])
    assert set(typing.get_args(Event.model_fields["kind"].annotation)) == set(
        event["properties"]["kind"]["enum"]
    )


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (calls.search, "/api/v1/search"),
        (calls.artists, "/api/v1/artists"),
        (calls.genres, "/api/v1/genres"),
        (calls.insights, "/api/v1/insights"),
        (calls.operator_overview, "/api/v1/operator/overview"),
    ],
)
def test_a_query_has_the_parameters_of_the_api(document, build, path):
    names = {each["name"] for each in document["paths"][path]["get"]["parameters"]}
    taken = {{"text": "q"}.get(name, name) for name in inspect.signature(build).parameters}
    assert taken == names


def test_each_reason_has_an_exception_of_its_status():
    rows = re.findall(
        r"^\| \[([A-Z_]+)\]\(.*\) \| (\d+) \|",
        (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {reason for reason, _ in rows} == {reason.value for reason in Reason}
    assert {reason: errors.kinds()[reason].code_of_class for reason, _ in rows} == {
        reason: int(code) for reason, code in rows
    }


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    def shapes(client: type) -> dict[str, list[str]]:
        return {
            {"aclose": "close"}.get(name, name): list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, callable)
            if not name.startswith("_")
        }

    assert shapes(Quintet) == shapes(AsyncQuintet)
    assert {"search", "recommend", "feedback", "search_all"} <= set(shapes(Quintet))


def test_help_shows_a_methods_own_parameters_and_text():
    with Quintet() as quintet:
        assert list(inspect.signature(quintet.search).parameters) == [
            *("text", "limit", "source", "page_token")
        ]
        assert "Find tracks" in str(quintet.search.__doc__)
