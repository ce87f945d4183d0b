"""Numbers as people and programs write them: units, decimal commas, percent, names of keys.

A cell is read where it has one meaning. What a whole column means (seconds or milliseconds, shares
or percent) is decided once per file, from its first rows; a cell that plainly does not fit is
rejected with its reason.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Final

from quintet_contract.attributes import RANGES

from quintet_training.datasets.column_meaning import compact

_PITCHES: Final = {
    name: float(pitch)
    for pitch, names in enumerate(
        # English names, and the German ones that mean nothing else ("B" is B flat only there).
        (
            *("c b# his", "c# db cis des", "d", "d# eb dis es", "e fb fes", "f e# eis"),
            *("f# gb fis ges", "g", "g# ab gis as", "a", "a# bb ais", "b cb h ces"),
        )
    )
    for name in names.split()
}
_MODES: Final = {
    **dict.fromkeys(("minor", "min", "m", "moll", "mineur", "menor", "minore", "단조"), 0.0),
    **dict.fromkeys(("major", "maj", "dur", "majeur", "mayor", "maior", "maggiore", "장조"), 1.0),
}
_KEY: Final = re.compile(
    r"(?P<pitch>[a-h](?:is|es|s|[#b])?)(?:/[a-h](?:[#b])?)?\s*(?P<mode>[^\W\d]*)"
)
# The wheels that DJ software writes: 8A is A minor, 8B is C major (Camelot); 1m and 1d are those
# two in Open Key. One step is a fifth, seven semitones.
_WHEEL: Final = re.compile(r"(?P<hour>1[0-2]|[1-9])(?P<side>[abmd])")
_WHEELS: Final[Mapping[str, tuple[int, int, float]]] = {
    "a": (8, 9, 0.0),
    "b": (8, 0, 1.0),
    "m": (1, 9, 0.0),
    "d": (1, 0, 1.0),
}
_SIGNATURE: Final = re.compile(r"(\d{1,2})\s*/\s*(?:1|2|4|8|16)")
_CLOCK: Final = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d(?:[.,]\d+)?)")
_ISO_DURATION: Final = re.compile(r"pt(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.IGNORECASE)
_SUFFIXED: Final = re.compile(
    r"(?P<number>.*?\d)\s*(?P<unit>%|dbfs|db|lufs|bpm|ms|msec|milliseconds|s|sec|secs|seconds|min|"
    r"mins|minutes)",
    re.IGNORECASE,
)
_MS_OF: Final = {
    **dict.fromkeys(("ms", "msec", "milliseconds"), 1.0),
    **dict.fromkeys(("s", "sec", "secs", "seconds"), 1_000.0),
    **dict.fromkeys(("min", "mins", "minutes"), 60_000.0),
}
# Signs between groups of three digits: blanks, apostrophes (Swiss), commas or dots.
_BLANKS: Final = re.compile(r"(?<=\d)['\u2019\u00a0\u202f\u2009 ](?=\d{3}(?:\D|$))")
_COMMA_GROUPS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_DOT_GROUPS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,}(?:,\d+)?")
_ONE_GROUP: Final = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_MINUSES: Final = str.maketrans("\u2212\u2013\uff0d\u2010\u2011", "-----")

SHARES: Final = tuple(
    name for name, limits in RANGES.items() if limits == (0.0, 1.0) and name != "mode"
)
"""Attributes from 0 to 1, which some tables give in percent."""
LEAST_MS: Final = 1_000.0
"""A track shorter than a second is a number of seconds taken for milliseconds."""
_LEAST_MS_MEDIAN: Final = 5_000.0
"""Half of all tracks are longer than 5 s and shorter than 5,000 s: the unit in which that holds."""
_FEW: Final = 3


@dataclass(frozen=True)
class Scale:
    """What the numbers of a column are multiplied by, and why.

    Attributes:
        factor: To the unit of the catalogue.
        unit: As the file gives it, for the user; empty for the catalogue's own.
    """

    factor: float = 1.0
    unit: str = ""


def scale_of(field: str, column: str, cells: Sequence[object]) -> Scale:
    """Decide the unit of a column by its name, else by its first cells.

    Args:
        field: Field of a track.
        column: Name of its column.
        cells: The first cells, of any type.
    """
    numbers = [value for cell in cells if (value := parse(field, str(cell))) is not None]
    plain = [n for n, cell in zip(numbers, cells, strict=False) if ":" not in str(cell)]
    if field == "duration_ms":
        return _duration_scale(column, plain)
    if field in SHARES and _is_percent(column, numbers):
        return Scale(0.01, "percent")
    # Spotify's popularity is a whole number from 0 to 100; a share has a fraction.
    if field == "popularity" and len(numbers) >= _FEW and max(numbers) <= 1:
        fractions = any(0 < number < 1 for number in numbers)
        return Scale(100.0, "share of 1") if fractions else Scale()
    return Scale()


def _duration_scale(column: str, numbers: Sequence[float]) -> Scale:
    name = compact(column)
    if name.endswith(("ms", "msec", "milliseconds", "millis")):
        return Scale()
    if name.endswith(("durations", "lengths", "sec", "secs", "seconds")):
        return Scale(1_000.0, "seconds")
    if name.endswith(("min", "mins", "minutes")):
        return Scale(60_000.0, "minutes")
    if numbers and median(numbers) < _LEAST_MS_MEDIAN:
        return Scale(1_000.0, "seconds")
    return Scale()


def _is_percent(column: str, numbers: Sequence[float]) -> bool:
    if "%" in column or compact(column).endswith(("percent", "pct")):
        return True
    whole = all(number.is_integer() for number in numbers)
    return len(numbers) >= _FEW and whole and median(numbers) > 1 and max(numbers) <= 100


@lru_cache(maxsize=100_000)
def parse(field: str, text: str) -> float | None:
    """Read one cell as a number in the unit of its field; None where it has no one meaning.

    Reads "4:26", "1:02:03" and "PT4M26S" as a duration in ms, "-14 dB", "73%", "120,5",
    "1,234,567", "C♯/D♭", "F# minor", "8A", "minor", "3/4", and minus signs of typographers.
    """
    plain = text.strip().translate(_MINUSES)
    if field == "key":
        named = _key_of(plain)
        return named[0] if named else number_of(plain)
    if field == "mode":
        if plain.casefold() in _MODES:
            return _MODES[plain.casefold()]
        named = _key_of(plain)
        return named[1] if named else number_of(plain)
    if field == "time_signature" and (found := _SIGNATURE.fullmatch(plain)):
        return float(found[1])
    if field == "duration_ms":
        return _duration(plain)
    suffixed = _SUFFIXED.fullmatch(plain)
    value = number_of(suffixed["number"] if suffixed else plain)
    if value is not None and suffixed and suffixed["unit"] == "%" and field in SHARES:
        return value / 100
    return value


def _duration(text: str) -> float | None:
    """Read a duration as ms where it names its unit; a plain number stays in the column's."""
    if (found := _CLOCK.fullmatch(text)) is not None:
        hours, minutes, seconds = found.groups()
        whole = int(hours or 0) * 3600 + int(minutes) * 60
        return (whole + float(seconds.replace(",", "."))) * 1000
    iso = _ISO_DURATION.fullmatch(text)
    if iso is not None and any(iso.groups()):
        hours, minutes, seconds = iso.groups()
        return (int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)) * 1000
    suffixed = _SUFFIXED.fullmatch(text)
    if suffixed is not None and suffixed["unit"].lower() in _MS_OF:
        value = number_of(suffixed["number"])
        return None if value is None else value * _MS_OF[suffixed["unit"].lower()]
    return number_of(text)


