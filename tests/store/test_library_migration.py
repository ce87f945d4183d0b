"""Older databases keep their features, ISRCs and popularities."""

from quintet_contract.attributes import ATTRIBUTES
from quintet_store import reading
from quintet_store.features import chosen_features
from quintet_store.state import catalogue_token
from quintet_store.track_ids import ids_of
from quintet_text.track_ids import ISRC, TrackIdentifier
from sqlalchemy import text

from tests.store.library_rows import opened
from tests.store.old_databases import database_at


def test_features_and_isrcs_move_to_their_own_tables(database_url: str) -> None:
    engine = database_at(database_url, "0005")
    texts = ("title", "album", "release_date", "cover_url", "preview_url", "licence")
    names = (*texts, "imported_at", "provenance", "track_id", "isrc", *ATTRIBUTES)
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO imports (kind, fingerprint, file_name, sha256, source, licence, "
                "rows_read, rows_stored, rows_quarantined, rows_duplicate, imported_at) "
                "VALUES ('catalogue', 'f', 'f', 's', 's', 'l', 0, 0, 0, 0, '2026')"
            )
        )
        for track_id, code in (("t", "us-rc1-76-07839"), ("u", "no code")):
            connection.execute(
                text(
                    f"INSERT INTO tracks ({columns}, artists, explicit, import_id) "
                    f"VALUES ({values}, '[\"A\"]', false, 1)"
                ),
                {
                    **dict.fromkeys(texts, ""),
                    **{name: float(place) for place, name in enumerate(ATTRIBUTES)},
                    **{"imported_at": "2026", "provenance": "p" * 900},
                    **{"track_id": track_id, "isrc": code},
                },
            )
        connection.execute(text("INSERT INTO track_genres VALUES ('t', 'pop')"))
    engine.dispose()
    with opened(database_url) as engine, reading(engine) as connection:
        chosen = chosen_features(connection, ["t"])["t"]
        expected = {name: float(place) for place, name in enumerate(ATTRIBUTES)}
        assert {name: each.value for name, each in chosen.items()} == {
            name: value
            for name, value in expected.items()
            if name not in ("duration_ms", "popularity")
        }
        assert {each.provenance for each in chosen.values()} == {"import:" + "p" * 200}
        row = connection.execute(text("SELECT duration_ms, popularity FROM tracks")).first()
        assert tuple(row or ()) == (expected["duration_ms"], expected["popularity"])
        assert ids_of(connection, ["t", "u"]) == {"t": [TrackIdentifier(ISRC, "USRC17607839")]}
        assert connection.execute(text("SELECT count(*) FROM track_genres")).scalar_one() == 1
        assert catalogue_token(connection) == ""
