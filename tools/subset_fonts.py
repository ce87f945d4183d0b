"""Cut the fonts of Streamlit to the icons in use, and to the letters of European languages.

The whole fonts are 375 kB and 170 kB, the largest files of a first visit. The results are in
`quintet_ui/assets`, under the names that Streamlit gives the fonts, which change with them. Other
letters come from the fonts of the device. After an update of Streamlit, run this again:

    .venv/bin/python -m tools.subset_fonts
"""

import re
import sys
from pathlib import Path
from typing import Any, Final

from quintet_ui.assets import OWN as ASSETS
from quintet_ui.headers import static_folder

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "ui" / "src" / "quintet_ui"
FONT: Final = "MaterialSymbols-Rounded.*.woff2"
TEXT_FONT: Final = "SourceSansVF-Upright.ttf.*.woff2"
LETTERS: Final = (
    *range(0x20, 0x180), *range(0x2010, 0x2028), 0x2030, 0x2032, 0x2033, 0x2039, 0x203A, 0x20AC,
    0x2122, 0x2190, 0x2191, 0x2192, 0x2193, 0x2212, 0x2248, 0x2264, 0x2265, 0x266D, 0x266F,
)  # fmt: skip
"""Code points of the text font that are kept: Latin with accents, punctuation, arrows, signs."""
WEIGHTS: Final = (400, 700)
"""The weights that the page uses, from and to."""
# The licence of the font (SIL OFL 1.1) reserves the name "Source" for the whole font. The
# copyright (0), the licence (13) and its address (14) stay in the file, as it demands.
_OWN_NAME: Final = "Quintet Text"
_NAME_IDS: Final = {1: _OWN_NAME, 3: "QuintetText", 4: _OWN_NAME, 6: "QuintetText-Regular",
                    16: _OWN_NAME, 25: "QuintetText"}  # fmt: skip
_NAMED: Final = re.compile(r":material/([a-z0-9_]+)")
# An icon of a component is a string of its script, as are many other words: unknown ones are none.
_WORD: Final = re.compile(r'"([a-z0-9_]{2,40})"')


def icon_names() -> set[str]:
    """Collect the names of icons in the sources of the page and in Streamlit's scripts."""
    names: set[str] = set()
    for path in sorted([*PAGE.rglob("*.py"), *PAGE.rglob("*.js")]):
        text = path.read_text(encoding="utf-8")
        names |= set(_NAMED.findall(text))
        if path.suffix == ".js":
            names |= set(_WORD.findall(text))
    for path in sorted(static_folder().glob("static/js/*.js")):
        names |= set(_NAMED.findall(path.read_text(encoding="utf-8")))
    return names


def full_font(pattern: str = FONT) -> Path:
    """Find a font of the installed Streamlit."""
    (path,) = static_folder().glob(f"static/media/{pattern}")
    return path


def subset_text(source: Path, target: Path) -> None:
    """Write the text font with `LETTERS` and `WEIGHTS` alone, under another name."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    font = TTFont(source)
    options = Options(flavor="woff2", layout_features=["kern", "liga", "mark", "mkmk", "tnum"])
    options.name_IDs = ["*"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=LETTERS)
    subsetter.subset(font)
    font = instantiateVariableFont(font, {"wght": WEIGHTS})
    for record in font["name"].names:
        if record.nameID in _NAME_IDS:
            record.string = _NAME_IDS[record.nameID]
    font.flavor = "woff2"
    font.save(target)


def subset(source: Path, target: Path, names: set[str]) -> int:
    """Write a font with the ligatures of these names alone.

    Returns:
        The number of icons in it.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    font = TTFont(source)
    letters = {chr(code): glyph for code, glyph in font.getBestCmap().items()}
    wanted = {tuple(letters[sign] for sign in name) for name in names}
    kept = sum(_drop_others(lookup, wanted) for lookup in font["GSUB"].table.LookupList.Lookup)
    options = Options(flavor="woff2", layout_features=["*"], glyph_names=False, notdef_outline=True)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[ord(sign) for sign in set("".join(names))])
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(target)
    return kept


def _drop_others(lookup: Any, wanted: set[tuple[str, ...]]) -> int:
    """Remove the ligatures of a lookup that are not wanted, and count the others."""
    kept = 0
    for table in lookup.SubTable:
        table = getattr(table, "ExtSubTable", table)
        ligatures = getattr(table, "ligatures", None)
        if ligatures is None:
            continue
        for first, sets in list(ligatures.items()):
            ligatures[first] = [each for each in sets if (first, *each.Component) in wanted]
            kept += len(ligatures[first])
            if not ligatures[first]:
                del ligatures[first]
    return kept


def main() -> int:
    """Write the subsets of the installed Streamlit's fonts, in place of older ones."""
    ASSETS.mkdir(exist_ok=True)
    for pattern in (FONT, TEXT_FONT):
        for old in ASSETS.glob(pattern):
            old.unlink()
    icons, text = full_font(), full_font(TEXT_FONT)
    subset(icons, ASSETS / icons.name, icon_names())
    subset_text(text, ASSETS / text.name)
    for source in (icons, text):
        target = ASSETS / source.name
        sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
