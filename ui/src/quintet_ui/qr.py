"""A link as a QR code, for a phone that opens it by its camera."""

import io
from typing import Final

import segno

MOST: Final = 1200
"""Bytes of a link; a code of more has squares too small for a camera at a screen."""
_SCALE: Final = 4  # pixels of a square


def qr_code(address: str) -> str | None:
    """Draw a QR code as SVG, black on white in every theme; None if the address is too long."""
    if len(address.encode()) > MOST:
        return None
    picture = io.BytesIO()
    code = segno.make_qr(address, error="l")
    code.save(picture, kind="svg", scale=_SCALE, border=4, dark="#000", light="#fff", xmldecl=False)
    return picture.getvalue().decode()
