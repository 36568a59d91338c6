"""How a run ends: what it waits for, what it calls complete, and what it does when the node breaks down."""

import asyncio
import os
import signal
import time
from types import SimpleNamespace

import pytest

from config.schema import RunSection
from operations.session import Session, StartError

pytestmark = pytest.mark.timeout(30)


class Strategy:
    """A strategy whose state a test sets; it notes what was asked of it."""

    def __init__(self):
        self.cycles_completed, self.is_settled, self.is_flat = 0, True, True
        self.asked = []

    def request_finish(self):
        self.asked.append("finish")

    def request_flatten(self):
        self.asked.append("flatten")


class Desk:
    """A node of which only the parts exist that a session touches."""

    def __init__(self, *, starts=True):
        self.strategy = Strategy()
        self.trader = SimpleNamespace(is_running=False)
        self.node = SimpleNamespace(trader=self.trader, kernel=SimpleNamespace(start_async=self._start), stop_async=self._stop)
        self.ledger = SimpleNamespace(is_settled=lambda: True)
        self.told, self._starts, self.stopped = [], starts, 0
        self.tell = self.told.append

    async def _start(self):
        self.trader.is_running = self._starts

    async def _stop(self):
        self.stopped += 1
        self.trader.is_running = False

    def unconnected(self):
        return {"PARADEX": ["data", "trading"]}


@pytest.fixture(autouse=True)
def signals():
    """A session leaves signals ignored, for the process is to end: give them back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def later(secs, action):
    asyncio.get_running_loop().call_later(secs, action)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


async def run(desk, *, flatten=False, **section):
    session = Session(desk, RunSection(**section), flatten=flatten)
    await session.run()
    return session


async def test_a_node_that_breaks_down_ends_the_run_instead_of_hanging_for_ever():
    desk = Desk()
    later(0.3, lambda: setattr(desk.trader, "is_running", False))
    desk.strategy.is_settled = False
    session = await run(desk, flatten=True)
    assert "broke down" in session.ended_because
    assert not session.is_complete
    assert desk.stopped == 1


async def test_an_interrupted_run_waits_for_a_leg_that_stands_alone():
    desk = Desk()
    desk.strategy.is_settled = False
    later(0.2, interrupt)
    later(0.9, lambda: setattr(desk.strategy, "is_settled", True))
    began = time.monotonic()
    session = await run(desk)
    assert time.monotonic() - began >= 0.9
    assert (session.ended_because, session.is_complete) == ("interrupted", True)
    assert desk.strategy.asked == ["finish"], "nothing new may begin while the last looks are taken"


async def test_a_second_signal_gives_up_waiting_and_the_run_is_not_called_complete():
    desk = Desk()
    desk.strategy.is_settled = desk.strategy.is_flat = False
    later(0.2, interrupt)
    later(0.7, interrupt)
    session = await run(desk, flatten=True)
    assert desk.strategy.asked == ["finish", "flatten"]
    assert not session.is_complete
    assert any("once more to stop at once" in line for line in desk.told)


async def test_a_flatten_that_did_not_get_flat_is_not_complete():
    desk = Desk()
    desk.strategy.is_flat = False
    later(0.2, interrupt)
    later(0.6, interrupt)
    session = await run(desk, flatten=True)
    assert not session.is_complete


async def test_a_completed_cycle_ends_the_run():
    desk = Desk()
    later(0.3, lambda: setattr(desk.strategy, "cycles_completed", 1))
    session = await run(desk, stop_after_cycles=1, max_secs=20)
    assert (session.ended_because, session.is_complete) == ("cycle complete", True)


async def test_time_that_runs_out_before_the_cycle_is_no_success():
    session = await run(Desk(), stop_after_cycles=1, max_secs=0.3)
    assert (session.ended_because, session.is_complete) == ("0 s are over", False)


async def test_a_start_that_fails_says_which_venue_is_missing():
    desk = Desk(starts=False)
    with pytest.raises(StartError, match=r"no connection to PARADEX \(data, trading\)"):
        await run(desk)
    assert desk.stopped == 1


async def test_a_signal_during_the_start_still_lets_the_node_look_for_a_leg_alone():
    desk = Desk()
    start = desk.node.kernel.start_async

    async def slowly():
        await asyncio.sleep(0.5)
        desk.strategy.is_settled = False
        await start()
        later(0.4, lambda: setattr(desk.strategy, "is_settled", True))

    desk.node.kernel.start_async = slowly
    later(0.1, interrupt)
    session = await run(desk)
    assert (session.ended_because, session.is_complete) == ("interrupted", True)
    assert desk.strategy.is_settled


async def test_a_signal_from_before_the_session_counts():
    session = Session(Desk(), RunSection(), flatten=False, is_interrupted=True)
    await session.run()
    assert (session.ended_because, session.is_complete) == ("interrupted", True)


async def test_two_signals_during_the_start_end_it_and_claim_nothing():
    desk = Desk()
    desk.node.kernel.start_async = lambda: asyncio.sleep(20)
    later(0.1, interrupt)
    later(0.4, interrupt)
    session = await run(desk)
    assert "nothing was traded, what was open before still is" in session.ended_because
    assert not session.is_complete
