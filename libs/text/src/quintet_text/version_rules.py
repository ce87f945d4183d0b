"""What the notes of titles say, as patterns: editions, versions, sources and credits.

Each pattern was read against a hundred thousand real titles; the tests hold what it must and must
not match.
"""

import re
from enum import IntFlag
from typing import Final


class Version(IntFlag):
    """In which ways a track differs from the song's first recording; 0 for the recording itself.

    The numbers are stored in catalogue snapshots and never change their meaning.
    """

    LIVE = 1
    REMIX = 2
    ACOUSTIC = 4
    INSTRUMENTAL = 8
    DEMO = 16
    COVER = 32
    KARAOKE = 64
    SPEED = 128
    EXTENDED = 256
    RERECORDED = 512
    LANGUAGE = 1024
    OTHER = 2048


COPIES: Final = Version.COVER | Version.KARAOKE | Version.SPEED
"""Versions that are usually by another artist than the song."""


def _words(*patterns: str) -> str:
    return "|".join(patterns)


_LANGUAGES: Final = _words(
    "english", "spanish", "korean", "japanese", "german", "french", "italian", "portuguese",
    "chinese", "mandarin", "cantonese", "russian", "spanglish", "arabic", "hindi", "swedish",
    "dutch", "turkish", "polish", "hebrew", "latin", "eng", "kor", "jpn", "kr", "jp",
)  # fmt: skip
_VERSION: Final = (
    r"(?:versions?|ver\.|vers\.|versi[oó]n|vers[aã]o|versione|wersja|versio|versjon|"
    r"version[e]?n|fassung|rendition|버전|버젼|バージョン|ヴァージョン|版|версия)"
)
_REMASTER: Final = (
    r"(?:(?:new(?:ly)?\s+|digital(?:ly)?\s+)*"
    r"(?:re-?master(?:ed|ing|izad[oa]|is[ée]e?|t|iserad)?|rimasterizzat[oa]|remasteris[ée]e?)"
    r"|リマスター|리마스터(?:링)?|ремастер(?:инг)?|重制|重製)"
)
_YEAR: Final = r"(?:19|20)\d\d"
# Words that may stand around the core of an edition ("Original Album Version, Explicit").
_FILLER: Final = _words(
    _YEAR, _REMASTER, _VERSION, "the", "in", "en", "mono", "stereo", "album", "lp", "ep", "single",
    "radio", "video", "tv", "us", "uk", "original", "orig\\.?", "main", "full", "short", "clean",
    "explicit", "dirty", "censored", "uncensored", "edited", "edit", "mix", "digital", "hd",
    "edition", "editi[oó]n", "edici[oó]n", "deluxe", "bonus", "track", "expanded", "anniversary",
    "special", "standard", "\\d+(?:st|nd|rd|th)", "rudy van gelder", "soundtrack", "ost", "mixed",
    "new", "cut", "hi-?res", "45", "45 rpm", "7", "7''", "7\"", "7”", "inch", "7-inch", "album",
    "film", "movie", "asot \\d+", "official", "audio", "lyrics?", "music", "visuali[sz]er",
    "previously", "unreleased",
)  # fmt: skip
# At least one of these makes fillers an edition: "(2008)" or "(New)" alone may be part of a name.
EDITION_CORE: Final = re.compile(
    rf"(?<!\w)(?:{_REMASTER}|mono|stereo|(?:album|lp|ep|single|radio|video|tv|45|main|explicit|"
    rf"clean|dirty|original|full|short|bonus|deluxe|expanded|anniversary|special|mixed|edited|"
    r"rudy|soundtrack|ost|official|unreleased|film|movie|asot|\d{4}\s+mix|7[\"”'-]*|edit))(?!\w)",
    re.IGNORECASE,
)
EDITION: Final = re.compile(rf"(?:(?:{_FILLER})(?:[\s/,;:&.()\[\]-]+|$))+", re.IGNORECASE)
EDITION_WORDS: Final = re.compile(
    rf"[\s/,;-]*(?:{_YEAR}\s+)?(?:digital(?:ly)?\s+)?{_REMASTER}(?:\s+{_VERSION})?(?:\s+{_YEAR})?",
    re.IGNORECASE,
)
_QUOTE: Final = "[\"'“”‘’«„]"
SOURCE: Final = re.compile(
    rf"""(?:[\w'’]+\s+){{0,4}}(?:from|de|du|aus|inspired\ by|(?:heard|featured|seen)\ (?:in|on))\s+
      (?:the\s+)?(?:{_QUOTE}.+
        |.*\b(?:soundtrack|motion\ picture|film|movie|musical|series|netflix|disney.*|show|
           original\ cast|game|television|broadway|pel[ií]cula|serie|filme?|tv)\b.*)
      | .+/\s*soundtrack\ version
      | .*\b(?:original\ (?:motion\ picture\ )?soundtrack|motion\ picture\ soundtrack)\b.*
      | .*\boriginal\ (?:broadway\ |london\ |\w+\ )?cast\b.*
      | from\ the\ vault | banda\ sonora.* | bande\ originale.*""",
    re.IGNORECASE | re.VERBOSE,
)
# "(With You)" is part of a name; "(with Justin Bieber)" is a credit.
CREDIT: Final = re.compile(
    r"""(?:feat|ft|featuring|duet\ with|com\ participa[cç][aã]o)\.?\s.+
      | with\s(?!(?:yo?u|me|us|him|her|them|it|the|an?|my|your|our|or|out|love|no|all|this|that|
                 every|some|his|their|in)\b).+
      | (?:prod|produced)\.?\s(?:by\s)?.+ | prod\..+""",
    re.IGNORECASE | re.VERBOSE,
)
GUEST: Final = re.compile(
    r"\s+(?:feat|ft|featuring)\.?\s+(?:(?!\s[-–—]\s)[^()\[\]])+$", re.IGNORECASE
)
INNER_CREDIT: Final = re.compile(r"[(\[](?:feat|ft|featuring)\.?\s[^)\]]*[)\]]", re.IGNORECASE)
# Words before "live" at the end of a note that make it a verb: "(Where I Live)".
VERB: Final = (
    r"\b(?:i|we|you|ya|to|they|people|who|can|let|not|will|long|and|gonna|wanna|so|girls?|boys?|"
    r"must|where|how|just)\s+"
)
RULES: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for kind, pattern in (
        (
            Version.LIVE,
            rf"""^live(?:$|[\s-]+(?:at|from|in(?!\ (?:the\ (?:moment|now|sky)|me|peace|love))|on|
                  {_VERSION}|sessions?|recording|performance|edit|mix|acoustic|unplugged|take|
                  medley|bonus|album|remaster\w*|aus|auf|au|à|en|em|im|bei|video|audio|tour|vocals?|
                  broadcast|show|lounge|{_YEAR})\b|\s*[,/@:.;-]|\s*\()
              | (?<!\w)live\s*(?:/|,|-|\(|@|at\b|from\b|{_YEAR}|in\ concert|session|{_VERSION})
              | (?<!\w)live(?:\s+bonus\ track)?$|\bperformance$|\bsessions?(?:$|\s*[-/,])
              | (?<!\w)live\b.*\b(?:sessions?|{_YEAR})\b
              | \b(?:en\ (?:vivo|directo|directe|concert)|ao\ vivo|dal\ vivo|in\ concert|
                  im\ konzert|livemitschnitt|na\ [zż]ywo|na[zž]ivo|v\ [zž]ivo|canl[ıi]|
                  unplugged|en\ concierto)\b
              | \b(?:spotify|bbc|peel|itunes|kexp|daytrotter|deezer|amazon|apple\ music|radio\ 1)
                \b.*\b(?:sessions?|singles|lounge)\b
              | ^(?:spotify\ singles|recorded\ (?:live\ )?at\b.*|a\ colors\ show|tiny\ desk.*|
                  from\ the\ first\ take|.*honda\ stage.*)$
              | 라이브|ライブ|ライヴ|现场|現場|演唱会|演唱會|концерт|вживую|живьём""",
        ),
        (
            Version.KARAOKE,
            r"""\bkaraoke\b|\bbacking\ track\b|\bsing[- ]?along\b|\bminus\ one\b|\boff[- ]vocal\b
              | \bin\ the\ style\ of\b|^mr$|カラオケ|노래방|караоке|卡拉ok|伴奏|반주
              | オフ\ ?ボーカル""",
        ),
        (
            Version.COVER,
            r"""(?<!\w)(?<!take\ )(?<!under\ )(?<!for\ )(?<!my\ )covers?$
              | ^cover\s+(?:of|de|version|by)\b|\bcover\ version\b
              | \boriginally\s+(?:performed|recorded|sung|made|done|composed|by)\b
              | \b\ws\s+(?:performed|recorded|sung)\s+by\b
              | \bmade\ (?:famous|popular)\s+by\b|\btribute\s+(?:to|version)\b|\btributo\ a\b
              | \bhomenaje\ a\b|\bhommage\ [àa]\b|\b8[- ]?bit\b
              | \b(?:music\ box|lullaby)\ (?:version|rendition)\b
              | カバー|カヴァー|커버|翻唱|кавер""",
        ),
        (
            Version.SPEED,
            r"""\b(?:sped|speed)[- ]?up\b|\bslowed\b|\bnightcore\b|\bdaycore\b|\bchopped\b
              | \bchopnotslop\b|\bscrewed\b|\b8d(?:\ audio)?\b|\bbass\ boosted\b|\b4?32\ hz\b
              | \breverb(?:ed)?\b|\baceler[a]d[oa]\b|^fast(?:er)?(?:\ version)?$|스피드\ ?업""",
        ),
        (
            Version.REMIX,
            r"""(?<!\w)(?:re-?mix(?:ed|es)?|rmx|re-?work(?:ed)?|bootleg|mash-?up|vip|flip|refix|
                  redux|remezcla|re-?edit|re-?imagined|re-?dub|dub(?:\ version|\ mix)?)(?!\w)
              | \S.*(?:\bmix|\bedit|\bclubmix|\bradiomix)$|\bclub\ (?:mix|edit|version)\b
              | ^(?:dub|club)$
              | リミックス|리믹스|ремикс|混音""",
        ),
        (
            Version.EXTENDED,
            r"""\bextended\b|\blong(?:er)?\s+(?:version|mix|edit)\b|(?<!\w)12\s*(?:["”]|''|inch|-inch)
              | \bmaxi\b|\bfull[- ]length\b|\bextendid[oa]\b|\bestesa\b|\blangfassung\b""",
        ),
        (
            Version.ACOUSTIC,
            r"""\baco?[uú]sti(?:c|co|ca|que)s?\b|\bakust\w+\b|\bunplugged\b
              | \bstripped(?:[- ]down)?\b
              | ^(?:solo\ |acoustic\ |upright\ )?piano(?:\ solo|\ acoustic)?$|\bversi[oó]n\ piano$
              | \b(?:piano|guitar)\ (?:version|acoustic|arrangement|rendition)\b
              | акуст\w+|어쿠스틱|アコースティック|不插[电電]""",
        ),
        (
            Version.INSTRUMENTAL,
            r"""\binstrumental[es]?\b|^inst\.?$|\binst\.?\s+ver|\binstrumentalversion\b
              | 인스트루멘탈|インスト|инструментал""",
        ),
        (
            Version.DEMO,
            r"""\bdemos?\b|\bmaqueta\b|\bmaquette\b|\brough\ mix\b|\bwork(?:ing)?\ tape\b
              | ^rehearsal\b|\brehearsal\ take\b|\bout-?takes?\b|\b(?:alternat(?:e|ive)|early|first)
                \ (?:take|version|mix|studio)\b|^take\ \d+$|デモ|데모|демо""",
        ),
        (
            Version.RERECORDED,
            rf"""\bre-?record(?:ed|ing)\b|\bregrabad[oa]\b|\w['’]s?\ version$|^ts\ version$
              | ^new(?:\ studio)?\ {_VERSION}$|^{_YEAR}\ {_VERSION}$|^{_VERSION}\ {_YEAR}$
              | \bneuaufnahme\b|\bneu\ aufgenommen\b|\brevisited\b""",
        ),
        (
            Version.LANGUAGE,
            rf"""\b(?:{_LANGUAGES})\ (?:language\ )?(?:{_VERSION}|ver|edit|edition)
              | \bsung\ in\ \w+$|\bversi[oó]n\ en\ (?:espa[nñ]ol|ingl[eé]s)\b
              | \bversion\ (?:fran[cç]aise|anglaise|espagnole)\b|\b(?:deutsche|englische)\ version\b
              | (?:한국어|영어|일본어|중국어)\s*(?:버전|ver)|日本語""",
        ),
        (
            Version.OTHER,
            rf"""(?:^|[\s-]){_VERSION}(?:\s+\S{{1,3}})?$|^{_VERSION}\s
              | ^(?:arr|transcr|orch)\.|\barrangement\b
              | \ba[- ]?cap+ella\b|\borchestral\b|\bsymphonic\b|\breprise\b|^medley$
              | \S(?:版|버전)$""",
        ),
    )
)
# "2003 Sony Remaster", "24-Bit Mastering": whatever else the note says, it is about the release.
REISSUE: Final = re.compile(
    rf"(?<!\w){_REMASTER}(?!\w)|\bremastering\b|\bbit mastering\b|\bbonus[ -]?track\b|^mix cut$",
    re.IGNORECASE,
)
