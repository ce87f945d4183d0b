"""Define the scope that each gRPC method of every service requires; the only such list."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quintet_access.tokens import Scope

_NEEDED: Final = {
    Scope.READ: (
        "/quintet.search.v1.SearchService/SearchTracks",
        "/quintet.search.v1.SearchService/BatchGetTracks",
        "/quintet.search.v1.SearchService/ListTracks",
        "/quintet.search.v1.SearchService/SearchArtists",
        "/quintet.search.v1.SearchService/BatchGetArtists",
        "/quintet.search.v1.SearchService/ListGenres",
        "/quintet.search.v1.SearchService/GetMap",
        "/quintet.search.v1.SearchService/ResolveNames",
        "/quintet.profile.v1.ProfileService/BuildProfile",
        "/quintet.profile.v1.ProfileService/BatchGetAudioFeatures",
        # Listeners are named by a hash that only the installation can compute.
        "/quintet.memory.v1.MemoryService/GetMemory",
        "/quintet.memory.v1.MemoryService/GetExclusions",
        "/quintet.memory.v1.MemoryService/GetPreferences",
        "/quintet.ranker.v1.RankerService/RecommendTracks",
        "/quintet.ranker.v1.RankerService/GetModel",
        # The gateway, whose token has this scope alone, shows it to operators only.
        "/quintet.ranker.v1.RankerService/ListModels",
        # Loads nothing that RecommendTracks, which needs the same scope, would not load for a
        # trial; the gateway's token has this scope alone.
        "/quintet.ranker.v1.RankerService/HoldChallenger",
        "/quintet.ranker.v1.RadioService/ContinueRadio",
        "/quintet.ranker.v1.RadioService/StreamRadio",
        "/quintet.ranker.v1.PathService/FindPath",
    ),
    Scope.FEEDBACK: (
        "/quintet.feedback.v1.FeedbackService/RecordEvents",
        "/quintet.feedback.v1.FeedbackService/UndoEvent",
        "/quintet.feedback.v1.FeedbackService/BanArtist",
        "/quintet.feedback.v1.FeedbackService/AllowArtist",
    ),
    Scope.ADMIN: (
        "/quintet.feedback.v1.FeedbackService/ExportListener",
        "/quintet.feedback.v1.FeedbackService/DeleteListener",
    ),
}
SCOPES: Final[Mapping[str, Scope]] = MappingProxyType(
    {method: scope for scope, methods in _NEEDED.items() for method in methods}
)
"""Full method, such as "/package.Service/Method", to the scope that it needs."""


def scope_of(method: str) -> Scope:
    """Look up the scope that a call requires; a method not listed requires admin."""
    return SCOPES.get(method, Scope.ADMIN)
