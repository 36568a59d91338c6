"""Run the simulated venues in the current event loop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from messages import FundingClock
from simulators.faults import FaultBoard, ScheduledFault, strike_due
from simulators.replay import read_replay
from simulators.tape import Tape, TapeClock
from simulators.tape import scenario as scenario_tape
from simulators.venue import ALWAYS_RUN, VENUE_NAMES, Venue, VenueFactory

LOG = logging.getLogger("simulators")
HOST = "127.0.0.1"
CLASSES = {"hyperliquid": "HyperliquidVenue", "paradex": "ParadexVenue", "starknet": "StarknetVenue"}


@dataclass(slots=True)
class Simulators:
    """The running venues; one that was not asked for is None."""

    ready: dict[str, Any]
    tape: Tape
    clock: TapeClock
    venues: dict[str, Venue]

    @property
    def hyperliquid(self) -> Any:
        """The Hyperliquid venue."""
        return self.venues.get("hyperliquid")

    @property
    def paradex(self) -> Any:
        """The Paradex venue."""
        return self.venues.get("paradex")

    @property
    def starknet(self) -> Any:
        """The Starknet venue: AVNU and a node."""
        return self.venues.get("starknet")


def build_tape(tape: str, scenario_name: str, seed: int) -> Tape:
    """Return the tape named on the command line: `generated` or a file. Raise ValueError when it is neither."""
    return scenario_tape(scenario_name, seed) if tape == "generated" else read_replay(Path(tape), seed)


@contextlib.asynccontextmanager
async def launch(
    *,
    seed: int = 7,
    hour_secs: float = 3600.0,
    only: str | None = None,
    also: Iterable[str] = (),
    tape: str | Tape = "generated",
    scenario: str = "demo",
    faults: Iterable[ScheduledFault] = (),
    ports: dict[str, int] | None = None,
    step_secs: float = 0.2,
) -> AsyncIterator[Simulators]:
    """Start the venues, advance them every `step_secs` while inside, and stop them after.

    `only` names a single venue, `also` venues beside those that always run. Ports not named in `ports`
    are picked freely. Raise ValueError for an unknown tape or
    scenario, OSError when a port is taken.
    """
    driver = build_tape(tape, scenario, seed) if isinstance(tape, str) else tape
    clock = TapeClock(FundingClock(hour_secs), time.time_ns())
    wanted = {only} if only else {*ALWAYS_RUN, *also}
    names = [name for name in VENUE_NAMES if name in wanted]
    venues = {name: _venue_class(name)(tape=driver, clock=clock, seed=seed, faults=FaultBoard()) for name in names}
    async with contextlib.AsyncExitStack() as stack:
        for name, venue in venues.items():
            await venue.start(HOST, (ports or {}).get(name, 0))
            stack.push_async_callback(venue.stop)
        ready = {"ready": True, "seed": seed, "hour_secs": hour_secs, **{name: venue.ready() for name, venue in venues.items()}}
        ticker = asyncio.create_task(_tick(venues, clock, list(faults), step_secs))
        stack.push_async_callback(_end, ticker)
        yield Simulators(ready, driver, clock, venues)


def _venue_class(name: str) -> VenueFactory:
    return cast(VenueFactory, getattr(import_module(f"simulators.{name}"), CLASSES[name]))


async def _tick(venues: dict[str, Venue], clock: TapeClock, schedule: list[ScheduledFault], step_secs: float) -> None:
    boards = {name: venue.faults for name, venue in venues.items()}
    while True:
        now_ns = time.time_ns()
        schedule = strike_due(schedule, boards, (now_ns - clock.start_ns) / 1e9, clock.funding.hour_secs)
        for name, venue in venues.items():
            try:
                venue.step(now_ns)
            except Exception:
                LOG.exception("%s: a step failed", name)  # the other venue and the next step go on
        await asyncio.sleep(step_secs)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
