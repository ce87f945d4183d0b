"""The services themselves by gRPC; needs `pip install "quintet-client[grpc]"`.

QUINTET_RANKER=127.0.0.1:50053 QUINTET_SEARCH=127.0.0.1:50051 python by_grpc.py

Where services ask for certificates, QUINTET_CERTIFICATE names a folder with ca.crt, tls.crt and
tls.key.
"""

import json
import os
from pathlib import Path

import grpc
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_client.errors import SeedCount
from quintet_client.rpc import RECOMMEND_TRACKS, SEARCH_TRACKS, QuintetRpc, RpcSettings


def credentials_in(folder: str) -> grpc.ChannelCredentials | None:
    """Read a certificate; None if no folder is named."""
    if not folder:
        return None
    authority, key, chain = (Path(folder, n).read_bytes() for n in ("ca.crt", "tls.key", "tls.crt"))
    return grpc.ssl_channel_credentials(authority, key, chain)


def main() -> None:
    settings = RpcSettings(
        search=os.environ.get("QUINTET_SEARCH", "127.0.0.1:50051"),
        ranker=os.environ.get("QUINTET_RANKER", "127.0.0.1:50053"),
        token=os.environ.get("QUINTET_TOKEN", ""),
        credentials=credentials_in(os.environ.get("QUINTET_CERTIFICATE", "")),
    )
    with QuintetRpc(settings) as services:
        found = services.call(
            SEARCH_TRACKS, search_pb2.SearchTracksRequest(query="everlong", page_size=1)
        )
        seed = profile_pb2.Seed(track_id=found.matches[0].track.id)
        answer = services.call(
            RECOMMEND_TRACKS, ranker_pb2.RecommendTracksRequest(seeds=[seed], limit=3)
        )
        for track in answer.tracks:
            print(track.rank, track.track_id, json.loads(track.reasons_json)["sentence"])
        try:
            services.call(RECOMMEND_TRACKS, ranker_pb2.RecommendTracksRequest())
        except SeedCount as fault:
            print(f"{fault.reason} at {fault.field}")


if __name__ == "__main__":
    main()
