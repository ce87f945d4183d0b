"""`VectorCollections` in Milvus: one collection per index, addressed by an alias.

A collection of up to `flat_limit` vectors is searched exactly, a larger one by inverted lists, like
FAISS on one machine (`quintet_engine.index`). The number of probed lists is chosen when an index is
opened: probing all lists is exact, so the server itself measures the recall of fewer lists.

Filters are bitmaps of rows, which Milvus does not support. If few rows are allowed, their numbers
are sent; otherwise more hits than needed are requested and the others are dropped here.
"""

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient, MilvusException
from quintet_engine.catalogue import Rows
from quintet_engine.index import FLAT_LIMIT, RECALL_GOAL
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import Hits
from quintet_modelkit.features import Encoded

from quintet_ranker.adapters.external_index import VectorsUnavailable

MOST_HITS: Final = 16_384
"""Milvus's limit of hits per search; also the limit of row numbers per filter here."""
_KEY: Final = "id"
_VECTOR: Final = "vector"
# Vectors per insert: 20,000 of 64 floats are a message of 5 MB.
_BATCH: Final = 20_000
_FEW_ROWS: Final = 4_096
"""Up to this number, allowed rows are sent as a list of numbers."""
_ASKED_MORE: Final = 1.5
"""Safety factor for the hits requested under a filter that is applied here."""
# Milvus's limit of `nlist`.
_MOST_LISTS: Final = 65_536
# Vectors of the collection that serve as queries to measure recall.
_SAMPLES: Final = 50
# Above the goal, because queries that were not sampled must reach it too.
_SAMPLED_GOAL: Final = (1 + RECALL_GOAL) / 2
_RECALL_AT: Final = 100
_Answers = list[tuple[Rows, NDArray[np.float32]]]


@dataclass(frozen=True)
class MilvusOptions:
    """Address and time limits of Milvus.

    Attributes:
        uri: `http(s)://host:port`, or the path of a file for Milvus Lite.
        token: `user:password` or an API key; empty for none.
        search_seconds: Time for one search, all of its requests together.
        change_seconds: Time for one step of building.
        flat_limit: Up to this number of vectors, a collection is searched exactly.
    """

    uri: str
    token: str = ""
    search_seconds: float = 0.25
    change_seconds: float = 120.0
    flat_limit: int = FLAT_LIMIT


