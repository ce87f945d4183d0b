"""The original system's second service: a LightGBM regressor of popularity, by gRPC."""

import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import lightgbm
import numpy as np

from tools.bench.rivals.tracks import FEATURES, read

METHOD = "/rival.Popularity/Predict"


def train(root: Path) -> lightgbm.Booster:
    """Return a regressor of popularity from the twelve features."""
    frame = read(root)
    settings = {"objective": "regression", "num_leaves": 31, "verbose": -1, "seed": 1}
    data = lightgbm.Dataset(frame[FEATURES].to_numpy(), frame["popularity"].to_numpy())
    return lightgbm.train({**settings, "num_threads": 2}, data, 100)


class Predict(grpc.GenericRpcHandler):
    """Takes rows of twelve float32, gives as many float64."""

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, content: bytes, _context: grpc.ServicerContext) -> bytes:
        rows = np.frombuffer(content, np.float32).reshape(-1, len(FEATURES))
        scores = np.asarray(self._booster.predict(rows, num_threads=1), np.float64)
        return scores.tobytes()


def main() -> int:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Predict(train(Path(sys.argv[1]))),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[2]}")
    server.start()
    server.wait_for_termination()
    return 0


if __name__ == "__main__":
    sys.exit(main())
