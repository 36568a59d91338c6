"""A trading node with a desk on it, on the simulated Hyperliquid."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.config import LiveExecEngineConfig, LoggingConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientId, InstrumentId
from nautilus_trader.trading.strategy import Strategy

import simulators
from adapters.hyperliquid.config import HyperliquidDataClientConfig, HyperliquidExecClientConfig
from adapters.hyperliquid.factories import HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory
from messages import VenueState, VenueStatus, topics

BTC = InstrumentId.from_str("BTC-USD-PERP.HYPERLIQUID")
HOUR_SECS = 6.0
TTL_SECS = 1.0
KEY_NAME = "FARB_TEST_HYPERLIQUID_KEY"


class Desk(Strategy):
    """A strategy that does what the test says and remembers what it hears."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="DESK", order_id_tag="001", external_order_claims=[BTC]))
        self.heard: list[Any] = []
        self.history: list[Any] = []
        self.messages: list[Any] = []
        self.client: Any = None
        self.data_client: Any = None

    def on_start(self) -> None:
        for topic in (topics.FUNDING_PAYMENT, topics.ACCOUNT_HEALTH, topics.VENUE_STATUS):
            self.msgbus.subscribe(topic, self.messages.append)
        self.subscribe_quote_ticks(BTC)
        self.subscribe_order_book_deltas(BTC)
        self.subscribe_mark_prices(BTC)
        self.subscribe_index_prices(BTC)
        self.subscribe_funding_rates(BTC)
        self.subscribe_trade_ticks(BTC)

    def on_quote_tick(self, tick) -> None:
        self.heard.append(tick)

    on_order_book_deltas = on_mark_price = on_index_price = on_funding_rate = on_trade_tick = on_quote_tick

    on_bar = on_order_book_depth = on_quote_tick

    def on_historical_data(self, data) -> None:
        self.heard.append(data)
        self.history += data if isinstance(data, list) else [data]

    def on_order_book(self, book) -> None:
        self.heard.append(book)

    def send(self, order):
        self.submit_order(order)
        return order

    def market(self, side: OrderSide, quantity: str, *, reduce_only: bool = False):
        quantity = self.cache.instrument(BTC).make_qty(Decimal(quantity))
        return self.send(self.order_factory.market(BTC, side, quantity, reduce_only=reduce_only))

    def make_limit(self, side: OrderSide, quantity: str, price: Decimal, **kwargs):
        instrument = self.cache.instrument(BTC)
        return self.order_factory.limit(BTC, side, instrument.make_qty(Decimal(quantity)), instrument.make_price(price), **kwargs)

    def limit(self, side: OrderSide, quantity: str, price: Decimal, **kwargs):
        return self.send(self.make_limit(side, quantity, price, **kwargs))

    def quote(self):
        return self.cache.quote_tick(BTC)

    def bid(self, factor: str) -> Decimal:
        return self.quote().bid_price.as_decimal() * Decimal(factor)

    def position(self) -> Decimal:
        return self.portfolio.net_position(BTC)

    def said(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    def channel_states(self, channel: str) -> list[VenueState]:
        return [status.state for status in self.said(VenueStatus) if status.channel == channel]

    def details(self, channel: str, state: VenueState) -> list[str]:
        return [status.detail for status in self.said(VenueStatus) if (status.channel, status.state) == (channel, state)]


async def eventually(check: Callable[[], Any], secs: float = 8.0) -> Any:
    """Return the first true answer of `check`, fail when there is none in time."""
    deadline = time.monotonic() + secs
    while not (answer := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {secs} s")
        await asyncio.sleep(0.02)
    return answer


@contextlib.asynccontextmanager
async def trading(ready: dict[str, Any], **settings: Any) -> AsyncIterator[Desk]:
    """Run a node on the simulated venue with a desk on it; `settings` are the execution client's."""
    async with node_of(ready, **settings) as (node, desk):
        await eventually(lambda: node.trader.is_running, 15.0)
        await eventually(desk.quote)
        yield desk


@contextlib.asynccontextmanager
async def node_of(ready: dict[str, Any], **settings: Any) -> AsyncIterator[tuple[TradingNode, Desk]]:
    """Run a node, whether or not it gets to trade."""
    venue = ready["hyperliquid"]
    common = {"http_url": venue["http_url"], "ws_url": venue["ws_url"], "coins": ("BTC", "ETH"), "hour_secs": HOUR_SECS}
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TEST-001",
            logging=LoggingConfig(log_level="WARNING"),
            exec_engine=LiveExecEngineConfig(reconciliation=True, inflight_check_interval_ms=0),
            data_clients={"HYPERLIQUID": HyperliquidDataClientConfig(**common)},
            exec_clients={
                "HYPERLIQUID": HyperliquidExecClientConfig(
                    **{"private_key": f"env:{KEY_NAME}", "action_ttl_secs": TTL_SECS, **common, **settings}
                )
            },
            timeout_connection=10.0,
            timeout_reconciliation=10.0,
            timeout_disconnection=5.0,
            timeout_post_stop=0.1,
        ),
        loop=asyncio.get_running_loop(),
    )
    node.add_data_client_factory("HYPERLIQUID", HyperliquidLiveDataClientFactory)
    node.add_exec_client_factory("HYPERLIQUID", HyperliquidLiveExecClientFactory)
    node.build()
    desk = Desk()
    desk.client = node.kernel.exec_engine._clients[ClientId("HYPERLIQUID")]
    desk.data_client = node.kernel.data_engine._clients[ClientId("HYPERLIQUID")]
    node.trader.add_strategy(desk)
    running = asyncio.create_task(node.run_async())
    try:
        yield node, desk
    finally:
        await node.stop_async()
        await asyncio.wait_for(running, 10.0)
        if node.kernel.executor:
            node.kernel.executor.shutdown(wait=False)


@contextlib.asynccontextmanager
async def venue() -> AsyncIterator[simulators.Simulators]:
    """Run the simulated venue and put the key of its first account where the node looks for it."""
    async with simulators.launch(seed=3, hour_secs=HOUR_SECS, only="hyperliquid") as running:
        os.environ[KEY_NAME] = running.ready["hyperliquid"]["accounts"][0]["private_key"]
        try:
            yield running
        finally:
            del os.environ[KEY_NAME]


def user_of(sims) -> Any:
    """Return the venue's own record of the account the node trades on."""
    return sims.hyperliquid.engine.users[sims.ready["hyperliquid"]["accounts"][0]["address"].lower()]


def deaf(desk: Desk, *channels: str):
    """Lose frames of these channels on the account's socket, between the wire and the client."""
    return _deaf(desk.client._feed.connection, channels)


def deaf_data(desk: Desk, *channels: str):
    """Lose frames of these channels on the market-data socket."""
    return _deaf(desk.data_client._connection, channels)


@contextlib.contextmanager
def _deaf(connection, channels: tuple[str, ...]):
    hear = connection.on_frame
    lost: list[bytes] = []

    def on_frame(frame: bytes, is_text: bool) -> None:
        if any(f'"channel":"{channel}"'.encode() in frame.replace(b" ", b"") for channel in channels):
            lost.append(frame)
        else:
            hear(frame, is_text)

    connection.on_frame = on_frame
    try:
        yield lost
    finally:
        connection.on_frame = hear


def history(order) -> list[str]:
    return [type(event).__name__ for event in order.events]
