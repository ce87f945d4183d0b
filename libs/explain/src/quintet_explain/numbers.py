"""Values of attributes as a listener reads them, rounded to what is shown."""

from typing import Final

_NOTES: Final = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def shown(attribute: str, value: float, units: dict[str, str]) -> str:
    """Write a value with its unit.

    Args:
        attribute: One of the fourteen.
        value: In the attribute's own unit.
        units: The words of a language: tempo, loudness, time_signature, major, minor, unknown.
    """
    match attribute:
        case "tempo":
            return units["tempo"].format(value=f"{value:.0f}")
        case "loudness":
            return units["loudness"].format(value=f"{value:.0f}")
        case "time_signature":
            return units["time_signature"].format(value=f"{value:.0f}")
        case "duration_ms":
            minutes, seconds = divmod(round(value / 1000), 60)
            return f"{minutes}:{seconds:02d}"
        case "key":
            return _NOTES[round(value) % 12] if value >= 0 else units["unknown"]
        case "mode":
            return units["major" if value >= 0.5 else "minor"]
        case "popularity":
            return f"{value:.0f}"
        case _:
            return f"{100 * value:.0f}%"
