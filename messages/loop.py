"""Brings timers back to the event loop: a live Nautilus clock calls them from a thread of its own."""

import asyncio
from collections.abc import Callable


def on_loop[T](callback: Callable[[T], None]) -> Callable[[T], None]:
    """Return a callback that runs on the event loop of the caller of this function, whichever thread calls it.

    Where no loop runs, in a backtest, timers are called in line and `callback` itself is returned. On a loop
    that is closed nothing is called any more.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return callback

    def hop(event: T) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback, event)

    return hop
