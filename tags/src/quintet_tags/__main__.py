"""Answer requests for files: one JSON object per line in, one per line out, in order.

The command starts this program, sends a path, waits for the answer with a time limit, and starts
another one if the file took too long or ended the process. So a hostile file costs that file only.
"""

import argparse
import json
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

from quintet_files import keep_private

from quintet_tags.covers import keep_cover
from quintet_tags.identity import NotAudio, audio_identity
from quintet_tags.tags import read_tags

_MOST_MEMORY: Final = 1024**3
"""Bytes of address space: a tag may claim to be of any size."""


def read_file(path: str, covers: Path | None) -> dict[str, Any]:
    """Read one audio file: its fields, its length, the identity of its audio, and its cover.

    Args:
        path: The file, as `os.fsdecode` gives it.
        covers: Folder for covers; None for no covers.

    Returns:
        Either `fields`, `duration_ms`, `identity` and `cover` (a name in the folder, or ""), with
        `cover_error` if it could not be stored; or `error` with the reason in one line.
    """
    try:
        with open(path, "rb") as file:
            identity = audio_identity(file)
        tags = read_tags(path)
    except NotAudio as fault:
        return {"error": str(fault)}
    except OSError as fault:
        return {"error": f"it cannot be read: {fault.strerror or fault}"}
    except MemoryError:
        return {"error": "its tags need more memory than one file may take"}
    except Exception as fault:
        # mutagen raises whatever its parsers meet in a damaged file: struct.error, IndexError …
        return {"error": f"it is damaged: {type(fault).__name__}"}
    answer = {
        "fields": dict(tags.fields),
        "duration_ms": tags.duration_ms,
        "identity": identity,
        "cover": "",
    }
    if covers is not None:
        try:
            answer["cover"] = keep_cover(path, tags.pictures(), covers)
        except Exception as fault:
            # A track without its cover is still a track; the caller reports the failure once.
            answer["cover_error"] = str(fault)
    return answer


def answer_requests(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the requests end: `{"path": …, "covers": …}` per line, "covers" optional."""
    for line in requests:
        request = json.loads(line)
        covers = Path(request["covers"]) if request.get("covers") else None
        # ASCII alone: a name that is not UTF-8 travels as escaped halves of surrogate pairs.
        answers.write(json.dumps(read_file(request["path"], covers)).encode("ascii") + b"\n")
        answers.flush()


def main() -> None:
    """Limit the memory of this process, then answer on standard output."""
    argparse.ArgumentParser(prog="quintet_tags", description=__doc__).parse_args()
    keep_private()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not mix with the answers
    answer_requests(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
