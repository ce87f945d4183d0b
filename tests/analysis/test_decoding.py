"""One file at a time: what ffmpeg gives, and what happens when it gives nothing or too much."""

import os
import shutil
import subprocess
import time

import numpy as np
import pytest
from quintet_analysis.decoding import SAMPLE_RATE, Limits, NotDecoded, decode
from quintet_analysis.measuring import measure

from tests.analysis.programs import FFMPEG, needs_ffmpeg, script
from tests.fakes.audio_files import FOLDER, TONES
from tests.fakes.synthetic_audio import clicks, write_wav
from tests.slow import slow


@pytest.fixture
def audio(tmp_path):
    return str(write_wav(tmp_path / "clicks.wav", clicks(120, 6)))


@needs_ffmpeg
@pytest.mark.parametrize("name", TONES)
def test_every_format_is_decoded_with_its_length(name):
    found = decode(str(FOLDER / name), FFMPEG, Limits())
    assert found.duration_ms == pytest.approx(400, abs=30)  # lossy formats add part of a frame
    assert len(found.samples) == pytest.approx(found.duration_ms * SAMPLE_RATE / 1000, abs=32)
    assert 0.01 < np.abs(found.samples).max() <= 1


# ITU-R BS.1770-4: a sine of 997 Hz at full scale in one channel measures -3.01 LUFS; the same in
# two channels adds 3.01 LU.
@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("level", [0, -6, -20, -40])
def test_a_tone_has_its_loudness_within_a_tenth(level, channels, tmp_path):
    tone = np.sin(2 * np.pi * 997 * np.arange(3 * 48_000) / 48_000) * 10 ** (level / 20) * 0.99999
    path = write_wav(tmp_path / "tone.wav", tone, 48_000, channels)
    expected = -3.01 + level + (3.01 if channels == 2 else 0)
    found = decode(str(path), FFMPEG, Limits())
    assert found.loudness == pytest.approx(expected, abs=0.11)
    # The mix to one channel keeps the level.
    assert np.abs(found.samples).max() == pytest.approx(10 ** (level / 20), abs=0.02)


@needs_ffmpeg
def test_silence_has_the_loudness_of_the_floor_and_nothing_else(tmp_path):
    path = write_wav(tmp_path / "silence.wav", np.zeros(10 * SAMPLE_RATE))
    found = measure(str(path), FFMPEG, Limits(), tmp_path / "excerpt.wav")
    assert (found.duration_ms, found.loudness) == (10_000, -70.0)
    assert (found.tempo, found.key, found.mode, found.has_excerpt) == (None, None, None, False)
    assert not (tmp_path / "excerpt.wav").exists()


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp3", b""),
        ("text.mp3", b"This is no music at all.\n" * 200),
        ("zeros.flac", bytes(100_000)),
        (
            "no-samples.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0data\0\0\0\0",
        ),
        # A playlist could make ffmpeg open other files and addresses.
        ("playlist.mp3", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:/etc/passwd\n"),
        ("concat.mp3", b"ffconcat version 1.0\nfile /etc/passwd\n"),
    ],
)
def test_a_file_without_audio_is_refused_with_a_reason(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotDecoded, match=r"^no audio can be decoded: .") as caught:
        decode(str(tmp_path / name), FFMPEG, Limits())
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@needs_ffmpeg
def test_half_a_file_gives_what_it_holds(tmp_path):
    whole = (FOLDER / "tone.mp3").read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    assert 0 < decode(str(tmp_path / "half.mp3"), FFMPEG, Limits()).duration_ms < 400


