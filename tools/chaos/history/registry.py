"""Models promoted one after the other, and what each ranker serves meanwhile."""

import asyncio
import random
import time
from collections.abc import Sequence

import grpc
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_command.models import promote, register_model
from quintet_command.settings import CommandSettings
from quintet_modelkit.registry import RegistryError
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tools.chaos.history.clients import now
from tools.chaos.history.operations import HistoryFile, Operation, Outcome
from tools.chaos.stack import Stack

_LOOK_SECONDS = 0.2
_ANSWER_SECONDS = 1.0
_WAIT_SECONDS = 240.0
RANKERS = ("ranker-1", "ranker-2")


class Models:
    """Models of one installation, and its registry.

    Args:
        stack: The installation; all of it runs.
        history: Where promotions and observations are written.
    """

    def __init__(self, stack: Stack, history: HistoryFile) -> None:
        self._stack, self._history = stack, history
        self._settings = CommandSettings(home=stack.home, mlflow_port=stack.ports["mlflow"])
        self.versions: list[str] = []

    def prepare(self, count: int) -> None:
        """Publish and register models that differ, and promote the first."""
        for number in range(count):
            parameters = BootstrapParameters(groups=40, rounds=20 + number)
            self.versions.append(publish_model(self._stack.home, parameters=parameters))
            register_model(self._settings, self.versions[-1], alias="")
        self.promote(self.versions[0])

    def promote(self, version: str) -> None:
        """Promote a model, and write down what became of it."""
        start, outcome = now(), Outcome.OK
        try:
            promote(self._settings, version)
        except RegistryError:
            outcome = Outcome.UNKNOWN  # some of its requests may have been received
        self._history.add(Operation("promote", start, now(), outcome, {"version": version}))

    async def promote_often(self, dice: random.Random, low: float, high: float) -> None:
        """Promote another model every few seconds until cancelled."""
        last = self.versions[0]
        while True:
            await asyncio.sleep(dice.uniform(low, high))
            last = dice.choice([each for each in self.versions if each != last])
            promotion = asyncio.create_task(asyncio.to_thread(self.promote, last))
            try:
                await asyncio.shield(promotion)
            finally:
                # A thread cannot be cancelled: the record has to have its outcome.
                await promotion

    async def watch(self) -> None:
        """Ask each ranker a few times a second which version it serves, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in RANKERS:
                group.create_task(self._watch(name))

    async def _watch(self, ranker: str) -> None:
        while True:
            start = now()
            if version := await self.served(ranker):
                facts = {"ranker": ranker, "version": version}
                self._history.add(Operation("model", start, now(), Outcome.OK, facts))
            await asyncio.sleep(_LOOK_SECONDS)

    async def served(self, ranker: str) -> str:
        """Return the version that a ranker serves; empty if it does not answer."""
        address = f"127.0.0.1:{self._stack.ports[ranker]}"
        async with grpc.aio.insecure_channel(address) as channel:
            stub = ranker_pb2_grpc.RankerServiceStub(channel)
            try:
                answer = await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=_ANSWER_SECONDS)
            except grpc.aio.AioRpcError:
                return ""
            return str(answer.versions.model_version)

    async def await_version(self, version: str) -> dict[str, str]:
        """Wait until all rankers serve a version, and return what each serves in the end."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            served = {name: await self.served(name) for name in RANKERS}
            if set(served.values()) == {version} or time.monotonic() > deadline:
                return served
            await asyncio.sleep(_LOOK_SECONDS)


def models_state(served: dict[str, str]) -> Sequence[dict[str, str]]:
    """Return what rankers serve in the end as entries of a state."""
    return [{"ranker": name, "version": version} for name, version in served.items()]
