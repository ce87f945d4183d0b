"""The set of 150 prompts over the embedded catalogue: how many are read exactly right."""

import pytest

from tools.prompts import read_all

LEAST_SHARE = 0.9


@pytest.fixture(scope="module")
def readings(embedded_home):
    return read_all(embedded_home)


def test_the_set_has_both_languages_and_a_third_was_unseen(readings):
    languages = [each.expected["language"] for each in readings]
    assert (languages.count("en"), languages.count("ko")) == (75, 75)
    assert sum(bool(each.expected.get("unseen")) for each in readings) == 50
    assert len({each.expected["text"] for each in readings}) == 150


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nine_in_ten_prompts_are_exactly_right(readings, language):
    chosen = [each for each in readings if each.expected["language"] == language]
    wrong = [each.expected["text"] for each in chosen if not each.is_exact]
    assert len(wrong) <= (1 - LEAST_SHARE) * len(chosen), wrong


def test_no_prompt_is_silently_wrong_in_a_hard_condition(readings):
    assert [(each.expected["text"], each.silent) for each in readings if each.silent] == []