def value_of(text: str, field: str, scale: Scale) -> float | None:
    """Read one cell in the catalogue's unit; None where it has no one meaning.

    Args:
        text: The cell.
        field: Field of a track.
        scale: Of the column; it does not count for a cell that names its unit.
    """
    value = parse(field, text)
    if value is None or (has_unit(text) if field == "duration_ms" else text.endswith("%")):
        return value
    scaled = value * scale.factor
    # "200.000" of a spreadsheet: 200,000 ms, or 200 s with three decimals, is the same.
    if field == "duration_ms" and 0 < scaled < LEAST_MS and _ONE_GROUP.fullmatch(text):
        return scaled * 1000
    return scaled


def names_mode(text: str) -> bool:
    """Return whether a cell of a key names its mode too, as "C minor" and "8A" do."""
    return parse("mode", text) is not None and number_of(text) is None


def has_unit(text: str) -> bool:
    """Return whether a duration names its unit, so that the column's does not count."""
    plain = text.strip()
    suffixed = _SUFFIXED.fullmatch(plain)
    return (
        ":" in plain
        or plain[:2].lower() == "pt"
        or (suffixed is not None and suffixed["unit"].lower() in _MS_OF)
    )


def number_of(text: str) -> float | None:
    """Read a number with a decimal point or comma, and with signs between thousands."""
    plain = _BLANKS.sub("", text.strip().translate(_MINUSES))
    if _COMMA_GROUPS.fullmatch(plain) and plain.count(",") > 1:
        plain = plain.replace(",", "")
    elif _DOT_GROUPS.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _key_of(text: str) -> tuple[float, float | None] | None:
    """Read the name of a key as its pitch class and its mode, None where it names none."""
    plain = text.casefold().replace("♯", "#").replace("♭", "b").replace("sharp", "#")
    plain = re.sub(r"\s*flat", "b", plain).replace(" #", "#").replace("-", " ").strip()
    if (wheel := _WHEEL.fullmatch(plain)) is not None:
        first, pitch, mode = _WHEELS[wheel["side"]]
        return float((pitch + 7 * (int(wheel["hour"]) - first)) % 12), mode
    found = _KEY.fullmatch(plain)
    if found is None or found["pitch"] not in _PITCHES:
        return None
    if found["mode"] and found["mode"] not in _MODES:
        return None
    return _PITCHES[found["pitch"]], _MODES.get(found["mode"])
