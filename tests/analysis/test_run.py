"""Many files: workers that end, the model's process by files, bounds, and being stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from quintet_analysis.decoding import Limits
from quintet_analysis.perception import PERCEIVED, Perception
from quintet_analysis.pool import AnalysisStopped, Pool
from quintet_analysis.run import Job, Result, analyse

from tests.analysis.programs import (
    FFMPEG,
    MODEL,
    PERCEPTION,
    STAND_IN,
    needs_ffmpeg,
    needs_perception,
    script,
)
from tests.fakes.audio_files import FOLDER
from tests.fakes.synthetic_audio import clicks, write_wav


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    tone = tmp_path / "tone.f32"
    tone.write_bytes(clicks(120, 4).tobytes())
    monkeypatch.setenv("TONE", str(tone))
    return script(tmp_path / "ffmpeg", STAND_IN)


def files(folder: Path, *names: str) -> list[Job]:
    for name in names:
        (folder / name).write_bytes(b"audio")
    return [Job(name, str(folder / name)) for name in names]


def run(jobs, pool, perception, scratch):
    results = {}
    with pool:
        analyse(jobs, pool, perception, scratch, lambda each: results.update({each.job.key: each}))
    assert list(scratch.glob("run-*")) == []
    return results


def test_a_file_that_ends_its_worker_costs_that_file_only(stand_in, tmp_path):
    jobs = files(tmp_path, "a", "crash", "b", "c")
    results = run(jobs, Pool(2, stand_in, Limits(), 0), None, tmp_path)
    assert set(results) == {"a", "crash", "b", "c"}
    assert "ended its process (code -9)" in results["crash"].failure
    for name in "abc":
        assert results[name].failure == ""
        assert results[name].measured.loudness == -12.3
        assert results[name].measured.duration_ms == 4_000
        assert results[name].perceived is None


def test_the_model_hears_batches_and_one_it_fails_at_costs_its_attributes_only(stand_in, tmp_path):
    jobs = files(tmp_path, *(f"f{number}" for number in range(20)))
    model = Perception(Path(script(tmp_path / "python", MODEL)), 0)
    results = run(jobs, Pool(1, stand_in, Limits(), 0), model, tmp_path)
    failed = [each for each in results.values() if each.failure]
    assert len(results) == 20
    assert [each.failure for each in failed] == ["the perceptual model failed (7): "]
    assert failed[0].measured.loudness == -12.3
    assert failed[0].perceived is None
    heard = next(each for each in results.values() if not each.failure)
    assert dict(heard.perceived) == dict.fromkeys(PERCEIVED, 0.5) | {"energy": 0.25, "valence": 1.0}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("{}", "values outside 0 to 1"),
        ("[1]", "wrote no answer"),
        ("not JSON", "wrote no answer"),
        (json.dumps(dict.fromkeys(PERCEIVED, 1.5)), "values outside 0 to 1"),
        (json.dumps(dict.fromkeys(PERCEIVED, True)), "values outside 0 to 1"),
        ('{"failure": "too\\nshort"}', "failed: too short"),
    ],
)
def test_an_answer_that_is_none_is_a_reason(answer, reason, tmp_path):
    excerpt = tmp_path / "0.wav"
    excerpt.write_bytes(b"")
    (tmp_path / "answer").write_text(answer, encoding="utf-8")
    copy = script(tmp_path / "python", f'cat {tmp_path}/answer > "{tmp_path}/0.json"')
    (heard,) = Perception(Path(copy), 0).hear([excerpt])
    assert reason in str(heard)
    assert not excerpt.exists()
    assert not (tmp_path / "0.json").exists()


def test_a_missing_program_stops_the_run_and_says_which(stand_in, tmp_path):
    jobs = files(tmp_path, *(f"f{number}" for number in range(50)))
    with pytest.raises(AnalysisStopped, match="no-ffmpeg: No such file"):
        run(jobs, Pool(2, str(tmp_path / "no-ffmpeg"), Limits(), 0), None, tmp_path)
    with pytest.raises(AnalysisStopped, match="no-python: No such file"):
        run(jobs, Pool(2, stand_in, Limits(), 0), Perception(tmp_path / "no-python", 0), tmp_path)


def test_a_disk_that_is_full_in_the_middle_stops_the_run_and_keeps_what_there_is(
    stand_in, tmp_path, monkeypatch
):
    # The limit on the size of files, 100 kB, stands for the end of the disk: an excerpt has 128 kB.
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    (tmp_path / "sitecustomize.py").write_text(
        limited + "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n", encoding="utf-8"
    )
    jobs = files(tmp_path, "a", "b", "c")
    done = run(jobs[:1], Pool(1, stand_in, Limits(), 0), None, tmp_path)
    assert done["a"].measured.loudness == -12.3
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = Perception(Path(script(tmp_path / "python", MODEL)), 0)
    with pytest.raises(AnalysisStopped, match=r"\.wav: File too large"):
        run(jobs[1:], Pool(1, stand_in, Limits(), 0), model, tmp_path)


def test_jobs_are_read_only_as_they_are_needed(stand_in, tmp_path):
    read, most = [], 0
    jobs = files(tmp_path, *(f"f{number}" for number in range(30)))

    def counted():
        for job in jobs:
            read.append(job)
            yield job

    done: list[Result] = []

    def on_result(result):
        nonlocal most
        most = max(most, len(read) - len(done))
        done.append(result)

    with Pool(2, stand_in, Limits(), 0) as pool:
        analyse(counted(), pool, None, tmp_path, on_result)
    assert len(done) == 30
    assert most <= 6


def test_an_error_of_the_caller_ends_everything_at_once(tmp_path):
    slow = script(tmp_path / "slow", "exec sleep 60")
    pool = Pool(2, slow, Limits(seconds=60), 0)
    jobs = files(tmp_path, "a", "b", "c", "d")

    def broken():
        yield from jobs[:3]
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), pool:
        analyse(broken(), pool, None, tmp_path, lambda _: None)
    assert time.monotonic() - started < 20
    with pytest.raises(AnalysisStopped, match="was stopped"):
        pool.measure(jobs[0].path, None)


@needs_ffmpeg
@needs_perception
def test_a_real_file_gets_every_attribute_and_broken_ones_a_reason(tmp_path):
    assert PERCEPTION is not None
    paths = [
        write_wav(tmp_path / "clicks.wav", clicks(120, 12)),
        tmp_path / "text.mp3",
        FOLDER / "tone.flac",
    ]
    paths[1].write_text("no audio", encoding="utf-8")
    pool = Pool(2, FFMPEG, Limits(), 5)
    found = run(
        [Job(path.name, str(path)) for path in paths], pool, Perception(PERCEPTION, 5), tmp_path
    )
    assert found["clicks.wav"].measured.tempo == pytest.approx(120, rel=0.001)
    assert set(found["clicks.wav"].perceived) == set(PERCEIVED)
    assert found["text.mp3"].failure.startswith("no audio can be decoded")
    # Less than three seconds is too little for the model.
    assert found["tone.flac"].measured.loudness is not None
    assert found["tone.flac"].perceived is None


def test_workers_end_with_a_command_that_is_killed(stand_in, tmp_path):
    program = (
        "import sys; from quintet_analysis.pool import Pool; "
        "from quintet_analysis.decoding import Limits; "
        f"pool = Pool(1, {stand_in!r}, Limits(), 0); pool.measure(sys.argv[1], None); "
        "print([w._process.pid for w in pool._running][0], flush=True); sys.stdin.read()"
    )
    (job,) = files(tmp_path, "a")
    with subprocess.Popen(
        [sys.executable, "-c", program, job.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        worker = int(command.stdout.readline())
        os.kill(worker, 0)
        command.send_signal(signal.SIGKILL)
        command.wait()
        deadline = time.monotonic() + 90
        while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
            state = Path(f"/proc/{worker}/stat").read_text(encoding="ascii").split()[2]
            if state == "Z":  # it has ended; the container's first process has not collected it
                break
        else:
            assert not Path(f"/proc/{worker}").exists()
