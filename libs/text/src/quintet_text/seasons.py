"""Whether a song belongs to a season: Christmas, Halloween and the like, in many languages.

Rules read titles, genres and albums, never artists: "Christmas" may be the name of a band. They
prefer to miss a song rather than to hide one that is heard all year, so a word alone counts only
if it has no other meaning: "Holiday", "Snow (Hey Oh)" and "December" are not seasonal.
"""

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from quintet_text.normal_form import normalise


class Season(IntEnum):
    """The season of a song; the numbers are stored in catalogue snapshots and never change."""

    NONE = 0
    CHRISTMAS = 1
    HALLOWEEN = 2
    OTHER = 3
    """Hanukkah, Lunar New Year and New Year."""


# Words that name the feast and nothing else, in titles, albums and genres alike.
_CHRISTMAS_WORDS: Final = r"""
    (?<!\w)(?:
        (?:christmas|x-?mas|kerst(?:mis|nacht|boom|tijd|feest|liedjes?|album)?|yuletide|yule|
           navide[nñ][oa]s?|villancicos?|weihnacht\w*|joulu\w*|karácsony\w*|vánoc\w*|vánoč\w*|
           crăciun\w*|craciun\w*|colinde?|kolęd[ay]|božić\w*|noche\ ?buena|
           julen|julafton|julaften|julesang\w*|julsång\w*|jultid\w*|julemand\w*|juletid|tomten)
      | (?:god|glædelig|gledelig)\ jul(?!\w)
      | feliz\ navidad|(?:blanca|en|la|esta|es|llegó|de|mi|dulce|una)\ navidad(?:es)?
      | navidad(?!\s+(?:garcía|lópez))
      | (?:feliz|bom|de|no|é|um|meu|o|noite\ de)\ natal(?!\w)|natal\ branco
      | (?:buon|bianco|a|di|è|il|mio|questo)\ natale(?!\w)
      | (?:joyeux|petit\ papa|vive\ le\ vent|mon\ beau\ sapin|blanc|de|à|chante)\ no[eë]l(?!\w)
      | (?:first|sing|happy)\ no[eë]l(?!\w)|boże\ narodzenie|giáng\ sinh|noël(?!\w)
    )
    | クリスマス|크리스마스|성탄|聖誕|圣诞|рождеств|คริสต์มาส"""
# Songs known by their first words.
_CHRISTMAS_SONGS: Final = r"""
    (?<!\w)(?:
        jingle\ bells?(?!\w)|rudolph,?\ the\ red|frosty\ the\ snowman|let\ it\ snow[!.,]?\ let\ it|
        sleigh\ (?:ride|bells?)|silent\ night(?!\w)|stille\ nacht|noche\ de\ paz|douce\ nuit|
        noite\ feliz|(?:little|parson)\ drummer\ boy|drummer\ boy|
        deck\ the\ halls?|winter\ wonderland|hark!?,?\ the\ herald|
        (?:oh?,?\ )come,?\ all\ ye\ faithful|
        adeste\ fideles|god\ rest\ (?:ye|you)\ merry|away\ in\ a\ manger|
        (?:it\ )?came\ upon\ (?:a|the)\ midnight\ clear|carol\ of\ the\ bells|
        good\ king\ wenceslas|angels\ we\ have\ heard|we\ three\ kings|what\ child\ is\ this|
        o\ holy\ night|oh\ holy\ night|cantique\ de\ no|minuit,?\ chrétiens|o\ tannenbaum|
        o\ little\ town\ of\ bethlehem|o\ come,?\ o\ come,?\ emmanuel|
        mistletoe(?!\w)|holly,?\ jolly|have\ yourself\ a\ merry|chestnuts\ roasting|
        fairytale\ of\ new\ york|do\ you\ hear\ what\ i\ hear|baby,?\ it['’]?s\ cold\ outside|
        most\ wonderful\ time\ of\ the\ year|run\ rudolph\ run|mele\ kalikimaka|
        mary,?\ did\ you\ know|happy\ holidays?(?!\w)|home\ for\ the\ holidays?|
        up\ on\ the\ house-?top|jolly\ old\ saint\ nich|must\ be\ santa|nuttin['’]?\ for|
        (?:you['’]re\ a\ mean\ one,?\ )mr\.?\ grinch|i\ saw\ mommy\ kissing|silver\ bells|
        ding\ dong\ merrily|in\ the\ bleak\ midwinter|tu\ scendi\ dalle\ stelle|
        campana\ sobre\ campana|(?:mi|el)\ burrito\ sabanero|los\ peces\ en\ el\ r[ií]o|
        santa\ claus|papa\ no[eë]l|father\ christmas|kris\ kringle|
        santa\ (?:baby|tell\ me|looked|stole|bring|lost)|santa['’]s\ (?:coming|sleigh|got)|
        (?:dear|hey|secret|kissing|comes|be|my|oh|me|in)\ santa(?=$|\s*[(\-!,\[])|
        little\ saint\ nick|go\ tell\ it\ on\ the\ mountain|angels\ from\ the\ realms)"""
_HALLOWEEN: Final = r"""
    (?<!\w)(?:hallow['’]?e+n(?!\w)|trick\ or\ treat(?!\w)|monster\ mash|spooky,?\ scary\ skeletons?|
      jack[- ]o['’]?[- ]?lanterns?)|ハロウィン|ハロウィーン|할로윈|万圣节|萬聖節"""
