"""Which column is which field, by the meaning of its name in many languages.

Exporters write headers in the listener's language ("Nombre de la canción", "曲名"). A name is split
into known words; a column has a meaning only where every word of its name is known, so that "Track
Number" or "Artist Popularity" is not taken for a title or an artist.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from quintet_text.normal_form import normalise
from quintet_text.track_ids import track_id_of

# Words of headers by what they mean, chosen by hand from headers of exporters; a language that is
# missing here is read with --map.
_WORDS: Final[Mapping[str, str]] = {
    "track": "track tracks song songs titel tema cancion canciones pista stuck lied titre chanson "
    "morceau piste brano canzone traccia musica faixa nummer lat spor utwor piosenka sarki parca "
    "трек трека песня песни композиция 曲 楽曲 トラック 곡 노래 트랙 歌曲 歌 单曲 "
    "أغنية lagu bai hat skladba",
    "artist": "artist artists artista artistas artiste artistes artisti kunstler interpret "
    "interprete interpreten kunstner artiest artiesten wykonawca wykonawcy sanatci исполнитель "
    "исполнителя исполнители артист アーティスト 歌手 艺术家 艺人 아티스트 가수 "
    "فنان performer band singer",
    "album": "album albums albumet albumo release альбом альбома アルバム 앨범 专辑 ألبوم",
    "playlist": "playlist playlists wiedergabeliste afspeellijst spellista liste lista "
    "reproduccion плейлист プレイリスト 재생목록 플레이리스트 播放列表 歌单",
    "name": "name names nombre nom noms nome nomi nomes naam namn navn nazwa isim adi имя "
    "название 名 名前 名称 이름 제목 タイトル 标题 title titles titulo titolo bezeichnung",
    "address": "uri uris url urls id ids link links href spotify address",
    "added": "added anadido agregado ajoute hinzugefugt aggiunto adicionado toegevoegd tillagd "
    "til dodano eklenme добавлено 追加日 추가일 添加",
    "filler": "de del la el le les l du des der die das dem den d of the da do dos di della dello "
    "dell van het en i a al at on am an le em op s 1 の 의 日 일 date datum fecha data tarih дата",
}
# What a column means whose words are these; "name" and "filler" may stand beside any of them.
_MEANINGS: Final[Mapping[frozenset[str], str]] = {
    frozenset(["track"]): "title",
    frozenset(["artist"]): "artist",
    frozenset(["album"]): "album",
    frozenset(["playlist"]): "playlist",
    frozenset(["playlist", "address"]): "playlist_id",
    frozenset(["track", "address"]): "track_id",
    frozenset(["added"]): "added_at",
    frozenset(): "title",
}
_LONGEST: Final = 80


def compact(column: str) -> str:
    """Give the name of a column in the form in which it is compared.

    Letters and digits of any script without case, accents and separators: "Artist Name(s)",
    `artist_names` and `artistNames` are one name.
    """
    return normalise(column.replace("_", " ")).replace(" ", "")


@cache
def meaning_of(column: str) -> str | None:
    """Find the field that the words of a column's name mean; None where a word is unknown."""
    kinds: set[str] = set()
    # "Nom de l'artiste": the normal form leaves apostrophes out, which would join two words.
    for token in normalise(re.sub("[_'\u2019]", " ", column)).split():
        found = _segments(token) if len(token) <= _LONGEST else None
        if found is None:
            return None
        kinds |= found
    meaning = frozenset(kinds - {"name", "filler"})
    # Without a noun, only a word for "name" or "title" means the title.
    return _MEANINGS.get(meaning) if meaning or "name" in kinds else None


@cache
def _lexicon() -> dict[str, str]:
    """Map each word, in its normal form, to its kind; the first kind of a word counts."""
    words: dict[str, str] = {}
    for kind, listed in _WORDS.items():
        for word in listed.split():
            words.setdefault(normalise(word), kind)
    return words


@cache
def _segments(token: str) -> frozenset[str] | None:
    """Split a token into known words, the longest first; None where that cannot be done.

    German and CJK write several words as one: "Künstlername", "アーティスト名".
    """
    if not token:
        return frozenset()
    words = _lexicon()
    for end in range(len(token), 0, -1):
        kind = words.get(token[:end])
        # A lone letter inside of a word is no word.
        if kind is None or (end == 1 and len(token) > 1 and token[:end].isascii()):
            continue
        if (rest := _segments(token[end:])) is not None:
            return rest | {kind}
    return None


def fields_by_content(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Find columns by their cells: one of track addresses is the id, whatever its name is.

    Args:
        rows: The first rows of a table.

    Returns:
        Field to column; empty where no column has such cells.
    """
    for column in rows[0] if rows else ():
        cells = [str(row[column]).strip() for row in rows if row[column] not in (None, "")]
        if cells and all(_is_track(cell) for cell in cells):
            return {"track_id": column}
    return {}


def _is_track(cell: str) -> bool:
    return track_id_of(cell) != cell or cell.startswith("spotify:local:")
