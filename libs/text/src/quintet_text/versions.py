"""Which recording of a song a title names: live, remix, cover and the like, in many languages.

A title is a song's name and notes: `Name (Note) [Note] - Note`. Each note, read from the end, is
one of three things:

- an edition: the same recording released again (remaster, mono, radio edit, deluxe, guest credit);
- a version: another recording or a changed copy of the song (live, remix, karaoke, sped up);
- part of the name: everything else. Reading stops there.

Only notes count, so that "Live and Let Die" is not live and "Remix to Ignition" is no remix. A
name that consists of notes alone keeps its last one.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from quintet_text import version_rules as rules
from quintet_text.version_rules import COPIES as COPIES
from quintet_text.version_rules import Version as Version

# A bracket at the end, with one level of brackets inside: "(Album Version (Edited))".
_BRACKET: Final = re.compile(
    r"""^(?P<song>.*\S)\s*(?:
        [(（]\s*(?P<round>(?:[^()（）]|\([^()]*\))+)[)）]
      | [\[【［]\s*(?P<square>[^\[\]【】［］]+)[\]】］]
      | \{\s*(?P<curly>[^{}]+)\}
    )\s*$""",
    re.VERBOSE,
)
# The last dash outside of brackets; what follows may hold whole brackets.
_DASH: Final = re.compile(
    r"^(?P<song>.*\S)\s+[-–—~]+\s+(?P<dash>[^\s()\[\]](?:[^()\[\]]|\([^()]*\)|\[[^\[\]]*\])*)$"
)
_PARTS: Final = re.compile(r"\s*[;/]\s*")
# Titles without any of these have no notes; this alone settles three in four.
_HAS_NOTES: Final = re.compile(r"[(\[{（【［]|\s[-–—~]+\s|\s(?:feat|ft|featuring)\b", re.IGNORECASE)


@dataclass(frozen=True)
class TitleParts:
    """A title split into name and notes.

    Attributes:
        song: The name alone, as written: "Hotel California".
        notes: The notes that name a version, as written: ("Live at The Forum",).
        versions: What the notes say.
    """

    song: str
    notes: tuple[str, ...]
    versions: Version

    @property
    def recording(self) -> str:
        """The text that all releases of one recording share: name and versions, no editions."""
        return " ".join((self.song, *(rules.EDITION_WORDS.sub(" ", note) for note in self.notes)))


@lru_cache(maxsize=4096)
def classify(note: str) -> Version | None:
    """Find what a note says: versions, 0 for an edition, None for a part of the name."""
    text = note.strip(" \"'“”‘’")
    if rules.CREDIT.fullmatch(text):
        return Version(0)
    if _is_edition(text):
        return Version(0)
    # "Star Trunk Mix; Radio Edit; 2016 Remaster": the parts that say nothing would hide the first.
    text = "; ".join(part for part in _PARTS.split(text) if not _is_edition(part)) or text
    found = Version(0)
    for kind, pattern in rules.RULES:
        if pattern.search(text) and not (kind is Version.LIVE and _ends_in_verb(text)):
            found |= kind
    # "Live Version" says more than "version", and 'From "Brother Bear"/Soundtrack Version' is none.
    told = found & ~Version.OTHER
    if not told and rules.SOURCE.fullmatch(text):
        return Version(0)
    if not found and rules.REISSUE.search(text):
        return Version(0)
    return told or found or None


def _is_edition(text: str) -> bool:
    return bool(rules.EDITION.fullmatch(text) and rules.EDITION_CORE.search(text))


def _ends_in_verb(text: str) -> bool:
    return re.search(rules.VERB + "live$", text, re.IGNORECASE) is not None


@lru_cache(maxsize=4096)
def read_title(title: str) -> TitleParts:
    """Split a title into name, version notes and versions."""
    if not _HAS_NOTES.search(title):
        return TitleParts(title.strip(), (), Version(0))
    song, notes, versions = _without_guests(title.strip()), [], Version(0)
    while ending := _last_note(song):
        song, note, kinds = ending
        song = _without_guests(song)
        versions |= kinds
        if kinds:
            notes.append(note)
    return TitleParts(song, tuple(reversed(notes)), versions)


def _last_note(title: str) -> tuple[str, str, Version] | None:
    """Split the last note off: the rest, the note and what it says; None if there is none."""
    for shape in (_BRACKET, _DASH):
        ending = shape.match(title)
        if ending is None:
            continue
        song, *texts = ending.groups()
        note = next(text for text in texts if text)
        kinds = classify(note)
        if kinds is not None:
            return song, note, kinds
        # "Song - Live in Osaka - February 1975", "Song (X Remix) [Latino Gang]": what follows such
        # a note belongs to it.
        before = _last_note(song)
        if before is not None and before[2] & (Version.LIVE | Version.REMIX):
            return before[0], f"{before[1]} {note}", before[2]
    return None


def _without_guests(song: str) -> str:
    """Remove guest credits: "Song (feat. B) Pt. 2", "Song (Remix) feat. B"."""
    song = rules.INNER_CREDIT.sub(" ", song).strip() or song
    return rules.GUEST.sub("", song).strip() or song
