"""Decode audio files with the program ffmpeg, within limits on time, memory and output."""

import os
import re
import resource
import selectors
import stat
import subprocess
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_text.printable import printable

SAMPLE_RATE: Final = 16_000
"""Hz of the decoded signal: the rate of the perceptual model, and enough for tempo and key."""
LOUDNESS_FLOOR: Final = -70.0
"""LUFS of the absolute gate of ITU-R BS.1770-4: anything quieter is not measured."""
LEAST_FOR_LOUDNESS_MS: Final = 400
"""One gating block of BS.1770-4; a shorter file has no integrated loudness."""

# By name: ffmpeg's other formats include playlists, which open further files and addresses.
_FORMATS: Final = (
    "mp3,flac,ogg,mov,wav,w64,aiff,asf,aac,matroska,ape,wv,mpc,mpc8,tta,dsf,iff,caf,au,mp2,ac3,eac3"
)
_BYTES_PER_SAMPLE: Final = 4
_KEPT_MESSAGES: Final = 32 * 1024
_MESSAGE_LENGTH: Final = 200
_TIME: Final = re.compile(rb"out_time_us=(\d+)")
_LOUDNESS: Final = re.compile(rb"\bI:\s+(-?[\d.]+|-?inf|nan) LUFS")


@dataclass(frozen=True)
class Limits:
    """How much one file may cost.

    Attributes:
        seconds: Time for decoding, on the clock and of the processor.
        memory: Bytes of address space of the decoder.
        heard: Seconds of audio that are kept for tempo, key and the model, from the beginning.
    """

    seconds: float = 300.0
    memory: int = 1024**3
    heard: int = 600


@dataclass(frozen=True)
class Decoded:
    """A file's audio.

    Attributes:
        samples: float32, mono, at `SAMPLE_RATE`, nominally -1..1; the first `Limits.heard` seconds.
        duration_ms: Length of the whole file, by its decoded samples.
        loudness: Integrated loudness of the whole file in LUFS (ITU-R BS.1770), to 0.1;
            `LOUDNESS_FLOOR` for silence; None for less than one gating block.
    """

    samples: NDArray[np.float32]
    duration_ms: int
    loudness: float | None


class NotDecoded(Exception):
    """A file gives no audio; the message is the reason in one line."""


def decode(path: str, ffmpeg: str, limits: Limits) -> Decoded:
    """Decode the first audio stream of a file, and measure the length and loudness of all of it.

    Args:
        path: The file, as `os.fsdecode` gives it.
        ffmpeg: The program, version 4.4 or newer.
        limits: What the file may cost.

    Raises:
        NotDecoded: It is no regular file, is not readable, has no audio, or exceeds a limit.
    """
    _check_regular(path)
    audio, messages, code = _run(_command(ffmpeg, path, limits), limits)
    samples = np.frombuffer(audio, dtype="<f4", count=len(audio) // _BYTES_PER_SAMPLE)
    times = _TIME.findall(messages)
    if not len(samples) or not times:
        raise NotDecoded(f"no audio can be decoded: {_last_message(messages, code)}")
    if not np.isfinite(samples).all():
        # Files of floating point numbers may contain anything, NaN and infinity included.
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    duration_ms = round(int(times[-1]) / 1000)
    return Decoded(samples, duration_ms, _loudness(messages, duration_ms))


def _check_regular(path: str) -> None:
    # A pipe would make ffmpeg wait for ever, and a device has no end.
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise NotDecoded(f"it cannot be read: {reason}") from fault
    if not stat.S_ISREG(mode):
        raise NotDecoded("it is not a regular file")


def _command(ffmpeg: str, path: str, limits: Limits) -> list[str]:
    # asetpts counts samples, so that broken timestamps do not change the length. The level of a
    # mono mix depends on the sample format unless rematrix_maxval is set. Older versions have no
    # framelog=quiet. asetnsamples joins frames, because a codec's are short: each costs a write to
    # the pipe, and since version 7 a change of threads at each step.
    graph = (
        f"[0:a:0]asetpts=N/SR/TB,{_frames(8_192)},asplit[whole][mix];"
        f"[whole]ebur128=framelog=verbose,{_frames(96_000)}[measured];"
        f"[mix]atrim=end={limits.heard},aresample={SAMPLE_RATE}:rematrix_maxval=1,"
        f"aformat=sample_fmts=flt:channel_layouts=mono,{_frames(16_384)}[heard]"
    )
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-loglevel", "info"),
        *("-progress", "pipe:2", "-filter_complex_threads", "1", "-threads", "1"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS),
        *("-i", f"file:{path}", "-filter_complex", graph),
        *("-map", "[heard]", "-f", "f32le", "pipe:1"),
        *("-map", "[measured]", "-f", "null", "-"),
    ]


def _frames(samples: int) -> str:
    """Name the filter that makes frames of so many samples, without padding the last one."""
    return f"asetnsamples=n={samples}:p=0"


def _run(command: list[str], limits: Limits) -> tuple[bytearray, bytes, int]:
    """Run ffmpeg; give its output, the end of its messages, and its exit code."""
    most = (limits.heard + 1) * SAMPLE_RATE * _BYTES_PER_SAMPLE

    def limit() -> None:
        seconds = int(limits.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to pipes, never to files
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    audio, messages = bytearray(), bytearray()
    deadline = time.monotonic() + limits.seconds
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limit,  # safe: a worker has one thread
    ) as process:
        try:
            _read(process, audio, messages, most, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise NotDecoded(f"decoding takes longer than {limits.seconds:g} s") from None
        finally:
            process.kill()  # without effect on a process that has ended
    return audio, bytes(messages), code


def _read(
    process: subprocess.Popen[bytes],
    audio: bytearray,
    messages: bytearray,
    most: int,
    deadline: float,
) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as streams:
        streams.register(process.stdout, selectors.EVENT_READ, audio)
        streams.register(process.stderr, selectors.EVENT_READ, messages)
        while streams.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in streams.select(left):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    streams.unregister(key.fileobj)
                key.data.extend(chunk)
            if len(audio) > most:
                raise NotDecoded("the decoder writes more than it was asked for")
            if len(messages) > 2 * _KEPT_MESSAGES:
                del messages[:-_KEPT_MESSAGES]


def _loudness(messages: bytes, duration_ms: int) -> float | None:
    found = _LOUDNESS.findall(messages)
    if not found or duration_ms < LEAST_FOR_LOUDNESS_MS:
        return None
    value = float(found[-1])
    if np.isnan(value):
        return None
    return max(value, LOUDNESS_FLOOR)


def _last_message(messages: bytes, code: int) -> str:
    """Give the last line of ffmpeg that is about the file, without addresses and progress."""
    lines = messages.decode("utf-8", "replace").splitlines()
    about = [line for line in lines if line.strip() and "=" not in line and "Summary" not in line]
    if code < 0 or not about:
        return f"ffmpeg ended with {code}"
    last = re.sub(r"^\[[^]]*\] ?", "", about[-1].strip()).rpartition("file:")
    # ffmpeg repeats the path before the reason; the caller names the file already.
    reason = last[2].rpartition(": ")[2] if last[1] else last[2]
    return printable(reason, _MESSAGE_LENGTH)
