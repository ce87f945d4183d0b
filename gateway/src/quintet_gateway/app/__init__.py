"""Build the gateway: the only module that imports every class."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Response
from quintet.feedback.v1 import feedback_pb2_grpc
from quintet_access.pseudonyms import Pseudonyms
from quintet_servicekit.errors import AppError
from quintet_servicekit.server import Service
from quintet_servicekit.tokens import guards
from quintet_store.spool import Spool
from quintet_store.uploads import Uploads

from quintet_gateway.access import AccessRules, Auth, Gatekeeper
from quintet_gateway.adapters import Operations, UpstreamClients
from quintet_gateway.adapters.histories import Histories
from quintet_gateway.adapters.model_registry import ModelRegistry
from quintet_gateway.adapters.music import Audio, MediaServers, OwnMusic, SavedLists, ServerCovers
from quintet_gateway.adapters.observer import Observer
from quintet_gateway.adapters.reports import Reports
from quintet_gateway.app.admission import Admission
from quintet_gateway.app.bodies import Bodies
from quintet_gateway.app.docs import install_docs
from quintet_gateway.app.errors import Renderers, install_errors, render, render_internal
from quintet_gateway.app.middleware import Guard, RequestContext, answers
from quintet_gateway.experiments import ExperimentConfig, Experiments
from quintet_gateway.feedback import Database, Recorder, RecorderConfig
from quintet_gateway.memory import ListenerMemory
from quintet_gateway.player import Player
from quintet_gateway.prompts import PromptReader
from quintet_gateway.recommender import Recommender
from quintet_gateway.routes import (
    audio,
    catalogue_map,
    experiment,
    feedback,
    health,
    histories,
    insights,
    legacy,
    library,
    operations,
    operator,
    playing,
    playlists,
    prompts,
    recommendations,
    search,
    tracks,
    web_api,
)
from quintet_gateway.routes.web_api.responses import failure
from quintet_gateway.servicer import NAME, FeedbackServicer
from quintet_gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from quintet_gateway.adapters.language_model import LanguageModel

_DESCRIPTION: Final = """
Five songs in, a ranked and explained list out.

