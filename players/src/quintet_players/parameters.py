"""Parameters of a request: texts, whole numbers and flags; unknown ones are ignored."""

from collections.abc import Mapping
from typing import Final

from quintet_contract.limits import MAX_NAME

from quintet_players.faults import MISSING_PARAMETER, PlayerFault

_YES: Final = ("1", "true", "yes", "y", "on")
_NO: Final = ("0", "false", "no", "n", "off", "")
MAX_ID: Final = 512
"""Characters of an id or a text; the longest id of a source."""


class Parameters:
    """The parameters of one request.

    Args:
        given: Name to value; of a name that is given twice, one value.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def text(self, name: str) -> str:
        """Read a text; empty if it is not given.

        Raises:
            PlayerFault: It is too long, or has characters that no name or id has.
        """
        value = self._given.get(name, "").strip()
        if len(value) > MAX_ID or "\0" in value:
            raise PlayerFault(f"{name} must have at most {MAX_ID} characters, none of them NUL.")
        return value

    def name(self, name: str) -> str:
        """Read the name of a song or artist; empty if it is not given.

        Raises:
            PlayerFault: It is too long.
        """
        value = self.text(name)
        if len(value) > MAX_NAME:
            raise PlayerFault(f"{name} must have at most {MAX_NAME} characters.")
        return value

    def required(self, name: str) -> str:
        """Read a text that must be there.

        Raises:
            PlayerFault: It is missing, or not allowed.
        """
        if value := self.text(name):
            return value
        raise PlayerFault(f"The parameter {name} is missing.", 400, MISSING_PARAMETER)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Read a whole number; one above `high` counts as `high`.

        Raises:
            PlayerFault: It is not a whole number, or below `low`.
        """
        text = self.text(name)
        if not text:
            return default
        # Bounded: Python takes long for numbers of many digits.
        if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 18:
            raise PlayerFault(f"{name} must be a whole number from {low} to {high}.")
        if (number := int(text)) < low:
            raise PlayerFault(f"{name} must be a whole number from {low} to {high}; got {number}.")
        return min(number, high)

    def flag(self, name: str, default: bool) -> bool:
        """Read true or false.

        Raises:
            PlayerFault: It is neither.
        """
        text = self.text(name).lower()
        if name not in self._given or not text:
            return default
        if text in _YES:
            return True
        if text in _NO:
            return False
        raise PlayerFault(f"{name} must be true or false.")
