"""Write the reasons of a list as JSON, once for all who read them.

The objects are those of `Reasons` in the HTTP API's OpenAPI document, and the gateway passes the
bytes through: to write, read and write again fifty small objects for each track would take longer
than to rank the list. A compiled loop joins numbers and the pieces between them; texts are written
by `orjson`, which knows JSON's escapes.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Reference

from quintet_engine.reasons.asked import RELATIONS
from quintet_engine.reasons.explained import Explained
from quintet_engine.reasons.statements import KINDS, STATED


def written(explained: Explained) -> list[bytes]:
    """Write the reasons of each track; a number that is not finite becomes null."""
    from quintet_engine.kernel.reasons_json import write

    text, starts = write(explained.stated, _words(explained))
    pages, ends = text.data, starts.tolist()
    return [
        b"".join((b'{"sentence":', orjson.dumps(sentence), b',"facts":[', pages[first:last]))
        for sentence, first, last in zip(
            explained.statements.sentences, ends, ends[1:], strict=False
        )
    ]


def _words(explained: Explained) -> Any:
    """Write the pieces between the numbers: the kernel's `Words`."""
    from quintet_engine.kernel.reasons_json import pieces_of

    statements = explained.statements
    references = [*statements.references.values(), None]
    return _fixed_words(explained.names)._replace(
        references=pieces_of([_reference(reference) for reference in references]),
        names=pieces_of([orjson.dumps(name) for name in statements.names]),
        closest=pieces_of(_closest(explained)),
    )


@cache
def _fixed_words(names: tuple[str, ...]) -> Any:
    """Write the pieces that are the same for every list of a model."""
    from quintet_engine.kernel.reasons_json import MARKS, Words, pieces_of

    none = pieces_of([b""])
    return Words(
        kinds=pieces_of([b'{"kind":"%b","reference":' % kind.encode() for kind in KINDS]),
        references=none,
        attributes=pieces_of(_each(b',"attribute":%b,"relation":', STATED)),
        relations=pieces_of(_each(b'%b,"value":', RELATIONS)),
        names=none,
        closest=none,
        features=pieces_of(_each(b'{"feature":%b,"contribution":', names)),
        comparisons=pieces_of(_each(b'{"attribute":%b,"value":', ATTRIBUTES)),
        marks=pieces_of([mark.encode() for mark in MARKS]),
    )


def _each(form: bytes, texts: Iterable[str]) -> list[bytes]:
    return [form % orjson.dumps(str(text)) for text in texts]


def _reference(reference: Reference | None) -> bytes:
    if reference is None:
        return b'null,"weight":'
    return orjson.dumps(reference._asdict()) + b',"weight":'


def _closest(explained: Explained) -> list[bytes]:
    """Write the beginning of the closest seed, for each seed and for none."""
    statements = explained.statements
    seeds = [statements.references[place] for place in range(statements.seeds)]
    pairs = [*((seed.id, seed.name) for seed in seeds), ("", "")]
    return [
        b'],"closest_seed":{"id":%b,"title":%b,"similarity":'
        % (orjson.dumps(name_id), orjson.dumps(title))
        for name_id, title in pairs
    ]
