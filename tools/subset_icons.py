"""Cut the icon font of Streamlit to the icons that the page and Streamlit itself show.

The whole font is 375 kB, the largest file of a first visit. The result is in `quintet_ui/assets`,
under the name that Streamlit gives the font, which changes with the font. After an update of
Streamlit, run this again:

    .venv/bin/python -m tools.subset_icons
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


def full_font() -> Path:
    """Find the icon font of the installed Streamlit."""
    (path,) = static_folder().glob(f"static/media/{FONT}")
    return path


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
    """Write the subset of the installed Streamlit's font, in place of older ones."""
    source = full_font()
    ASSETS.mkdir(exist_ok=True)
    for old in ASSETS.glob(FONT):
        old.unlink()
    target = ASSETS / source.name
    count = subset(source, target, icon_names())
    sys.stdout.write(f"{target.relative_to(ROOT)}: {count} icons, {target.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
