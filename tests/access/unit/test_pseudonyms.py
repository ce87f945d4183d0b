import base64
import hashlib
import hmac
import json
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_access.files import AccessFileInvalid
from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.patterns import LISTENER_PATTERN, fits

NAMES = Pseudonyms(b"k" * 32)
OTHERS = Pseudonyms(b"o" * 32)


def test_a_listener_is_a_keyed_hash_and_nobody_is_nobody():
    expected = hmac.new(b"k" * 32, b"listener\0ann", hashlib.sha256).hexdigest()
    assert NAMES.listener("ann") == expected
    assert NAMES.listener("ann") != OTHERS.listener("ann")
    assert NAMES.listener("") == ""


def test_an_id_given_out_is_known_with_its_time_and_only_here():
    before = int(time.time())
    given_id = NAMES.new_recommendation_id()
    issued = NAMES.issue_time(given_id)
    assert issued is not None
    assert before <= issued <= time.time()
    assert len(given_id) == 40
    assert OTHERS.issue_time(given_id) is None


def test_ids_do_not_repeat():
    assert len({NAMES.new_recommendation_id() for _ in range(1000)}) == 1000


@given(place=st.integers(0, 39), digit=st.sampled_from("0123456789abcdefABCDEF gé"))
def test_an_id_that_was_altered_anywhere_is_not_ours(place, digit):
    given_id = NAMES.new_recommendation_id()
    altered = given_id[:place] + digit + given_id[place + 1 :]
    assert (NAMES.issue_time(altered) is None) == (altered != given_id)


@given(text=st.text(max_size=100) | st.binary(max_size=60).map(bytes.hex))
def test_no_other_text_is_an_id_of_ours(text):
    assert NAMES.issue_time(text) is None


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32"):
        Pseudonyms(b"k" * 31)


@pytest.mark.parametrize("name", ["a", "A-9_.:@z", "0" * 128])
def test_names_that_can_be_listeners(name):
    assert fits(LISTENER_PATTERN, name)


@pytest.mark.parametrize("name", ["", ".a", "a b", "a\n", "é", "a/b", "0" * 129])
def test_names_that_cannot_be_listeners(name):
    assert not fits(LISTENER_PATTERN, name)


def test_a_cursor_is_read_for_its_time_and_only_where_it_was_signed(monkeypatch):
    begun, passed = time.time(), [0.0]
    monkeypatch.setattr("quintet_access.pseudonyms.time.time", lambda: int(begun) + passed[0])
    cursor = NAMES.sign_cursor(b"content")
    passed[0] = 60
    assert NAMES.read_cursor(cursor, 60) == b"content"
    assert NAMES.read_cursor(cursor, 59) is None
    assert OTHERS.read_cursor(cursor, 60) is None
    assert NAMES.sign_cursor(b"content") != cursor  # it holds the time
    assert NAMES.read_cursor(NAMES.sign_cursor(b""), 1) == b""


@given(content=st.binary(max_size=40), place=st.integers(0, 79), digit=st.sampled_from("AQ-_=+/ "))
def test_a_cursor_that_was_altered_is_not_read(content, place, digit):
    cursor = NAMES.sign_cursor(content)
    altered = cursor[:place] + digit + cursor[place + 1 :]
    if altered != cursor:
        assert NAMES.read_cursor(altered, 60) in (None, content)
    assert NAMES.read_cursor(cursor + "A", 60) is None
    assert NAMES.read_cursor(cursor[:8], 60) is None


def test_hashes_ids_and_cursors_of_the_same_bytes_differ(monkeypatch):
    monkeypatch.setattr("quintet_access.pseudonyms.secrets.token_bytes", lambda count: b"r" * count)
    monkeypatch.setattr("quintet_access.pseudonyms.time.time", lambda: 1.5)
    body = (1).to_bytes(4, "big") + b"r" * 8
    tag = hmac.new(b"k" * 32, b"recommendation\0" + body, hashlib.sha256).digest()[:8]
    assert NAMES.new_recommendation_id() == (body + tag).hex()
    signed = (1).to_bytes(4, "big") + b"content"
    tag = hmac.new(b"k" * 32, b"cursor\0" + signed, hashlib.sha256).digest()[:16]
    assert NAMES.sign_cursor(b"content") == base64.urlsafe_b64encode(tag + signed).decode()


@pytest.mark.parametrize("text", ["", "zz", "00" * 19, "00" * 21, "é" * 40])
def test_texts_of_another_form_have_no_time(text):
    assert NAMES.issue_time(text) is None


def test_an_installation_keeps_its_key(tmp_path):
    first = Pseudonyms.of(tmp_path / "access")
    assert Pseudonyms.of(tmp_path / "access").listener("ann") == first.listener("ann")
    path = tmp_path / "access" / "listeners.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text(encoding="utf-8"))
    assert Pseudonyms(bytes.fromhex(document["key"])).listener("ann") == first.listener("ann")
    assert len(document["key"]) == 64
    # A key in the settings comes first, and needs no file.
    assert Pseudonyms.of(tmp_path / "none", "k" * 32).listener("ann") == NAMES.listener("ann")
    assert not (tmp_path / "none").exists()
    for content in ("{}", '{"key": 3}', '{"key": "zz"}', '{"key": "00"}', "[]"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(AccessFileInvalid, match=r"listeners\.json holds no key"):
            Pseudonyms.of(tmp_path / "access")
