"""A real trading node on one simulated venue: testers come and go, and all that is told on the bus is kept."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from acceptance_venues import Door, open_door
from nautilus_trader.config import (
    ImportableControllerConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderEvent
from nautilus_trader.model.orders import Order
from nautilus_trader.test_kit.strategies.tester_exec import ExecTester, ExecTesterConfig
from nautilus_trader.trading.strategy import Strategy

import simulators
from simulators.tape import TapePoint, scenario

HOUR_SECS = 10.0
# Testers join a running node, which Nautilus allows where it has a controller
CONTROLLER = ImportableControllerConfig(
    controller_path="nautilus_trader.trading.controller:Controller",
    config_path="nautilus_trader.common.config:ActorConfig",
    config={},
)
_TAGS = count(1)
REFUSALS = frozenset({"OrderRejected", "OrderCancelRejected", "OrderModifyRejected", "OrderDenied"})


async def eventually(check: Callable[[], Any], secs: float = 10.0) -> Any:
    """Return the first true answer of `check`, fail when there is none in time."""
    deadline = time.monotonic() + secs
    while not (answer := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {secs} s")
        await asyncio.sleep(0.02)
    return answer


async def never(check: Callable[[], Any], secs: float) -> None:
    """Fail as soon as `check` becomes true within `secs`."""
    deadline = time.monotonic() + secs
    while time.monotonic() < deadline:
        if answer := check():
            pytest.fail(f"became true: {answer}")
        await asyncio.sleep(0.02)


class SteeredTape:
    """A market that stands still, but for what the test does to it."""

    def __init__(self) -> None:
        self._calm = scenario("calm", 5)
        self.factor = Decimal(1)

    def at(self, hours: float, asset: str) -> TapePoint:
        """Return `asset` as it always is, at the price the test has chosen."""
        point = self._calm.at(0.5, asset)
        moved = (point.oracle_usd * self.factor).quantize(point.oracle_usd)
        return TapePoint(moved, point.hyperliquid_premium, point.paradex_premium)


@dataclass
class BusRecorder:
    """Everything of interest that travelled on the bus, in its order."""

    events: list[OrderEvent] = field(default_factory=list)
    data: list[Any] = field(default_factory=list)
    positions: list[Any] = field(default_factory=list)
    accounts: list[Any] = field(default_factory=list)
    reports: list[Any] = field(default_factory=list)

    def listen(self, bus: Any) -> None:
        """Subscribe to the bus of a node."""
        for pattern, kept in (
            ("events.order.*", self.events),
            ("data.*", self.data),
            ("events.position.*", self.positions),
            ("events.account.*", self.accounts),
            ("reports.*", self.reports),
        ):
            bus.subscribe(pattern, kept.append)

    def of(self, kind: str) -> list[Any]:
        """Return the data of one type, by its name."""
        return [item for item in self.data if type(item).__name__ == kind]

    def told(self, order: Order) -> list[str]:
        """Return the names of the events told of one order."""
        return names(event for event in self.events if event.client_order_id == order.client_order_id)


def names(events: Iterable[Any]) -> list[str]:
    """Return type names; fills in a row count as one, for a book may serve an order in parts."""
    found: list[str] = []
    for event in events:
        name = type(event).__name__
        if not (name == "OrderFilled" and found[-1:] == [name]):
            found.append(name)
    return found


def history(order: Order) -> list[str]:
    """Return what happened to an order, without the prefix `Order`: `Initialized`, `Submitted`, ..."""
    return [name.removeprefix("Order") for name in names(order.events)]


class Desk(Strategy):
    """Does by hand what no configuration of a tester does."""

    def __init__(self, door: Door, tag: str, *, claims: bool = False) -> None:
        claimed = [door.instrument_id] if claims else None
        super().__init__(StrategyConfig(strategy_id="DESK", order_id_tag=tag, external_order_claims=claimed))
        self._instrument_id = door.instrument_id
        self.is_quoted = False  # since it came

    def on_start(self) -> None:
        """Ask for quotes, which market orders are priced by."""
        self.subscribe_quote_ticks(self._instrument_id)

    def on_stop(self) -> None:
        """Leave the quotes."""
        self.unsubscribe_quote_ticks(self._instrument_id)

    def on_quote_tick(self, tick: Any) -> None:
        """Know that prices are up to date."""
        self.is_quoted = True

    @property
    def instrument(self) -> Any:
        """The instrument traded."""
        return self.cache.instrument(self._instrument_id)

    def bid(self, factor: str = "1") -> Decimal:
        """Return a price on either venue's grid, near `factor` times the best bid."""
        best: Decimal = self.cache.quote_tick(self._instrument_id).bid_price.as_decimal()
        return (best * Decimal(factor)).quantize(Decimal(1))

    def make_limit(self, side: OrderSide, quantity: str, price: Decimal, **kwargs: Any) -> Order:
        """Return a limit order, not sent."""
        size = self.instrument.make_qty(Decimal(quantity))
        return self.order_factory.limit(self._instrument_id, side, size, self.instrument.make_price(price), **kwargs)

    def limit(self, side: OrderSide, quantity: str, price: Decimal, **kwargs: Any) -> Order:
        """Send a limit order."""
        order = self.make_limit(side, quantity, price, **kwargs)
        self.submit_order(order)
        return order

    def market(self, side: OrderSide, quantity: str, **kwargs: Any) -> Order:
        """Send a market order."""
        size = self.instrument.make_qty(Decimal(quantity))
        order = self.order_factory.market(self._instrument_id, side, size, **kwargs)
        self.submit_order(order)
        return order

    def position(self) -> Decimal:
        """Return the net position as Nautilus has it."""
        net: Decimal = self.portfolio.net_position(self._instrument_id)
        return net