class MilvusCollections:
    """`VectorCollections` of a Milvus server; the first request opens the connection."""

    def __init__(self, options: MilvusOptions) -> None:
        self._options = options
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()
        # pymilvus logs a traceback for each failed call; this module reports failures in one line.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

    def build(self, name: str, vectors: Encoded) -> None:
        """Create a collection; see `VectorCollections.build`."""
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(_KEY, DataType.INT64, is_primary=True)
        schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=int(vectors.shape[1]))
        self._change("create_collection", name, schema=schema)
        self._write("insert", name, 0, vectors)
        self._change("create_index", name, self._index_of(len(vectors)))
        self._change("load_collection", name)
        self._settle(name)

    def add(self, name: str, first: int, vectors: Encoded) -> None:
        """Add vectors; repeating it changes nothing."""
        self._write("upsert", name, first, vectors)
        self._settle(name)

    def delete(self, name: str, rows: Rows) -> None:
        """Delete rows, so that searches no longer find them."""
        for start in range(0, len(rows), MOST_HITS):
            self._change("delete", name, ids=rows[start : start + MOST_HITS].tolist())
        self._settle(name)

    def swap(self, alias: str, name: str) -> None:
        """Point an alias to a collection."""
        known = self.meaning(alias) is not None
        self._change("alter_alias" if known else "create_alias", name, alias)

    def drop(self, name: str) -> None:
        """Delete a collection, unless an alias points to it."""
        if not self._change("list_aliases", name)["aliases"]:
            self._change("drop_collection", name)

    def forget(self, name: str) -> None:
        """Delete a collection and the aliases that point to it."""
        for alias in self._change("list_aliases", name)["aliases"]:
            self._change("drop_alias", alias)
        self._change("drop_collection", name)

    def index(self, alias: str) -> "MilvusIndex":
        """Open the index of an alias, and choose the probed lists by measured recall.

        Raises:
            KeyError: There is no such alias.
        """
        if self.meaning(alias) is None:
            raise KeyError(alias)
        facts = self._change("describe_index", alias, _VECTOR)
        # Milvus Lite omits the number of lists; both servers accept more than there are.
        exact = facts["index_type"] == "FLAT"
        lists = 0 if exact else int(facts.get("nlist", _MOST_LISTS))
        index = MilvusIndex(self, alias, lists, lists)
        return index.tuned() if lists else index

    def close(self) -> None:
        """Close the connection."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
            self._client = None

    def names(self, prefix: str) -> list[str]:
        """List the collections whose names begin with a prefix, in alphabetical order."""
        found = self._call("list_collections", self._options.change_seconds)
        return sorted(name for name in found if name.startswith(prefix))

    def meaning(self, alias: str) -> str | None:
        """Look up the collection of an alias; None if there is no such alias."""
        if not self._change("has_collection", alias):
            return None
        return str(self._change("describe_alias", alias)["collection_name"])

    def count(self, name: str) -> int:
        """Count the rows, including those written just before."""
        found = self._change(
            "query", name, filter="", output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(found[0]["count(*)"])

    def sample(self, name: str, most: int) -> Encoded:
        """Read up to `most` vectors of a collection, float32 (k, d)."""
        found = self._change("query", name, filter="", limit=most, output_fields=[_VECTOR])
        return np.array([each[_VECTOR] for each in found], dtype=np.float32)

    def ask(
        self, alias: str, queries: Encoded, most: int, nprobe: int, where: str, seconds: float
    ) -> _Answers:
        """Send one search; the result is rows and cosines for each query, best first."""
        parameters = {"nprobe": nprobe} if nprobe else {}
        found = self._call(
            "search",
            seconds,
            alias,
            data=list(queries),
            limit=most,
            filter=where,
            anns_field=_VECTOR,
            search_params={"metric_type": "IP", "params": parameters},
            # The collection does not change while it is searched, so no search waits for writes.
            consistency_level="Eventually",
        )
        return [
            (np.array(hits.ids, dtype=np.int64), np.array(hits.distances, dtype=np.float32))
            for hits in found
        ]

    @property
    def search_seconds(self) -> float:
        """Seconds that one search may take."""
        return self._options.search_seconds

    def _write(self, verb: str, name: str, first: int, vectors: Encoded) -> None:
        for start in range(0, len(vectors), _BATCH):
            part = np.asarray(vectors[start : start + _BATCH], np.float32)
            rows = [{_KEY: n, _VECTOR: v} for n, v in enumerate(part, first + start)]
            self._change(verb, name, rows)
        # Indices are built on sealed segments only.
        self._change("flush", name)

    def _index_of(self, count: int) -> Any:
        index = MilvusClient.prepare_index_params()
        if count <= self._options.flat_limit:
            index.add_index(_VECTOR, index_type="FLAT", metric_type="IP")
        else:
            # 4·√n lists, as Milvus recommends, and on average at least 40 vectors in each.
            lists = min(int(4 * np.sqrt(count)), count // 40)
            index.add_index(
                _VECTOR, index_type="IVF_FLAT", metric_type="IP", params={"nlist": lists}
            )
        return index

    def _settle(self, name: str) -> None:
        """Wait until changes are visible: a count with strong consistency waits for them."""
        self.count(name)

    def _change(self, verb: str, *arguments: Any, **named: Any) -> Any:
        return self._call(verb, self._options.change_seconds, *arguments, **named)

    def _call(self, verb: str, seconds: float, *arguments: Any, **named: Any) -> Any:
        try:
            return getattr(self._connected(), verb)(*arguments, timeout=seconds, **named)
        except (MilvusException, grpc.RpcError, OSError) as fault:
            reason = getattr(fault, "message", "") or type(fault).__name__
            raise VectorsUnavailable(f"Milvus, {verb}: {reason}") from fault

    def _connected(self) -> MilvusClient:
        with self._connecting:
            if self._client is None:
                # This limits reconnecting within a call, too.
                seconds = self._options.search_seconds
                self._client = MilvusClient(
                    uri=self._options.uri, token=self._options.token, timeout=seconds
                )
            return self._client


@dataclass(frozen=True)
class MilvusIndex:
    """Search the collection of an alias, within the time allowed for a search.

    Attributes:
        collections: The Milvus server.
        alias: The alias of the collection.
        lists: The number of inverted lists; 0 if searches are exact.
        nprobe: The number of lists that a search probes.
    """

    collections: MilvusCollections
    alias: str
    lists: int
    nprobe: int

    def search(self, queries: Encoded, most: int, allowed: RowSet | None = None) -> list[Hits]:
        """Find the rows nearest to each query; see `VectorIndex.search`.

        Raises:
            VectorsUnavailable: Milvus does not answer in time.
        """
        until = time.monotonic() + self.collections.search_seconds
        count = None if allowed is None else allowed.count
        if not most or count == 0 or not len(queries):
            nothing = Hits(np.empty(0, np.int64), np.empty(0, np.float32))
            return [nothing for _ in queries]
        if most <= MOST_HITS and (count is None or count > _FEW_ROWS):
            found = self._near(queries, most, allowed, until)
            wanted = most if count is None else min(most, count)
            if all(len(hits.rows) >= wanted for hits in found):
                return found
        return self._all(queries, most, allowed, until)

    def tuned(self) -> "MilvusIndex":
        """Choose the smallest power of two of probed lists that reaches the recall goal."""
        queries = self.collections.sample(self.alias, _SAMPLES)
        exact = self._sampled(queries, self.lists)
        nprobe = 4
        while nprobe < self.lists:
            found = self._sampled(queries, nprobe)
            shared = sum(len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True))
            if shared >= _SAMPLED_GOAL * sum(map(len, exact)):
                break
            nprobe *= 2
        return MilvusIndex(self.collections, self.alias, self.lists, min(nprobe, self.lists))

    def _sampled(self, queries: Encoded, nprobe: int) -> list[Rows]:
        seconds = self.collections.search_seconds * len(queries)
        found = self.collections.ask(self.alias, queries, _RECALL_AT, nprobe, "", seconds)
        return [rows for rows, _ in found]

    def _near(
        self, queries: Encoded, most: int, allowed: RowSet | None, until: float
    ) -> list[Hits]:
        """Request more hits from more lists, so that enough are left after the filter."""
        asked, nprobe = most, self.nprobe
        if allowed is not None:
            kept = allowed.count
            more = math.ceil(_ASKED_MORE * most * allowed.size / kept) - most
            asked = min(most + min(more, allowed.size - kept), MOST_HITS)
            # The filter thins every list, so the same recall needs more of them.
            nprobe = min(self.lists, round(nprobe * allowed.size / kept))
        answers = self._ask(queries, asked, nprobe, "", until)
        if allowed is not None:
            answers = [
                (rows[inside], scores[inside])
                for rows, scores in answers
                for inside in (allowed.has(rows),)
            ]
        return [Hits.ranked(rows, scores, most) for rows, scores in answers]

    def _all(self, queries: Encoded, most: int, allowed: RowSet | None, until: float) -> list[Hits]:
        """Search among the allowed rows by their numbers, in batches."""
        if allowed is None:
            parts = self._everything(queries, until)
        else:
            rows = allowed.rows
            parts = [
                self._ask(queries, MOST_HITS, self.lists, f"{_KEY} in {part.tolist()}", until)
                for part in np.split(rows, range(MOST_HITS, len(rows), MOST_HITS))
            ]
        return [
            Hits.ranked(
                np.concatenate([part[place][0] for part in parts]),
                np.concatenate([part[place][1] for part in parts]),
                most,
            )
            for place in range(len(queries))
        ]

    def _everything(self, queries: Encoded, until: float) -> list[_Answers]:
        """Search range after range of row numbers until all rows were searched."""
        parts: list[_Answers] = []
        left, first = self.collections.count(self.alias), 0
        while left > 0:
            where = f"{_KEY} >= {first} and {_KEY} < {first + MOST_HITS}"
            parts.append(self._ask(queries, MOST_HITS, self.lists, where, until))
            left -= len(parts[-1][0][0])
            first += MOST_HITS
        return parts

    def _ask(self, queries: Encoded, most: int, nprobe: int, where: str, until: float) -> _Answers:
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise VectorsUnavailable("Milvus, search: the time for one search is used up")
        return self.collections.ask(self.alias, queries, most, nprobe, where, seconds)
