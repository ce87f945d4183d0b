"""Build the ranker service from its settings; the only module that imports every class."""

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
