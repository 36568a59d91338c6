"""Reads that are repeated, each at its own pace, for as long as a client is connected."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from adapters.errors import VenueError


class Rounds:
    """Repeats until closed; a read that fails is logged and tried again in its next round."""

    def __init__(self, start_task: Callable[..., asyncio.Task[None]], log: Callable[[str], None]) -> None:
        self._start_task, self._log = start_task, log
        self._closing = asyncio.Event()

    def every(self, secs: float, read: Callable[[], Awaitable[None]]) -> None:
        """Call `read` every `secs` seconds, for the first time after one such pause."""
        self._start_task(self._repeat(secs, read), log_msg=getattr(read, "__name__", "round"))

    def close(self) -> None:
        """Stop all of them."""
        self._closing.set()

    async def _repeat(self, secs: float, read: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), secs)
                return
            try:
                await read()
            except VenueError as e:
                self._log(f"{getattr(read, '__name__', 'round')}: {e}")
