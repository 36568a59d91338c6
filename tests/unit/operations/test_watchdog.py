"""The watchdog against a node in memory, on a clock that only its own pauses move."""

from decimal import Decimal
from pathlib import Path

import pytest

from adapters.by_hand import Look, RestingOrder
from adapters.errors import Connectivity, OutcomeUnknown
from operations.presence import Record, Seen, State
from operations.watchdog import GRACE_SECS, Exit, Watchdog


def order(client_id: str | None) -> RestingOrder:
    return RestingOrder(
        market="BTC", order_id=str(client_id), client_id=client_id, is_buy=True, quantity=Decimal(1), price_usd=Decimal(1)
    )


class Account:
    venue = "FAKE"

    def __init__(self, *client_ids: str | None) -> None:
        self.orders = [order(client_id) for client_id in client_ids]
        self.cancelled: list[str | None] = []
        self.errors: list[Exception] = []
        self.is_deaf = False

    async def look(self) -> Look:
        if self.errors:
            raise self.errors.pop(0)
        return Look(equity_usd=Decimal(1), free_collateral_usd=Decimal(1), orders=tuple(self.orders), positions=())

    async def cancel(self, orders) -> None:
        self.cancelled += [order.client_id for order in orders]
        if not self.is_deaf:
            self.orders = [order for order in self.orders if order not in orders]


class World:
    """`life` gives what the node shows at a time in seconds."""

    def __init__(self, life, *accounts: Account, silence_secs: float = 5.0) -> None:
        self.now, self.said, self.life, self.events = 0.0, [], life, []
        self.watchdog = Watchdog(
            accounts,
            Path("nowhere"),
            self.said.append,
            silence_secs=silence_secs,
            start_secs=30.0,
            cancel_secs=60.0,
            sleep=self.sleep,
            now_secs=lambda: self.now,
            see=lambda _: self.life(self.now),
        )

    async def sleep(self, secs: float) -> None:
        self.now += secs
        for at, what in list(self.events):
            if self.now >= at:
                self.events.remove((at, what))
                what()


def seen(state: State | None, beats: int = 0, *, is_alive: bool = True) -> Seen:
    return Seen(record=None if state is None else Record(pid=1, state=state, beats=beats), is_alive=is_alive)


def beating(until: float, after: Seen):
    """A node that starts after 2 s and beats each second until it shows `after`."""
    return lambda now: seen(State.STARTING) if now < 2 else seen(State.RUNNING, int(now)) if now < until else after


DEAD = seen(State.RUNNING, 19, is_alive=False)


async def test_a_dead_nodes_orders_are_cancelled_and_a_persons_are_left():
    account = Account("0xa", None, "0xb")
    world = World(beating(20, DEAD), account)
    assert await world.watchdog.run() is Exit.NODE_DIED
    assert account.cancelled == ["0xa", "0xb"]
    assert [order.client_id for order in account.orders] == [None]
    assert "the node's process is gone" in world.said


async def test_nothing_is_cancelled_while_the_node_beats():
    account = Account("0xa")
    world = World(beating(3600, DEAD), account)
    world.events.append((3599.0, lambda: account.cancelled.append("later")))
    await world.watchdog.run()
    assert account.cancelled == ["later", "0xa"]


async def test_a_node_that_lives_and_does_not_beat_counts_as_dead_after_the_silence():
    account = Account("0xa")
    world = World(beating(20, seen(State.RUNNING, 19)), account)
    assert await world.watchdog.run() is Exit.NODE_DIED
    assert account.cancelled == ["0xa"]
    assert any("has not beaten for" in line for line in world.said)
    assert 24 <= world.now - GRACE_SECS <= 28


async def test_an_order_that_arrives_after_the_death_is_cancelled_too():
    account = Account("0xa")
    world = World(beating(20, DEAD), account)
    world.events.append((20 + GRACE_SECS - 1, lambda: account.orders.append(order("0xlate"))))
    assert await world.watchdog.run() is Exit.NODE_DIED
    assert account.cancelled == ["0xa", "0xlate"]


async def test_a_node_that_stops_in_order_ends_the_watch_at_once():
    account = Account()
    world = World(beating(20, seen(State.STOPPED, 19, is_alive=False)), account)
    assert await world.watchdog.run() is Exit.NODE_STOPPED
    assert world.now < 21


async def test_what_a_node_leaves_resting_as_it_stops_is_cancelled():
    account = Account("0xleft")
    world = World(beating(20, seen(State.STOPPED, 19, is_alive=False)), account)
    assert await world.watchdog.run() is Exit.NODE_STOPPED
    assert account.cancelled == ["0xleft"]


@pytest.mark.parametrize(
    "life",
    [
        lambda now: seen(None, is_alive=False),
        lambda now: seen(State.STARTING),
        lambda now: seen(State.STARTING, is_alive=now < 5),
        lambda now: seen(State.RUNNING, 7, is_alive=False),
    ],
    ids=["no node ever", "Nautilus runs and the trader does not", "gone before it started", "what an earlier node left"],
)
async def test_a_trader_that_never_starts_is_told_by_the_exit_code(life):
    account = Account("0xearlier")
    world = World(life, account)
    assert await world.watchdog.run() is Exit.NEVER_STARTED
    assert account.cancelled == ["0xearlier"]


@pytest.mark.parametrize("error", [Connectivity("away"), OutcomeUnknown("no answer")])
async def test_a_venue_that_is_away_is_tried_again_and_said_once(error):
    account = Account("0xa")
    world = World(beating(20, DEAD), account)
    account.errors = [error] * 20
    assert await world.watchdog.run() is Exit.NODE_DIED
    assert account.cancelled == ["0xa"]
    assert sum(str(error) in line for line in world.said) == 1


async def test_orders_that_cannot_be_cancelled_in_time_are_told_by_the_exit_code():
    deaf, fine = Account("0xa"), Account("0xb")
    deaf.is_deaf = True
    world = World(beating(20, DEAD), deaf, fine)
    assert await world.watchdog.run() is Exit.ORDERS_LEFT
    assert fine.orders == []
    assert "FAKE: ORDERS MAY STILL REST, look there by hand" in world.said
