"""Real music, analysed as a listener's: the Ogg files of two Debian packages."""

from pathlib import Path

import pytest
from mutagen.oggvorbis import OggVorbis
from quintet_analysis.decoding import Limits
from quintet_analysis.perception import PERCEIVED, Perception
from quintet_analysis.pool import Pool
from quintet_analysis.run import Job, Result, analyse

from tests.analysis.programs import FFMPEG, PERCEPTION, needs_ffmpeg
from tests.fakes.debian_music import FOLDERS, files_of
from tests.needs import MUSIC, skip
from tests.slow import SLOW

FEW = 3
"""Files per package that are analysed by default, the smallest; QUINTET_SLOW=1 takes all."""


@pytest.fixture(scope="module")
def analysed(tmp_path_factory) -> dict[Path, Result]:
    paths = []
    for package in FOLDERS:
        found = sorted(files_of(package), key=lambda path: path.stat().st_size)
        if not found:
            skip(MUSIC[package])
        paths += found if SLOW else found[:FEW]
    results: dict[Path, Result] = {}
    model = Perception(PERCEPTION, 0) if PERCEPTION else None
    with Pool(2, FFMPEG, Limits(), 0) as pool:
        analyse(
            [Job(str(path), str(path)) for path in paths],
            pool,
            model,
            tmp_path_factory.mktemp("excerpts"),
            lambda result: results.update({Path(result.job.key): result}),
        )
    assert set(results) == set(paths)
    return results


@needs_ffmpeg
def test_no_real_file_is_lost_and_each_has_the_length_of_its_header(analysed):
    assert {path: result.failure for path, result in analysed.items() if result.failure} == {}
    for path, result in analysed.items():
        assert result.measured is not None
        seconds = OggVorbis(path).info.length  # type: ignore[attr-defined]
        assert result.measured.duration_ms == pytest.approx(1000 * seconds, abs=50), path


@needs_ffmpeg
def test_attributes_of_real_music_are_plausible(analysed):
    sounding = {path: r for path, r in analysed.items() if not r.measured.is_silent}
    for path, result in sounding.items():
        found = result.measured
        # Masters for games: from a soft ending to a loud battle.
        assert -40 < found.loudness < -5, path
        assert found.tempo is None or 40 <= found.tempo <= 250
        assert (found.key, found.mode) == (None, None) or (found.key in range(12)), path
        if PERCEPTION:
            assert set(result.perceived) == set(PERCEIVED)
            assert all(0 <= value <= 1 for value in result.perceived.values())
    # Of music, unlike noise, nearly every file has a key and a beat.
    assert sum(r.measured.key is not None for r in sounding.values()) >= 0.9 * len(sounding)
    assert sum(r.measured.tempo is not None for r in sounding.values()) >= 0.7 * len(sounding)
    if PERCEPTION:
        # Both soundtracks are instrumental; words are spoken or sung in few files.
        instrumental = [r.perceived["instrumentalness"] > 0.5 for r in sounding.values()]
        assert sum(instrumental) >= 0.8 * len(sounding)


@needs_ffmpeg
def test_the_silent_file_of_a_game_is_silence(tmp_path):
    silence = FOLDERS["wesnoth-1.16-music"] / "silence.ogg"
    if not silence.is_file():
        skip(MUSIC["wesnoth-1.16-music"])
    with Pool(1, FFMPEG, Limits(), 0) as pool:
        found = pool.measure(str(silence), tmp_path / "excerpt.wav")
    assert not isinstance(found, str)
    assert found.is_silent
    assert (found.tempo, found.key, found.has_excerpt) == (None, None, False)
