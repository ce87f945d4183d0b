"""The perceptual model's program: its values are those of vibenet 0.1.0, for the same audio."""

import json
import subprocess
import wave

import numpy as np
import pytest

from tests.analysis.programs import FFMPEG, PERCEPTION, needs_espeak, needs_perception
from tests.fakes.synthetic_audio import RATE, clicks, drums, note, pitch, seconds, write_wav

pytestmark = needs_perception

# What `vibenet.load_model().predict(samples, 16000)` of vibenet 0.1.0, with its own spectrogram
# (librosa 0.11) and ONNX Runtime 1.32, gave for these 30 s of audio.
REFERENCE = {
    "noise": (0.128538, 0.191521, 0.010141, 0.809348, 0.389047, 0.564474, 0.102006),
    "chord": (0.332050, 0.627640, 0.113450, 0.852745, 0.119973, 0.098814, 0.208382),
}


def program(*arguments):
    return subprocess.run(
        [str(PERCEPTION), "-m", "quintet_perception", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def hear(folder, **excerpts):
    paths = {name: write_wav(folder / f"{name}.wav", audio) for name, audio in excerpts.items()}
    done = program(*paths.values())
    assert done.returncode == 0, done.stderr
    return {name: json.loads(path.with_suffix(".json").read_text()) for name, path in paths.items()}


def test_the_values_are_those_of_vibenet(tmp_path):
    random = np.random.default_rng(7)
    heard = hear(
        tmp_path,
        noise=random.normal(size=30 * RATE) * 0.1,
        chord=0.1 * sum(np.sin(2 * np.pi * f * seconds(30)) for f in (220, 277.18, 329.63)),
    )
    for name, values in REFERENCE.items():
        assert tuple(heard[name].values()) == pytest.approx(values, abs=2e-3)
        assert list(heard[name]) == [
            *("acousticness", "danceability", "energy", "instrumentalness"),
            *("liveness", "speechiness", "valence"),
        ]


def test_several_parts_give_their_mean_and_a_rest_of_less_than_a_second_is_not_heard(tmp_path):
    first, second = clicks(120, 30), np.tile(note(pitch(0), 0.5), 60).astype(np.float32) * 0.2
    heard = hear(
        tmp_path,
        first=first,
        second=second,
        both=np.concatenate([first, second, np.zeros(RATE // 2, np.float32)]),
    )
    mean = [
        (a + b) / 2
        for a, b in zip(*map(dict.values, (heard["first"], heard["second"])), strict=True)
    ]
    assert list(heard["both"].values()) == pytest.approx(mean, abs=1e-5)


def test_what_is_no_excerpt_is_a_failure_of_that_file(tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    write_wav(tmp_path / "fast.wav", clicks(100, 2), rate=44_100)
    write_wav(tmp_path / "short.wav", clicks(100, 0.5))
    write_wav(tmp_path / "good.wav", clicks(100, 4))
    done = program(*(tmp_path / f"{name}.wav" for name in ("text", "fast", "short", "good")))
    assert done.returncode == 0, done.stderr
    answers = {path.stem: json.loads(path.read_text()) for path in sorted(tmp_path.glob("*.json"))}
    assert "16 kHz" in answers["fast"]["failure"]
    assert "shorter than one second" in answers["short"]["failure"]
    assert answers["text"]["failure"]
    assert set(answers["good"]) >= {"energy", "valence"}


def test_its_ffmpeg_runs():
    path = program("--ffmpeg").stdout.strip()
    done = subprocess.run([path, "-version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ffmpeg version")


@needs_espeak
def test_speech_is_told_from_noise_and_from_music(tmp_path):
    text = " ".join(
        f"Sentence {n} of a story about a river, a boat and a bridge." for n in range(9)
    )
    spoken = tmp_path / "spoken.wav"
    subprocess.run(["espeak-ng", "-w", str(spoken), text], check=True)
    plain = [FFMPEG, "-v", "error", "-i", str(spoken), "-t", "30", "-ar", str(RATE)]
    subprocess.run([*plain, "-ac", "1", str(tmp_path / "speech.wav")], check=True)
    with wave.open(str(tmp_path / "speech.wav")) as file:
        speech = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    music = drums(110, "kh h sh h")[: len(speech)]
    noise = np.random.default_rng(7).normal(size=30 * RATE) * 0.1
    over = speech[: len(music)] * 0.7 + music * 0.5
    heard = hear(tmp_path, speech=speech, music=music, noise=noise, over=over)
    spoken_words = {name: values["speechiness"] for name, values in heard.items()}
    nobody_sings = {name: values["instrumentalness"] for name, values in heard.items()}
    assert spoken_words["speech"] > spoken_words["over"] > spoken_words["music"]
    assert spoken_words["speech"] > 0.5
    # Noise is not told from speech by speechiness: 0.56 (docs/analysis.md). Here it is.
    assert max(nobody_sings["speech"], nobody_sings["over"]) < 0.4
    assert min(nobody_sings["music"], nobody_sings["noise"]) > 0.7
