"""Every call by gRPC needs the scope that is declared for it, on the real servers."""

import pkgutil
from importlib import import_module
from typing import Any

import grpc
import pytest
import quintet
from google.protobuf.message_factory import GetMessageClass
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.scopes import SCOPES, scope_of
from quintet_access.tokens import Scope, ServiceToken, TokenIssuer, TokenVerifier
from quintet_memory.app import build as build_memory
from quintet_memory.settings import MemorySettings
from quintet_profile.app import build as build_profile
from quintet_profile.settings import ProfileSettings
from quintet_ranker.app import build as build_ranker
from quintet_ranker.settings import RankerSettings
from quintet_search.app import build as build_search
from quintet_search.settings import SearchSettings


def methods():
    """Every method of every service of every proto, by its full name."""
    found: dict[str, Any] = {}
    for module in pkgutil.walk_packages(quintet.__path__, "quintet."):
        if module.name.endswith("_pb2"):
            services = import_module(module.name).DESCRIPTOR.services_by_name.values()
            for service in services:
                found |= {f"/{service.full_name}/{each.name}": each for each in service.methods}
    return found


def test_every_method_of_every_proto_has_a_scope_and_no_other_has():
    assert len(methods()) > 10
    assert set(SCOPES) == set(methods())


def test_a_method_that_nobody_declared_is_for_administrators():
    assert scope_of("/quintet.search.v1.SearchService/DropEverything") is Scope.ADMIN


def test_what_the_gateway_shows_to_services_allows_reading_alone(tmp_path):
    KeyFolder(tmp_path).ensure()
    token = ServiceToken(TokenIssuer(KeyFolder(tmp_path).signing_key), "gateway")
    ((_, shown),) = token.metadata()
    assert TokenVerifier(tmp_path).verify(shown.removeprefix("Bearer ")).scopes == {Scope.READ}


BUILD = {
    "search": lambda home: build_search(SearchSettings(home=home, port=0, auth="on")),
    "profile": lambda home: build_profile(ProfileSettings(home=home, port=0, auth="on")),
    "memory": lambda home: build_memory(MemorySettings(home=home, port=0, auth="on")),
    "ranker": lambda home: build_ranker(RankerSettings(home=home, port=0, auth="on")),
}


@pytest.fixture
def authorization(tmp_path):
    """Returns the metadata of a client that has these scopes and no others."""
    folder = tmp_path / "access"

    def of(*scopes):
        client, _ = ClientFolder(folder).create("-".join(scopes), scopes)
        issuer = TokenIssuer(KeyFolder(folder).signing_key)
        token = issuer.issue(client.client_id, client.generation, client.scopes)
        return (("authorization", f"Bearer {token}"),)

    return of


async def answer(channel, method, metadata):
    """Returns the code of a call with an empty request, and the scope that the answer names."""
    kind = methods()[method]
    call = channel.unary_unary(
        method,
        request_serializer=GetMessageClass(kind.input_type).SerializeToString,
        response_deserializer=GetMessageClass(kind.output_type).FromString,
    )(GetMessageClass(kind.input_type)(), metadata=metadata, timeout=60)
    try:
        await call
    except grpc.aio.AioRpcError as fault:
        return fault.code(), fault.details() or ""
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("name", BUILD)
async def test_a_service_lets_in_who_has_the_scope_and_names_it_to_others(
    name, tmp_path, authorization
):
    having = authorization(Scope.READ)
    without = authorization(Scope.FEEDBACK, Scope.ADMIN)
    mine = [method for method in methods() if f".{name}." in method]
    assert mine
    service = BUILD[name](tmp_path)
    await service.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            for method in mine:
                code, said = await answer(channel, method, without)
                assert code is grpc.StatusCode.PERMISSION_DENIED, method
                assert said == "The access token does not have the scope read."
                code, _ = await answer(channel, method, ())
                assert code is grpc.StatusCode.UNAUTHENTICATED, method
                # There is no catalogue yet, or an empty request is not valid: it came in.
                code, _ = await answer(channel, method, having)
                reached = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT)
                # Without a registry there are no models to list, and no fault.
                lists = (grpc.StatusCode.OK,) * method.endswith("/ListModels")
                allowed = (*reached, *lists, grpc.StatusCode.FAILED_PRECONDITION)
                assert code in allowed, (method, code)
    finally:
        await service.stop()
