import hashlib
import hmac
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
