"""Build the profile service from its settings; the only module that imports every class."""

from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_servicekit.follower import Follower
from quintet_servicekit.server import Service
from quintet_servicekit.tokens import guards

from quintet_profile.adapters import follow_catalogue
from quintet_profile.domain import FeatureCatalogue
from quintet_profile.servicer import ProfileServicer
from quintet_profile.settings import ProfileSettings

NAME = profile_pb2.DESCRIPTOR.services_by_name["ProfileService"].full_name


def build(
    settings: ProfileSettings, catalogues: Follower[FeatureCatalogue] | None = None
) -> Service:
    """Build the service; nothing is loaded, and no port is bound yet.

    Args:
        settings: As read from the environment.
        catalogues: The catalogues to serve; those of `QUINTET_HOME/catalogue` if None.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
    """
    source = catalogues or follow_catalogue(settings.home / "catalogue", settings.follow_seconds)
    servicer = ProfileServicer(source)
    return Service(
        name=NAME,
        register=lambda server: profile_pb2_grpc.add_ProfileServiceServicer_to_server(
            servicer, server
        ),
        endpoint=settings.endpoint(),
        prepare=source.prepare,
        background=[source.run],
        interceptors=guards(settings.auth, settings.host, settings.home),
    )
