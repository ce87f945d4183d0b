"""The failures that commands print as one line."""

from importlib import import_module

import pytest
from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.progress import EXPECTED, one_line_failures


@pytest.mark.parametrize(("module", "name"), EXPECTED)
def test_every_expected_failure_is_printed_as_one_line(module, name):
    kind = getattr(import_module(module), name)
    # Made without its constructor, which differs from class to class.
    fault = kind.__new__(kind)
    fault.args = ("what to do",)
    with pytest.raises(CommandFailed), one_line_failures():
        raise fault


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), one_line_failures():
        raise ZeroDivisionError
