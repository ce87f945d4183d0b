"""The doctor: finds out in seconds what is wrong with an installation; `diagnose` runs all checks.

Nothing is changed. Checks run at the same time, each within its deadline, and one that fails or
hangs says so instead of taking the others with it.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from quintet_command.doctor import encryption, machine, place, running, state
from quintet_command.doctor.findings import Finding, State, look, wrong
from quintet_command.settings import CommandSettings

__all__ = ["SECONDS", "Finding", "State", "diagnose"]

SECONDS: Final = 7.0
"""Time allowed for each check; all run at once, so also for the whole command."""
_Check = Callable[[CommandSettings], Finding | Sequence[Finding]]


@dataclass(frozen=True)
class _Named:
    name: str
    check: _Check


# In the order of the report: each may be the cause of later ones.
_CHECKS: Final = (
    _Named("place", place.place),
    _Named("python", machine.python),
    _Named("settings", machine.settings),
    _Named("home", machine.home),
    _Named("file modes", machine.file_modes),
    _Named("disk", machine.disk),
    _Named("clock", machine.clock),
    _Named("database", state.database),
    _Named("feedback", state.feedback),
    _Named("playlists", state.playlists),
    _Named("catalogue", state.catalogue),
    _Named("model", state.model),
    _Named("search index", state.search_index),
    _Named("certificates", encryption.certificates),
    _Named("clients", place.client),
    _Named("services", running.running),
    _Named("registry", running.registry),
    _Named("spotify", machine.spotify),
    _Named("secrets", machine.secrets),
    _Named("leftovers", state.leftovers),
)


def diagnose(settings: CommandSettings, seconds: float = SECONDS) -> list[Finding]:
    """Run all checks at once; list their findings in the order of the checks.

    Args:
        settings: Of the installation.
        seconds: How long a check may take.
    """
    end = time.monotonic() + seconds
    answers = [_begin(each, settings) for each in _CHECKS]
    found: list[Finding] = []
    for each, answer in zip(_CHECKS, answers, strict=True):
        try:
            found.extend(answer.get(timeout=max(0.0, end - time.monotonic())))
        except queue.Empty:
            said = f"no answer within {seconds:.0f} s"
            found.append(look(each.name, said, "look again when the machine is less busy"))
    return found


def _begin(each: _Named, settings: CommandSettings) -> "queue.SimpleQueue[Sequence[Finding]]":
    answer: queue.SimpleQueue[Sequence[Finding]] = queue.SimpleQueue()

    def run() -> None:
        try:
            found = each.check(settings)
        except Exception as fault:  # whatever it is, the other checks go on
            # The text of an unknown exception may contain a secret.
            said = f"could not be looked at ({type(fault).__name__})"
            found = wrong(each.name, said, "report it: this is a fault of the doctor")
        answer.put((found,) if isinstance(found, Finding) else found)

    # A check that hangs must not keep the command from ending.
    threading.Thread(target=run, name=f"doctor-{each.name}", daemon=True).start()
    return answer