_OTHER: Final = r"""
    (?<!\w)(?:ch?han?n?ukk?ah?|hanukk?ah|dreidel|auld\ lang\ syne|
      what\ are\ you\ doing\ new\ year['’]?s|happy\ new\ year(?!\w)|feliz\ a[nñ]o(?:\ nuevo)?|
      gott\ nytt\ år|bonne\ année)
    | 恭[喜賀贺](?:恭喜|發財|发财|新)|新年[快好]|賀年|贺年|с\ новым\ годом"""
# A film's music, and albums that were only sold or played at that time.
_NOT_SEASONAL: Final = re.compile(
    r"merry christmas,? mr\.? lawrence|(?:x-?mas|christmas) edition|not christmas",
    re.IGNORECASE,
)
_FLAGS: Final = re.IGNORECASE | re.VERBOSE
_TITLES: Final = (
    (Season.HALLOWEEN, re.compile(_HALLOWEEN, _FLAGS)),
    (Season.CHRISTMAS, re.compile(f"{_CHRISTMAS_WORDS}|{_CHRISTMAS_SONGS}", _FLAGS)),
    (Season.OTHER, re.compile(_OTHER, _FLAGS)),
)
_ALBUMS: Final = (
    (
        Season.CHRISTMAS,
        re.compile(
            rf"""{_CHRISTMAS_WORDS}|(?<!\w)(?:happy\ holidays?|for\ the\ holidays?|
            holiday\ (?:songs?|collection|album|classics|favou?rites|sampler|spirit|season|wishes|
            music|harmony)|jingle\ bells?|winter\ wonderland|silent\ night|
            santa\ claus)(?!\w)""",
            _FLAGS,
        ),
    ),
    (Season.OTHER, re.compile(r"(?<!\w)(?:hanukk?ah|chanukk?ah)(?!\w)|賀年|贺年", re.IGNORECASE)),
)
_SHORT: Final = 3
"""Words of names up to this length, such as "the", may stand in any album's name."""
_GENRES: Final = {
    "halloween": Season.HALLOWEEN,
    "holiday": Season.CHRISTMAS,
    "holidays": Season.CHRISTMAS,
    "holiday music": Season.CHRISTMAS,
}


def season_of(
    title: str, album: str = "", genres: Iterable[str] = (), artists: Iterable[str] = ()
) -> Season:
    """Find which season a track belongs to, by its title, else its genres, else its album.

    Compilations hold songs of all year, so an album counts only if it names the artist: "Elvis'
    Christmas Album", "A Pentatonix Christmas".
    """
    if season := _first(_TITLES, title):
        return season
    for genre in genres:
        name = genre.casefold().replace("-", " ").strip()
        if season := _GENRES.get(name) or _first(_ALBUMS, name):
            return season
    season = _first(_ALBUMS, album) if album else Season.NONE
    return season if season and _names_an_artist(album, artists) else Season.NONE


def _names_an_artist(album: str, artists: Iterable[str]) -> bool:
    words = set(normalise(album.replace("\u2019s", " ").replace("'s", " ")).split())
    return any(
        len(word) > _SHORT and word in words and word not in _TRIGGERS
        for artist in artists
        for word in normalise(artist).split()
    )


# Each rule needs one of these words; an ASCII text with none of them is settled at once.
_TRIGGERS: Final = frozenset(
    """
    christmas xmas mas kerst kerstmis kerstnacht kerstboom kerstfeest kerstliedjes kerstliedje
    kerstalbum yuletide yule villancico villancicos colinda colind colinde nochebuena noche
    julen julafton julaften juletid tomten jul navidad navidades natal natale noel narodzenie
    jingle rudolph frosty snow sleigh silent stille nuit noite drummer deck winter hark faithful
    fideles merry ye you manger midnight carol wenceslas angels kings child holy tannenbaum
    bethlehem emmanuel mistletoe holly jolly chestnuts fairytale hear cold wonderful kalikimaka
    know holiday holidays house housetop santa nuttin grinch mommy silver ding bleak stelle
    campana burrito peces claus kringle minuit cantique saint mountain realms halloween hallowe
    trick monster spooky jack hanukkah chanukah hannukah channukah hanuka chanukka hanukah
    dreidel auld doing happy feliz gott bonne
    """.split()  # noqa: SIM905
)
_STEMS: Final = (
    "weihnacht",
    "joulu",
    "julesang",
    "julemand",
    "craciun",
    "navide",
    "hallowe",
    "christmas",
)
_WORD: Final = re.compile(r"[a-z]+")


def _may_match(text: str) -> bool:
    if not text.isascii():
        return True
    words = _WORD.findall(text.lower())
    return not _TRIGGERS.isdisjoint(words) or any(word.startswith(_STEMS) for word in words)


def _first(rules: tuple[tuple[Season, re.Pattern[str]], ...], text: str) -> Season:
    """Find the first season whose rule matches."""
    if not _may_match(text) or _NOT_SEASONAL.search(text):
        return Season.NONE
    return next((season for season, rule in rules if rule.search(text)), Season.NONE)
