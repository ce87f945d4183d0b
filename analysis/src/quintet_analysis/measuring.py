"""Measure one file: what the worker does with each path."""

from dataclasses import dataclass
from pathlib import Path

from quintet_analysis.decoding import LOUDNESS_FLOOR, Limits, decode
from quintet_analysis.excerpt import write_excerpt
from quintet_analysis.tempo import estimate_tempo
from quintet_analysis.tonality import estimate_tonality


@dataclass(frozen=True)
class Measured:
    """Attributes of one file, in the units of the catalogue; None for what has no value.

    Attributes:
        duration_ms: Length by the decoded samples.
        loudness: LUFS; -70 for silence, which is the floor of the measurement.
        tempo: Beats per minute.
        key: 0 to 11, 0 is C.
        mode: 1 for major, 0 for minor.
        has_excerpt: Whether an excerpt was written for the perceptual model.
    """

    duration_ms: int
    loudness: float | None
    tempo: float | None
    key: int | None
    mode: int | None
    has_excerpt: bool

    @property
    def is_silent(self) -> bool:
        """Whether nothing is loud enough to be measured."""
        return self.loudness == LOUDNESS_FLOOR


def measure(path: str, ffmpeg: str, limits: Limits, excerpt: Path | None) -> Measured:
    """Measure one file, and write its excerpt for the perceptual model.

    Silence has a duration and the loudness -70 and nothing else: no model has heard it.

    Args:
        path: The file, as `os.fsdecode` gives it.
        ffmpeg: The program that decodes.
        limits: What the file may cost.
        excerpt: The excerpt's file; None if no model will hear it.

    Raises:
        NotDecoded: The file has no audio or exceeds a limit.
        OSError: The excerpt cannot be written.
    """
    audio = decode(path, ffmpeg, limits)
    if audio.loudness == LOUDNESS_FLOOR:
        return Measured(audio.duration_ms, audio.loudness, None, None, None, has_excerpt=False)
    tonality = estimate_tonality(audio.samples)
    return Measured(
        duration_ms=audio.duration_ms,
        loudness=audio.loudness,
        tempo=estimate_tempo(audio.samples),
        key=tonality.key if tonality else None,
        mode=tonality.mode if tonality else None,
        has_excerpt=excerpt is not None and write_excerpt(audio.samples, excerpt),
    )
