"""What a timer's thread calls runs on the loop, between other things and never beside them."""

import asyncio
import threading
from datetime import timedelta

from nautilus_trader.common.component import LiveClock

from messages.loop import on_loop


async def test_a_live_clocks_timer_runs_on_the_loop() -> None:
    called, clock, threads = asyncio.Event(), LiveClock(), []

    def note(_event: object) -> None:
        threads.append(threading.get_ident())
        called.set()

    clock.set_timer("note", timedelta(milliseconds=5), callback=on_loop(note))
    await asyncio.wait_for(called.wait(), 30)
    clock.cancel_timers()
    assert threads[0] == threading.get_ident()


def test_without_a_loop_a_timer_is_called_in_line() -> None:
    seen: list[int] = []
    assert on_loop(seen.append) == seen.append


def test_after_the_loop_nothing_is_called() -> None:
    seen: list[int] = []

    async def hopper():
        return on_loop(seen.append)

    hop = asyncio.run(hopper())
    hop(1)
    assert seen == []
