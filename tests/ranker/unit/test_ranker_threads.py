"""A ranker takes as many threads as it is told, and no library adds its own."""

import pytest
from quintet_ranker import __main__ as program
from threadpoolctl import threadpool_info


def test_blas_has_one_thread_while_the_ranker_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def launch(*_: object) -> int:
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        return 0

    monkeypatch.setattr(program, "launch", launch)

    assert program.main() == 0
    assert seen
    assert set(seen) == {1}