def next_tag() -> str:
    """Return an order id tag no other strategy of this process has: client order ids must not repeat."""
    return f"{next(_TAGS):03d}"


@dataclass(frozen=True)
class Venue:
    """A simulated venue and the market on it."""

    door: Door
    tape: SteeredTape


class Stage:
    """One node; `enter` puts an actor or strategy on it, `leave` stops one."""

    def __init__(self, venue: Venue, node: TradingNode) -> None:
        self.door, self.tape, self.node = venue.door, venue.tape, node
        self.bus = BusRecorder()
        self.bus.listen(node.kernel.msgbus)
        self.cache = node.cache
        self._entered: list[Any] = []
        self._claimant: Desk | None = None

    @property
    def instrument_id(self) -> Any:
        """The instrument under test."""
        return self.door.instrument_id

    @property
    def claimant(self) -> Desk:
        """The desk that was there from the start and owns what the account brings."""
        assert self._claimant is not None
        return self._claimant

    def claim(self, tag: str) -> None:
        """Before the node starts, put a desk on it that claims what there is of the instrument."""
        self._claimant = Desk(self.door, tag, claims=True)
        self.node.trader.add_strategy(self._claimant)

    def enter[T](self, component: T) -> T:
        """Start an actor or strategy while the node runs."""
        trader = self.node.trader
        if isinstance(component, Strategy):
            trader.add_strategy(component)
            trader.start_strategy(component.id)
        else:
            trader.add_actor(component)
            trader.start_actor(component.id)
        self._entered.append(component)
        return component

    def leave(self, component: Any) -> None:
        """Stop an actor or strategy."""
        if component.is_running:
            component.stop()

    def tester(self, **settings: Any) -> ExecTester:
        """Let an `ExecTester` of the venue's instrument in, silent but for what `settings` ask for."""
        quiet = {"enable_limit_buys": False, "enable_limit_sells": False, "subscribe_trades": False, "log_data": False}
        config = ExecTesterConfig(
            instrument_id=self.instrument_id,
            strategy_id="TESTER",
            order_id_tag=next_tag(),
            **{"order_qty": Decimal("0.01"), **quiet, **settings},
        )
        return self.enter(ExecTester(config))

    async def desk(self) -> Desk:
        """Let a desk in that knows the market."""
        desk = self.enter(Desk(self.door, next_tag()))
        await eventually(lambda: desk.is_quoted)
        return desk

    def orders(self, strategy: Strategy) -> list[Order]:
        """Return a strategy's orders, oldest first."""
        return sorted(self.cache.orders(strategy_id=strategy.id), key=lambda order: (order.ts_init, order.client_order_id.value))

    async def first_order(self, strategy: Strategy, number: int = 0) -> Order:
        """Return a strategy's order once it exists."""
        await eventually(lambda: len(self.orders(strategy)) > number)
        return self.orders(strategy)[number]

    def assert_told(self, order: Order, expected: list[str], *, untold: str = "") -> None:
        """Check an order's whole history, and that the bus told just that, but for an `untold` event."""
        assert history(order) == expected
        assert [name.removeprefix("Order") for name in self.bus.told(order)] == [name for name in expected if name != untold]

    async def settle(self, secs: float) -> None:
        """Give what must not happen the time to happen."""
        await asyncio.sleep(secs)

    def refusals(self, since: int = 0) -> list[str]:
        """Return the refusing events on the bus since its `since`th event."""
        return [name for name in (type(event).__name__ for event in self.bus.events[since:]) if name in REFUSALS]

    async def clear(self) -> None:
        """Leave the stage as it was found: no faults, no orders, no positions, nobody on it."""
        self.door.clear_faults()
        self.tape.factor = Decimal(1)
        await eventually(lambda: abs(self.door.bid() / self.tape.at(0, "BTC").oracle_usd - 1) < Decimal("0.0002"))
        for component in self._entered:
            self.leave(component)
        await eventually(lambda: self.door.is_ready(self.node) and not self.cache.orders_inflight(), 15.0)
        owners = {strategy.id: strategy for strategy in self.node.trader.strategies()}
        for order in self.cache.orders_open():
            owners[order.strategy_id].cancel_order(order)
        await eventually(lambda: not self.cache.orders_open() and not self.door.open_orders(), 15.0)
        for position in self.cache.positions_open():
            owners[position.strategy_id].close_position(position)
        await eventually(lambda: not self.cache.positions_open() and not self.door.position(), 15.0)
        await eventually(self.is_silent, 15.0)
        self._entered.clear()

    def is_silent(self) -> bool:
        """Whether the venue sends no market data that somebody has asked for."""
        return self.door.public_channels() <= self.door.always


