"""Keys of music players: random, in a file for the owner alone, found as each protocol asks."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_access.files import AccessFileInvalid
from quintet_access.players import (
    PlayerFolder,
    PlayerInvalid,
    PlayerUnknown,
    subsonic_token,
)

from tests.known_secrets import known


def test_a_player_is_found_by_key_password_and_token_until_it_is_removed(tmp_path: Path) -> None:
    folder = PlayerFolder(tmp_path / "access")
    ann, bob = folder.add("ann", "music", "listener-7"), folder.add("bob")
    known(ann.key), known(bob.key)
    assert ann.key != bob.key
    assert (ann.source, ann.listener, bob.source) == ("music", "listener-7", "")
    other = PlayerFolder(tmp_path / "access")
    token = subsonic_token(ann.key, "salt")
    assert other.by_key(ann.key) == ann
    assert other.by_password("ann", ann.key) == ann
    assert other.by_token("ann", token.upper(), "salt") == ann
    assert other.by_password("bob", ann.key) is None
    assert other.by_token("bob", token, "salt") is None
    assert other.by_token("ann", token, "other") is None
    folder.remove("ann")
    assert other.by_key(ann.key) is other.named("ann") is None
    with pytest.raises(PlayerUnknown, match="quintet players list"):
        folder.remove("ann")


def test_the_file_is_for_its_owner_and_no_text_shows_a_key(tmp_path: Path) -> None:
    player = PlayerFolder(tmp_path).add("ann")
    path = tmp_path / "players.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert player.key in path.read_text(encoding="utf-8")
    assert player.key not in repr(player) + str(player)


def test_the_token_is_that_of_the_protocols_own_example() -> None:
    # subsonic.org/pages/api.jsp
    assert subsonic_token("sesame", "c19b2d") == "26719a1196d2a940705a59634eb18eab"


@pytest.mark.parametrize(
    ("name", "listener", "said"),
    [("", "", "name"), ("a b", "", "name"), ("x" * 65, "", "name"), ("a", "?", "listener")],
)
def test_a_wrong_player_is_named_with_its_field(
    tmp_path: Path, name: str, listener: str, said: str
) -> None:
    with pytest.raises(PlayerInvalid, match=said):
        PlayerFolder(tmp_path).add(name, listener=listener)


def test_a_name_is_there_once_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = PlayerFolder(tmp_path)
    folder.add("ann")
    with pytest.raises(PlayerInvalid, match="already"):
        folder.add("ann")
    (tmp_path / "players.json").write_text(json.dumps({"players": [{"name": 3}]}), "utf-8")
    with pytest.raises(AccessFileInvalid, match=r"players\.json"):
        PlayerFolder(tmp_path).all()


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_other_text_is_a_key(offered: str, salt: str) -> None:
    token = subsonic_token("k" * 32, salt)
    assert (subsonic_token(offered, salt) == token) == (offered == "k" * 32)


def test_players_are_listed_by_name_and_found_by_it(tmp_path: Path) -> None:
    folder = PlayerFolder(tmp_path)
    assert folder.all() == []
    bob, ann = folder.add("bob"), folder.add("a" * 64, listener="l")
    known(bob.key), known(ann.key)
    assert folder.all() == [ann, bob]
    assert (folder.named("bob"), folder.named("carl")) == (bob, None)
    assert len(bob.key) == 32
    assert bob.create_time.endswith("+00:00")
    document = json.loads((tmp_path / "players.json").read_text(encoding="utf-8"))
    assert document["format"] == 1
    assert [each["name"] for each in document["players"]] == [ann.name, "bob"]
    with pytest.raises(PlayerUnknown):
        folder.remove("carl")
    folder.remove("bob")
    assert folder.all() == [ann]


def test_there_are_at_most_so_many_players(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("quintet_access.players.MOST_PLAYERS", 2)
    folder = PlayerFolder(tmp_path)
    first, second = folder.add("a"), folder.add("b")
    known(first.key), known(second.key)
    with pytest.raises(PlayerInvalid, match="there are 2 players already"):
        folder.add("c")
    assert folder.all() == [first, second]


def test_texts_that_utf8_does_not_have_are_no_keys(tmp_path: Path) -> None:
    folder = PlayerFolder(tmp_path)
    known(folder.add("ann").key)
    assert folder.by_key("\udcff") is None
    assert folder.by_password("ann", "\udcff") is None
    assert folder.by_token("ann", "\udcff", "\udcff") is None


def test_a_player_is_found_wherever_it_is_in_the_list(tmp_path: Path) -> None:
    folder = PlayerFolder(tmp_path)
    players = [folder.add(name) for name in "abc"]
    for each in players:
        known(each.key)
        assert folder.by_key(each.key) == each
        assert folder.by_password(each.name, each.key) == each
