"""Build the ranker service from its settings; the only module that imports every class."""

import grpc
from quintet.ranker.v1 import (
    path_pb2,
    path_pb2_grpc,
    radio_pb2,
    radio_pb2_grpc,
    ranker_pb2,
    ranker_pb2_grpc,
)
from quintet_servicekit.server import Service
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_servicekit.tokens import guards

from quintet_ranker.adapters import ModelFollower, RegisteredModels, follow_models, registry_of
from quintet_ranker.domain import Player, Recommender
from quintet_ranker.servicer import PathServicer, RadioServicer, RankerServicer
from quintet_ranker.settings import RankerSettings

_RADIO = radio_pb2.DESCRIPTOR.services_by_name["RadioService"].full_name
_PATH = path_pb2.DESCRIPTOR.services_by_name["PathService"].full_name
NAME = ranker_pb2.DESCRIPTOR.services_by_name["RankerService"].full_name


def build(settings: RankerSettings, models: ModelFollower | None = None) -> Service:
    """Build the service; nothing is loaded, and no port is bound yet.

    Args:
        settings: As read from the environment.
        models: The models to serve; those of `QUINTET_HOME/models` and the registry if None.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
    """
    source = models or follow_models(settings)
    threads = BoundedThreadPool(settings.threads, "ranker", settings.room)
    # One thread: shadow requests may take only time that listeners do not need.
    shadows = BoundedThreadPool(1, "shadow")
    recommender = Recommender(source, threads.run, shadows.run, settings.challenger_patience)
    servicer = RankerServicer(source, recommender, RegisteredModels(registry_of(settings)))

    player = Player(source, threads.run)

    def register(server: grpc.aio.Server) -> None:
        ranker_pb2_grpc.add_RankerServiceServicer_to_server(servicer, server)
        radio_pb2_grpc.add_RadioServiceServicer_to_server(RadioServicer(player), server)
        path_pb2_grpc.add_PathServiceServicer_to_server(PathServicer(player), server)

    async def close() -> None:
        await threads.close()
        await shadows.close()

    return Service(
        name=NAME,
        register=register,
        also=(_RADIO, _PATH),
        endpoint=settings.endpoint(),
        prepare=source.prepare,
        background=[source.run],
        close=close,
        interceptors=guards(settings.auth, settings.host, settings.home),
    )
