"""The seam between the launcher and a venue: what every simulated exchange offers."""

from collections.abc import Sequence
from typing import Protocol

from simulators.faults import FaultBoard
from simulators.tape import Tape, TapeClock


class Venue(Protocol):
    """One simulated exchange, served from the event loop that started it.

    The launcher builds it with `Venue(tape=, clock=, seed=, faults=)`, starts it once, calls `step`
    some times a second with the wall time and stops it once.
    """

    faults: FaultBoard

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`; port 0 picks a free one. Raise OSError when the port is taken."""

    async def stop(self) -> None:
        """Close every socket and stop listening."""

    def step(self, now_ns: int) -> None:
        """Advance markets, funding and account streams to `now_ns`, Unix nanoseconds."""

    def ready(self) -> dict[str, object]:
        """Return the venue's part of the ready line: http_url, ws_url and accounts."""


class VenueFactory(Protocol):
    """How a venue is built; a venue class with this constructor is one."""

    def __call__(self, *, tape: Tape, clock: TapeClock, seed: int, faults: FaultBoard) -> Venue:
        """Return a venue that is not listening yet."""


ALWAYS_RUN: Sequence[str] = ("hyperliquid", "paradex")
VENUE_NAMES: Sequence[str] = (*ALWAYS_RUN, "starknet")
