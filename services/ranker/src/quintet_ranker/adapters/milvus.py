"""`VectorCollections` in Milvus: one collection a name, found again by its alias.

Up to `flat_limit` vectors a collection is searched exactly, above by inverted lists, as FAISS is
on one machine (`quintet_engine.index`). A search probes as many lists as recall takes, which is
measured where an index is opened: probing all of them is exact, so the server itself says what a
shorter look misses.

Filters are bitmaps of rows, and Milvus knows no bitmaps. Where few rows are left it is given
their numbers, otherwise it is asked for more than is wanted and the rest is dropped here.
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
from quintet_engine.catalogue import Mask, Rows
from quintet_engine.index import FLAT_LIMIT, RECALL_GOAL
from quintet_engine.vectors import Hits
from quintet_modelkit.features import Encoded

from quintet_ranker.adapters.external_index import VectorsUnavailable

MOST_HITS: Final = 16_384
"""Milvus returns no more at once; neither is it given more numbers at once."""
_KEY: Final = "id"
_VECTOR: Final = "vector"
_BATCH: Final = 20_000
_FEW_ROWS: Final = 4_096
"""Up to so many allowed rows are named one by one."""
_ASKED_MORE: Final = 1.5
"""By this much more is asked for than a filter leaves of an average neighbourhood."""
_MOST_LISTS: Final = 65_536
_SAMPLES: Final = 50
# Other queries than those sampled are to reach the goal as well.
_SAMPLED_GOAL: Final = (1 + RECALL_GOAL) / 2
_RECALL_AT: Final = 100
_Answers = list[tuple[Rows, NDArray[np.float32]]]


@dataclass(frozen=True)
class MilvusOptions:
    """Where Milvus is and how long it may take.

    Attributes:
        uri: `http(s)://host:port`, or the path of a file for Milvus Lite.
        token: `user:password` or an API key; empty for none.
        search_seconds: For one search, all its questions together.
        change_seconds: For one step of building.
        flat_limit: Up to so many vectors a collection is searched exactly.
    """

    uri: str
    token: str = ""
    search_seconds: float = 0.25
    change_seconds: float = 120.0
    flat_limit: int = FLAT_LIMIT


class MilvusCollections:
    """`VectorCollections` of a Milvus server; it is first reached for when something is asked."""

    def __init__(self, options: MilvusOptions) -> None:
        self._options = options
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()
        # Its client writes a traceback for each call that fails; ours are told in one line.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

    def build(self, name: str, vectors: Encoded) -> None:
        """Makes a new collection; see `VectorCollections.build`."""
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(_KEY, DataType.INT64, is_primary=True)
        schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=int(vectors.shape[1]))
        self._change("create_collection", name, schema=schema)
        self._write("insert", name, 0, vectors)
        self._change("create_index", name, self._index_of(len(vectors)))
        self._change("load_collection", name)
        self._settle(name)

    def add(self, name: str, first: int, vectors: Encoded) -> None:
        """Adds vectors; doing it again changes nothing."""
        self._write("upsert", name, first, vectors)
        self._settle(name)

    def delete(self, name: str, rows: Rows) -> None:
        """Lets searches no longer find some rows."""
        for start in range(0, len(rows), MOST_HITS):
            self._change("delete", name, ids=rows[start : start + MOST_HITS].tolist())
        self._settle(name)

    def swap(self, alias: str, name: str) -> None:
        """Lets an alias mean a collection."""
        known = self.meaning(alias) is not None
        self._change("alter_alias" if known else "create_alias", name, alias)

    def drop(self, name: str) -> None:
        """Forgets a collection that no alias means."""
        if not self._change("list_aliases", name)["aliases"]:
            self._change("drop_collection", name)

    def forget(self, name: str) -> None:
        """Forgets a collection and the aliases that mean it."""
        for alias in self._change("list_aliases", name)["aliases"]:
            self._change("drop_alias", alias)
        self._change("drop_collection", name)

    def index(self, alias: str) -> "MilvusIndex":
        """Returns what searches the collection that the alias means; measures its recall.

        Raises:
            KeyError: Nothing is called so.
        """
        if self.meaning(alias) is None:
            raise KeyError(alias)
        facts = self._change("describe_index", alias, _VECTOR)
        # Milvus Lite does not tell how many; both probe all where asked for more than there are.
        exact = facts["index_type"] == "FLAT"
        lists = 0 if exact else int(facts.get("nlist", _MOST_LISTS))
        index = MilvusIndex(self, alias, lists, lists)
        return index.tuned() if lists else index

    def close(self) -> None:
        """Ends the connection."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
            self._client = None

    def names(self, prefix: str) -> list[str]:
        """Returns the collections whose names begin so, in alphabetical order."""
        found = self._call("list_collections", self._options.change_seconds)
        return sorted(name for name in found if name.startswith(prefix))

    def meaning(self, alias: str) -> str | None:
        """Returns the collection that an alias means; None where there is no such alias."""
        if not self._change("has_collection", alias):
            return None
        return str(self._change("describe_alias", alias)["collection_name"])

    def count(self, name: str) -> int:
        """Returns how many rows there are by now."""
        found = self._change(
            "query", name, filter="", output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(found[0]["count(*)"])

    def sample(self, name: str, most: int) -> Encoded:
        """Returns up to so many vectors of a collection, float32 (k, d)."""
        found = self._change("query", name, filter="", limit=most, output_fields=[_VECTOR])
        return np.array([each[_VECTOR] for each in found], dtype=np.float32)

    def ask(
        self, alias: str, queries: Encoded, most: int, nprobe: int, where: str, seconds: float
    ) -> _Answers:
        """Asks one question and returns rows and cosines for each query, best first."""
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
            consistency_level="Eventually",
        )
        return [
            (np.array(hits.ids, dtype=np.int64), np.array(hits.distances, dtype=np.float32))
            for hits in found
        ]

    @property
    def search_seconds(self) -> float:
        """Seconds that a search may take."""
        return self._options.search_seconds

    def _write(self, verb: str, name: str, first: int, vectors: Encoded) -> None:
        for start in range(0, len(vectors), _BATCH):
            part = np.asarray(vectors[start : start + _BATCH], np.float32)
            rows = [{_KEY: n, _VECTOR: v} for n, v in enumerate(part, first + start)]
            self._change(verb, name, rows)
        self._change("flush", name)

    def _index_of(self, count: int) -> Any:
        index = MilvusClient.prepare_index_params()
        if count <= self._options.flat_limit:
            index.add_index(_VECTOR, index_type="FLAT", metric_type="IP")
        else:
            lists = min(int(4 * np.sqrt(count)), count // 40)
            index.add_index(
                _VECTOR, index_type="IVF_FLAT", metric_type="IP", params={"nlist": lists}
            )
        return index

    def _settle(self, name: str) -> None:
        """Waits until what was changed can be seen: counting waits for it."""
        self.count(name)

    def _change(self, verb: str, *arguments: Any, **named: Any) -> Any:
        return self._call(verb, self._options.change_seconds, *arguments, **named)

    def _call(self, verb: str, seconds: float, *arguments: Any, **named: Any) -> Any:
        try:
            return getattr(self._connected(), verb)(*arguments, timeout=seconds, **named)
        except (MilvusException, grpc.RpcError, OSError) as fault:
            told = getattr(fault, "message", "") or type(fault).__name__
            raise VectorsUnavailable(f"Milvus, {verb}: {told}") from fault

    def _connected(self) -> MilvusClient:
        with self._connecting:
            if self._client is None:
                # Also the time that mending a broken connection may take within a call.
                seconds = self._options.search_seconds
                self._client = MilvusClient(
                    uri=self._options.uri, token=self._options.token, timeout=seconds
                )
            return self._client


@dataclass(frozen=True)
class MilvusIndex:
    """Searches what an alias means, within the seconds that a search may take.

    Attributes:
        collections: Whom to ask.
        alias: What to ask.
        lists: How many inverted lists there are; 0 where a search is exact.
        nprobe: How many of them a search looks at.
    """

    collections: MilvusCollections
    alias: str
    lists: int
    nprobe: int

    def search(self, queries: Encoded, most: int, allowed: Mask | None = None) -> list[Hits]:
        """Returns the rows nearest to each query; see `VectorIndex.search`.

        Raises:
            VectorsUnavailable: Milvus does not answer in time.
        """
        until = time.monotonic() + self.collections.search_seconds
        count = None if allowed is None else int(np.count_nonzero(allowed))
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
        """Returns an index that probes the fewest lists, by powers of two, that find enough."""
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

    def _near(self, queries: Encoded, most: int, allowed: Mask | None, until: float) -> list[Hits]:
        """Asks for as many, in as many lists, as a filter will leave enough of."""
        asked, nprobe = most, self.nprobe
        if allowed is not None:
            kept = int(np.count_nonzero(allowed))
            more = math.ceil(_ASKED_MORE * most * len(allowed) / kept) - most
            asked = min(most + min(more, len(allowed) - kept), MOST_HITS)
            nprobe = min(self.lists, round(nprobe * len(allowed) / kept))
        answers = self._ask(queries, asked, nprobe, "", until)
        if allowed is not None:
            answers = [(rows[allowed[rows]], scores[allowed[rows]]) for rows, scores in answers]
        return [Hits.ranked(rows, scores, most) for rows, scores in answers]

    def _all(self, queries: Encoded, most: int, allowed: Mask | None, until: float) -> list[Hits]:
        """Looks at every allowed row, so many numbers at a time."""
        if allowed is None:
            parts = self._everything(queries, until)
        else:
            rows = np.flatnonzero(allowed)
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
        """Asks for range after range of numbers until all rows were in one of them."""
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
            raise VectorsUnavailable("Milvus, search: out of time")
        return self.collections.ask(self.alias, queries, most, nprobe, where, seconds)
