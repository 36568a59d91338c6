"""One run of a node from start to orderly end, with a watchdog Nautilus does not have."""

import asyncio
import signal
import time
from collections.abc import Callable

from config.schema import RunSection
from operations.assembly import Assembled

POLL_SECS = 0.2
FLATTEN_SECS = 30.0  # how long a flatten may take before it is given up and reported
SETTLE_SECS = 8.0  # how long the venues may take to report the cash of the last fills


class StartError(RuntimeError):
    """The trader did not start: a venue could not be reached or reconciled."""


async def _until(condition: Callable[[], bool], timeout_secs: float) -> bool:
    """Wait for a condition; return whether it came true in time."""
    deadline = time.monotonic() + timeout_secs
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECS)
    return True


class Session:
    """Run a built node: start it, wait for its end or a signal, flatten if asked to, stop it."""

    def __init__(self, assembled: Assembled, run: RunSection, *, flatten: bool) -> None:
        self._node, self._strategy, self._ledger = assembled.node, assembled.strategy, assembled.ledger
        self._run, self._flatten = run, flatten
        self._interrupted = asyncio.Event()
        self._started_secs = time.monotonic()
        self.wall_secs = 0.0
        self.ended_because = ""
        self.is_complete = False

    async def run(self) -> None:
        """Run to the end; raise `StartError` where the trader never starts."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):  # Nautilus' own handlers would stop without a last look
            loop.add_signal_handler(number, self._interrupted.set)
        running = asyncio.create_task(self._node.run_async())
        try:
            started = await _until(
                lambda: self._node.trader.is_running or self._interrupted.is_set(), self._run.start_timeout_secs
            )
            if not started:
                raise StartError(
                    f"the trader did not start within {self._run.start_timeout_secs:.0f} s: "
                    "a venue could not be reached or its state could not be reconciled; the log says which"
                )
            if not self._interrupted.is_set():
                await self._trade()
            else:
                self.ended_because, self.is_complete = "interrupted before the start", True
        finally:
            await self._node.stop_async()
            await asyncio.wait_for(running, 60.0)

    async def _trade(self) -> None:
        await _until(self._is_over, self._run.max_secs or float("inf"))
        if self._interrupted.is_set():
            self.ended_because = "interrupted"
        elif self._has_cycles():
            self.ended_because = "cycle complete"
        else:
            self.ended_because = f"{self._run.max_secs:.0f} s are over"
        self.is_complete = self._interrupted.is_set() or self._run.stop_after_cycles is None or self._has_cycles()
        if self._flatten and not self._strategy.is_flat:
            self._strategy.request_flatten()
            await _until(lambda: self._strategy.is_flat, FLATTEN_SECS)
        await _until(lambda: self._strategy.is_settled, FLATTEN_SECS)  # no stop between the two legs of a pair
        await _until(self._ledger.is_settled, SETTLE_SECS)
        self.wall_secs = time.monotonic() - self._started_secs

    def _has_cycles(self) -> bool:
        cycles = self._run.stop_after_cycles
        return cycles is not None and self._strategy.cycles_completed >= cycles and self._strategy.is_flat

    def _is_over(self) -> bool:
        return self._interrupted.is_set() or self._has_cycles()
