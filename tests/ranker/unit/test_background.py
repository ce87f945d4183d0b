import asyncio
import os
import sys
import threading

import pytest
from quintet_ranker.adapters.background import BackgroundWorker, StillBusy

from tests.needs import LINUX, needs


async def test_work_gives_its_result_or_its_fault():
    background = BackgroundWorker("test")
    assert await background.run(lambda: 7, 60) == 7
    with pytest.raises(ZeroDivisionError):
        await background.run(lambda: 1 // 0, 60)


async def test_the_loop_goes_on_while_work_blocks():
    background, gate = BackgroundWorker("test"), threading.Event()
    waiting = asyncio.create_task(background.run(lambda: gate.wait(60), 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    assert await waiting


async def test_work_past_its_deadline_is_left_alone_and_no_other_starts_beside_it():
    background, gate = BackgroundWorker("test"), threading.Event()
    threads: list[threading.Thread] = []

    def work() -> bool:
        threads.append(threading.current_thread())
        return gate.wait(60)

    with pytest.raises(TimeoutError):
        await background.run(work, 0.2)
    with pytest.raises(StillBusy):
        await background.run(lambda: None, 60)
    gate.set()
    await asyncio.to_thread(threads[0].join, 60)
    assert await background.run(lambda: "again", 60) == "again"


async def test_it_never_keeps_a_process_alive():
    background = BackgroundWorker("test")
    assert await background.run(lambda: threading.current_thread().daemon, 60)


@needs(LINUX, sys.platform == "linux")
async def test_work_beside_requests_has_low_priority_and_the_first_model_has_not():
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    worker, usual = BackgroundWorker("worker"), priority()
    assert await worker.run(priority, 60) == min(usual + 10, 19)
    assert await worker.run(priority, 60, beside_requests=False) == usual
