"""Who a credit names: "Earth, Wind & Fire feat. Someone" is one artist and a guest."""

import re
from typing import Final

# Spotify's exporters write a comma that belongs to a name as "\,".
_ESCAPED: Final = re.compile(r"\\([,;\\])")
_HIDDEN: Final = "\x1e"
_GUEST: Final = re.compile(
    r"\s*[(\[]?\s*\b(?:feat|ft|featuring|with)\b\.?\s+|\s+(?:vs|x)\.?\s+", re.IGNORECASE
)
_SEPARATOR: Final = re.compile(r"\s*[,;/|]\s*|\s*[&+]\s*|\s+(?:and|y|und|et)\s+", re.IGNORECASE)


def split_credit(credit: str) -> list[str]:
    r"""Split a credit at the commas and semicolons that are not escaped.

    `Tyler\, The Creator, Kali Uchis` names two artists.
    """
    hidden = _ESCAPED.sub(lambda found: _HIDDEN + str(ord(found.group(1))) + _HIDDEN, credit)
    parts = re.split(r"\s*[,;]\s*", hidden)
    return [text for part in parts if (text := _unescaped(part).strip())]


def credit_prefixes(credit: str) -> list[str]:
    """List who a credit may name first, from the whole credit to its shortest beginning.

    A comma or "&" may separate two artists or be part of one name; only a catalogue can decide. A
    caller takes the first prefix that names an artist it has.

    Returns:
        Distinct, longest first, none blank.
    """
    whole = _ESCAPED.sub(r"\1", credit).strip()
    hidden = _ESCAPED.sub(lambda found: _HIDDEN + str(ord(found.group(1))) + _HIDDEN, credit)
    ends = {len(hidden)}
    for pattern in (_GUEST, _SEPARATOR):
        ends.update(found.start() for found in pattern.finditer(hidden))
    prefixes = [whole, *(_unescaped(hidden[:end]) for end in sorted(ends, reverse=True))]
    return list(dict.fromkeys(text for prefix in prefixes if (text := prefix.strip(" ([,;"))))


def _unescaped(text: str) -> str:
    return re.sub(f"{_HIDDEN}(\\d+){_HIDDEN}", lambda found: chr(int(found.group(1))), text)