@needs_ffmpeg
def test_numbers_that_are_none_do_not_reach_the_values(tmp_path):
    samples = np.full(4 * SAMPLE_RATE, np.nan, "<f4")
    samples[::7] = np.inf
    # A WAV file of floating point numbers, mono, 16 kHz.
    data = samples.tobytes()
    head = b"fmt \x10\0\0\0\3\0\1\0\x80>\0\0\0\xfa\0\0\4\0\x20\0data"
    size = len(head) + 8 + len(data)
    content = b"RIFF" + size.to_bytes(4, "little") + b"WAVE" + head
    path = tmp_path / "nan.wav"
    path.write_bytes(content + len(data).to_bytes(4, "little") + data)
    found = measure(str(path), FFMPEG, Limits(), None)
    assert found.duration_ms == 4_000
    assert (found.tempo, found.key) == (None, None)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["-i.wav", "a:b.wav", "%d.wav", "ü\udcff.wav", "x" * 251 + ".wav"])
def test_any_name_of_a_file_is_a_name(name, audio, tmp_path):
    shutil.copy(audio, tmp_path / name)
    assert decode(str(tmp_path / name), FFMPEG, Limits()).duration_ms == 6_000


@needs_ffmpeg
def test_only_the_beginning_of_a_long_file_is_kept_and_all_of_it_is_measured(audio):
    found = decode(audio, FFMPEG, Limits(heard=2))
    assert len(found.samples) == 2 * SAMPLE_RATE
    assert found.duration_ms == 6_000


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "device.mp3").symlink_to("/dev/zero")
    for name in ("pipe.mp3", "device.mp3", ""):
        with pytest.raises(NotDecoded, match="not a regular file"):
            decode(str(tmp_path / name), "ffmpeg", Limits())
    with pytest.raises(NotDecoded, match="cannot be read: No such file"):
        decode(str(tmp_path / "gone.mp3"), "ffmpeg", Limits())
    with pytest.raises(NotDecoded, match="cannot be read"):
        decode("a\0b", "ffmpeg", Limits())


def test_a_file_that_decodes_for_ever_is_given_up_after_its_time(audio, tmp_path):
    forever = script(tmp_path / "ffmpeg", "exec sleep 100")
    started = time.monotonic()
    with pytest.raises(NotDecoded, match=r"takes longer than 0\.2 s"):
        decode(audio, forever, Limits(seconds=0.2))
    assert time.monotonic() - started < 5


def test_a_decoder_that_writes_without_end_is_stopped(audio, tmp_path):
    flood = script(tmp_path / "ffmpeg", "exec cat /dev/zero")
    with pytest.raises(NotDecoded, match="more than it was asked for"):
        decode(audio, flood, Limits(heard=1))


def test_messages_without_end_are_not_kept(audio, tmp_path):
    noisy = script(
        tmp_path / "ffmpeg", "head -c 50000000 /dev/zero >&2; echo >&2; echo bad >&2; exit 1"
    )
    with pytest.raises(NotDecoded, match=r"bad$"):
        decode(audio, noisy, Limits())


def test_a_decoder_that_crashes_or_needs_too_much_memory_is_a_reason(audio, tmp_path):
    with pytest.raises(NotDecoded, match="ended with -11"):
        decode(audio, script(tmp_path / "crash", "kill -SEGV $$"), Limits())
    code = "bytearray(800 * 1024 ** 2)"
    greedy = script(tmp_path / "greedy", f"exec python3 -S -c '{code}' >/dev/null")
    with pytest.raises(NotDecoded, match="MemoryError"):
        decode(audio, greedy, Limits(memory=400 * 1024**2))


def test_a_decoder_cannot_write_files(audio, tmp_path):
    writer = script(tmp_path / "ffmpeg", f"echo text > {tmp_path}/written")
    with pytest.raises(NotDecoded):
        decode(audio, writer, Limits())
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").read_bytes()


@needs_ffmpeg
@slow("writes a day of silence")
def test_a_compressed_day_of_silence_costs_its_time_only(tmp_path):
    path = tmp_path / "day.flac"
    source = "anullsrc=r=8000:cl=mono:d=86400"
    command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", source, "-c:a", "flac", str(path)]
    subprocess.run(command, check=True)
    with pytest.raises(NotDecoded, match="takes longer than 1 s"):
        decode(str(path), FFMPEG, Limits(seconds=1))
