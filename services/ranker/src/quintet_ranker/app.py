"""Wires the ranker: the only place that knows every class."""

from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_servicekit.server import Service
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_servicekit.tokens import guards

from quintet_ranker.adapters import ModelFollower, follow_models
from quintet_ranker.domain import Recommender
from quintet_ranker.servicer import RankerServicer
from quintet_ranker.settings import RankerSettings

NAME = ranker_pb2.DESCRIPTOR.services_by_name["RankerService"].full_name


def build(settings: RankerSettings, models: ModelFollower | None = None) -> Service:
    """Builds the service; nothing is loaded or bound yet.

    Args:
        settings: As read from the environment.
        models: Where models come from; `QUINTET_HOME/models` and the registry where None.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
    """
    source = models or follow_models(settings)
    threads = BoundedThreadPool(settings.threads, "ranker", settings.room)
    shadows = BoundedThreadPool(1, "shadow")
    recommender = Recommender(source, threads.run, shadows.run, settings.challenger_patience)
    servicer = RankerServicer(source, recommender)

    async def close() -> None:
        await threads.close()
        await shadows.close()

    return Service(
        name=NAME,
        register=lambda server: ranker_pb2_grpc.add_RankerServiceServicer_to_server(
            servicer, server
        ),
        endpoint=settings.endpoint(),
        prepare=source.prepare,
        background=[source.run],
        close=close,
        interceptors=guards(settings.auth, settings.host, settings.home),
    )
