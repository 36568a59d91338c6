"""One run of a node from start to orderly end, with a watchdog Nautilus does not have."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence

from config.schema import RunSection
from operations.assembly import Assembled
from operations.ears import Channel, Ears

POLL_SECS = 0.2
FLATTEN_SECS = 30.0  # how long a flatten may take before it is given up and reported
SETTLE_SECS = 8.0  # how long the venues may take to report the cash of the last fills
LATE_START_SECS = 5.0  # a start that takes longer says what it waits for

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last one when the terminal is closed


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
    """Run a built node: start it, wait for its end or a signal, flatten if asked to, stop it.

    The first signal lets what is under way end; the second one gives up waiting for it. `ears` take
    people's commands meanwhile, on `channels` as well.
    """

    def __init__(
        self,
        assembled: Assembled,
        run: RunSection,
        *,
        flatten: bool,
        is_interrupted: bool = False,
        ears: Ears | None = None,
        channels: Sequence[Channel] = (),
    ) -> None:
        self._node, self._strategy, self._ledger = assembled.node, assembled.strategy, assembled.ledger
        self._assembled, self._run, self._flatten = assembled, run, flatten
        self._ears, self._channels = ears, channels
        self._signals = int(is_interrupted)
        self._started_secs = time.monotonic()
        self.wall_secs = 0.0
        self.ended_because = ""
        self.is_complete = False

    async def run(self) -> None:
        """Run to the end; raise `StartError` where the trader never starts."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:  # Nautilus' own handlers would stop without a last look
            loop.add_signal_handler(number, self._on_signal)
        if self._ears is not None:
            await self._ears.open(*self._channels)
        # Not `run_async`: it never ends where the kernel gave up connecting.
        starting = asyncio.create_task(self._node.kernel.start_async())
        try:
            await self._start(starting)
            if self._is_alive():
                if self._ears is not None:
                    self._ears.on_started()
                await self._trade()
            else:
                self.ended_because = "interrupted before the start: nothing was traded, what was open before still is"
        finally:
            starting.cancel()
            await self._node.stop_async()
            if self._ears is not None:
                await self._ears.close()
            for number in SIGNALS:  # what is left takes a moment, and its result must not get lost
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)
            self.wall_secs = self.wall_secs or time.monotonic() - self._started_secs

    async def _start(self, starting: "asyncio.Task[None]") -> None:
        """Start, also after a first signal: only a started node can see that a leg stands alone."""

        def is_decided() -> bool:
            return starting.done() or self._signals > 1

        if not await _until(is_decided, min(LATE_START_SECS, self._run.start_timeout_secs)):
            self._assembled.tell(f"still starting: {self._missing()}")
            await _until(is_decided, self._run.start_timeout_secs - LATE_START_SECS)
        if not self._is_alive() and self._signals < 2:
            raise StartError(f"the node could not start: {self._missing()}; the log says why")

    def _missing(self) -> str:
        """Return what a start waits for, in words."""
        away = self._assembled.unconnected()
        if away:
            return "no connection to " + " and ".join(f"{venue} ({', '.join(parts)})" for venue, parts in away.items())
        return "a venue's orders, fills or positions could not be read"

    def _on_signal(self) -> None:
        self._signals += 1
        if self._signals == 1:
            how = "closing both legs first" if self._flatten else "open legs stay open"
            self._assembled.tell(f"stopping: what is half done ends, {how}; once more to stop at once")

    async def _trade(self) -> None:
        await _until(self._is_over, self._run.max_secs or float("inf"))
        self.ended_because = self._reason()
        is_planned = self._signals > 0 or self._run.stop_after_cycles is None or self._has_cycles()
        is_alive = self._is_alive()
        self._strategy.request_finish()
        if self._flatten and not self._strategy.is_flat:
            self._strategy.request_flatten()
            await self._patiently(lambda: self._strategy.is_flat, FLATTEN_SECS)
        await self._patiently(lambda: self._strategy.is_settled, FLATTEN_SECS)  # no stop with a leg alone
        await self._patiently(self._ledger.is_settled, SETTLE_SECS)
        is_as_asked = self._strategy.is_settled and (self._strategy.is_flat or not self._flatten)
        self.is_complete = is_planned and is_alive and is_as_asked
        self.wall_secs = time.monotonic() - self._started_secs

    async def _patiently(self, condition: Callable[[], bool], timeout_secs: float) -> None:
        """Wait as long as the node can still bring the condition about and nobody is in a hurry."""
        await _until(lambda: condition() or self._signals > 1 or not self._is_alive(), timeout_secs)

    def _reason(self) -> str:
        if self._signals:
            return "interrupted"
        if self._has_cycles():
            return "cycle complete"
        if not self._is_alive():
            return "the node broke down, its log says why"
        return f"{self._run.max_secs:.0f} s are over"

    def _has_cycles(self) -> bool:
        cycles = self._run.stop_after_cycles
        return cycles is not None and self._strategy.cycles_completed >= cycles and self._strategy.is_flat

    def _is_alive(self) -> bool:
        return bool(self._node.trader.is_running)

    def _is_over(self) -> bool:
        return self._signals > 0 or self._has_cycles() or not self._is_alive()
