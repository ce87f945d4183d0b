"""`quintet players`: add with a source that exists, list without keys, show, remove."""

import subprocess
import sys
from pathlib import Path

from quintet_access.players import PlayerFolder
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import store
from tests.known_secrets import known
from tests.slow import slow
from tools.processes import environment_without


def run(home: Path, *arguments: str) -> tuple[int, str, str]:
    environment = {**environment_without("QUINTET_"), "QUINTET_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "quintet_command", "players", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@slow("runs many commands")
def test_a_player_comes_is_shown_and_goes(tmp_path: Path) -> None:
    store(tmp_path, SourceSpec("home", "subsonic", "https://music.example"), [])
    code, said, _ = run(tmp_path, "add", "navidrome", "--source", "home", "--listener", "ann")
    assert code == 0
    player = PlayerFolder(tmp_path / "access").named("navidrome")
    assert player is not None
    assert said.splitlines()[:2] == ["name navidrome", f"key  {known(player.key)}"]
    assert (player.source, player.listener) == ("home", "ann")
    code, said, _ = run(tmp_path, "list")
    assert (code, "navidrome" in said, player.key in said) == (0, True, False)
    assert player.key in run(tmp_path, "show", "navidrome")[1]
    code, _, fault = run(tmp_path, "add", "other", "--source", "nas")
    assert (code, fault) == (2, "error: source: there is no source 'nas'; sources: home\n")
    assert run(tmp_path, "remove", "navidrome")[0] == 0
    code, _, fault = run(tmp_path, "show", "navidrome")
    assert (code, fault) == (2, "error: there is no player 'navidrome'; quintet players list\n")