Every error outside `/v1` has one shape ([AIP-193](https://google.aip.dev/193)) with a stable
`reason`; every answer carries `X-Request-Id`. Paths under `/v1` and `/api/token` follow Spotify's
Web API.
"""


def build(settings: GatewaySettings, services: UpstreamClients | None = None) -> FastAPI:
    """Build the application; nothing is connected before its lifespan starts.

    Args:
        settings: As read from the environment.
        services: Clients of the upstream services; those of the settings if None.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
        AccessFileInvalid: QUINTET_HOME cannot be written.
        IdentityInvalid: TLS is on and there is no usable certificate.
    """
    rules = AccessRules(
        Auth(settings.auth),
        settings.home / "access",
        settings.rate_limit,
        settings.token_rate_limit,
        settings.rate_limit_storage,
        settings.failure_rate_limit,
    )
    gatekeeper = Gatekeeper(rules)
    names = Pseudonyms.of(settings.home / "access", settings.listener_key.get_secret_value())
    upstream = services or UpstreamClients(
        settings.addresses(),
        settings.budget_seconds,
        gatekeeper.service_metadata,
        (settings.kept_track_bytes, settings.kept_tracks),
        settings.backend_rules(),
        settings.transport("gateway"),
        gatekeeper.renew_service_token,
    )
    # One connection pool for feedback and experiments.
    database = Database(settings.database())
    experiments = Experiments(_experiment_config(settings, database, names), upstream)
    uploads = Uploads(settings.home, settings.histories_bytes)
    recorder_config = RecorderConfig(
        database,
        Spool(settings.home / "spool", settings.spool_bytes),
        names,
        timedelta(days=settings.feedback_retention_days),
        settings.max_waiting_impressions,
        settings.budget_seconds,
        settings.store_patience_seconds,
        settings.feedback_max_bytes,
        settings.home / "quarantine",
        uploads,
    )
    recorder = Recorder(recorder_config, experiments.shadow)
    rpc = _rpc_service(settings, recorder)
    running = _operations(settings)
    observer = Observer(database, upstream, answers)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await upstream.start()
        await recorder.start()
        await experiments.start()
        await observer.start()
        yield
        # gRPC stops first: it accepts events, which the recorder then writes to the end.
        await rpc.stop()
        # Before the recorder, which closes the database.
        await observer.close()
        await experiments.close()
        await recorder.close()
        await running.close()
        if model is not None:
            await model.close()
        await app.state.audio.close()
        await upstream.close()

    model = _language_model(settings)
    app = FastAPI(
        title="Quintet",
        version=version("quintet-gateway"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        # `install_docs` serves document and page, without scripts from other servers.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # Edge removes a slash at the end; a redirect would lose a POST's body.
        redirect_slashes=False,
    )
    app.state.recorder = recorder
    app.state.experiments = experiments
    app.state.operations = running
    app.state.reports = Reports(
        database, upstream, recorder, experiments, running, settings.budget_seconds
    )
    app.state.rpc = rpc
    music = OwnMusic(database, settings.home.resolve() / "credentials")
    app.state.own_music = music
    app.state.model_registry = ModelRegistry(upstream, music, observer.note)
    app.state.saved_lists = SavedLists(music, names)
    app.state.histories = Histories(
        database, uploads, names, settings.history_bytes, settings.max_body_bytes
    )
    servers = MediaServers(settings.allowed_networks())
    kept = ServerCovers(servers, settings.home / "server-covers", settings.server_covers_max_bytes)
    app.state.audio = Audio(music, servers, settings.home / "covers", kept)
    renderers = Renderers({"/v1": _render_web_api})
    install_errors(app, renderers)
    # Middleware added later wraps what was added before.
    app.add_middleware(
        Guard,
        render_internal=render_internal,
    )
    app.add_middleware(Admission, most=settings.max_in_flight, render=renderers.render)
    app.add_middleware(Bodies, most_bytes=settings.max_body_bytes, render=renderers.render)
    catalogue = (search, tracks, catalogue_map)
    operation = (health, insights, experiment, operations, operator)
    # Routes are tried in this order: the most frequent requests come first.
    lists, own_music = (recommendations, playing, prompts), (library, audio, playlists)
    for resource in (*lists, *catalogue, feedback, histories, *own_music, *operation, legacy):
        app.include_router(resource.router)
    memory = ListenerMemory(upstream, names)
    app.state.prompt_reader = PromptReader(upstream, model)
    app.state.player = Player(upstream, recorder, memory, names)
    web_api.install(
        app,
        upstream,
        Recommender(upstream, recorder, experiments, memory),
        gatekeeper,
        render,
        proxies=settings.proxies(),
        hosts=settings.known_hosts(),
        origins=settings.known_origins(),
    )
    app.add_middleware(RequestContext, budget=settings.budget_seconds)
    install_docs(app)
    return app


def _experiment_config(
    settings: GatewaySettings, database: Database, names: Pseudonyms
) -> ExperimentConfig:
    return ExperimentConfig(
        database,
        names,
        settings.experiment_seconds,
        settings.experiment_check_seconds,
        settings.max_waiting_shadows,
        settings.budget_seconds,
    )


def _operations(settings: GatewaySettings) -> Operations:
    if not settings.airflow_url:
        return Operations(settings.home, None)
    # Imported here: a gateway without Airflow starts sooner without an HTTP client.
    from quintet_gateway.adapters.airflow import Airflow

    airflow = Airflow(
        settings.airflow_url,
        settings.airflow_user,
        settings.airflow_password,
        settings.budget_seconds,
    )
    return Operations(settings.home, airflow)


def _language_model(settings: GatewaySettings) -> "LanguageModel | None":
    """Build the client of the operator's language model, if there is one."""
    if not settings.prompt_model_url:
        return None
    # Imported here, as Airflow's client is.
    from quintet_gateway.adapters.language_model import LanguageModel

    return LanguageModel(
        settings.prompt_model_url,
        settings.prompt_model_name,
        settings.prompt_model_key,
        settings.prompt_model_seconds,
        settings.budget_seconds,
    )


def _rpc_service(settings: GatewaySettings, recorder: Recorder) -> Service:
    """Build the gRPC server for feedback; `__main__` starts it beside HTTP."""
    servicer = FeedbackServicer(recorder)
    return Service(
        name=NAME,
        register=lambda server: feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(
            servicer, server
        ),
        endpoint=settings.endpoint(),
        interceptors=guards(settings.auth, settings.host, settings.home),
    )


def _render_web_api(error: AppError, code: int, headers: Mapping[str, str]) -> Response:
    return failure(code, error.message, headers)
