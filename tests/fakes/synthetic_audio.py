"""Audio whose tempo, key and loudness are known because it was computed: float32, mono, 16 kHz."""

import wave
from pathlib import Path

import numpy as np

RATE = 16_000
MAJOR = (0, 2, 4, 5, 7, 9, 11, 12)
HARMONIC_MINOR = (0, 2, 3, 5, 7, 8, 11, 12)
NATURAL_MINOR = (0, 2, 3, 5, 7, 8, 10, 12)


def seconds(length: float):
    return np.arange(int(length * RATE)) / RATE


def placed(events, length: float):
    """Mixes sounds at their times, in seconds, into silence."""
    mix = np.zeros(int(length * RATE), np.float32)
    for time, sound in events:
        start = int(time * RATE)
        part = sound[: max(0, len(mix) - start)]
        mix[start : start + len(part)] += part
    return mix


def clicks(tempo: float, length: float = 12.0):
    click = np.sin(2 * np.pi * 1000 * seconds(0.05)) * np.exp(-80 * seconds(0.05))
    return placed(((t, click * 0.5) for t in np.arange(0.13, length, 60 / tempo)), length)


def drums(tempo: float, pattern: str, length: float = 30.0, seed: int = 0):
    """Kick (k), snare (s) and hat (h) over chords; a letter per half beat, several with '+'."""
    random = np.random.default_rng(seed)
    kick = np.sin(2 * np.pi * 60 * seconds(0.15) * (1 + np.exp(-60 * seconds(0.15))))
    sounds = {
        "k": kick * np.exp(-25 * seconds(0.15)),
        "s": random.normal(size=1920) * np.exp(-35 * seconds(0.12)) * 0.6,
        "h": np.diff(random.normal(size=641)) * np.exp(-120 * seconds(0.04)) * 0.25,
    }
    half, steps = 30 / tempo, pattern.split()
    events = [
        (0.13 + half * number, sounds[letter] * 0.5)
        for number in range(int((length - 0.13) / half))
        for letter in steps[number % len(steps)]
        if letter in sounds
    ]
    bar = 8 * half
    for number in range(int(length / bar)):
        root = 220 * 2 ** ((0, 5, 7, 0)[number % 4] / 12)
        chord = sum(np.sin(2 * np.pi * root * ratio * seconds(bar)) for ratio in (1, 1.26, 1.5))
        events.append((0.13 + number * bar, chord * 0.03 * np.minimum(1, seconds(bar) / 0.02)))
    return placed(events, length)


def note(hertz: float, length: float, overtones: int = 5):
    time = seconds(length)
    waves = sum(np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, overtones + 1))
    return waves * np.exp(-3 * time) * np.minimum(1, time / 0.01)


def pitch(semitones: float) -> float:
    """The frequency of a pitch, in semitones above C4."""
    return 440 * 2 ** ((semitones - 9) / 12)


def scale(tonic: int, steps, detuned: float = 0.0):
    """A scale up and down twice; `detuned` in semitones."""
    notes = (*steps, *steps[-2::-1]) * 2
    return np.concatenate([note(pitch(tonic + each + detuned), 0.35) for each in notes]).astype(
        np.float32
    ) * np.float32(0.2)


def cadences(tonic: int, major: bool, detuned: float = 0.0):
    """I VI IV V I IV V I, in triads over a bass."""
    third = 4 if major else 3
    chords = [(0, third, 7), (9, 12, 16) if major else (8, 12, 15), (5, 5 + third, 12), (7, 11, 14)]
    order = (0, 1, 2, 3, 0, 2, 3, 0)
    sounds = [
        sum(note(pitch(tonic + each - 12 + detuned), 0.6) for each in (*chord, chord[0] - 12))
        for chord in (chords[number] for number in order)
    ]
    return np.concatenate(sounds).astype(np.float32) * np.float32(0.1)


def write_wav(path: Path, samples, rate: int = RATE, channels: int = 1) -> Path:
    """Writes 16 bits; several channels are copies of the first."""
    whole = np.repeat(np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2"), channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.tobytes())
    return path