@contextlib.asynccontextmanager
async def running(on: Venue, *, claims: str | None = None, remembered: Iterable[Order] = ()) -> AsyncIterator[Stage]:
    """Run a node on a venue; `claims` is the tag of a desk that owns what it finds, `remembered` what its cache holds."""
    door = on.door
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TEST-001",
            logging=LoggingConfig(log_level="ERROR"),
            exec_engine=LiveExecEngineConfig(reconciliation=True, inflight_check_interval_ms=0),
            risk_engine=LiveRiskEngineConfig(bypass=True),
            controller=CONTROLLER,
            data_clients={door.client_id: door.data_config()},
            exec_clients={door.client_id: door.exec_config()},
            timeout_connection=10.0,
            timeout_reconciliation=10.0,
            timeout_disconnection=5.0,
            timeout_post_stop=0.1,
        ),
        loop=asyncio.get_running_loop(),
    )
    node.add_data_client_factory(door.client_id, door.data_factory)
    node.add_exec_client_factory(door.client_id, door.exec_factory)
    node.build()
    stage = Stage(on, node)
    if claims is not None:
        stage.claim(claims)
    for order in remembered:
        node.cache.add_order(order)
        node.cache.add_venue_order_id(order.client_order_id, order.venue_order_id)
        node.cache.update_order(order)  # index it as open, as loading from a database does
    task = asyncio.create_task(node.run_async())
    try:
        await eventually(lambda: node.trader.is_running, 20.0)
        yield stage
    finally:
        await node.stop_async()
        await asyncio.wait_for(task, 15.0)
        if node.kernel.executor is not None:
            node.kernel.executor.shutdown(wait=False)


@contextlib.asynccontextmanager
async def venue(name: str) -> AsyncIterator[Venue]:
    """Run one simulated venue; its key is where the node's config says it is."""
    tape = SteeredTape()
    async with simulators.launch(seed=3, hour_secs=HOUR_SECS, only=name, tape=tape) as sims:
        door = open_door(name, sims, HOUR_SECS)
        os.environ[door.key_name] = door.private_key
        try:
            yield Venue(door, tape)
        finally:
            del os.environ[door.key_name]


@contextlib.asynccontextmanager
async def stage_on(name: str) -> AsyncIterator[Stage]:
    """Run a venue and a node on it."""
    async with venue(name) as on, running(on) as stage:
        yield stage
