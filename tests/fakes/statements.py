"""Sentences of reasons, parsed back into statements: the same for English and Korean."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Fact, Kind, genre_name

from tests.fakes.reasoned import GENRES

Statement = tuple[Any, ...]
# Word → attribute and relation. Written here by hand: this is what a listener understands.
ENGLISH = {
    "energetic": ("energy", "alike_high"), "calm": ("energy", "alike_low"),
    "acoustic": ("acousticness", "alike_high"), "danceable": ("danceability", "alike_high"),
    "happy": ("valence", "alike_high"), "sad": ("valence", "alike_low"),
    "instrumental": ("instrumentalness", "alike_high"), "wordy": ("speechiness", "alike_high"),
    "much like a live recording": ("liveness", "alike_high"),
    "loud": ("loudness", "alike_high"), "quiet": ("loudness", "alike_low"),
    "fast": ("tempo", "alike_high"), "slow": ("tempo", "alike_low"),
    "more energetic": ("energy", "more"), "calmer": ("energy", "less"),
    "more acoustic": ("acousticness", "more"), "less acoustic": ("acousticness", "less"),
    "more danceable": ("danceability", "more"), "less danceable": ("danceability", "less"),
    "happier": ("valence", "more"), "sadder": ("valence", "less"),
    "more instrumental": ("instrumentalness", "more"),
    "less instrumental": ("instrumentalness", "less"),
    "wordier": ("speechiness", "more"), "less wordy": ("speechiness", "less"),
    "more like a live recording": ("liveness", "more"),
    "less like a live recording": ("liveness", "less"),
    "louder": ("loudness", "more"), "quieter": ("loudness", "less"),
}  # fmt: skip
# Stems: the ending differs with the place in the sentence.
KOREAN = {
    "힘": ("energy", "alike_high"), "차분": ("energy", "alike_low"),
    "어쿠스틱": ("acousticness", "alike_high"), "춤추기 좋": ("danceability", "alike_high"),
    "밝": ("valence", "alike_high"), "어": ("valence", "alike_low"),
    "연주 위주": ("instrumentalness", "alike_high"), "말소리가 많": ("speechiness", "alike_high"),
    "라이브 느낌이 나": ("liveness", "alike_high"),
    "소리가 크": ("loudness", "alike_high"), "소리가 작": ("loudness", "alike_low"),
    "빠르": ("tempo", "alike_high"), "느리": ("tempo", "alike_low"),
    "더 힘": ("energy", "more"), "더 차분": ("energy", "less"),
    "더 어쿠스틱": ("acousticness", "more"), "덜 어쿠스틱": ("acousticness", "less"),
    "더 춤추기 좋": ("danceability", "more"), "춤추기에는 덜 맞": ("danceability", "less"),
    "더 밝": ("valence", "more"), "더 어": ("valence", "less"),
    "연주가 더 많": ("instrumentalness", "more"), "연주가 더 적": ("instrumentalness", "less"),
    "말소리가 더 많": ("speechiness", "more"), "말소리가 더 적": ("speechiness", "less"),
    "라이브 느낌이 더 강하": ("liveness", "more"), "라이브 느낌이 덜하": ("liveness", "less"),
    "소리가 더 크": ("loudness", "more"), "소리가 더 작": ("loudness", "less"),
}  # fmt: skip
# Endings that follow a stem: connecting (고) and final (ㅁ), with the vowels that they change.
_ENDINGS = {
    "힘": ("차고", "참"), "더 힘": ("차고", "참"),
    "어": ("둡고", "두움"), "더 어": ("둡고", "두움"),
    "차분": ("하고", "함"), "더 차분": ("하고", "함"), "연주 위주": ("이고", "임"),
    **dict.fromkeys(("어쿠스틱", "더 어쿠스틱", "덜 어쿠스틱"), ("하고", "함")),
}  # fmt: skip
_LAST = {"나": "남", "크": "큼", "르": "름", "리": "림", "하": "함"}
NAMES = {
    "en": dict(zip(ATTRIBUTES, (
        "acousticness", "danceability", "length", "energy", "instrumentalness", "key", "live feel",
        "loudness", "mode", "popularity", "spoken words", "tempo", "metre", "happiness",
    ), strict=True)),
    "ko": dict(zip(ATTRIBUTES, (
        "어쿠스틱함", "춤추기 좋은 정도", "길이", "에너지", "연주 비중", "조성", "라이브 느낌",
        "음량", "장단조", "인기도", "말소리", "템포", "박자", "밝은 정도",
    ), strict=True)),
}  # fmt: skip
# What the short forms in the patterns below stand for.
_SHORT = {
    "<S>": r"(?:<T>|(?P<average>\w[\w -]*))",
    "<T>": r"“(?P<title>[^”]+)”",
    "<M>": r"“(?P<member>[^”]+)”",
    "<A>": r"(?P<average>.+)",
    "<B>": r"(?P<artist>[^“]+)",
    "<B1>": r"(?P<artist>.+)",
    "<C>": r"in (?P<count>one|\d+) playlists?",
    "<K>": r"재생 목록 (?P<count>\d+)개",
    "<P>": r"(?:과|와|와\(과\))",  # the particles have tests of their own
    "<OBJ>": r"(?:을|를|를\(을\))",
}
CLAUSES = {
    "en": [
        ("same_album", r"from the same album(?: as <T>)?"),
        ("same_artist",
            r"(?:also )?by (?P<name>[^,]+?)(?:, whose <T> you picked|, an artist you"
            r" picked)?"),
        ("artists_together",
            r"by (?P<name>[^,]+), an artist <C> with (?P<artist>[^,]+)(?:, whose <T>"
            r" you picked|, the artist of <M>)?"),
        ("playlists_together", r"<C> with (?:<T>(?: by <B1>)?|it)"),
        ("near_in_taste", r"near (?:<T>(?: by <B1>)?|it) in listeners' taste"),
        ("shared_genre",
            r"of the (?:same genre, |genre )(?P<name>[^,]+?)(?:, like (?:<T>|tracks "
            r"by <A>)|, which you picked)?"),
        ("because",
            r"because you (?P<how>liked|listened to) <T>(?:, also by (?P<name>.+)"
            r"| by <B1>, (?P<link>near in listeners' taste|close in sound))"),
        ("close", r"close (?:in sound to (?:<T>|the average of <A>)|to it in sound)"),
        ("nearest",
            r"nearest (?:in sound to (?:<T>|the average of <A>)|to it in sound) amon"
            r"g your picks"),
        ("target", r"(?P<attribute>[a-z ]+) (?P<value>\S.*) \(you asked for (?P<target>.+)\)"),
    ],
    "ko": [
        ("because",
            r"(?P<how>좋아하신|들으신) (?:<T><P> 같은 (?P<name>.+)의 곡"
            r"|(?:<B>의 )?<M><P> (?P<link>취향이|소리가) 가까운 곡)"),
        ("same_album", r"(?:<T><P> )?같은 앨범의 곡"),
        ("artists_together",
            r"(?:고르신 <T>의 |<M>의 )?(?P<artist>[^“”]+?)<P> <K>에 함께 담긴 (?P<name>.+)의 곡"),
        ("playlists_together", r"<K>에 (?:(?:<B>의 )?<T><P> )?함께 담긴 곡"),
        ("near_in_taste",
            r"(?:<B>의 )?<T><OBJ> 듣는 사람들의 취향에 가까운 곡|"
            r"듣는 사람들의 취향도 가까운 곡"),
        ("shared_genre",
            r"<T><P> 같은 (?P<name>.+) 장르의 곡|같은 (?P<name2>.+) 장르의 곡|고르신 (?P<name3>.+) "
            r"장르의 곡|(?P<average>[^“]+?)<P> 같은 (?P<name4>.+) 장르의 곡"),
        ("same_artist",
            r"고르신 <T><P> 같은 (?P<name>[^“]+)의 곡|같은 (?P<name2>[^“]+)의 곡|"
            r"고르신 아티스트 (?P<name3>.+)의 곡"),
        ("close", r"(?:<T>|<A> 평균)<P> 소리가 가까운 곡|소리도 가까운 곡"),
        ("nearest", r"고르신 것 중 (?:(?:<T>|<A> 평균)<P> )?소리가 가장 가까운 곡"),
        ("target",
            r"(?P<attribute>[가-힣 ]+)(?:은|는) (?P<value>.+) \(요청하신 값 (?P<target>.+)\)"),
    ],
}  # fmt: skip
_TEMPO = {
    "en": r"at about (?P<how>the same|double the|half the) tempo(?: (?:as|of) <S>)?",
    "ko": (
        r"(?:<S><P> )?템포가 (?P<same>비슷함)|템포가 (?:“(?P<title2>[^”]+)”의 |(?P"
        r"<average2>.+) 평균의 )?(?P<how>두 배쯤임|절반쯤임)"
    ),
}  # fmt: skip
_KEY = {
    "en": r"in a key that fits(?: <T>)?",
    "ko": r"(?:<T><P> )?조성이 어울림",
}
_TEMPI = {
    "the same": "same", "double the": "double", "half the": "half",
    "비슷함": "same", "두 배쯤임": "double", "절반쯤임": "half",
}  # fmt: skip
_BECAUSE = {
    "liked": "because_you_liked", "listened to": "because_you_played",
    "좋아하신": "because_you_liked", "들으신": "because_you_played",
}  # fmt: skip
# The genres of the synthetic catalogue, by their Korean names.
_GENRES = {genre_name(name, "ko"): name for name in GENRES}
_LINKS = {
    "": "artist", "near in listeners' taste": "taste", "close in sound": "sound",
    "취향이": "taste", "소리가": "sound",
}  # fmt: skip
_WORDS = {
    "en": {
        "alike": r"about as (?P<words>.+?)(?: as (?:<T>|the average of <A>))?",
        "different": r"(?P<words>.+?)(?: than (?:<T>|the average of <A>))?",
    },
    "ko": {
        "alike": r"(?:비슷하게|(?:<T>|<A> 평균)만큼) (?P<words>.+)",
        "different": r"(?:다만 )?(?:(?:<T>|<A> 평균)보다 )?(?P<words>.+)",
    },
}  # fmt: skip


def statements_in(sentence: str, language: str) -> list[Statement]:
    """Parses a sentence; fails where a part of it is not understood."""
    if sentence.startswith(("No single fact", "하나의 이유")):
        return []
    assert sentence.endswith(".")
    text = sentence[:-1]
    if language == "en":
        text = text[0].lower() + text[1:]
    found: list[Statement] = []
    about = ""
    for clause in text.split("; " if language == "en" else ", "):
        statement = _relation(clause, language)
        parsed = list(_comparisons(clause, language)) if statement is None else [statement]
        for kind, named, *rest in parsed:
            # A clause without a name is about the seed named last; a target is about none.
            about = named or about
            found.append((kind, "" if kind == "target" else about, *rest))
    if language == "ko":
        found = [tuple(_GENRES.get(part, part) for part in statement) for statement in found]
    return sorted(found, key=repr)


def _match(pattern: str, text: str) -> re.Match[str] | None:
    for short, long in _SHORT.items():
        pattern = pattern.replace(short, long)
    return re.fullmatch(pattern, text)


def _relation(clause: str, language: str) -> Statement | None:
    for kind, pattern in CLAUSES[language]:
        match = _match(pattern, clause)
        if match is None:
            continue
        parts = {name: text for name, text in match.groupdict().items() if text}
        if language == "ko" and kind == "near_in_taste" and "소리" in clause:
            continue
        name = next((parts[key] for key in ("name", "name2", "name3", "name4") if key in parts), "")
        seed = parts.get("title") or parts.get("member") or parts.get("average") or ""
        count = parts.get("count", "").replace("one", "1")
        if kind == "target":
            attributes = {word: attribute for attribute, word in NAMES[language].items()}
            return kind, "", attributes[parts["attribute"]], *_numbers(parts)
        if kind == "because":
            return _BECAUSE[parts["how"]], seed, _LINKS[parts.get("link", "")], name
        if kind in ("same_artist", "shared_genre") and not seed:
            # A seed artist or genre is the name itself, if it is said to be picked.
            picked = "picked" in clause or clause.startswith("고르신")
            seed = name if picked else ""
        extra = [item for item in (name, parts.get("artist") if kind == "artists_together" else "",
                                   count) if item]  # fmt: skip
        return kind, seed, *extra
    return None


def _numbers(parts: dict[str, str]) -> list[str]:
    """Reads the value and the target, without the words of a unit."""
    return [_plain(parts["value"]), _plain(parts["target"])]


def _plain(text: str) -> str:
    for word, plain in (
        *((" bpm", ""), ("bpm", ""), (" dB", ""), ("dB", ""), (" beats a bar", "")),
        *(
            ("한 마디 ", ""),
            ("박", ""),
            ("장조", "major"),
            ("단조", "minor"),
            ("알 수 없음", "unknown"),
        ),
    ):
        text = text.replace(word, plain)
    return text


def _comparisons(clause: str, language: str) -> Iterator[Statement]:
    pieces = clause.replace(", but ", ", ").split(", ") if language == "en" else [clause]
    for piece in pieces:
        if match := _match(_KEY[language], piece):
            yield "key", match["title"] or "", "same"
        elif match := _match(_TEMPO[language], piece):
            parts = {name: text for name, text in match.groupdict().items() if text}
            seed = next((parts[key] for key in ("title", "title2", "average", "average2")
                         if key in parts), "")  # fmt: skip
            how = parts.get("how") or parts["same"]
            yield "tempo", seed.removeprefix("the average of ").removesuffix(" 평균"), _TEMPI[how]
        else:
            yield from _adjectives(piece, language)


def _adjectives(piece: str, language: str) -> Iterator[Statement]:
    for pattern in _WORDS[language].values():
        match = _match(pattern, piece)
        if match is None:
            continue
        seed = match["title"] or match["average"] or ""
        for word in _words(match["words"], language):
            attribute, relation = word
            kind = "tempo" if attribute == "tempo" else "attribute"
            yield kind, seed, *((attribute,) if kind == "attribute" else ()), relation
        return
    raise AssertionError(f"not understood: {piece!r}")


def _words(text: str, language: str) -> Iterator[tuple[str, str]]:
    if language == "en":
        for word in text.replace(", ", " and ").split(" and "):
            yield ENGLISH[word]
        return
    rest = text
    while rest:
        forms = {}
        for stem, meaning in KOREAN.items():
            for form in _korean_forms(stem):
                if rest == form or rest.startswith(f"{form} "):
                    forms[form] = meaning
        assert forms, f"not understood: {rest!r}"
        longest = max(forms, key=len)
        yield forms[longest]
        rest = rest[len(longest) :].lstrip()


def _korean_forms(stem: str) -> tuple[str, str]:
    connecting, final = _ENDINGS.get(stem, ("고", ""))
    if final:
        return stem + connecting, stem + final
    last = _LAST.get(stem[-1])
    return stem + connecting, stem[:-1] + last if last else stem + "음"


def statements_of_facts(facts: Sequence[Fact]) -> list[Statement]:
    """Says what a sentence of these facts has to state."""
    return sorted((_statement(fact) for fact in facts), key=repr)


def _statement(fact: Fact) -> Statement:
    if fact.kind is Kind.TARGET:
        return (
            "target",
            "",
            fact.attribute,
            *(_shown(fact.attribute, value) for value in (fact.value, fact.other_value)),
        )
    assert fact.reference is not None
    about = fact.reference.name
    match fact.kind:
        case Kind.ATTRIBUTE:
            return "attribute", about, fact.attribute, fact.relation.value
        case Kind.TEMPO | Kind.KEY:
            return fact.kind.value, about, fact.relation.value
        case Kind.SOUND:
            return ("close" if fact.value >= 0.5 else "nearest"), about
        case Kind.TOGETHER:
            return fact.kind.value, about, str(int(fact.value))
        case Kind.ARTISTS_TOGETHER:
            return fact.kind.value, about, fact.name, fact.reference.artist, str(int(fact.value))
        case Kind.LIKED | Kind.PLAYED:
            return fact.kind.value, about, fact.attribute, fact.name
        case Kind.SAME_ARTIST | Kind.GENRE:
            return fact.kind.value, about, fact.name
        case _:
            return fact.kind.value, about


def _shown(attribute: str, value: float) -> str:
    """Rounds a value as it is shown, half to even as Python does."""
    if attribute in ("tempo", "loudness", "time_signature", "popularity"):
        return f"{value:.0f}"
    if attribute == "duration_ms":
        seconds = round(value / 1000)
        return f"{seconds // 60}:{seconds % 60:02d}"
    if attribute == "key":
        notes = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
        return notes[round(value) % 12] if value >= 0 else "unknown"
    if attribute == "mode":
        return "major" if value >= 0.5 else "minor"
    return f"{100 * value:.0f}%"
