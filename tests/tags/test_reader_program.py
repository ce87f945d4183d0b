"""The program that reads tags answers every request, whatever the file is."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

from quintet_tags.__main__ import answer_requests, read_file

from tests.fakes.audio_files import tone


def ask(*requests: dict[str, str]) -> list[dict]:
    lines = "".join(json.dumps(each) + "\n" for each in requests)
    ran = subprocess.run(
        [sys.executable, "-m", "quintet_tags"],
        input=lines.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert ran.stderr == b""
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_each_request_has_an_answer_in_order(tmp_path):
    names = [b"\xff\xfe not UTF-8.mp3", b"n" * 251 + b".mp3", "é \n line.mp3".encode()]
    paths = [Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)) for name in names]
    for number, path in enumerate(paths):
        tone("tone.mp3", path, title=f"T{number}")
    (tmp_path / "text.mp3").write_text("no audio", encoding="utf-8")
    wanted = [*paths, tmp_path / "text.mp3", tmp_path / "missing.mp3", tmp_path]
    answers = ask(*({"path": str(path)} for path in wanted))
    assert [each["fields"]["title"] for each in answers[:3]] == ["T0", "T1", "T2"]
    assert "no MP3" in answers[3]["error"]
    assert "No such file" in answers[4]["error"]
    assert "directory" in answers[5]["error"]


def test_a_full_disk_costs_the_cover_and_not_the_track(tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3", title="One")
    (tmp_path / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    # /dev/full cannot be a folder; a folder that is a file fails in the same way.
    covers = tmp_path / "covers"
    covers.write_bytes(b"")
    answer = read_file(str(path), covers)
    assert answer["fields"] == {"title": "One"}
    assert "Not a directory" in answer["cover_error"]


def test_an_unexpected_failure_of_a_parser_is_a_reason(tmp_path, monkeypatch):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    for fault, reason in ((IndexError("x"), "IndexError"), (MemoryError(), "memory")):
        monkeypatch.setattr("quintet_tags.__main__.read_tags", Mock(side_effect=fault))
        answers = io.BytesIO()
        answer_requests(io.BytesIO(json.dumps({"path": str(path)}).encode()), answers)
        assert reason in json.loads(answers.getvalue())["error"]
