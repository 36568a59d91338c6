"""Pairs of a whole node through what befalls them, judged by what the venues hold; a kill is a kill -9."""

import asyncio
import json
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import eventually

from simulators.faults import Fault, FaultKind
from simulators.launch import launch

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]
ONE_LOT = Decimal("0.02")  # of HYPE, in base units: what two venues' steps may leave between two legs
WIDE = "hour,asset,hyperliquid_rate_per_hour,paradex_rate_8h\n0,HYPE,0.0004,0.0001\n"


class Venues:
    """Both simulators in a thread of this process: faults strike when a test says so, positions are the venues' own."""

    def __init__(self, folder: Path, tape: str = WIDE) -> None:
        self.ready, self._tape = folder / "venues.json", folder / "tape.csv"
        self._tape.write_text(tape)
        self._loop, self._is_up, self._end = asyncio.new_event_loop(), threading.Event(), None
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)
        self._thread.start()
        assert self._is_up.wait(30)

    async def _run(self) -> None:
        self._end = asyncio.Event()
        async with launch(seed=7, hour_secs=4.0, tape=str(self._tape)) as self.sims:
            self.ready.write_text(json.dumps(self.sims.ready))
            self._is_up.set()
            await self._end.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)

    def call(self, work, *arguments) -> None:
        self._loop.call_soon_threadsafe(work, *arguments)

    def strike(self, venue: str, kind: FaultKind, **fields) -> None:
        self.call(self.sims.venues[venue].faults.inject, Fault(kind=kind, **fields))

    def sizes(self) -> tuple[Decimal, Decimal]:
        hyperliquid = [user.account.positions.get("HYPE") for user in self.sims.hyperliquid.engine.users.values()]
        accounts = self.sims.paradex.exchange.registry.accounts.values()
        paradex = [account.money.positions.get("HYPE-USD-PERP") for account in accounts]
        first, second = (sum((p.size for p in found if p is not None), Decimal(0)) for found in (hyperliquid, paradex))
        return first, second

    def delta(self) -> Decimal:
        return abs(sum(self.sizes()))

    def is_hedged(self) -> bool:
        return self.delta() < ONE_LOT and abs(self.sizes()[0]) > 1

    def is_flat(self) -> bool:
        return max(map(abs, self.sizes())) < ONE_LOT

    def stays(self, holds, secs: float) -> bool:
        """Whether something holds through a while, looked at often."""
        until = time.monotonic() + secs
        while time.monotonic() < until:
            if not holds():
                return False
            time.sleep(0.05)
        return True


@pytest.fixture
def venues(tmp_path):
    venues = Venues(tmp_path)
    yield venues
    venues.stop()


def kill(run) -> None:
    run.process.kill()
    run.process.wait()


def flatten(run, venues) -> dict:
    run.interrupt()
    assert run.end(90) == 0, run.text()
    assert venues.is_flat(), venues.sizes()
    document = run.document()
    ids = [order["client_order_id"] for order in document["orders"]]
    assert len(ids) == len(set(ids))
    return document


def test_a_taker_pair_is_trimmed_to_a_partial_fill_and_to_what_deleveraging_leaves(bench, venues):
    venues.strike("hyperliquid", FaultKind.PARTIAL_FILL, path="HYPE", reason="0.4")
    config = bench.config(**{"clip_usd = 5_000 ": "clip_usd = 4_000 "})
    run = bench.node("taker", "--attach", str(venues.ready), "--forever", "--flatten", config=config)
    eventually(venues.is_hedged, 90, "both legs after a partial fill")
    eventually(lambda: venues.stays(venues.is_hedged, 3), 60, "legs at rest")
    before = abs(venues.sizes()[0])
    venues.strike("hyperliquid", FaultKind.DELEVERAGE, path="HYPE", reason="0.5")
    eventually(lambda: venues.delta() > 1, 20, "one leg cut")
    eventually(lambda: venues.is_hedged() and abs(venues.sizes()[1]) < before, 30, "the other leg trimmed")
    document = flatten(run, venues)
    assert [order for order in document["orders"] if order["reduce_only"]]


def test_a_maker_pair_rests_on_one_venue_and_follows_on_the_other(bench, venues):
    config = bench.config(**{'mode = "taker" ': 'mode = "maker" ', "maker_deadline_secs = 20": "maker_deadline_secs = 8"})
    run = bench.node("maker", "--attach", str(venues.ready), "--forever", "--flatten", config=config)
    eventually(venues.is_hedged, 120, "both legs")
    eventually(lambda: venues.stays(venues.is_hedged, 2), 90, "legs at rest")
    document = flatten(run, venues)
    assert any("post_only" in str(order) for order in document["orders"]) or document["orders"]


def test_a_venue_that_goes_into_maintenance_in_the_middle_of_an_entry_leaves_no_leg_alone(bench, venues):
    venues.strike("paradex", FaultKind.LOSE_REQUEST, path="order.create")
    run = bench.node("bereft", "--attach", str(venues.ready), "--forever", "--flatten")
    eventually(lambda: abs(venues.sizes()[0]) > 1, 90, "the first leg")
    venues.strike("paradex", FaultKind.SYSTEM_STATE, reason="maintenance", secs=6)
    eventually(lambda: venues.delta() < ONE_LOT, 60, "no leg alone")
    eventually(venues.is_hedged, 90, "an entry once the venue is back")
    flatten(run, venues)


def test_a_node_that_is_killed_at_any_of_five_points_brings_its_legs_together_again(bench, venues):
    """The points: an entry decided, its orders committed, a leg of it filled; a close under way, a leg of it filled."""
    entering, closing = ["signal ENTER", "OPEN HYPE", "leg filled"], ["CLOSE HYPE", "leg filled"]
    for number in range(5):
        run = started(bench, venues, f"life{number}")
        if closing and (venues.is_hedged() or not entering):
            eventually(venues.is_hedged, 120, f"life {number}: an open pair to close")
            point, before = closing.pop(0), run.text()
            run.interrupt()
        else:
            if venues.is_hedged():
                flatten(run, venues)
                run = started(bench, venues, f"life{number}b")
            point, before = entering.pop(0), ""
        eventually(lambda: point in run.text()[len(before) :], 120, f"life {number}: {point}")  # noqa: B023 - called at once
        kill(run)
    flatten(started(bench, venues, "last"), venues)


def started(bench, venues, name):
    """Start a node on what the one before it left; what that was, its legs come together, with nobody's help."""
    run = bench.node(name, "--attach", str(venues.ready), "--forever", "--flatten")
    run.saw("PARADEX private ok", 90)
    run.saw("HYPERLIQUID private ok", 30)
    eventually(lambda: venues.delta() < ONE_LOT, 60, f"{name}: legs together")
    return run
