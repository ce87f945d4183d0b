"""Recognise pictures by their content."""


def picture_kind(data: bytes) -> str:
    """Recognise a picture by its first bytes: jpg, png, webp, gif, or "" for anything else.

    What a tag or a server declares does not count: only formats that a browser shows without
    running anything are kept, so no SVG.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""
